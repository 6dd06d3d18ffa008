//! `snellen compare`: whether two runs rank alike.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use snellen::data::trec::{Qrels, TrecFile};
use snellen::metric::agreement::{Agreement, Improved, Options, Query, agreement, effect};
use snellen::metric::evaluate::{self, Evaluation};
use snellen::metric::significance::t_test;
use snellen::metric::{Dialect, Measure};

use super::{Context, Ending, Failure, Machine, runs};

/// Say how far two runs agree: same rankings, rank-biased overlap, Kendall's tau; with judgements what that does to measures.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The original run; also .gz.
    #[arg(value_name = "RUN")]
    original: PathBuf,
    /// Its reproduction.
    #[arg(value_name = "RUN")]
    reproduced: PathBuf,
    /// Judgements: compares measures too.
    #[arg(long, value_name = "FILE")]
    qrels: Option<PathBuf>,
    /// Names as ir_measures or trec_eval write them.
    #[arg(long, default_value = "nDCG@10 AP RR@10 R@100", value_name = "NAMES")]
    measures: String,
    /// The baseline that the original improves, and the baseline that the reproduction improves: effect ratio and relative improvement.
    #[arg(long, num_args = 2, value_names = ["RUN", "RUN"], requires = "qrels")]
    baselines: Vec<PathBuf>,
    /// The persistence of rank-biased overlap: how deep one looks.
    #[arg(long, default_value_t = 0.95, value_parser = persistence, value_name = "P")]
    p: f64,
    /// How deep rbo and tau look.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "N")]
    depth: u32,
    /// How equal scores are ordered, and how measures are computed: snellen, trec_eval9 or trec_eval10.
    #[arg(long, default_value_t)]
    dialect: Dialect,
    /// A line for every query too.
    #[arg(short = 'Q', long)]
    per_query: bool,
    /// Exit with 1 unless all rankings are the same.
    #[arg(long)]
    identical: bool,
    /// table or json.
    #[arg(long, default_value = "table")]
    format: Machine,
}

fn persistence(text: &str) -> Result<f64, String> {
    let p = text.parse().ok().filter(|p| (0.0..1.0).contains(p));
    p.ok_or_else(|| "expected a number from 0 to below 1".to_owned())
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let measures = runs::measures(&args.measures).map_err(Failure::Usage)?;
    let options = Options { dialect: args.dialect, depth: args.depth as usize, p: args.p };
    runs::once([&args.original, &args.reproduced].into_iter().chain(&args.qrels).chain(&args.baselines))?;
    let runs = [TrecFile::open(&args.original)?, TrecFile::open(&args.reproduced)?];
    let found = agreement(&runs[0], &runs[1], &options)?;
    if found.queries.is_empty() {
        let what = format!("{} and {} have no query in common", args.original.display(), args.reproduced.display());
        return Err(Failure::Usage(what));
    }
    let [first, second] = &found.alone;
    runs::note(context, first, "in the first run only");
    runs::note(context, second, "in the second run only");
    let short = found.queries.iter().filter(|query| query.length < options.depth);
    let what = format!(
        "with fewer than {} documents in both runs, whose rbo counts the ranks that are not there as repro_eval's does (--depth, or rbo_ext)",
        options.depth
    );
    runs::note(context, &short.map(|query| query.id.clone()).collect::<Vec<_>>(), &what);
    let mut facts = facts(&found);
    if let Some(qrels) = &args.qrels {
        facts.extend(effects(args, qrels, &runs, &measures)?);
    }
    print(args, &found, &facts)?;
    let same = found.queries.iter().all(|query| query.first_difference.is_none());
    let same = same && found.alone.iter().all(Vec::is_empty);
    Ok(if args.identical && !same { Ending::Fails } else { Ending::Holds })
}

/// Name and value, of rankings or of a measure.
type Fact = (String, String, Value);

fn facts(found: &Agreement) -> Vec<Fact> {
    let queries = &found.queries;
    let count = |is: &dyn Fn(&Query) -> bool| queries.iter().filter(|query| is(query)).count();
    let mean = |values: Vec<f64>| {
        let sum = values.iter().fold(0.0, |sum, x| sum + x);
        if values.is_empty() { Value::Null } else { json!(sum / values.len() as f64) }
    };
    let fact = |name: &str, value: Value| (name.to_owned(), "all".to_owned(), value);
    vec![
        fact("queries", json!(queries.len())),
        fact("only_in_first", json!(found.alone[0].len())),
        fact("only_in_second", json!(found.alone[1].len())),
        fact("same_ranking", json!(count(&|query| query.first_difference.is_none()))),
        fact("same_scores", json!(count(&|query| query.first_difference.is_none() && query.same_scores))),
        fact("first_difference", json!(queries.iter().filter_map(|query| query.first_difference).min())),
        fact("rbo_ext", mean(queries.iter().map(|query| query.rbo_ext).collect())),
        fact("rbo", mean(queries.iter().map(|query| query.rbo).collect())),
        fact("kendall_tau_union", mean(queries.iter().filter_map(|query| query.tau).collect())),
        fact("without_tau", json!(count(&|query| query.tau.is_none()))),
        fact("digest_first", json!(found.digests[0])),
        fact("digest_second", json!(found.digests[1])),
    ]
}

fn effects(args: &Args, qrels: &Path, runs: &[TrecFile], measures: &[Measure]) -> Result<Vec<Fact>, Failure> {
    let qrels = Qrels::read(&TrecFile::open(qrels)?)?;
    let options = evaluate::Options { dialect: args.dialect, ..evaluate::Options::default() };
    let evaluate = |run: &TrecFile| evaluate::evaluate(&qrels, run, measures, &options);
    let baselines = args.baselines.iter().map(|run| TrecFile::open(run)).collect::<Result<Vec<_>, _>>()?;
    let evaluations = runs.iter().chain(&baselines).map(evaluate).collect::<Result<Vec<_>, _>>()?;
    let evaluations: Vec<&Evaluation> = evaluations.iter().collect();
    let queries = evaluate::common(&evaluations);
    if queries.is_empty() {
        return Err(Failure::Usage("the judgements have no query that all runs have".to_owned()));
    }
    let mut facts = Vec::new();
    for (i, measure) in measures.iter().enumerate() {
        let of_run = |run: usize| queries.iter().map(|query| query[run].values[i]).collect::<Vec<f64>>();
        let values: Vec<Vec<f64>> = (0..evaluations.len()).map(of_run).collect();
        let side = |run: usize| Improved { run: &values[run], baseline: values.get(run + 2).map(Vec::as_slice) };
        let found = effect(&side(0), &side(1));
        let differences: Vec<f64> = values[0].iter().zip(&values[1]).map(|(a, b)| a - b).collect();
        let mut push = |name: &str, value: Value| facts.push((name.to_owned(), measure.to_string(), value));
        push("mean_first", json!(found.means[0]));
        push("mean_second", json!(found.means[1]));
        push("rmse", json!(found.rmse));
        push("nrmse", json!(found.nrmse));
        push("p_t", json!(t_test(&differences, 0.0).map(|test| test.two_sided)));
        if !args.baselines.is_empty() {
            push("effect_ratio", json!(found.effect_ratio));
            push("delta_relative_improvement", json!(found.delta_relative_improvement));
        }
    }
    Ok(facts)
}

fn print(args: &Args, found: &Agreement, facts: &[Fact]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.format == Machine::Json {
        let fact = |(name, of, value): &Fact| json!({"name": name, "of": of, "value": value});
        let query = |query: &Query| json!({"query": query.id, "first_difference": query.first_difference, "same_scores": query.same_scores, "rbo": query.rbo, "rbo_ext": query.rbo_ext, "kendall_tau_union": query.tau});
        let queries: Vec<Value> = if args.per_query { found.queries.iter().map(query).collect() } else { Vec::new() };
        let facts: Vec<Value> = facts.iter().map(fact).collect();
        writeln!(
            out,
            "{:#}",
            json!({"schema": 1, "p": args.p, "depth": args.depth, "facts": facts, "queries": queries})
        )?;
        return Ok(());
    }
    if args.per_query {
        for query in &found.queries {
            let difference = query.first_difference.map_or("-".to_owned(), |rank| rank.to_string());
            writeln!(out, "first_difference\t{}\t{difference}", query.id)?;
            writeln!(out, "rbo\t{}\t{:.6}", query.id, query.rbo)?;
            writeln!(out, "rbo_ext\t{}\t{:.6}", query.id, query.rbo_ext)?;
            writeln!(
                out,
                "kendall_tau_union\t{}\t{}",
                query.id,
                query.tau.map_or("-".to_owned(), |tau| format!("{tau:.6}"))
            )?;
        }
    }
    for (name, of, value) in facts {
        match value {
            Value::Null => writeln!(out, "{name}\t{of}\t-")?,
            Value::String(text) => writeln!(out, "{name}\t{of}\t{text}")?,
            Value::Number(number) if number.is_f64() => {
                writeln!(out, "{name}\t{of}\t{:.6}", number.as_f64().unwrap_or(f64::NAN))?;
            }
            other => writeln!(out, "{name}\t{of}\t{other}")?,
        }
    }
    Ok(())
}
