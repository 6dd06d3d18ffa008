//! `snellen verify`: does each published cell hold?

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use snellen::claim::{Checker, ClaimFile, ClaimOutcome, Outcome, Verdict, catalogue};
use snellen::data::atomic;
use snellen::encoder::{Ahead, Batching, Order};
use snellen::report::bundle::{self, Bundle};
use snellen::report::gather::made_of;
use snellen::report::{self, Format};

use super::project::{FILE, Project};
use super::{Context, Ending, Failure, progress, same_file, shard};

/// The claims that need nothing but the program.
const DEFAULT: [&str; 2] = ["fixture-student", "fixture-teacher"];

/// Check published claims, cell by cell.
///
/// Exit status: 0 no cell that could be computed fails (blocked cells are only counted: give --require all in CI); 1 a cell does not
/// hold; 2 it could not be told.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Claims: names that --list shows, or files; or one bundle, whose values and digests are compared as well. Default: with --claims all of the folder; else those of snellen.toml, if one is here or above in the same repository; else those that need nothing but the program.
    claims: Vec<String>,
    /// A folder of further claim files (*.toml).
    #[arg(long = "claims", value_name = "DIR")]
    claims_dir: Option<PathBuf>,
    /// List the claims that are known and stop.
    #[arg(long, conflicts_with_all = ["output", "bundle", "explain", "shard"])]
    list: bool,
    /// Only the cells of these languages, as the claims spell them.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    languages: Vec<String>,
    /// With `all`, a cell whose inputs are not here (blocked) makes the exit status 2. Default: available, or what snellen.toml says.
    #[arg(long, value_enum)]
    require: Option<Require>,
    /// From the published cell to the bytes: source, what rounding allows, our number, the key, digests of all inputs, and the command that makes it again.
    #[arg(long, conflicts_with = "format")]
    explain: bool,
    /// Only encode the I-th of N shares of the texts, I from 1, and keep the embeddings in the cache: nothing is told. The same command without it finds them there, and tells.
    #[arg(long, value_name = "I/N", value_parser = shard::parse, conflicts_with_all = ["explain", "bundle", "format", "output", "no_cache"])]
    shard: Option<(usize, usize)>,
    /// Also write a bundle (.zip) with which others can check this: claims, runs, manifests and what was found; neither data nor models.
    #[arg(long, value_name = "FILE.zip")]
    bundle: Option<PathBuf>,
    /// table, json, csv, markdown, latex (for `booktabs` and `graphicx`) or junit. Default: what the name of --output asks for (.json, .csv, .md, .tex, .xml); else table.
    #[arg(long)]
    format: Option<Format>,
    /// Write the report here instead of to standard output (-). Beside JSON, NAME.made.json says which command made it, and on what.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Neither look for embeddings that were computed before nor keep new ones.
    #[arg(long)]
    no_cache: bool,
    /// About how many tokens one thread computes at once. Results do not depend on it.
    #[arg(long, value_name = "N", default_value_t = Batching::default().tokens, hide_short_help = true)]
    batch_tokens: usize,
    /// In which order sentences are put into batches: given, reversed, sorted (by length) or shuffled. Results do not depend on it.
    #[arg(long, value_name = "ORDER", default_value_t = Batching::default().order, hide_short_help = true)]
    batch_order: Order,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Require {
    /// Blocked cells are counted apart.
    Available,
    /// No cell may be blocked.
    All,
}

impl Args {
    /// Where the report goes; none: to standard output, which is also called -.
    fn file(&self) -> Option<&PathBuf> {
        self.output.as_ref().filter(|path| *path != Path::new("-"))
    }

    /// How it is written.
    fn format(&self) -> Format {
        let extension = self.file().and_then(|path| path.extension());
        let asked = extension.and_then(|extension| Format::of_extension(&extension.to_string_lossy()));
        self.format.or(asked).unwrap_or(Format::Table)
    }

    /// The file that `snellen report` reads, if it writes one.
    pub(super) fn for_machines(&self) -> Option<&PathBuf> {
        self.file().filter(|_| self.format() == Format::Json && !self.explain)
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    if args.list {
        return list(args, context);
    }
    // What is asked for by name needs no project.
    let project = if args.claims.is_empty() && args.claims_dir.is_none() { Project::here(context)? } else { None };
    let opened = bundled(args)?;
    let claims = match (&project, &opened) {
        (Some(project), _) => project.claims()?,
        (_, Some(bundle)) => bundle.claims()?,
        (None, None) => claims(args)?,
    };
    spare(args, &claims)?;
    let claims = only(&args.languages, claims)?;
    refuse_doubles(&claims)?;
    let require = args.require.or(project.as_ref().and_then(|project| project.require));
    let files = args.file().cloned().into_iter().chain(args.for_machines().map(|report| made_of(report)));
    files.chain(args.bundle.clone()).try_for_each(|path| atomic::check(&path))?;
    // What is wrong with an unpacked file is wrong with the bundle.
    let named = |failure| match (failure, &opened) {
        (Failure::Library(error), Some(bundle)) => Failure::Library(bundle.named(error)),
        (failure, _) => failure,
    };
    let shelf = context.shelf_with(opened.as_ref().and_then(Bundle::manifests).as_deref()).map_err(named)?;
    // The built-in claims take no time to compute, and a cache could hide that the program no longer does.
    let no_cache = args.no_cache
        || (args.shard.is_none() && args.claims.is_empty() && args.claims_dir.is_none() && project.is_none());
    let bars = progress::Bars::new(context);
    let checker = Checker {
        shelf: &shelf,
        cache: &context.embeddings(no_cache),
        devices: &context.devices()?,
        batching: Batching { tokens: args.batch_tokens, order: args.batch_order, ..Batching::default() },
        progress: &bars,
    };
    if let Some(shard) = args.shard {
        let mut all = Ahead::default();
        for claim in &claims {
            let found = checker.ahead(claim, shard)?;
            let ahead = found.map_err(|absent| Failure::Usage(format!("{}: {absent}", claim.id)))?;
            all = Ahead { texts: all.texts + ahead.texts, kept: all.kept + ahead.kept };
        }
        bars.finish();
        shard::note(context, shard, all);
        return Ok(Ending::Holds);
    }
    let checked = claims
        .iter()
        .map(|claim| checker.check(claim).map_err(|error| named(error.into())))
        .collect::<Result<Vec<ClaimOutcome>, _>>()?;
    bars.finish();
    let mut outcome = Outcome { claims: checked };
    opened.iter().for_each(|bundle| bundle.name_files(&mut outcome));
    let written = if args.explain { explain(args, &claims, &outcome, opened.is_some()) } else { write(args, &outcome) };
    match written {
        // A reader that stops early has seen enough, but whether the cells hold is still told.
        Err(Failure::Output(e)) if e.kind() == ErrorKind::BrokenPipe => {}
        written => written?,
    }
    if let Some(path) = &args.bundle {
        let files = bundle::write(path, &claims, &outcome, &shelf)?;
        context.note(&format!("{}: {} claims, {files} files", path.display(), claims.len()));
    }
    let same = opened.map_or(Ok(true), |bundle| -> Result<bool, Failure> {
        let others = bundle.others(&claims, &shelf)?;
        for name in &others {
            context.note(&format!("{name}: not the data or model that the bundle names, by its SHA-256"));
        }
        Ok(compare(&bundle, &outcome, args, context)? && others.is_empty())
    })?;
    let blocked = outcome.counts().iter().find(|(verdict, _)| *verdict == Verdict::Blocked).map_or(0, |(_, n)| *n);
    if blocked > 0 {
        let (cells, them) = if blocked == 1 { ("cell is", "it") } else { ("cells are", "them") };
        context.note(&format!("snellen: {blocked} {cells} blocked: nothing was found out about {them}"));
    }
    Ok(match (outcome.holds() && same, outcome.blocked() && require == Some(Require::All)) {
        (false, _) => Ending::Fails,
        (true, true) => Ending::Untold,
        (true, false) => Ending::Holds,
    })
}

/// Refuses outputs that would replace what is checked, or each other.
fn spare(args: &Args, claims: &[ClaimFile]) -> Result<(), Failure> {
    let own = claims.iter().flat_map(|claim| claim.written.iter().map(|file| file.path.clone()).chain(claim.others()));
    let inputs: Vec<PathBuf> = own.chain(args.claims.iter().map(PathBuf::from)).collect();
    if args.explain && args.file().and_then(|path| path.extension()).is_some_and(|extension| extension == "json") {
        return Err(Failure::Usage("--explain writes text: give it a name that ends otherwise".to_owned()));
    }
    let made = args.for_machines().map(|report| made_of(report));
    for output in args.output.iter().chain(&args.bundle).chain(&made) {
        if let Some(input) = inputs.iter().find(|input| same_file(input, output)) {
            return Err(Failure::Usage(format!("{}: the output would replace an input", input.display())));
        }
    }
    if let Some(bundle) = &args.bundle
        && (args.output.as_ref() == Some(bundle) || bundle.extension().is_none_or(|extension| extension != "zip"))
    {
        return Err(Failure::Usage(format!(
            "{}: a bundle has a file of its own, that ends with .zip",
            bundle.display()
        )));
    }
    Ok(())
}

/// The bundle that is to be checked, if it is one.
fn bundled(args: &Args) -> Result<Option<Bundle>, Failure> {
    let is_bundle = |name: &String| name.ends_with(".zip");
    match &args.claims[..] {
        [name] if is_bundle(name) && args.claims_dir.is_none() => Ok(Some(Bundle::open(Path::new(name))?)),
        claims => match claims.iter().find(|name| is_bundle(name)) {
            Some(name) => Err(Failure::Usage(format!("{name}: a bundle is checked by itself"))),
            None => Ok(None),
        },
    }
}

/// Whether all that was computed is as the bundle says.
fn compare(bundle: &Bundle, outcome: &Outcome, args: &Args, context: &Context) -> Result<bool, Failure> {
    let compared = bundle.compare(outcome, args.languages.is_empty())?;
    for cell in &compared.moved {
        context.note(&format!("{cell}: not as the bundle says"));
    }
    context.note(&format!(
        "cells that are as the bundle says, digest by digest: {}; that are not: {}; computed only here or only there: {}",
        compared.same,
        compared.moved.len(),
        compared.alone
    ));
    Ok(compared.moved.is_empty())
}

fn write(args: &Args, outcome: &Outcome) -> Result<(), Failure> {
    if let Some(path) = args.file() {
        let mut bytes = Vec::new();
        report::write(outcome, args.format(), &mut bytes)?;
        return Ok(atomic::write(path, &bytes)?);
    }
    let mut out = std::io::stdout().lock();
    if args.format() == Format::Table {
        let color = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        report::write_table(outcome, color, &mut out)?;
    } else {
        report::write(outcome, args.format(), &mut out)?;
    }
    Ok(out.flush()?)
}

fn explain(args: &Args, claims: &[ClaimFile], outcome: &Outcome, in_bundle: bool) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    let bundle = args.claims.first().filter(|_| in_bundle).map(String::as_str);
    for (claim, checked) in claims.iter().zip(&outcome.claims) {
        report::explain::write(claim, checked, bundle, &mut bytes)?;
    }
    if let Some(path) = args.file() {
        return Ok(atomic::write(path, &bytes)?);
    }
    let mut out = std::io::stdout().lock();
    out.write_all(&bytes)?;
    Ok(out.flush()?)
}

fn list(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let mut out = std::io::stdout().lock();
    let mut all = catalogue::names().map(built_in).collect::<Result<Vec<_>, _>>()?;
    if let Some(folder) = &args.claims_dir {
        all.extend(in_folder(folder)?);
    } else if let Some(project) = Project::here(context)? {
        all.extend(
            project
                .claims()?
                .into_iter()
                .filter(|claim| all.iter().all(|other| other.id != claim.id))
                .collect::<Vec<_>>(),
        );
    }
    for claim in all {
        writeln!(out, "{:40} {:5} cells  {}", claim.id, claim.cell_count(), claim.title)?;
    }
    Ok(Ending::Holds)
}

/// The claims asked for: by name, by file, or by default.
fn claims(args: &Args) -> Result<Vec<ClaimFile>, Failure> {
    let further = args.claims_dir.as_deref().map(in_folder).transpose()?;
    if args.claims.is_empty() {
        return match further {
            Some(claims) => Ok(claims),
            None => DEFAULT.into_iter().map(built_in).collect(),
        };
    }
    let further = further.unwrap_or_default();
    args.claims
        .iter()
        .map(|name| match further.iter().find(|claim| claim.id == *name) {
            Some(claim) => Ok(claim.clone()),
            None if name.ends_with(".toml") => Ok(ClaimFile::read(Path::new(name))?),
            None if Path::new(name).is_dir() => {
                Err(Failure::Usage(format!("{name} is a folder: --claims {name} checks all claims in it")))
            }
            None => built_in(name),
        })
        .collect()
}

/// Two claims of one id could not be told apart in a report.
fn refuse_doubles(claims: &[ClaimFile]) -> Result<(), Failure> {
    let double = claims.iter().enumerate().find(|(i, claim)| claims[..*i].iter().any(|other| other.id == claim.id));
    match double {
        Some((_, claim)) => {
            Err(Failure::Usage(format!("claim {} is asked for twice, or two files have its id", claim.id)))
        }
        None => Ok(()),
    }
}

/// The claims that have cells of these languages, with these only; all of them where none is named.
fn only(languages: &[String], mut claims: Vec<ClaimFile>) -> Result<Vec<ClaimFile>, Failure> {
    if let Some(unknown) = languages.iter().find(|language| !claims.iter().any(|claim| claim.has(language))) {
        return Err(Failure::Usage(match &claims[..] {
            [claim] => format!("claim {} has no cell of language {unknown}", claim.id),
            claims => format!("none of {} claims has a cell of language {unknown}", claims.len()),
        }));
    }
    if !languages.is_empty() {
        claims.retain(|claim| languages.iter().any(|language| claim.has(language)));
        claims.iter_mut().for_each(|claim| claim.retain(languages));
    }
    Ok(claims)
}

pub(super) fn built_in(name: &str) -> Result<ClaimFile, Failure> {
    catalogue::by_name(name)?.ok_or_else(|| {
        Failure::Usage(format!("no claim {name}: `snellen verify --list` shows what is known; or give a .toml file"))
    })
}

/// The claims of a folder, sorted by file name.
pub(super) fn in_folder(folder: &Path) -> Result<Vec<ClaimFile>, Failure> {
    let entries = std::fs::read_dir(folder)
        .map_err(|e| Failure::Usage(format!("{}: cannot read the folder: {e}", folder.display())))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // The list of a repository's claims may lie among them.
    files.retain(|path| path.extension().is_some_and(|e| e == "toml") && !path.ends_with(FILE));
    files.sort();
    if files.is_empty() {
        return Err(Failure::Usage(format!("{}: no claim (*.toml) in it", folder.display())));
    }
    files.iter().map(|path| Ok(ClaimFile::read(path)?)).collect()
}
