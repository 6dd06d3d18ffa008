//! What tasks wrote: numbers with their keys.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::pictures::draw;
use super::{fact, numbers};
use crate::Result;
use crate::data::{FileFault, levels};
use crate::report::bars::{Bar, Bars};
use crate::report::page::{Section, Table};

#[derive(Deserialize)]
struct Cell {
    key: Key,
    value: Option<f64>,
}

#[derive(Deserialize)]
struct Key {
    task: String,
    data: String,
    data_sha256: String,
    language: String,
    direction: String,
    measure: String,
    model: String,
    model_sha256: String,
    system: String,
    pooling: String,
    prefix: String,
    perturbation: Option<String>,
    arith: u32,
}

pub(super) fn section(path: &Path, summary: &Value) -> Result<Section> {
    let wrong = |e: serde_json::Error| FileFault::content(path.display(), format!("not what a task writes: {e}"));
    let cells = Vec::<Cell>::deserialize(&summary["cells"]).map_err(wrong)?;
    let Some(Cell { key, .. }) = cells.first() else {
        return Err(FileFault::content(path.display(), "no cells").into());
    };
    let mut facts: Vec<(String, String)> = [
        ("model", key.model.clone()),
        ("model sha256", key.model_sha256.clone()),
        ("data", key.data.clone()),
        ("data sha256", key.data_sha256.clone()),
        ("pooling", key.pooling.clone()),
        ("prefix", format!("{:?}", key.prefix)),
        ("arith", key.arith.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    facts.extend(key.perturbation.iter().map(|perturbation| ("perturbation".to_owned(), perturbation.clone())));
    facts.extend(fact(summary, "digest"));
    let title = format!("{}: {} on {}", key.task, key.model, key.data);
    let measure = &key.measure;
    let first = cells.iter().filter(|cell| {
        cell.key.measure == *measure && (&cell.key.system, &cell.key.direction) == (&key.system, &key.direction)
    });
    let bars = first.filter_map(|cell| Some((cell.key.language.clone(), cell.value?, None))).collect();
    let caption = format!("{measure}: a bar a language, those with few resources first");
    let pictures = vec![draw(&caption, &by_level(measure, bars))];
    Ok(Section { title, facts, pictures, tables: vec![table(&cells)], ..Section::default() })
}

/// A row a language, direction and system; a column a measure.
fn table(cells: &[Cell]) -> Table {
    let mut measures: Vec<&str> = Vec::new();
    let mut rows: Vec<([&str; 3], Vec<Option<f64>>)> = Vec::new();
    for Cell { key, value } in cells {
        let column = measures.iter().position(|measure| *measure == key.measure).unwrap_or_else(|| {
            measures.push(&key.measure);
            measures.len() - 1
        });
        let name = [key.language.as_str(), &key.direction, &key.system];
        let row = rows.iter().position(|(other, _)| *other == name).unwrap_or_else(|| {
            rows.push((name, Vec::new()));
            rows.len() - 1
        });
        let fields = &mut rows[row].1;
        fields.resize(fields.len().max(column + 1), None);
        fields[column] = *value;
    }
    let columns: Vec<Vec<String>> = (0..measures.len())
        .map(|column| {
            numbers(&rows.iter().map(|(_, values)| values.get(column).copied().flatten()).collect::<Vec<_>>())
        })
        .collect();
    let head = ["language", "direction", "system"].iter().chain(&measures).map(|name| (*name).to_owned()).collect();
    let fields = |(row, (name, _)): (usize, &([&str; 3], _))| {
        name.map(str::to_owned).into_iter().chain(columns.iter().map(|column| column[row].clone())).collect()
    };
    Table { title: "Cells".to_owned(), head, words: 3, rows: rows.iter().enumerate().map(fields).collect() }
}

/// A bar a language, those with few resources first; with what was published.
pub(super) fn by_level(title: &str, mut found: Vec<(String, f64, Option<f64>)>) -> Bars {
    found.sort_by_key(|(language, ..)| (levels::class(language).map_or(9, u8::from), language.clone()));
    let bar = |(label, value, mark): (String, f64, Option<f64>)| {
        let group =
            levels::class(&label).map_or("class not known".to_owned(), |class| format!("class {class} (Joshi et al.)"));
        Bar { label, group, value, mark }
    };
    Bars { title: title.to_owned(), bars: found.into_iter().map(bar).collect(), decimals: 4 }
}
