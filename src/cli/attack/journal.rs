//! What an attack has found so far, kept so that it can be gone on with: a line that says which attack it is, then a line a query.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use snellen::attack::search::{Outcome, State};
use snellen::attack::victim::Standing;
use snellen::data::atomic;

use crate::cli::Failure;

/// Outcomes by query.
pub(super) struct Journal {
    path: PathBuf,
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
        let mut journal = Self { path: path.to_owned(), text, outcomes: BTreeMap::new() };
        let found = std::fs::read_to_string(path).ok();
        let Some(lines) = found.as_deref().and_then(|found| found.strip_prefix(&journal.text)) else { return journal };
        let read: Result<Vec<Line>, _> = lines.lines().map(serde_json::from_str).collect();
        if let Ok(read) = read {
            journal.text.push_str(lines);
            journal.outcomes = read.into_iter().map(|line| (line.query.clone(), line.outcome())).collect();
        }
        journal
    }

    /// How many queries it has.
    pub(super) fn len(&self) -> usize {
        self.outcomes.len()
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
