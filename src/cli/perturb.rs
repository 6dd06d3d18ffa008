//! `snellen perturb`: texts in, the same texts with typing errors and the like out.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Value, json};
use snellen::attack::text::{self, Amount, Language, Options, Perturber, Spec};
use snellen::data::atomic;
use snellen::data::text::{Source, Text, check_same_format, write};

use super::perturbing::Means;
use super::{Context, Ending, Failure, Machine, same_file};

/// Perturb texts: typing errors, other scripts and forms, words moved, dropped, repeated or translated.
///
/// What is drawn depends on seed, spec, options, a text's id and the text, and on nothing else.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Texts: .txt (one a line), .tsv (id, tab, text) or .jsonl ({"id", "text"}), each also .gz.
    #[arg(long, value_name = "FILE", required_unless_present = "list", requires = "kind")]
    input: Option<PathBuf>,
    /// KIND[@SHARE|=EDITS], joined by + to be applied one after the other; several of these with commas between them.
    #[arg(long, value_name = "SPEC,SPEC", value_delimiter = ',')]
    kind: Vec<Spec>,
    /// Print the table of kinds and end.
    #[arg(long, conflicts_with_all = ["input", "kind", "output"])]
    list: bool,
    /// The share of units that are edited, above 0 and up to 1, where a spec does not say. Default: as in the table.
    #[arg(long, value_name = "SHARE", value_parser = Amount::share, conflicts_with = "edits")]
    rate: Option<Amount>,
    /// How many edits a text gets, where a spec does not say.
    #[arg(long, value_name = "N", value_parser = Amount::edits)]
    edits: Option<Amount>,
    /// What is drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many files, with the seeds from --seed on.
    #[arg(long, value_name = "N", default_value = "1")]
    seeds: NonZeroU32,
    /// The texts' language, ISO 639-1 or 639-3: whose keyboard, which case rules. Default: by script.
    #[arg(long, value_name = "CODE")]
    language: Option<Language>,
    #[command(flatten)]
    means: Means,
    /// Of the input's format; also .gz. With several specs {kind} must be in the name, with several seeds {seed}. Default: standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What is printed of --output's files: table (on standard error) or json.
    #[arg(long, default_value = "table")]
    format: Machine,
}

/// How many texts a thread takes at once: what it writes of them lies together, and each text uses the memory of the one before it.
const PART: usize = 256;

/// What became of texts.
#[derive(Clone, Copy, Default)]
struct Made {
    texts: usize,
    changed: usize,
    without: usize,
    edits: usize,
    asked: usize,
}

impl std::iter::Sum for Made {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            texts: a.texts + b.texts,
            changed: a.changed + b.changed,
            without: a.without + b.without,
            edits: a.edits + b.edits,
            asked: a.asked.saturating_add(b.asked),
        })
    }
}

/// One of the files that are asked for.
struct Job<'a> {
    spec: &'a Spec,
    seed: u64,
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let Some(input) = &args.input else {
        std::io::stdout().write_all(text::table().as_bytes())?;
        return Ok(Ending::Holds);
    };
    let means = args.means.read(&args.kind)?;
    let jobs = jobs(args, input)?;
    let options = means.options(&args.language.clone().unwrap_or_default());
    let options = Options { amount: args.rate.or(args.edits), ..options };
    let source = Source::open(input)?;
    let (texts, lines) = (source.texts()?, source.lines());
    let mut facts = Vec::new();
    for job in &jobs {
        let perturber = Perturber::new(job.spec, job.seed, &options);
        let parts = texts.par_chunks(PART).zip(lines.par_chunks(PART)).enumerate();
        let parts = parts.map(|(k, (texts, lines))| part(&source, &perturber, k * PART, texts, lines));
        let parts: Vec<(Made, Vec<u8>)> = parts.collect::<snellen::Result<_>>()?;
        facts.push(summary(context, job, parts.iter().map(|(made, _)| *made).sum()));
        let bytes = parts.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>().concat();
        match &job.output {
            Some(output) => write(output, &bytes)?,
            None => std::io::stdout().write_all(&bytes)?,
        }
    }
    if args.format == Machine::Json {
        writeln!(std::io::stdout(), "{:#}", json!({"schema": 1, "files": facts}))?;
    }
    Ok(Ending::Holds)
}

/// The files to be written, each refused before the work where it cannot be put or would replace an input or another.
fn jobs<'a>(args: &'a Args, input: &Path) -> Result<Vec<Job<'a>>, Failure> {
    let usage = |what: String| Err(Failure::Usage(what));
    if args.format == Machine::Json && args.output.is_none() {
        return usage("--format json needs --output FILE: texts go to standard output".to_owned());
    }
    let name = args.output.as_ref().map(|output| output.display().to_string()).unwrap_or_default();
    for (several, placeholder) in [(args.kind.len() > 1, "{kind}"), (args.seeds.get() > 1, "{seed}")] {
        if several && !name.contains(placeholder) {
            return usage(format!("several files need --output with {placeholder} in its name"));
        }
    }
    let mut jobs = Vec::new();
    let mut outputs = BTreeSet::new();
    for spec in &args.kind {
        for seed in 0..u64::from(args.seeds.get()) {
            let Some(seed) = args.seed.checked_add(seed) else {
                return usage(format!("--seed {}: no {} seeds from there on", args.seed, args.seeds));
            };
            let filled = name.replace("{kind}", &spec.to_string()).replace("{seed}", &seed.to_string());
            let output = args.output.as_ref().map(|_| PathBuf::from(&filled));
            if let Some(output) = &output {
                check_same_format(output, input)?;
                if std::iter::once(input).chain(args.means.lexicon()).any(|file| same_file(file, output)) {
                    return usage(format!("{filled}: the output would replace an input"));
                }
                if !outputs.insert(filled.clone()) {
                    return usage(format!("{filled}: two specs would write it"));
                }
                atomic::check(output)?;
            }
            jobs.push(Job { spec, seed, output });
        }
    }
    Ok(jobs)
}

/// Perturbs some of the texts; their lines begin at `from`.
fn part(
    source: &Source,
    perturber: &Perturber<'_>,
    from: usize,
    texts: &[Text],
    lines: &[&[u8]],
) -> snellen::Result<(Made, Vec<u8>)> {
    let mut all = Made { texts: texts.len(), ..Made::default() };
    let mut out = Vec::with_capacity(lines.iter().map(|line| line.len() + line.len() / 4 + 1).sum());
    for (i, (text, line)) in texts.iter().zip(lines).enumerate() {
        let perturbed = perturber.perturb(&text.id, &text.text);
        all.changed += usize::from(perturbed.text != text.text);
        all.without += usize::from(perturbed.edits == 0);
        all.edits += perturbed.edits;
        all.asked = all.asked.saturating_add(perturbed.asked);
        source.rewrite(from + i, line, &perturbed.text, &mut out)?;
    }
    Ok((all, out))
}

/// Says what became of the texts.
fn summary(context: &Context, job: &Job<'_>, made: Made) -> Value {
    let Made { texts, changed, without, edits, asked } = made;
    let (spec, seed) = (job.spec.to_string(), job.seed);
    context.note(&format!(
        "{spec}, seed {seed}: {changed} of {texts} texts changed, {without} without a place to edit, {edits} of {asked} edits made"
    ));
    json!({
        "spec": spec,
        "seed": seed,
        "output": job.output.as_ref().map(|output| output.display().to_string()),
        "texts": texts,
        "changed": changed,
        "without_edit": without,
        "edits": edits,
        "asked": asked,
    })
}
