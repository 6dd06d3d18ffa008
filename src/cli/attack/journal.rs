//! What an attack has found so far, kept so that it can be gone on with: a line that says which attack it is, then a line a query.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use snellen::attack::search::{Outcome, State};
use snellen::attack::victim::Standing;
use snellen::data::atomic;

use crate::cli::{Failure, same_file};

/// Whether a file lies in this folder and is called like its journals.
pub(super) fn is_in(folder: &Path, file: &Path) -> bool {
    let Ok(file) = file.canonicalize() else { return false };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("journal.") && name.ends_with(".jsonl") && file.parent().is_some_and(|own| same_file(folder, own))
}

/// Outcomes by query.
pub(super) struct Journal {
    path: PathBuf,
    key: String,
    text: String,
    outcomes: BTreeMap<String, Outcome>,
}

#[derive(Serialize, Deserialize)]
struct Heading {
    attack: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    query: String,
    tried: usize,
    states: Vec<Kept>,
}

/// A state as it is kept; the margin by its bits.
#[derive(Serialize, Deserialize)]
struct Kept {
    text: String,
    edits: usize,
    margin: u32,
    rank: usize,
    relevant: usize,
    wrong: usize,
}

impl Journal {
    /// The journal of the attack with this key: what is there, or empty where nothing is, or another attack's, or what cannot be read.
    pub(super) fn open(path: &Path, key: &str) -> Self {
        let heading = Heading { attack: key.to_owned() };
        let text = format!("{}\n", serde_json::to_string(&heading).expect("a string"));
        let mut journal = Self { path: path.to_owned(), key: key.to_owned(), text, outcomes: BTreeMap::new() };
        let found = std::fs::read_to_string(path).ok();
        let Some(lines) = found.as_deref().and_then(|found| found.strip_prefix(&journal.text)) else { return journal };
        let read: Result<Vec<Line>, _> = lines.lines().map(serde_json::from_str).collect();
        let whole = |read: &Vec<Line>| read.iter().all(|line| !line.states.is_empty());
        if let Some(read) = read.ok().filter(whole) {
            journal.text.push_str(lines);
            journal.outcomes = read.into_iter().map(|line| (line.query.clone(), line.outcome())).collect();
        }
        journal
    }

    /// Takes what shards found, whose journals lie in `folder`, in the order of `queries`; returns the files.
    pub(super) fn absorb<'a>(
        &mut self,
        folder: &Path,
        method: &str,
        queries: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<PathBuf>, Failure> {
        // Those of other attacks are left alone.
        let found = parts(folder, method).into_iter().map(|path| Self::open(&path, &self.key));
        let mut read: Vec<Self> = found.filter(|part| !part.outcomes.is_empty()).collect();
        let parts = read.iter().map(|part| part.path.clone()).collect();
        let mut found = Vec::new();
        for query in queries.filter(|query| !self.outcomes.contains_key(*query)) {
            if let Some(outcome) = read.iter_mut().find_map(|part| part.outcomes.remove(query)) {
                found.push((query.to_owned(), outcome));
            }
        }
        if !found.is_empty() {
            self.add(found.into_iter())?;
        }
        Ok(parts)
    }

    /// What became of a query.
    pub(super) fn get(&self, query: &str) -> Option<&Outcome> {
        self.outcomes.get(query)
    }

    /// Adds outcomes and writes the file.
    pub(super) fn add(&mut self, found: impl Iterator<Item = (String, Outcome)>) -> Result<(), Failure> {
        for (query, outcome) in found {
            let line = serde_json::to_string(&Line::of(&query, &outcome)).expect("numbers and strings");
            self.text.push_str(&line);
            self.text.push('\n');
            self.outcomes.insert(query, outcome);
        }
        Ok(atomic::write(&self.path, self.text.as_bytes())?)
    }
}

/// The journal of a method, or of a shard of it.
pub(super) fn file(method: &str, shard: Option<(usize, usize)>) -> String {
    match shard {
        None => format!("journal.{method}.jsonl"),
        Some((i, n)) => format!("journal.{method}.{i}-of-{n}.jsonl"),
    }
}

/// The journals that shards left, by name.
fn parts(folder: &Path, method: &str) -> Vec<PathBuf> {
    let is_part = |name: &str| {
        let shard = name.strip_prefix("journal.")?.strip_prefix(method)?.strip_prefix('.')?.strip_suffix(".jsonl")?;
        let (i, n) = shard.split_once("-of-")?;
        Some([i, n].iter().all(|number| number.parse::<usize>().is_ok()))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut parts: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().and_then(is_part) == Some(true))
        .map(|entry| entry.path())
        .collect();
    parts.sort();
    parts
}

/// Removes journals whose outcomes are in another.
pub(super) fn remove(parts: Vec<PathBuf>) -> Result<(), Failure> {
    for part in parts {
        std::fs::remove_file(&part).map_err(|e| Failure::Usage(format!("{}: cannot remove: {e}", part.display())))?;
    }
    Ok(())
}

impl Line {
    fn of(query: &str, outcome: &Outcome) -> Self {
        let kept = |state: &State| {
            let Standing { margin, rank, relevant, wrong } = state.standing;
            Kept { text: state.text.clone(), edits: state.edits, margin: margin.to_bits(), rank, relevant, wrong }
        };
        Self { query: query.to_owned(), tried: outcome.tried, states: outcome.states.iter().map(kept).collect() }
    }

    fn outcome(self) -> Outcome {
        let state = |kept: Kept| {
            let Kept { text, edits, margin, rank, relevant, wrong } = kept;
            State { text, edits, standing: Standing { margin: f32::from_bits(margin), rank, relevant, wrong } }
        };
        Outcome { tried: self.tried, states: self.states.into_iter().map(state).collect() }
    }
}
