//! `snellen score`: a run against judgements.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use snellen::data::text;
use snellen::data::trec::{Qrels, TrecFile};
use snellen::metric::evaluate::{Evaluation, Options};
use snellen::metric::fairness::Peer;
use snellen::metric::significance::{Comparison, Method, compare};
use snellen::metric::{Dialect, Measure, evaluate};

use super::runs::{measures, notes, once};
use super::{Context, Ending, Failure, Machine};

/// Score a run: measure, query, value, a line each; the query `all` is the mean (of counts the sum).
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Judgements: query, iteration, document, grade, a line each; also .gz. A grade below 0: pooled, not judged.
    #[arg(long, value_name = "FILE")]
    qrels: PathBuf,
    /// Rankings: query, Q0, document, rank, score, tag, a line each; also .gz; - is standard input. Ranks are those of the scores.
    #[arg(long, value_name = "FILE")]
    run: PathBuf,
    /// Names as ir_measures or trec_eval write them, separated by blanks or commas outside of brackets.
    #[arg(long, default_value = "nDCG@10 AP RR@10 R@100", value_name = "NAMES")]
    measures: String,
    /// A line for every query too.
    #[arg(short = 'Q', long)]
    per_query: bool,
    /// snellen (equal scores: lower id first; judged queries that the run lacks count 0), trec_eval9 or trec_eval10 (equal scores: higher id first;
    /// they do not count; 9 keeps scores as C floats).
    #[arg(long, default_value_t)]
    dialect: Dialect,
    /// Judged queries that the run lacks count 0, in trec_eval's dialects too (its -c).
    #[arg(short, long)]
    complete: bool,
    /// The lowest grade that is relevant, for measures that do not say it (trec_eval's -l).
    #[arg(short = 'l', long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    rel: i32,
    /// Look at so many documents of each ranking (trec_eval's -M).
    #[arg(short = 'M', long, value_name = "N")]
    depth: Option<std::num::NonZeroUsize>,
    /// Another run, with which each measure is compared over the queries that count in both.
    #[arg(long, value_name = "RUN")]
    baseline: Option<PathBuf>,
    /// Assignments of signs that the randomisation test draws; the bootstrap draws a tenth as many samples.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..), requires = "baseline", value_name = "N")]
    samples: u32,
    /// The seed of what is drawn.
    #[arg(long, default_value_t = 1, requires = "baseline", value_name = "N")]
    seed: u64,
    /// How much worse than the baseline still counts as no worse: tests non-inferiority and equivalence too.
    #[arg(long, requires = "baseline", value_name = "M", value_parser = margin)]
    margin: Option<f64>,
    /// The language of every document (.tsv: id, tab, language): adds PEER, the fairness of the ranking between languages, over the
    /// queries that the run has.
    #[arg(long, value_name = "FILE")]
    languages: Option<PathBuf>,
    /// How many documents PEER looks at.
    #[arg(long, default_value = "20", requires = "languages", value_name = "K")]
    peer_depth: std::num::NonZeroUsize,
    /// How much each grade weighs in PEER, together 1.
    #[arg(long, default_value = "1=1", requires = "languages", value_delimiter = ',', allow_hyphen_values = true, value_name = "GRADE=WEIGHT", value_parser = weight)]
    peer_weights: Vec<(i32, f64)>,
    /// Digits behind the point. JSON has all of them.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=17))]
    digits: u8,
    /// table or json.
    #[arg(long, default_value = "table")]
    format: Machine,
}

/// The level of intervals, from 1, and of the power that is printed.
const ALPHA: f64 = 0.05;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let measures = measures(&args.measures).map_err(Failure::Usage)?;
    let options = Options {
        dialect: args.dialect,
        complete: args.complete,
        rel: args.rel,
        depth: args.depth.map_or(usize::MAX, std::num::NonZeroUsize::get),
    };
    once([&args.qrels, &args.run].into_iter().chain(&args.baseline))?;
    let qrels = Qrels::read(&TrecFile::open(&args.qrels)?)?;
    let run = TrecFile::open(&args.run)?;
    let found = evaluate(&qrels, &run, &measures, &options)?;
    if found.queries.is_empty() {
        let what = format!("{} and {} have no query in common", args.qrels.display(), args.run.display());
        return Err(Failure::Usage(what));
    }
    let fairness = peer(args, &qrels, &run)?;
    notes("", &found, &options, context);
    let compared = match &args.baseline {
        Some(baseline) => {
            let method = Method { samples: args.samples as usize, seed: args.seed, alpha: ALPHA, margin: args.margin };
            let others = evaluate(&qrels, &TrecFile::open(baseline)?, &measures, &options)?;
            notes("of the baseline, ", &others, &options, context);
            compare(&found, &others, &method)
        }
        None => Vec::new(),
    };
    let mut out = std::io::stdout().lock();
    match args.format {
        Machine::Table => {
            table(&mut out, &found, args)?;
            if let Some(fairness) = &fairness {
                peer_table(&mut out, fairness, args)?;
            }
            compared.iter().try_for_each(|one| comparison(&mut out, one, args))?;
        }
        Machine::Json => {
            let mut all = as_json(&found, args);
            if let Some(fairness) = &fairness {
                all["peer"] = json!({"depth": args.peer_depth, "mean": mean(fairness), "queries": fairness});
            }
            if args.baseline.is_some() {
                let one =
                    |one: &Comparison| json!({"measure": name(&one.measure, args.dialect), "comparison": facts(one)});
                all["baseline"] = compared.iter().map(one).collect();
            }
            writeln!(out, "{all:#}")?;
        }
    }
    Ok(Ending::Holds)
}

fn weight(text: &str) -> Result<(i32, f64), String> {
    let parts = text.split_once('=').and_then(|(grade, weight)| Some((grade.parse().ok()?, weight.parse().ok()?)));
    parts
        .filter(|(_, weight)| (0.0..=1.0).contains(weight))
        .ok_or_else(|| "expected GRADE=WEIGHT, e.g. 1=0.5".to_owned())
}

/// PEER of every query; none if it was not asked for.
fn peer(args: &Args, qrels: &Qrels, run: &TrecFile) -> Result<Option<BTreeMap<String, f64>>, Failure> {
    let Some(file) = &args.languages else { return Ok(None) };
    let weights: BTreeMap<i32, f64> = args.peer_weights.iter().copied().collect();
    let sum = weights.values().fold(0.0, |sum, x| sum + x);
    if (sum - 1.0).abs() > 1e-8 || weights.len() < args.peer_weights.len() {
        return Err(Failure::Usage(format!("--peer-weights: each grade once, together 1, not {sum}")));
    }
    let languages = text::read(file)?.into_iter().map(|text| (text.id, text.text)).collect();
    let peer = Peer { weights, cutoff: args.peer_depth.get(), languages: &languages, dialect: args.dialect };
    let found = peer.of(qrels, run)?;
    if found.is_empty() {
        return Err(Failure::Usage(format!("PEER: no query of {} has judgements", args.run.display())));
    }
    Ok(Some(found))
}

fn margin(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|margin| *margin > 0.0 && *margin < 1e300)
        .ok_or_else(|| "expected a number above 0".to_owned())
}

/// What is said of a comparison, in the order in which it is said.
fn facts(one: &Comparison) -> Map<String, Value> {
    let [low, high] = one.interval;
    let [p, adjusted] = one.randomization;
    let mut facts = vec![
        ("queries", json!(one.mean.count)),
        ("difference", json!(one.mean.mean)),
        ("low_95", json!(low)),
        ("high_95", json!(high)),
        ("low_95_bootstrap", json!(one.bootstrap.map(|[low, _]| low))),
        ("high_95_bootstrap", json!(one.bootstrap.map(|[_, high]| high))),
        ("effect", json!(one.mean.effect())),
        ("power", json!(one.power)),
        ("p_randomization", json!(p)),
        ("p_randomization_holm", json!(adjusted)),
        ("p_t", json!(one.t)),
    ];
    if let Some([inferior, different]) = one.margin {
        facts.extend([("p_inferior", json!(inferior)), ("p_different", json!(different))]);
    }
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn comparison(out: &mut dyn Write, one: &Comparison, args: &Args) -> Result<(), Failure> {
    let (name, digits) = (name(&one.measure, args.dialect), usize::from(args.digits));
    for (fact, value) in facts(one) {
        match value.as_f64().filter(|_| value.is_f64()) {
            Some(value) => writeln!(out, "{name:<22}\t{fact}\t{value:.digits$}")?,
            None => writeln!(out, "{name:<22}\t{fact}\t{value}")?,
        }
    }
    Ok(())
}

/// What a measure is called in a dialect.
fn name(measure: &Measure, dialect: Dialect) -> String {
    let theirs = if dialect == Dialect::Snellen { None } else { measure.trec_eval() };
    theirs.unwrap_or_else(|| measure.to_string())
}

fn table(out: &mut dyn Write, found: &Evaluation, args: &Args) -> Result<(), Failure> {
    let names: Vec<String> = found.measures.iter().map(|measure| name(measure, args.dialect)).collect();
    let mut lines = |query: &str, values: &[f64]| {
        for ((measure, name), value) in found.measures.iter().zip(&names).zip(values) {
            let digits = if measure.kind.is_count() { 0 } else { usize::from(args.digits) };
            writeln!(out, "{name:<22}\t{query}\t{value:.digits$}")?;
        }
        Ok::<_, Failure>(())
    };
    if args.per_query {
        found.queries.iter().try_for_each(|query| lines(&query.id, &query.values))?;
    }
    lines("all", &found.means())
}

fn mean(values: &BTreeMap<String, f64>) -> f64 {
    values.values().fold(0.0, |sum, x| sum + x) / values.len() as f64
}

fn peer_table(out: &mut dyn Write, fairness: &BTreeMap<String, f64>, args: &Args) -> Result<(), Failure> {
    let (name, digits) = (format!("PEER@{}", args.peer_depth), usize::from(args.digits));
    if args.per_query {
        fairness.iter().try_for_each(|(query, value)| writeln!(out, "{name:<22}\t{query}\t{value:.digits$}"))?;
    }
    Ok(writeln!(out, "{name:<22}\tall\t{:.digits$}", mean(fairness))?)
}

fn as_json(found: &Evaluation, args: &Args) -> Value {
    let names: Vec<String> = found.measures.iter().map(|measure| name(measure, args.dialect)).collect();
    let values = |values: &[f64]| names.iter().cloned().zip(values.iter().map(|x| json!(x))).collect::<Map<_, _>>();
    let query = |query: &snellen::metric::evaluate::Query| json!({"query": query.id, "values": values(&query.values), "unjudged_in_first_10": query.unjudged, "tied": query.tied});
    let queries: Vec<Value> = if args.per_query { found.queries.iter().map(query).collect() } else { Vec::new() };
    json!({
        "schema": 1,
        "dialect": args.dialect.to_string(),
        "means": values(&found.means()),
        "queries": queries,
        "counted": found.queries.len(),
        "unjudged_in_first_10": found.queries.iter().map(|query| query.unjudged).sum::<usize>(),
        "tied": found.queries.iter().map(|query| query.tied).sum::<usize>(),
        "missing": found.missing,
        "without_judgements": found.without_judgements,
    })
}
