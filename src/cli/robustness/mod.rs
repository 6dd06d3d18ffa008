//! `snellen robustness`: how much of a task is left when its queries are perturbed.

mod asking;
mod curves;
mod results;
mod subjects;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use snellen::attack::text::{Language, Spec};
use snellen::data::text::Text;
use snellen::metric::Measure;
use snellen::metric::robustness::{Method, robustness};
use snellen::task::lareqa::Join;
use snellen::task::tatoeba::Direction;

use super::encoding::{Encoding, Sides};
use super::perturbing::{Means, Perturber};
use super::task::check_output;
use super::{Context, Ending, Failure, progress};
use asking::{Asker, Forms};
use results::{Format, Results, Row};
use subjects::{Limits, Subject};

/// Ask a task's queries in perturbed forms and tabulate what is left.
///
/// Tatoeba, LAReQA or a collection in TREC's manner, searched with one embedding a text. Only queries are perturbed. For each language and perturbation: the value on clean text, mean, deviation and least over
/// the seeds, the mean of each query's worst, the drop and its significance, how many answers are lost, how far the rankings move; then means over languages, scripts and resource levels.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows.
    #[arg(long)]
    model: String,
    /// tatoeba, xquad-r, afriqa, or a folder in the form of one of them.
    #[arg(long)]
    data: String,
    /// Only these languages; of Tatoeba also xtreme and xtreme-r. Default: all.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    languages: Vec<String>,
    /// KIND[@SHARE|=EDITS], joined by + to be applied one after the other (`snellen perturb --list`); several of these with commas between them.
    #[arg(long, value_name = "SPEC,SPEC", value_delimiter = ',', required = true)]
    perturb: Vec<Spec>,
    /// How often each is drawn, with the seeds from --seed on.
    #[arg(long, value_name = "N", default_value = "10")]
    seeds: NonZeroU32,
    /// The first seed; also that of the tests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    means: Means,
    /// One of `score`'s measures. Default: accuracy (Tatoeba), AP(norm='min')@20 over the pool (LAReQA), nDCG@10.
    #[arg(long, value_name = "NAME")]
    measure: Option<Measure>,
    /// A query is lost if it had a relevant document among its first K and has none now. Default: the measure's cut-off.
    #[arg(long, value_name = "K")]
    until: Option<NonZeroUsize>,
    /// Of Tatoeba: xx-en (the foreign sentence asks) or en-xx. Default: xx-en.
    #[arg(long)]
    direction: Option<Direction>,
    /// Of LAReQA: what stands between a candidate's sentence and its context, blank or none. Default: blank.
    #[arg(long)]
    join: Option<Join>,
    /// Of a collection: only queries whose id holds this, e.g. -test-.
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    part: String,
    /// Only the first N queries of each language; documents stay all.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// How many documents are kept for each query, for measures and overlaps.
    #[arg(long, default_value = "100", value_name = "K")]
    k: NonZeroUsize,
    /// Assignments of signs that a test draws: its p is no less than one of so many, times the number of rows after Holm.
    #[arg(long, default_value = "100000", value_name = "N")]
    samples: NonZeroUsize,
    /// Write here `robustness.csv` (a row a language, perturbation and seed), `summary.json`, and `curve.csv` and `curve.svg` where a kind was asked for with several amounts.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// table, json (`summary.json`), csv or markdown.
    #[arg(long, default_value = "table")]
    format: Format,
    #[command(flatten)]
    sides: Sides,
    #[command(flatten)]
    encoding: Encoding,
}

/// The perturbations, the seeds, and what they need.
pub(super) struct Plan {
    specs: Vec<Spec>,
    seeds: Vec<u64>,
    perturber: Perturber,
    method: Method,
}

impl Args {
    pub(super) fn output(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let plan = plan(args)?;
    if let Some(folder) = &args.output {
        let files = ["robustness.csv", "summary.json"].into_iter().chain(curves::files(&plan.specs));
        check_output(folder, files.map(str::to_owned))?;
    }
    let data = context.shelf()?.find(&args.data)?;
    let encoders = args.sides.encoders(context, &args.model)?;
    let models = encoders.towers()?;
    let recipes = args.encoding.recipes(models, &args.sides);
    let limits = Limits { queries: args.limit.map(NonZeroUsize::get), depth: args.k.get() };
    let read = subjects::read(args, context, &data, models, recipes, &limits)?;
    let queries: usize = read.subjects.iter().map(|subject| subject.queries.len()).sum();
    let documents: usize = read.corpora.iter().flatten().map(Vec::len).sum();
    let forms = 1 + plan.specs.len() * plan.seeds.len();
    let bar = progress::bar(context, documents + queries * forms, "encoding");
    let cache = context.embeddings(args.encoding.no_cache);
    let asker = Asker {
        models,
        recipes: &read.recipes,
        batching: args.encoding.batching(),
        cache: &cache,
        depth: args.k.get(),
        done: &|n| bar.inc(n as u64),
    };
    let mut rows = Vec::new();
    for (i, documents) in read.corpora.iter().enumerate() {
        let corpus = asker.corpus(documents)?;
        for subject in read.subjects.iter().filter(|subject| subject.corpus == i) {
            rows.extend(of_subject(&plan, subject, &Forms::of(&asker, corpus.view(), subject)?)?);
        }
    }
    bar.finish_and_clear();
    let results = Results::of(rows, &plan);
    results.notes(&plan, context);
    if let Some(folder) = &args.output {
        results.write(folder, args, &plan, &read)?;
    }
    results.print(args, &plan, &read)?;
    Ok(Ending::Holds)
}

/// Refuses what cannot be drawn, or would be drawn twice.
fn plan(args: &Args) -> Result<Plan, Failure> {
    let specs: Vec<Spec> = args.perturb.iter().map(Spec::resolved).collect();
    if let Some(twice) = (1..specs.len()).find(|i| specs[..*i].contains(&specs[*i])) {
        return Err(Failure::Usage(format!("--perturb: {} stands twice", specs[twice])));
    }
    let seed = |i: u32| args.seed.checked_add(u64::from(i));
    let seeds: Option<Vec<u64>> = (0..args.seeds.get()).map(seed).collect();
    let seeds =
        seeds.ok_or_else(|| Failure::Usage(format!("--seed {}: no {} seeds from there on", args.seed, args.seeds)))?;
    let method = Method { samples: args.samples.get(), seed: args.seed };
    Ok(Plan { perturber: args.means.read(&specs)?, specs, seeds, method })
}

impl Plan {
    /// A query set under a perturbation and a seed.
    fn texts(&self, spec: &Spec, seed: u64, language: &Language, queries: &[Text]) -> Vec<String> {
        self.perturber.texts(spec, seed, language, queries)
    }

    /// A perturbation with its seeds, as keys have it.
    fn name(&self, spec: &Spec) -> String {
        match self.seeds[..] {
            [seed] => self.perturber.name(spec, &format!("seed {seed}")),
            [first, .., last] => self.perturber.name(spec, &format!("seeds {first} to {last}")),
            [] => self.perturber.name(spec, "no seed"),
        }
    }
}

/// A row for each perturbation.
fn of_subject(plan: &Plan, subject: &Subject, forms: &Forms<'_>) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for spec in &plan.specs {
        let seeds = plan.seeds.iter().map(|seed| plan.texts(spec, *seed, &subject.spoken, &subject.queries)).collect();
        let asked = forms.ask(seeds)?;
        let seeds: Vec<_> = asked.iter().map(|form| form.asked.clone()).collect();
        rows.push(Row {
            language: subject.language.clone(),
            script: subject.script,
            level: subject.level,
            spec: spec.clone(),
            key: subject.key.clone(),
            queries: subject.queries.len(),
            unchanged: asked.iter().map(|form| form.unchanged.clone()).reduce(|a, b| and(&a, &b)).map_or(0, count),
            unchanged_by_seed: asked.iter().map(|form| count(form.unchanged.clone())).collect(),
            clean_digest: forms.clean.digest.clone(),
            digests: asked.iter().map(|form| form.digest.clone()).collect(),
            found: robustness(&forms.clean.asked, &seeds, &plan.method),
            adjusted: f64::NAN,
        });
    }
    Ok(rows)
}

fn and(a: &[bool], b: &[bool]) -> Vec<bool> {
    a.iter().zip(b).map(|(a, b)| *a && *b).collect()
}

fn count(marked: Vec<bool>) -> usize {
    marked.into_iter().filter(|marked| *marked).count()
}
