//! Folders with a `summary.json`: which command wrote it is seen from what it has.

use std::path::Path;

use serde_json::Value;

use super::{cells, fact, lacks, number};
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
    } else if summary["teacher"].is_string() && summary["pairs"].is_number() {
        Some(alignment(summary))
    } else {
        None
    })
}

/// Columns of rows of objects: those of words first.
fn table(title: &str, rows: &[Value], words: &[&str], numbers: &[&str]) -> Table {
    let name = |path: &&str| path.rsplit('.').next().unwrap_or_default().replace('_', " ");
    let field = |row: &Value, path: &str| {
        let value = path.split('.').fold(row, |value, name| &value[name]);
        match value {
            Value::String(text) => text.clone(),
            Value::Number(_) => number(value.as_f64()),
            _ => String::new(),
        }
    };
    Table {
        title: title.to_owned(),
        head: words.iter().chain(numbers).map(name).collect(),
        words: words.len(),
        rows: rows.iter().map(|row| words.iter().chain(numbers).map(|path| field(row, path)).collect()).collect(),
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
    let mut tables = vec![table(
        "Methods",
        methods,
        &["method", "how", "digest"],
        &["queries", "unmoved", "candidates", "p_against_random", "held_less_than_random"],
    )];
    for method in methods {
        let title =
            format!("{}: edits allowed, and how many queries are held", method["method"].as_str().unwrap_or_default());
        tables.push(table(
            &title,
            rows(path, method, "curve")?,
            &[],
            &["budget", "held", "success", "margin", "edits"],
        ));
    }
    Ok(Section {
        title: format!("attack on {}", summary["model"].as_str().unwrap_or_default()),
        facts: facts(summary, &["model", "model_sha256", "pooling", "prefix", "until", "seed", "arith", "digest"]),
        tables,
        ..Section::default()
    })
}

fn alignment(summary: &Value) -> Section {
    let mut values = Vec::new();
    flatten("", summary, &mut values);
    Section {
        title: format!(
            "alignment: {} and {}",
            summary["teacher"].as_str().unwrap_or_default(),
            summary["student"].as_str().unwrap_or("itself")
        ),
        tables: vec![Table {
            title: "Means over pairs, and what they are of".to_owned(),
            head: ["name", "value"].map(str::to_owned).to_vec(),
            words: 2,
            rows: values,
        }],
        ..Section::default()
    }
}

/// A row a value, those of an object under its name.
fn flatten(name: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(values) => {
            let inner = |inner: &String| if name.is_empty() { inner.clone() } else { format!("{name}.{inner}") };
            values.iter().for_each(|(key, value)| flatten(&inner(key), value, rows));
        }
        Value::String(text) => rows.push(vec![name.to_owned(), text.clone()]),
        Value::Null => {}
        other => rows.push(vec![name.to_owned(), other.to_string()]),
    }
}
