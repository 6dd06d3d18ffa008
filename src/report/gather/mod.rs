//! From what commands left in folders to the sections of a page.

mod cells;
mod claims;
mod made;
mod pictures;
mod runs;
mod summaries;
mod training;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use made::{MADE, made_of};

use super::page::{Narrowed, Page, Section, Table};
use crate::Result;
use crate::data::FileFault;

/// All results in these files and folders, and in the folders within them, by name.
///
/// # Errors
/// A path that is not there or has no results; a file that is not as this program writes it.
pub fn gather(title: &str, paths: &[PathBuf]) -> Result<Page> {
    let mut sections = Vec::new();
    for path in paths {
        let mut seen = BTreeSet::new();
        let before = sections.len();
        let meta = std::fs::metadata(path).map_err(FileFault::io("open", path))?;
        if meta.is_dir() {
            folder(path, &mut seen, &mut sections)?;
        } else {
            // What is no JSON at all is said by line.
            json(path)?;
            sections.extend(claims::sections(path)?);
        }
        if sections.len() == before {
            let what = "no results: expected what a command wrote with --output, or `verify --format json`";
            return Err(FileFault::content(path.display(), what).into());
        }
    }
    for table in sections.iter_mut().flat_map(|section| &mut section.tables) {
        drop_empty_columns(table);
    }
    tell_apart(&mut sections);
    Ok(Page { title: title.to_owned(), sections })
}

/// Sections of one title, as of students of one teacher, are called after their places too.
fn tell_apart(sections: &mut [Section]) {
    let mut count = BTreeMap::<String, usize>::new();
    sections.iter().for_each(|section| *count.entry(section.title.clone()).or_default() += 1);
    for section in sections.iter_mut().filter(|section| count[&section.title] > 1) {
        section.title = format!("{} ({})", section.title, section.path);
    }
}

/// `seen`: folders, as links may lead to them again.
fn folder(path: &Path, seen: &mut BTreeSet<PathBuf>, sections: &mut Vec<Section>) -> Result<()> {
    if !seen.insert(path.canonicalize().map_err(FileFault::io("find", path))?) {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(FileFault::io("read", path))? {
        names.push(entry.map_err(FileFault::io("read", path))?.path());
    }
    // Whoever opens a pipe waits for somebody who writes into it.
    names.retain(|name| name.is_dir() || name.is_file());
    names.sort();
    sections.extend(own(path, &names)?);
    for name in &names {
        // Editors keep theirs in such folders.
        if name.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        let is_json = name.extension().is_some_and(|extension| extension == "json");
        if name.is_dir() {
            folder(name, seen, sections)?;
        } else if is_json && name.metadata().is_ok_and(|meta| meta.len() < LARGEST) {
            // Whatever else lies there need not be ours, but what was cut short might have been.
            let found = json(name)
                .map_err(|e| FileFault::content(e, "cut short? what is no result is not to lie among results"))?;
            if found["claims"].is_array() {
                sections.extend(claims::sections(name)?);
            }
        }
    }
    Ok(())
}

/// Summaries are smaller; models' vocabularies are not.
const LARGEST: u64 = 64 << 20;

/// What the files of one folder are together.
fn own(path: &Path, names: &[PathBuf]) -> Result<Option<Section>> {
    let has = |name: &str| names.iter().any(|path| path.file_name().is_some_and(|found| found == name));
    let mut section = if has("summary.json") {
        let summary = json(&path.join("summary.json"))?;
        summaries::section(&path.join("summary.json"), &summary)?
    } else if has("run.json") && has("log.csv") {
        Some(training::section(path)?)
    } else {
        None
    };
    let Some(found) = &mut section else { return Ok(None) };
    found.path = path.display().to_string();
    if has(MADE) {
        let made = made::Made::read(&path.join(MADE))?;
        found.narrowed = language(&found.tables).and_then(|language| Narrowed::language(language, &made.command));
        found.command = made.command;
        found.facts.extend(made.facts);
    }
    found.pictures.extend(pictures::drawn(names, has("pairs.csv"))?);
    found.pictures.extend(runs::histograms(names)?);
    Ok(section)
}

/// The language of the first row of the first table that has a row a language.
fn language(tables: &[Table]) -> Option<&str> {
    let table = tables.iter().find(|table| table.head.first().is_some_and(|name| name == "language"))?;
    Some(table.rows.first()?.first()?.as_str())
}

/// Columns in which nothing stands say nothing, and make a table wide.
fn drop_empty_columns(table: &mut Table) {
    for column in (0..table.head.len()).rev() {
        if table.rows.iter().all(|row| row[column].is_empty()) && !table.rows.is_empty() {
            table.head.remove(column);
            table.rows.iter_mut().for_each(|row| drop(row.remove(column)));
            table.words -= usize::from(column < table.words);
        }
    }
}

fn json(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).map_err(FileFault::io("read", path))?;
    Ok(serde_json::from_slice(&bytes).map_err(|e| FileFault::line(path.display(), e.line(), e))?)
}

/// A value with its name, if it is there.
fn fact(values: &Value, name: &str) -> Option<(String, String)> {
    let value = match &values[name] {
        Value::Null => return None,
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some((name.replace('_', " "), value))
}

/// A file that lacks something.
fn lacks(path: &Path, what: &str) -> FileFault {
    FileFault::content(path.display(), format!("{what} is missing: this program did not write it so"))
}

/// A number for people: six digits at most after the point.
fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| {
        if value.fract() == 0.0 && value.abs() < 1e15 { value.to_string() } else { format!("{value:.6}") }
    })
}

/// Numbers of a column for people: whole ones without a point, or all with as many digits.
fn numbers(values: &[Option<f64>]) -> Vec<String> {
    let whole = values.iter().flatten().all(|value| value.fract() == 0.0 && value.abs() < 1e15);
    let one =
        |value: &Option<f64>| value.map_or(String::new(), |value| format!("{value:.*}", if whole { 0 } else { 6 }));
    values.iter().map(one).collect()
}
