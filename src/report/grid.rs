//! What a person wants to see of a claim: a row a language, a column a measure, and then each cell that does not hold.

use std::collections::BTreeMap;

use crate::claim::{Cell, ClaimOutcome, Verdict};

/// More decimals than this are for machines and for cells that do not hold.
const DECIMALS: usize = 6;

/// A claim's cells by language and measure, both in the order in which they first occur.
pub(super) struct Grid<'a> {
    pub(super) measures: Vec<&'a str>,
    pub(super) rows: Vec<Row<'a>>,
}

/// One language; a slot for each measure.
pub(super) struct Row<'a> {
    pub(super) language: &'a str,
    pub(super) cells: Vec<Option<&'a Cell>>,
}

impl<'a> Grid<'a> {
    /// Of all cells of `claim`: where a language has a measure twice it gets a second row.
    pub(super) fn new(claim: &'a ClaimOutcome) -> Self {
        let mut grid = Self { measures: Vec::new(), rows: Vec::new() };
        for cell in &claim.cells {
            let measure = cell.key.measure.as_str();
            if !grid.measures.contains(&measure) {
                grid.measures.push(measure);
            }
        }
        for cell in &claim.cells {
            grid.put(cell);
        }
        grid
    }

    fn put(&mut self, cell: &'a Cell) {
        let (language, measure) = (cell.key.language.as_str(), cell.key.measure.as_str());
        let Some(column) = self.measures.iter().position(|&m| m == measure) else { return };
        let free = self.rows.iter().position(|row| row.language == language && row.cells[column].is_none());
        let row = free.unwrap_or_else(|| {
            self.rows.push(Row { language, cells: vec![None; self.measures.len()] });
            self.rows.len() - 1
        });
        self.rows[row].cells[column] = Some(cell);
    }

    /// How many decimals each measure is shown with: those printed in the source, within reason.
    pub(super) fn decimals(&self) -> Vec<usize> {
        let column = |i: usize| self.rows.iter().filter_map(move |row| row.cells[i]);
        (0..self.measures.len()).map(|i| column(i).map(|cell| cell.digits.min(DECIMALS)).max().unwrap_or(0)).collect()
    }
}

/// Our value with `decimals`, and a sign for the verdict.
pub(super) fn value_and_mark(cell: Option<&Cell>, decimals: usize) -> String {
    match cell {
        Some(Cell { value: Some(value), verdict, .. }) => format!("{value:.decimals$} {}", mark(*verdict)),
        Some(Cell { value: None, verdict, .. }) => format!("– {}", mark(*verdict)),
        None => String::new(),
    }
}

/// The sign of a verdict.
pub(super) fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Identical => '≡',
        Verdict::Reproduced => '=',
        Verdict::Within => '≈',
        Verdict::Higher => '↑',
        Verdict::Differs => '≠',
        Verdict::Blocked => '?',
    }
}

/// `= reproduced, ≠ differs`: the signs that occur among the claim's cells.
pub(super) fn legend(claim: &ClaimOutcome) -> String {
    let occurs = |v: &Verdict| claim.cells.iter().any(|cell| cell.verdict == *v);
    let parts: Vec<String> =
        Verdict::ALL.into_iter().filter(occurs).map(|v| format!("{} {}", mark(v), v.name())).collect();
    parts.join(", ")
}

/// The columns of [`failures`].
pub(super) const FAILURE_HEADER: [&str; 7] =
    ["language", "measure", "published", "ours", "difference", "verdict", "why"];

/// The cells that do not hold, each with every digit.
pub(super) fn failures(claim: &ClaimOutcome) -> Vec<(Verdict, [String; FAILURE_HEADER.len()])> {
    let fails = |cell: &&Cell| !cell.verdict.passes() && cell.verdict != Verdict::Blocked;
    claim.cells.iter().filter(fails).map(|cell| (cell.verdict, failure(cell))).collect()
}

fn failure(cell: &Cell) -> [String; FAILURE_HEADER.len()] {
    let difference = cell.value.zip(cell.published.parse::<f64>().ok()).map(|(ours, published)| ours - published);
    [
        cell.key.language.clone(),
        cell.key.measure.clone(),
        cell.published.clone(),
        cell.value.map(|v| v.to_string()).unwrap_or_default(),
        difference.map(|d| if d == 0.0 { "0".to_owned() } else { format!("{d:+.1e}") }).unwrap_or_default(),
        cell.verdict.name().to_owned(),
        cell.why.clone().unwrap_or_default(),
    ]
}

/// What there is to say of cells that hold: language, measure, and that.
pub(super) fn remarks(claim: &ClaimOutcome) -> impl Iterator<Item = (&str, &str, &str)> {
    let holds = claim.cells.iter().filter(|cell| cell.verdict.passes());
    holds.filter_map(|cell| Some((cell.key.language.as_str(), cell.key.measure.as_str(), cell.why.as_deref()?)))
}

/// Why cells are blocked, and how many for each reason.
pub(super) fn blocked(claim: &ClaimOutcome) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for cell in claim.cells.iter().filter(|cell| cell.verdict == Verdict::Blocked) {
        *reasons.entry(cell.why.as_deref().unwrap_or("no reason given")).or_insert(0) += 1;
    }
    reasons
}

/// Whether there is anything to show but why nothing could be computed.
pub(super) fn has_values(claim: &ClaimOutcome) -> bool {
    claim.cells.iter().any(|cell| cell.verdict != Verdict::Blocked)
}
