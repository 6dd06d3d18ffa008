//! The command line: parse, show progress, print, exit status. The only floor that prints and reads the environment.
//!
//! Exit status: 0 it holds; 1 a number does not hold; 2 it could not be told (usage, or an input missing, corrupt or unreadable).
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod align;
mod attack;
mod compare;
mod data;
mod device;
mod distill;
mod doctor;
mod encode;
mod encoding;
mod invariance;
mod made;
mod manual;
mod merge;
mod model;
mod perturb;
mod perturbing;
mod progress;
mod project;
mod report;
mod retrieve;
mod robustness;
mod runs;
mod score;
mod shard;
mod solving;
mod task;
mod transport;
mod verify;

use std::error::Error as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use snellen::data::catalogue::Catalogue;
use snellen::data::shelf::Shelf;
use snellen::data::store::Store;
use snellen::encoder::{Cache, Model};
use snellen::kernel::isa::Isa;
use snellen::report::gather::{MADE, made_of};

/// The eye chart for cross-lingual retrieval: says cell by cell whether a published number holds.
#[derive(Parser)]
#[command(
    name = "snellen",
    version,
    max_term_width = 100,
    after_long_help = "Exit status: 0 it holds; 1 a number does not hold; 2 it could not be told: usage, or an input missing, corrupt or unreadable."
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Args)]
struct Common {
    /// Where fetched data and computed embeddings are kept. Default: the platform's cache folder, `snellen` in it.
    #[arg(long, global = true, value_name = "DIR", env = "SNELLEN_CACHE")]
    cache: Option<PathBuf>,
    /// A folder of further manifests (*.toml), which stand in for built-in ones of the same name.
    #[arg(long, global = true, value_name = "DIR", env = "SNELLEN_MANIFESTS")]
    manifests: Option<PathBuf>,
    /// How many threads compute, 1 to 512. Default: one per processor. Results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    threads: Option<u16>,
    /// Which instruction set computes: auto (the best that there is), portable, neon, avx2, avx512 or amx. Results do not depend on it.
    #[arg(long, global = true, value_name = "ISA", value_parser = isa)]
    isa: Option<Isa>,
    /// Where models compute: auto (a card if there is one), cpu, cuda, or cuda:N,N for cards of choice. Results do not depend on it.
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto", hide_default_value = true)]
    device: device::Choice,
    /// No progress and no notes on standard error; errors are still printed.
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    Verify(verify::Args),
    /// List, fetch and check the data sets and checkpoints that claims rest on.
    Data(data::Args),
    Model(model::Args),
    Encode(encode::Args),
    Task(task::Args),
    Retrieve(retrieve::Args),
    Merge(merge::Args),
    Score(score::Args),
    Compare(compare::Args),
    Transport(transport::Args),
    Align(align::Args),
    Perturb(perturb::Args),
    Attack(attack::Args),
    Robustness(robustness::Args),
    Distill(distill::Args),
    Invariance(invariance::Args),
    Report(report::Args),
    /// What this machine is, whether it keeps the contract, what is missing and how to get it.
    Doctor,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    Manual(manual::Args),
}

impl Command {
    /// The folder of results that it writes, if it does.
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Task(args) => args.output(),
            Self::Align(args) => args.output(),
            Self::Attack(args) => Some(args.output()),
            Self::Robustness(args) => args.output(),
            Self::Distill(args) => Some(args.output()),
            _ => None,
        }
    }
}

/// Formats of commands that print facts.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Machine {
    /// For people.
    Table,
    /// For machines.
    Json,
}

/// `auto`, or an instruction set's name.
fn isa(name: &str) -> Result<Isa, String> {
    if name == "auto" { Ok(Isa::best()) } else { name.parse() }
}

/// How a command ended, when it ended without an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It holds.
    Holds,
    /// A number does not hold.
    Fails,
    /// It ran to its end, and something could not be told (each such thing was named).
    Untold,
}

/// What every command is given.
struct Context {
    cache: PathBuf,
    manifests: Option<PathBuf>,
    quiet: bool,
    device: device::Chosen,
}

impl Context {
    fn new(common: &Common) -> Result<Self, Failure> {
        let cache = match &common.cache {
            Some(path) => path.clone(),
            None => default_cache()?,
        };
        let device = device::Chosen::new(common.device.clone());
        Ok(Self { cache, manifests: common.manifests.clone(), quiet: common.quiet, device })
    }

    /// What is fetched.
    fn store(&self) -> Result<Store, Failure> {
        Ok(Store::new(&self.cache, self.catalogue()?)?)
    }

    fn catalogue(&self) -> Result<Catalogue, Failure> {
        let mut catalogue = Catalogue::built_in()?;
        if let Some(folder) = &self.manifests {
            catalogue.add_folder(folder)?;
        }
        Ok(catalogue)
    }

    /// Everything that a name can lead to.
    fn shelf(&self) -> Result<Shelf, Failure> {
        Ok(Shelf::new(self.store()?))
    }

    /// The same with a stranger's manifests: of what is known here, what is known here counts.
    fn shelf_with(&self, manifests: Option<&Path>) -> Result<Shelf, Failure> {
        let mut catalogue = self.catalogue()?;
        if let Some(folder) = manifests {
            let mut strange = Catalogue::default();
            strange.add_folder(folder)?;
            for manifest in strange.iter() {
                match catalogue.get(&manifest.name) {
                    Ok(known) if known.text != manifest.text => self.note(&format!(
                        "{}: the bundle's manifest is another than the one that is known here, which counts",
                        known.name
                    )),
                    Ok(_) => {}
                    Err(_) => catalogue.insert(manifest.clone()),
                }
            }
        }
        Ok(Shelf::new(Store::new(&self.cache, catalogue)?))
    }

    /// The model that a name or folder leads to.
    fn model(&self, name: &str) -> Result<Model, Failure> {
        let found = self.shelf()?.find(name)?;
        Ok(Model::open(found.name, found.folder)?.on(&self.devices()?))
    }

    /// Embeddings that were computed before.
    fn embeddings(&self, none: bool) -> Cache {
        if none { Cache::none() } else { Cache::at(self.cache.join("embeddings")) }
    }

    /// A line for whoever watches, on standard error.
    fn note(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// The platform's cache folder, `snellen` in it.
fn default_cache() -> Result<PathBuf, Failure> {
    use etcetera::BaseStrategy as _;
    let strategy = etcetera::choose_base_strategy()
        .map_err(|_| Failure::Usage("cannot find a home folder for the cache: give --cache DIR".into()))?;
    Ok(strategy.cache_dir().join("snellen"))
}

/// Why a command could not do its work.
enum Failure {
    /// The library's error.
    Library(snellen::Error),
    /// Standard output could not be written.
    Output(std::io::Error),
    /// What was asked for makes no sense.
    Usage(String),
}

impl From<snellen::Error> for Failure {
    fn from(error: snellen::Error) -> Self {
        Self::Library(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

/// Parses the arguments, runs the command, renders an error.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !snellen::encoder::in_tokenizer() {
            report(panic);
        }
    }));
    match dispatch(&cli) {
        Ok(Ending::Holds) => ExitCode::SUCCESS,
        Ok(Ending::Fails) => ExitCode::from(1),
        Ok(Ending::Untold) => ExitCode::from(2),
        // Whoever reads our output may stop reading when they have seen enough.
        Err(Failure::Output(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "snellen: {}", render(&failure));
            ExitCode::from(2)
        }
    }
}

fn dispatch(cli: &Cli) -> Result<Ending, Failure> {
    if let Some(threads) = cli.common.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .map_err(|e| Failure::Usage(format!("cannot start {threads} threads: {e}")))?;
    }
    if let Some(isa) = cli.common.isa
        && !isa.force()
    {
        return Err(Failure::Usage(format!("--isa {isa}: {}", isa.absence().unwrap_or("it cannot be had"))));
    }
    let context = Context::new(&cli.common)?;
    let start = Instant::now();
    let ending = obey(cli, &context)?;
    if let Some(folder) = cli.command.folder() {
        made::write(&folder.join(MADE), None, start.elapsed())?;
    }
    if let Command::Verify(args) = &cli.command
        && let Some(report) = args.for_machines()
    {
        made::write(&made_of(report), Some(report), start.elapsed())?;
    }
    Ok(ending)
}

fn obey(cli: &Cli, context: &Context) -> Result<Ending, Failure> {
    match &cli.command {
        Command::Verify(args) => verify::run(args, context),
        Command::Data(args) => data::run(args, context),
        Command::Model(args) => model::run(args, context),
        Command::Encode(args) => encode::run(args, context),
        Command::Task(args) => task::run(args, context),
        Command::Retrieve(args) => retrieve::run(args, context),
        Command::Merge(args) => merge::run(args, context),
        Command::Score(args) => score::run(args, context),
        Command::Compare(args) => compare::run(args, context),
        Command::Transport(args) => transport::run(args, context),
        Command::Align(args) => align::run(args, context),
        Command::Perturb(args) => perturb::run(args, context),
        Command::Attack(args) => attack::run(args, context),
        Command::Robustness(args) => robustness::run(args, context),
        Command::Distill(args) => distill::run(args, context),
        Command::Invariance(args) => invariance::run(args, &cli.common, context),
        Command::Report(args) => report::run(args, context),
        Command::Doctor => doctor::run(context),
        Command::Completions { shell } => completions(*shell),
        Command::Manual(args) => manual::run(args, context),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<Ending, Failure> {
    use clap::CommandFactory as _;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "snellen", &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Ending::Holds)
}

/// Whether both paths lead to one file that is there.
fn same_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// One line: the error and what lies beneath it, as far as the line does not say it already. Names out of damaged files may hold line ends
/// and worse.
fn render(failure: &Failure) -> String {
    let line = match failure {
        Failure::Usage(what) => what.clone(),
        Failure::Output(e) => format!("standard output: {e}"),
        Failure::Library(error) => {
            let mut line = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                let text = cause.to_string();
                if !line.contains(&text) {
                    line.push_str(": ");
                    line.push_str(&text);
                }
                source = cause.source();
            }
            line
        }
    };
    line.replace(char::is_control, " ")
}
