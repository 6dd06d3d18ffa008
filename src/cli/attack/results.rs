//! What comes of attacks: a table, adversarial queries, every state, curves.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use clap::ValueEnum as _;
use serde_json::{Value, json};
use snellen::attack::search::{Outcome, State};
use snellen::attack::victim::Query;
use snellen::data::atomic;
use snellen::data::digest::Digest;
use snellen::data::text::{Source, write};
use snellen::encoder::{Recipe, Towers};
use snellen::kernel::ARITH;
use snellen::metric::significance::randomization;
use snellen::report::curve::{self, Chart, Series};

use super::{Args, Name};
use crate::cli::task::csv;
use crate::cli::{Context, Failure};

/// Assignments of signs that tests draw.
const SAMPLES: usize = 100_000;

/// What became of all queries under one attack: what it is called, and how it was made.
pub(super) type Found = (Name, String, Vec<Outcome>);

/// A point of a curve.
struct Point {
    budget: usize,
    /// The share of queries whose relevant document is within the rank.
    held: f64,
    /// The share of the queries held before that were lost; none where none was.
    success: Option<f64>,
    margin: f64,
    edits: f64,
}

/// The files of an output folder.
pub(super) fn files<'a>(methods: impl Iterator<Item = &'a str>, queries: &Path) -> Vec<String> {
    let of_method = |method: &str| [format!("journal.{method}.jsonl"), adversarial(method, queries)].map(String::from);
    let fixed = ["states.csv", "curve.csv", "curve.svg", "summary.json"].map(str::to_owned);
    fixed.into_iter().chain(methods.flat_map(of_method)).collect()
}

/// The file of a method's queries: in the format of the queries' own.
fn adversarial(method: &str, queries: &Path) -> String {
    let name = queries.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let extension = Path::new(name).extension().unwrap_or_default().to_string_lossy().into_owned();
    format!("queries.{method}.{extension}")
}

/// Writes everything and prints the table.
pub(super) fn finish(
    args: &Args,
    context: &Context,
    models: Towers<'_>,
    recipe: &Recipe,
    source: &Source,
    queries: &[Query],
    found: &[Found],
) -> Result<(), Failure> {
    let folder = &args.output;
    forget(args, context, found)?;
    let mut methods = Vec::new();
    let (mut table, mut curves, mut states, mut series) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut whole = Digest::new();
    for (name, how, outcomes) in found {
        let digest = digest(queries, outcomes);
        whole.field(how).field(&digest);
        let points = points(args.until.get(), outcomes);
        let against = name.writes().then(|| against_random(args, found, outcomes)).flatten();
        for point in &points {
            let row = [point.held, point.success.unwrap_or(f64::NAN), point.margin, point.edits].map(|x| x.to_string());
            let row = [name.file().to_owned(), point.budget.to_string()].into_iter().chain(row);
            curves.push(row.map(|field| if field == "NaN" { String::new() } else { field }).collect());
        }
        table.extend(lines(name.file(), &points, against));
        rows(name.file(), queries, outcomes, &mut states);
        let point = |point: &Point| curve::Point { x: point.budget as f64, y: point.held, range: None };
        series.push(Series { name: name.file().to_owned(), points: points.iter().map(point).collect() });
        if name.writes() {
            let file = folder.join(adversarial(name.file(), &args.queries));
            write(&file, &written(source, queries, outcomes)?)?;
        }
        let unmoved = unmoved(args.until.get(), outcomes);
        if unmoved > 0 {
            context.note(&format!(
                "{}: {unmoved} queries that were held are as they were: nothing that was tried hurt them",
                name.file()
            ));
        }
        methods.push(json!({
            "method": name.file(), "how": how, "digest": digest, "queries": queries.len(), "unmoved": unmoved,
            "candidates": outcomes.iter().map(|outcome| outcome.tried).sum::<usize>(),
            "p_against_random": against.map(|(p, _)| p), "held_less_than_random": against.map(|(_, less)| less),
            "curve": points.iter().map(Point::json).collect::<Vec<_>>(),
        }));
    }
    let header = ["method", "budget", "held", "success", "margin", "edits"];
    atomic::write(&folder.join("curve.csv"), &csv(&header, &curves)?)?;
    atomic::write(&folder.join("curve.svg"), &picture(args, queries, series)?)?;
    let header = ["method", "query", "budget", "edits", "rank", "margin", "text"];
    atomic::write(&folder.join("states.csv"), &csv(&header, &states)?)?;
    let summary = json!({
        "schema": 1,
        "model": models.name(), "model_sha256": models.digest(), "pooling": recipe.name(models.queries().config()), "prefix": recipe.prefix,
        "until": args.until, "seed": args.seed, "arith": ARITH, "methods": methods, "digest": whole.hex(),
    });
    atomic::write(&folder.join("summary.json"), format!("{summary:#}\n").as_bytes())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "method      budget     held  success   margin  edits  than random")?;
    table.iter().try_for_each(|line: &String| writeln!(out, "{line}"))?;
    writeln!(out, "{} queries, {}", queries.len(), whole.hex())?;
    context.note(&format!("{}: adversarial queries, states.csv, curve.csv, curve.svg, summary.json", folder.display()));
    Ok(())
}

/// Removes adversarial queries that another attack left here: what is beside this one's results is to be of it.
fn forget(args: &Args, context: &Context, found: &[Found]) -> Result<(), Failure> {
    for name in Name::value_variants().iter().filter(|name| name.writes() && found.iter().all(|(of, ..)| of != *name)) {
        let file = args.output.join(adversarial(name.file(), &args.queries));
        match std::fs::remove_file(&file) {
            Ok(()) => context.note(&format!("{}: of another attack, removed", file.display())),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(Failure::Usage(format!("{}: {e}", file.display()))),
        }
    }
    Ok(())
}

/// How many queries were held and stay as they were: nothing that was tried hurt them.
fn unmoved(until: usize, outcomes: &[Outcome]) -> usize {
    outcomes
        .iter()
        .filter(|outcome| outcome.states[0].standing.rank <= until && outcome.last() == &outcome.states[0])
        .count()
}

/// A method's curve for people; beside its end whether it holds fewer queries than random edits do.
fn lines(method: &str, points: &[Point], against: Option<(f64, f64)>) -> Vec<String> {
    let line = |(i, point): (usize, &Point)| {
        let success = point.success.map_or_else(|| "–".to_owned(), |success| format!("{success:.4}"));
        let end = match against {
            Some((p, less)) if i + 1 == points.len() => format!("  {:+.4}, p {p:.5}", 0.0 - less),
            _ => String::new(),
        };
        let Point { budget, held, margin, edits, .. } = point;
        format!("{method:10}  {budget:>6}  {held:>7.4}  {success:>7}  {margin:>7.4}  {edits:>5.2}{end}")
    };
    points.iter().enumerate().map(line).collect()
}

fn points(until: usize, outcomes: &[Outcome]) -> Vec<Point> {
    let count = outcomes.len() as f64;
    let held = |state: &State| state.standing.rank <= until;
    let before = outcomes.iter().filter(|outcome| held(&outcome.states[0])).count();
    let mean = |budget: usize, value: &dyn Fn(&State) -> f64| {
        outcomes.iter().fold(0.0, |sum, outcome| sum + value(&outcome.states[budget])) / count
    };
    let point = |budget: usize| {
        let lost = |outcome: &&Outcome| held(&outcome.states[0]) && !held(&outcome.states[budget]);
        let lost = outcomes.iter().filter(lost).count();
        Point {
            budget,
            held: mean(budget, &|state| f64::from(u8::from(held(state)))),
            success: (before > 0).then(|| lost as f64 / before as f64),
            margin: mean(budget, &|state| f64::from(state.standing.margin)),
            edits: mean(budget, &|state| state.edits as f64),
        }
    };
    (0..outcomes[0].states.len()).map(point).collect()
}

/// Two-sided p of the paired randomisation test, query by query, that an attack holds as many queries as random edits of the same budget, and how many fewer
/// it holds; none where random edits were not asked for.
fn against_random(args: &Args, found: &[Found], outcomes: &[Outcome]) -> Option<(f64, f64)> {
    let (_, _, random) = found.iter().find(|(name, ..)| *name == Name::Random)?;
    if random == outcomes {
        return None;
    }
    let held = |outcome: &Outcome| f64::from(u8::from(outcome.last().standing.rank <= args.until.get()));
    let differences: Vec<f64> = random.iter().zip(outcomes).map(|(random, ours)| held(random) - held(ours)).collect();
    let less = differences.iter().fold(0.0, |sum, d| sum + d) / differences.len() as f64;
    Some((randomization(&differences, SAMPLES, args.seed), less))
}

fn rows(method: &str, queries: &[Query], outcomes: &[Outcome], rows: &mut Vec<Vec<String>>) {
    for (query, outcome) in queries.iter().zip(outcomes) {
        for (budget, state) in outcome.states.iter().enumerate() {
            let State { text, edits, standing } = state;
            let numbers =
                [budget.to_string(), edits.to_string(), standing.rank.to_string(), standing.margin.to_string()];
            let ids = [method, &query.id].map(str::to_owned);
            rows.push(ids.into_iter().chain(numbers).chain([text.clone()]).collect());
        }
    }
}

/// The file of queries with adversarial texts; those that were not attacked as they are.
fn written(source: &Source, queries: &[Query], outcomes: &[Outcome]) -> Result<Vec<u8>, Failure> {
    let mut attacked = queries.iter().zip(outcomes).peekable();
    let mut out = Vec::new();
    for (i, (line, text)) in source.lines().into_iter().zip(source.texts()?).enumerate() {
        let found = attacked.next_if(|(query, _)| query.id == text.id);
        let text = found.map_or(text.text.as_str(), |(_, outcome)| &outcome.last().text);
        source.rewrite(i, line, text, &mut out)?;
    }
    Ok(out)
}

/// The share of queries still held against the budget, a line a method.
fn picture(args: &Args, queries: &[Query], curves: Vec<Series>) -> Result<Vec<u8>, Failure> {
    let (rank, model) = (args.until, &args.model);
    let chart = Chart {
        title: format!("{model}, {} queries", queries.len()),
        x: "budget: edits, tokens or steps".to_owned(),
        y: format!("held within rank {rank}"),
        series: curves,
    };
    let mut svg = Vec::new();
    curve::write(&chart, &mut svg)?;
    Ok(svg)
}

fn digest(queries: &[Query], outcomes: &[Outcome]) -> String {
    let mut digest = Digest::new();
    for (query, outcome) in queries.iter().zip(outcomes) {
        digest.field(&query.id).field((outcome.tried as u64).to_le_bytes());
        for State { text, edits, standing } in &outcome.states {
            let numbers = [*edits, standing.rank, standing.relevant, standing.wrong].map(|x| (x as u64).to_le_bytes());
            digest.field(text).field(numbers.concat()).field(standing.margin.to_le_bytes());
        }
    }
    digest.hex()
}

impl Point {
    fn json(&self) -> Value {
        let Self { budget, held, success, margin, edits } = self;
        json!({"budget": budget, "held": held, "success": success, "margin": margin, "edits": edits})
    }
}
