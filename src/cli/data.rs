//! `snellen data`: list, fetch and check data sets and checkpoints.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use snellen::data::builtin;
use snellen::data::fetch::{self, Failure as Missing, Outcome, Progress};
use snellen::data::store::{State, Status, Store};

use super::{Context, Ending, Failure, Machine};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the sets that are known, and what of them is here.
    List {
        #[arg(long, value_enum, default_value_t = Machine::Table)]
        format: Machine,
    },
    /// Fetch sets: from the mirror where it has them, else from their sources; nothing is used before its digest is checked.
    Fetch(Fetch),
    /// Hash every file again and compare it with its manifest.
    Verify {
        /// The sets. Default: all of which something is here.
        names: Vec<String>,
        #[arg(long, value_enum, default_value_t = Machine::Table)]
        format: Machine,
    },
    /// Print the folder of a set that is here.
    Path {
        /// The set.
        name: String,
    },
}

#[derive(clap::Args)]
struct Fetch {
    /// The sets. Default: all whose digests are stated.
    names: Vec<String>,
    /// A folder with copies of the files, plain or as .gz, which is asked before the sources.
    #[arg(long, value_name = "DIR", env = "SNELLEN_MIRROR")]
    mirror: Option<PathBuf>,
    /// Ask the mirror only; nothing is downloaded.
    #[arg(long)]
    offline: bool,
    /// Trust files whose digest nobody has stated, and pin what comes: from then on this cache takes nothing else.
    #[arg(long)]
    accept: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let mut store = context.store()?;
    refuse_built_in(&args.command)?;
    match &args.command {
        Command::List { format } => list(&store, *format),
        Command::Fetch(args) => fetch_all(&mut store, args, context),
        Command::Verify { names, format } => verify(&store, names, *format),
        Command::Path { name } => path(&store, name),
    }
}

/// What is built in has no folder that could be fetched, verified or printed.
fn refuse_built_in(command: &Command) -> Result<(), Failure> {
    let names = match command {
        Command::List { .. } => &[][..],
        Command::Fetch(Fetch { names, .. }) | Command::Verify { names, .. } => names,
        Command::Path { name } => std::slice::from_ref(name),
    };
    match names.iter().find(|name| builtin::all().any(|set| set.name == **name)) {
        Some(name) => Err(Failure::Usage(format!("{name} is built into the program: there is nothing to fetch"))),
        None => Ok(()),
    }
}

/// Scripts go on with what is printed: so there is nothing where files are missing.
fn path(store: &Store, name: &str) -> Result<Ending, Failure> {
    let (path, status) = (store.path(name)?, store.status(name, false)?);
    let absent = status.count(&State::Absent);
    if absent > 0 {
        return Err(Failure::Usage(format!(
            "{name} is not fetched, {absent} of {} files are missing: run `snellen data fetch {name}` (its folder is {})",
            status.states.len(),
            path.display()
        )));
    }
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(Ending::Holds)
}

/// How a set is that nobody has to fetch.
const BUILT_IN: &str = "built in";

fn list(store: &Store, format: Machine) -> Result<Ending, Failure> {
    let mut rows = Vec::new();
    let mut sets = Vec::new();
    for manifest in store.catalogue().iter() {
        let status = store.status(&manifest.name, false)?;
        let m = &status.manifest;
        rows.push([
            m.name.clone(),
            m.kind.name().to_owned(),
            m.version.clone(),
            m.licence.clone(),
            megabytes(known_size(&status)),
            state(&status),
        ]);
        sets.push(json!({
            "name": m.name, "kind": m.kind.name(), "version": m.version, "title": m.title, "licence": m.licence,
            "citation": m.citation, "files": m.files.len(), "bytes": known_size(&status), "digest": m.digest(),
            "state": state(&status),
        }));
    }
    for set in builtin::all() {
        let (kind, version, licence) = (set.kind.name(), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_LICENSE"));
        let [name, kind, version, licence] = [set.name, kind, version, licence].map(str::to_owned);
        sets.push(json!({
            "name": name, "kind": kind, "version": version, "title": null, "licence": licence, "citation": null,
            "files": set.files, "bytes": set.bytes, "digest": null, "state": BUILT_IN,
        }));
        rows.push([name, kind, version, licence, megabytes(Some(set.bytes)), BUILT_IN.to_owned()]);
    }
    match format {
        Machine::Table => table(["NAME", "KIND", "VERSION", "LICENCE", "SIZE", "HERE"], &rows)?,
        Machine::Json => json_line(&json!({"schema": 1, "sets": sets}))?,
    }
    Ok(Ending::Holds)
}

fn fetch_all(store: &mut Store, args: &Fetch, context: &Context) -> Result<Ending, Failure> {
    let options = fetch::Options { mirror: args.mirror.clone(), offline: args.offline, accept: args.accept };
    let names = if args.names.is_empty() {
        let pinned = |m: &&snellen::data::manifest::Manifest| m.digest().is_some();
        store.catalogue().iter().filter(pinned).map(|m| m.name.clone()).collect()
    } else {
        for name in &args.names {
            store.catalogue().get(name)?;
        }
        args.names.clone()
    };
    let mut bar = Bar::new(context.quiet);
    let mut ending = Ending::Holds;
    for name in &names {
        let outcome = fetch::fetch(store, name, &options, &mut bar)?;
        report(&outcome)?;
        if !outcome.failures.is_empty() {
            ending = Ending::Untold;
        }
    }
    Ok(ending)
}

/// One line for the set, and one for each reason for which something of it is missing.
fn report(outcome: &Outcome) -> Result<(), Failure> {
    let (name, total) = (&outcome.manifest.name, outcome.manifest.files.len());
    let have = outcome.kept + outcome.placed;
    let digest = outcome.manifest.digest().unwrap_or_else(|| "unpinned".to_owned());
    let new = outcome.placed;
    writeln!(std::io::stdout(), "{name}: {have} of {total} files are good ({new} new), digest {digest}")?;
    for (path, sha256) in &outcome.pinned {
        writeln!(std::io::stdout(), "{name}: {path} accepted and pinned, SHA-256 {sha256}")?;
    }
    for failure in &outcome.failures {
        let (licence, mirror) = (&outcome.manifest.licence, &outcome.manifest.mirror);
        let mut stderr = std::io::stderr();
        let Missing { paths, why, by_hand } = failure;
        let Some((one, rest)) = paths.split_first() else { continue };
        let what = if rest.is_empty() { one.clone() } else { format!("{one} and {} more", rest.len()) };
        let _ = writeln!(
            stderr,
            "snellen: {name}: {what}: {why}. Licence: {licence}. By hand: {by_hand}; save it as DIR/{mirror}/{one} and fetch again \
             with --mirror DIR"
        );
    }
    Ok(())
}

fn verify(store: &Store, names: &[String], format: Machine) -> Result<Ending, Failure> {
    for name in names {
        store.catalogue().get(name)?;
    }
    let mut ending = Ending::Holds;
    let mut rows = Vec::new();
    let mut sets = Vec::new();
    for manifest in store.catalogue().iter() {
        if !names.is_empty() && !names.contains(&manifest.name) {
            continue;
        }
        if names.is_empty() && !store.path(&manifest.name)?.is_dir() {
            continue;
        }
        let status = store.status(&manifest.name, true)?;
        let m = &status.manifest;
        if status.count(&State::Good) < m.files.len() {
            ending = Ending::Untold;
        }
        let digest = m.digest();
        let files = format!("{} of {}", status.count(&State::Good), m.files.len());
        rows.push([m.name.clone(), state(&status), files, digest.clone().unwrap_or_else(|| "unpinned".into())]);
        let corrupt = status.corrupt().map(|(path, what)| json!({"path": path, "what": what})).collect::<Vec<_>>();
        sets.push(json!({
            "name": m.name, "state": state(&status), "files": m.files.len(), "good": status.count(&State::Good),
            "absent": status.count(&State::Absent), "corrupt": corrupt, "digest": digest,
        }));
        for (path, what) in status.corrupt() {
            let path = store.path(&m.name)?.join(path);
            let _ = writeln!(std::io::stderr(), "snellen: {}: {what}", path.display());
        }
    }
    match format {
        Machine::Table if rows.is_empty() => writeln!(std::io::stdout(), "nothing is fetched")?,
        Machine::Table => table(["NAME", "STATE", "GOOD", "DIGEST"], &rows)?,
        Machine::Json => json_line(&json!({"schema": 1, "sets": sets}))?,
    }
    Ok(ending)
}

/// How a set is, in a word or two.
fn state(status: &Status) -> String {
    let total = status.states.len();
    let corrupt = status.corrupt().count();
    match status.count(&State::Good) {
        _ if corrupt > 0 => format!("corrupt: {corrupt} of {total}"),
        good if good == total => "good".to_owned(),
        0 if status.count(&State::Absent) == total => "absent".to_owned(),
        _ if status.count(&State::Unpinned) > 0 => "unpinned".to_owned(),
        good => format!("partly: {good} of {total}"),
    }
}

/// The size of the set, where each of its files has a known one.
fn known_size(status: &Status) -> Option<u64> {
    status.manifest.files.iter().map(|item| item.size).sum()
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(size: Option<u64>) -> String {
    match size {
        None => "?".to_owned(),
        Some(bytes) => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn json_line(value: &serde_json::Value) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{value}")?;
    Ok(())
}

/// Prints rows with columns as wide as their widest cell.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let head = head.map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = std::array::from_fn::<usize, N, _>(width);
    let mut out = std::io::stdout().lock();
    for row in [&head].into_iter().chain(rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect::<Vec<_>>();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// Progress on standard error: a bar where it is a terminal, and warnings.
struct Bar {
    bar: Option<ProgressBar>,
    shown: bool,
    quiet: bool,
    bytes: u64,
    doing: String,
}

impl Bar {
    fn new(quiet: bool) -> Self {
        Self { bar: None, shown: !quiet && std::io::stderr().is_terminal(), quiet, bytes: 0, doing: String::new() }
    }
}

impl Progress for Bar {
    fn begin(&mut self, set: &str, files: usize) {
        if !self.shown || files == 0 {
            return;
        }
        let bar = ProgressBar::new(files as u64);
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(set.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        self.bar = Some(bar);
    }

    fn doing(&mut self, what: &str) {
        (self.bytes, self.doing) = (0, what.to_owned());
        if let Some(bar) = &self.bar {
            bar.set_message(self.doing.clone());
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn bytes(&mut self, count: u64) {
        self.bytes += count;
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{:.1} MB of {}", self.bytes as f64 / 1e6, self.doing));
        }
    }

    fn placed(&mut self, path: &str) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            bar.set_message(path.to_owned());
        }
    }

    fn warn(&mut self, what: &str) {
        if self.quiet {
            return;
        }
        let print = || drop(writeln!(std::io::stderr(), "snellen: {what}"));
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
