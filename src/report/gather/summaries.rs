//! Folders with a `summary.json`: which command wrote it is seen from what it has.

use std::path::Path;

use serde_json::Value;

use super::{cells, fact, lacks};
use crate::Result;
use crate::report::page::{Section, Table};

/// What the summary is of; none where it is not ours.
pub(super) fn section(path: &Path, summary: &Value) -> Result<Option<Section>> {
    let has = |name: &str| summary[name].is_array();
    Ok(if has("cells") {
        Some(cells::section(path, summary)?)
    } else if has("rows") && has("means") {
        Some(robustness(path, summary)?)
    } else if has("methods") {
        Some(attack(path, summary)?)
    } else if summary["teacher"]["name"].is_string() && summary["pairs"].is_number() {
        Some(alignment(summary))
    } else {
        None
    })
}

/// Columns of rows of objects: those of words first.
fn table(title: &str, rows: &[Value], words: &[&str], numbers: &[&str]) -> Table {
    let name = |path: &&str| path.rsplit('.').next().unwrap_or_default().replace('_', " ");
    let value = |row: &Value, path: &str| path.split('.').fold(row, |value, name| &value[name]).clone();
    let word = |path: &&str| rows.iter().map(|row| value(row, path).as_str().unwrap_or_default().to_owned()).collect();
    let number = |path: &&str| super::numbers(&rows.iter().map(|row| value(row, path).as_f64()).collect::<Vec<_>>());
    let columns: Vec<Vec<String>> = words.iter().map(word).chain(numbers.iter().map(number)).collect();
    Table {
        title: title.to_owned(),
        head: words.iter().chain(numbers).map(name).collect(),
        words: words.len(),
        rows: (0..rows.len()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect(),
    }
}

fn rows<'a>(path: &Path, of: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    Ok(of[name].as_array().ok_or_else(|| lacks(path, name))?)
}

fn facts(summary: &Value, names: &[&str]) -> Vec<(String, String)> {
    names.iter().filter_map(|name| fact(summary, name)).collect()
}

const MEASURED: [&str; 9] =
    ["clean", "mean", "deviation", "least", "worst_case", "drop", "relative_drop", "success", "rbo"];

fn robustness(path: &Path, summary: &Value) -> Result<Section> {
    let rows = rows(path, summary, "rows")?;
    let key = rows.first().map_or(&Value::Null, |row| &row["key"]);
    let of = |name: &str| key[name].as_str().unwrap_or_default();
    let numbers: Vec<&str> = ["level", "queries"].into_iter().chain(MEASURED).chain(["p", "p_holm"]).collect();
    let groups: Vec<&str> = ["languages"].into_iter().chain(MEASURED).collect();
    Ok(Section {
        title: format!("robustness: {} on {}", of("model"), of("data")),
        facts: facts(key, &["model", "model_sha256", "data", "data_sha256", "pooling", "prefix"])
            .into_iter()
            .chain(facts(summary, &["measure", "until", "seeds", "samples", "arith", "digest"]))
            .collect(),
        tables: vec![
            table("Means over languages", self::rows(path, summary, "means")?, &["group", "perturbation"], &groups),
            table("Languages", rows, &["key.language", "key.perturbation", "script"], &numbers),
        ],
        ..Section::default()
    })
}

fn attack(path: &Path, summary: &Value) -> Result<Section> {
    let methods = rows(path, summary, "methods")?;
    let mut points = Vec::new();
    for method in methods {
        for point in rows(path, method, "curve")? {
            let mut point = point.clone();
            point["method"] = method["method"].clone();
            points.push(point);
        }
    }
    let tables = vec![
        table(
            "Methods",
            methods,
            &["method", "how", "digest"],
            &["queries", "unmoved", "candidates", "p_against_random", "held_less_than_random"],
        ),
        table(
            "Edits allowed, and the share of queries that are held",
            &points,
            &["method"],
            &["budget", "held", "success", "margin", "edits"],
        ),
    ];
    Ok(Section {
        title: format!("attack on {}", summary["model"].as_str().unwrap_or_default()),
        facts: facts(summary, &["model", "model_sha256", "pooling", "prefix", "until", "seed", "arith", "digest"]),
        tables,
        ..Section::default()
    })
}

fn alignment(summary: &Value) -> Section {
    let name = |side: &str| summary[side]["name"].as_str().unwrap_or_default();
    let mut values = Vec::new();
    flatten("", summary, &mut values);
    let (means, of): (Vec<_>, Vec<_>) = values.into_iter().partition(|(name, _)| name.starts_with("means."));
    let mean = |(name, value): (String, String)| {
        let value = value.parse().map_or(value, short);
        vec![name.trim_start_matches("means.").replace('_', " "), value]
    };
    Section {
        title: format!("alignment: {} and {}", name("teacher"), name("student")),
        facts: of
            .into_iter()
            .filter(|(name, _)| name != "schema")
            .map(|(name, value)| (name.replace(['_', '.'], " "), value))
            .collect(),
        tables: vec![Table {
            title: "Means over pairs".to_owned(),
            head: ["of", "mean"].map(str::to_owned).to_vec(),
            words: 1,
            rows: means.into_iter().map(mean).collect(),
        }],
        ..Section::default()
    }
}

/// Six digits after the point; errors of solvers are smaller.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-4 { format!("{value:.1e}") } else { format!("{value:.6}") }
}

/// Values with their names, those of an object under its name.
fn flatten(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(values) => {
            let inner = |inner: &String| if name.is_empty() { inner.clone() } else { format!("{name}.{inner}") };
            values.iter().for_each(|(key, value)| flatten(&inner(key), value, found));
        }
        Value::String(text) if text.is_empty() => found.push((name.to_owned(), "\"\"".to_owned())),
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Null => {}
        other => found.push((name.to_owned(), other.to_string())),
    }
}
