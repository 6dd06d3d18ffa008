//! Runs that lie beside their judgements: how far scores of relevant documents lie from others'.

use std::path::{Path, PathBuf};

use super::pictures::draw;
use crate::Result;
use crate::data::trec::{Qrels, TrecFile};
use crate::report::bars::{Bar, Bars};
use crate::report::page::Picture;

/// More pictures than these nobody looks at.
const MOST: usize = 12;
const BINS: usize = 12;

/// A picture for each run NAME.run with NAME.qrels.
pub(super) fn histograms(names: &[PathBuf]) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for run in names.iter().filter(|name| name.extension().is_some_and(|extension| extension == "run")) {
        let qrels = run.with_extension("qrels");
        if names.contains(&qrels) && pictures.len() < MOST {
            pictures.extend(histogram(run, &qrels)?);
        }
    }
    Ok(pictures)
}

/// By how much the best relevant document of each query is scored above the best other; below 0 it is not found first.
fn histogram(run: &Path, qrels: &Path) -> Result<Option<Picture>> {
    let judgements = Qrels::read(&TrecFile::open(qrels)?)?;
    let found = TrecFile::open(run)?.each_query(|query, entries| {
        let relevant = |document: &str| {
            judgements.of(query).is_some_and(|all| all.iter().any(|one| one.document == document && one.grade > 0))
        };
        let best = |wanted: bool| {
            let scores = entries.iter().filter(|entry| relevant(entry.document) == wanted).map(|entry| entry.score);
            scores.max_by(f64::total_cmp)
        };
        Ok(best(true).zip(best(false)).map(|(right, wrong)| right - wrong))
    })?;
    let margins: Vec<f64> = found.into_values().flatten().collect();
    let (low, high) =
        margins.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    // Of no spread there is nothing to show.
    if !(high - low).is_finite() || low == high {
        return Ok(None);
    }
    // An edge lies at 0, where it is decided which is first.
    let width = (high - low) / BINS as f64;
    let bin = |x: f64| (x / width).floor() as i64;
    let bars = (bin(low)..=bin(high)).map(|i| {
        let edge = |i: i64| format!("{:.3}", i as f64 * width);
        let within = margins.iter().filter(|x| bin(**x) == i).count();
        let group = if i < 0 { "another document is first" } else { "a relevant document is first" };
        let label = format!("{} to {}", edge(i), edge(i + 1));
        Bar { label, group: group.to_owned(), value: within as f64, mark: None }
    });
    let name = run.file_stem().unwrap_or_default().to_string_lossy();
    let caption = format!("{name}: queries by how far the best relevant document is scored above the best other one");
    let title = format!("{name}, {} queries by margin", margins.len());
    Ok(Some(draw(&caption, &Bars { title, bars: bars.collect(), decimals: 0 })))
}
