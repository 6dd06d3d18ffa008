//! The command line: parse, show progress, print, exit status. The only floor that prints and reads the environment.
//!
//! Exit status: 0 it holds; 1 a number does not hold; 2 it could not be told (usage, or an input missing, corrupt or unreadable).
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod data;

use std::error::Error as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// The eye chart for cross-lingual retrieval: says cell by cell whether a published number holds.
#[derive(Parser)]
#[command(name = "snellen", version, max_term_width = 100)]
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
    /// How many threads compute. Default: one per processor. Results do not depend on it.
    #[arg(long, global = true, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
    /// No progress and no notes on standard error; errors are still printed.
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// List, fetch and check the data sets and checkpoints that claims rest on.
    Data(data::Args),
}

/// How a command ended, when it ended without an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It holds.
    Holds,
    /// It ran to its end, and something could not be told (each such thing was named).
    Untold,
}

/// What every command is given.
struct Context {
    cache: PathBuf,
    quiet: bool,
}

impl Context {
    fn new(common: &Common) -> Result<Self, Failure> {
        let cache = match &common.cache {
            Some(path) => path.clone(),
            None => default_cache()?,
        };
        Ok(Self { cache, quiet: common.quiet })
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
    match dispatch(&cli) {
        Ok(Ending::Holds) => ExitCode::SUCCESS,
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
            .num_threads(threads.get())
            .build_global()
            .map_err(|e| Failure::Usage(format!("cannot start {threads} threads: {e}")))?;
    }
    let context = Context::new(&cli.common)?;
    match &cli.command {
        Command::Data(args) => data::run(args, &context),
    }
}

/// One line: the error and what lies beneath it, as far as the line does not say it already.
fn render(failure: &Failure) -> String {
    match failure {
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
    }
}
