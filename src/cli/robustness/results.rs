//! What comes of it: rows, means over groups of languages, files, tables.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use snellen::attack::text::Spec;
use snellen::data::atomic;
use snellen::data::digest::Digest;
use snellen::kernel::ARITH;
use snellen::metric::robustness::{PERSISTENCE, Robustness, average};
use snellen::metric::significance::holm;
use snellen::task::Key;

use super::subjects::Read;
use super::{Args, Plan, curves};
use crate::cli::task::csv;
use crate::cli::{Context, Failure};

/// Formats of the table.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For machines: what `summary.json` has.
    Json,
    /// The table for machines.
    Csv,
    /// The table as GitHub shows it.
    Markdown,
}

/// A language under a perturbation.
pub(super) struct Row {
    pub(super) language: String,
    pub(super) script: &'static str,
    pub(super) level: Option<u8>,
    pub(super) spec: Spec,
    /// Of the value on clean text.
    pub(super) key: Key,
    pub(super) queries: usize,
    /// Queries that no seed changed: most have no unit.
    pub(super) unchanged: usize,
    pub(super) unchanged_by_seed: Vec<usize>,
    pub(super) clean_digest: String,
    /// Of the rankings, seed by seed.
    pub(super) digests: Vec<String>,
    pub(super) found: Robustness,
    /// p after Holm over all rows.
    pub(super) adjusted: f64,
}

/// Languages of one kind under a perturbation.
pub(super) struct Group {
    /// `all`, `script Latin`, `level 2`.
    pub(super) name: String,
    pub(super) spec: Spec,
    pub(super) languages: usize,
    pub(super) found: Robustness,
}

pub(super) struct Results {
    pub(super) rows: Vec<Row>,
    pub(super) groups: Vec<Group>,
    digest: String,
}

/// What is measured, in the order of columns; p comes after them.
const COLUMNS: [&str; 9] =
    ["clean", "mean", "deviation", "least", "worst_case", "drop", "relative_drop", "success", "rbo"];
/// The same above columns of numbers.
const SHORT: [&str; 9] = ["clean", "mean", "sd", "least", "worst", "drop", "relative", "success", "rbo"];

fn values(found: &Robustness) -> [Option<f64>; COLUMNS.len()] {
    let Robustness { clean, mean, deviation, least, worst_case, drop, relative_drop, success, overlap, .. } = found;
    let some = |x: &f64| Some(*x);
    [
        some(clean),
        some(mean),
        *deviation,
        some(least),
        some(worst_case),
        some(drop),
        *relative_drop,
        *success,
        some(overlap),
    ]
}

impl Results {
    /// Joins rows: p over all of them, means over languages, the digest of the whole.
    pub(super) fn of(mut rows: Vec<Row>, plan: &Plan) -> Self {
        let p: Vec<f64> = rows.iter().map(|row| row.found.p.unwrap_or(1.0)).collect();
        rows.iter_mut().zip(holm(&p)).for_each(|(row, adjusted)| row.adjusted = adjusted);
        let mut digest = Digest::new();
        for row in &rows {
            digest.field(&row.language).field(plan.name(&row.spec)).field(&row.clean_digest);
            row.digests.iter().for_each(|one| _ = digest.field(one));
            let numbers = values(&row.found).into_iter().chain([row.found.p, Some(row.adjusted)]);
            numbers.for_each(|x| _ = digest.field(x.unwrap_or(f64::NAN).to_bits().to_le_bytes()));
        }
        let groups = groups(&rows, &plan.specs);
        Self { rows, groups, digest: digest.hex() }
    }

    /// Says where so few draws cannot tell a drop from chance.
    pub(super) fn notes(&self, plan: &Plan, context: &Context) {
        let least = self.rows.len() as f64 / (plan.method.samples + 1) as f64;
        if least > 0.05 {
            context.note(&format!(
                "--samples {}: of {} rows none can have a p below {least:.3} after Holm",
                plan.method.samples,
                self.rows.len()
            ));
        }
    }

    /// Writes the files of `--output`.
    pub(super) fn write(&self, folder: &Path, args: &Args, plan: &Plan, read: &Read) -> Result<(), Failure> {
        for (name, bytes) in curves::draw(&self.groups, plan, read)? {
            atomic::write(&folder.join(name), &bytes)?;
        }
        let summary = format!("{:#}\n", self.summary(args, plan, read));
        atomic::write(&folder.join("summary.json"), summary.as_bytes())?;
        let header = ["language", "perturbation", "seed", "value", "unchanged", "success", "rbo", "digest"];
        Ok(atomic::write(&folder.join("robustness.csv"), &csv(&header, &self.seeds(plan))?)?)
    }

    /// A line a language on clean text, and a line each perturbation and seed.
    fn seeds(&self, plan: &Plan) -> Vec<Vec<String>> {
        let mut lines: Vec<Vec<String>> = Vec::new();
        for row in &self.rows {
            if lines.last().is_none_or(|line| line[0] != row.language) {
                let (queries, clean) = (row.queries.to_string(), row.found.clean.to_string());
                let empty = String::new;
                let facts = ["none".to_owned(), empty(), clean, queries, empty(), empty(), row.clean_digest.clone()];
                lines.push(std::iter::once(row.language.clone()).chain(facts).collect());
            }
            for (i, seed) in plan.seeds.iter().enumerate() {
                let found = &row.found.seeds[i];
                lines.push(vec![
                    row.language.clone(),
                    row.spec.to_string(),
                    seed.to_string(),
                    found.value.to_string(),
                    row.unchanged_by_seed[i].to_string(),
                    optional(found.success),
                    found.overlap.to_string(),
                    row.digests[i].clone(),
                ]);
            }
        }
        lines
    }

    fn summary(&self, args: &Args, plan: &Plan, read: &Read) -> Value {
        let facts = |object: &mut Value, found: &Robustness| {
            for (name, value) in COLUMNS.iter().zip(values(found)) {
                object[*name] = json!(value);
            }
        };
        let row = |row: &Row| {
            let key = Key { perturbation: Some(plan.name(&row.spec)), ..row.key.clone() };
            let mut object = json!({
                "key": key,
                "script": row.script,
                "level": row.level,
                "queries": row.queries,
                "unchanged": row.unchanged,
            });
            facts(&mut object, &row.found);
            object["p"] = json!(row.found.p);
            object["p_holm"] = json!(row.adjusted);
            object["digests"] = json!({"clean": row.clean_digest, "perturbed": row.digests});
            object
        };
        let group = |group: &Group| {
            let mut object =
                json!({"group": group.name, "perturbation": plan.name(&group.spec), "languages": group.languages});
            facts(&mut object, &group.found);
            object
        };
        json!({
            "schema": 1,
            "measure": read.measure,
            "until": read.until,
            "seeds": plan.seeds,
            "samples": plan.method.samples,
            "rbo_p": PERSISTENCE,
            "k": args.k,
            "arith": ARITH,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "means": self.groups.iter().map(group).collect::<Vec<_>>(),
            "digest": self.digest,
        })
    }

    /// Prints the table, or what `--format` asks for instead.
    pub(super) fn print(&self, args: &Args, plan: &Plan, read: &Read) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        match args.format {
            Format::Json => writeln!(out, "{:#}", self.summary(args, plan, read))?,
            Format::Csv => out.write_all(&self.csv()?)?,
            Format::Table => {
                let measure = &read.measure;
                writeln!(out, "{measure}, {} seeds, success@{}\n", plan.seeds.len(), read.until)?;
                aligned(&mut out, &self.lines())?;
                writeln!(out, "\nmeans over languages")?;
                aligned(&mut out, &self.group_lines())?;
                writeln!(out, "\ndigest  {}", &self.digest[..16])?;
            }
            Format::Markdown => {
                writeln!(out, "{}, {} seeds, success@{}\n", read.measure, plan.seeds.len(), read.until)?;
                marked_down(&mut out, &self.lines())?;
                writeln!(out, "\nMeans over languages:\n")?;
                marked_down(&mut out, &self.group_lines())?;
                writeln!(out, "\ndigest {}", &self.digest[..16])?;
            }
        }
        Ok(())
    }

    /// Rows of languages, then of groups; what a row does not have is an empty field.
    fn csv(&self) -> Result<Vec<u8>, Failure> {
        let heading = ["name", "perturbation", "script", "level", "languages", "queries", "unchanged"];
        let header: Vec<&str> = heading.into_iter().chain(COLUMNS).chain(["p", "p_holm"]).collect();
        let numbers = |found: &Robustness| values(found).map(optional);
        let mut lines = Vec::new();
        for row in &self.rows {
            let level = row.level.map_or_else(String::new, |level| level.to_string());
            let counts = ["1".to_owned(), row.queries.to_string(), row.unchanged.to_string()];
            let facts = [row.language.clone(), row.spec.to_string(), row.script.to_owned(), level];
            let p = [optional(row.found.p), row.adjusted.to_string()];
            lines.push(facts.into_iter().chain(counts).chain(numbers(&row.found)).chain(p).collect());
        }
        for group in &self.groups {
            let facts = [group.name.clone(), group.spec.to_string(), String::new(), String::new()];
            let counts = [group.languages.to_string(), String::new(), String::new()];
            let none = [String::new(), String::new()];
            lines.push(facts.into_iter().chain(counts).chain(numbers(&group.found)).chain(none).collect());
        }
        csv(&header, &lines)
    }

    /// The header, then a line a row.
    fn lines(&self) -> Vec<Vec<String>> {
        let mut lines = vec![header(&["language", "perturbation", "queries", "unchanged"], &["p"])];
        for row in &self.rows {
            let facts =
                [row.language.clone(), row.spec.to_string(), row.queries.to_string(), row.unchanged.to_string()];
            let numbers = values(&row.found).map(rounded);
            lines.push(facts.into_iter().chain(numbers).chain([probability(row.adjusted)]).collect());
        }
        lines
    }

    fn group_lines(&self) -> Vec<Vec<String>> {
        let mut lines = vec![header(&["languages", "perturbation", "count"], &[])];
        for group in &self.groups {
            let facts = [group.name.clone(), group.spec.to_string(), group.languages.to_string()];
            lines.push(facts.into_iter().chain(values(&group.found).map(rounded)).collect());
        }
        lines
    }
}

/// All languages, then those of each script and of each level, where there are several kinds.
fn groups(rows: &[Row], specs: &[Spec]) -> Vec<Group> {
    let level = |row: &Row| row.level.map_or_else(|| "level unknown".to_owned(), |level| format!("level {level}"));
    let script = |row: &Row| format!("script {}", row.script);
    let mut groups = mean_by(rows, specs, |_| "all".to_owned());
    for kinds in [mean_by(rows, specs, script), mean_by(rows, specs, level)] {
        // One kind alone is all of them.
        if kinds.len() > specs.len() {
            groups.extend(kinds);
        }
    }
    groups
}

fn mean_by(rows: &[Row], specs: &[Spec], name: impl Fn(&Row) -> String) -> Vec<Group> {
    let mut of_name: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    rows.iter().for_each(|row| of_name.entry(name(row)).or_default().push(row));
    let mut groups = Vec::new();
    for (name, rows) in of_name {
        for spec in specs {
            let found: Vec<&Robustness> = rows.iter().filter(|row| row.spec == *spec).map(|row| &row.found).collect();
            let group =
                Group { name: name.clone(), spec: spec.clone(), languages: found.len(), found: average(&found) };
            groups.push(group);
        }
    }
    groups
}

fn header(first: &[&str], last: &[&str]) -> Vec<String> {
    first.iter().chain(&SHORT).chain(last).map(|name| (*name).to_owned()).collect()
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Four digits; no sign where they are all 0.
fn rounded(value: Option<f64>) -> String {
    let text = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
}

/// Four digits, or an exponent where they would be 0.
fn probability(p: f64) -> String {
    if p < 0.00005 { format!("{p:.0e}") } else { rounded(Some(p)) }
}

/// Names to the left, numbers to the right.
fn aligned(out: &mut dyn std::io::Write, lines: &[Vec<String>]) -> Result<(), Failure> {
    let widths: Vec<usize> =
        (0..lines[0].len()).map(|i| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0)).collect();
    for line in lines {
        let field = |(i, text): (usize, &String)| {
            let width = widths[i];
            if i < 2 { format!("{text:width$}") } else { format!("{text:>width$}") }
        };
        writeln!(out, "{}", line.iter().enumerate().map(field).collect::<Vec<_>>().join("  "))?;
    }
    Ok(())
}

fn marked_down(out: &mut dyn std::io::Write, lines: &[Vec<String>]) -> Result<(), Failure> {
    for (i, line) in lines.iter().enumerate() {
        writeln!(out, "| {} |", line.join(" | "))?;
        if i == 0 {
            let columns = (0..line.len()).map(|column| if column < 2 { "---" } else { "---:" });
            writeln!(out, "| {} |", columns.collect::<Vec<_>>().join(" | "))?;
        }
    }
    Ok(())
}
