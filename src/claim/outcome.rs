//! What came of checking claims: plain results that reports are written from.

use serde::Serialize;

use crate::task::Key;

/// Whether a published number holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Ranking and scores have the recorded digest.
    Identical,
    /// Equal at the precision printed in the source.
    Reproduced,
    /// Inside the tolerance that the claim states.
    Within,
    /// Better than published by more than the tolerance: suspicious.
    Higher,
    /// Anything else.
    Differs,
    /// The inputs cannot be had here.
    Blocked,
}

impl Verdict {
    /// All verdicts, in the order in which they are counted.
    pub const ALL: [Self; 6] =
        [Self::Identical, Self::Reproduced, Self::Within, Self::Higher, Self::Differs, Self::Blocked];

    /// The verdict's name as reports print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Reproduced => "reproduced",
            Self::Within => "within",
            Self::Higher => "higher",
            Self::Differs => "differs",
            Self::Blocked => "blocked",
        }
    }

    /// Whether the number holds. A blocked cell neither holds nor fails.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Identical | Self::Reproduced | Self::Within)
    }
}

/// One published number and ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// What it is a number of.
    pub key: Key,
    /// The number as the source prints it.
    pub published: String,
    /// Ours; none where the cell is blocked.
    pub value: Option<f64>,
    /// How many decimals the source prints.
    pub digits: usize,
    /// Whether it holds.
    pub verdict: Verdict,
    /// SHA-256 over the ranking and scores behind our number; none where the cell is blocked.
    pub digest: Option<String>,
    /// Why, where the verdict alone does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A claim, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimOutcome {
    /// The claim's id.
    pub id: String,
    /// What the claim says, in a line.
    pub title: String,
    /// Where its numbers were read.
    pub source: String,
    /// Its cells in the claim's order.
    pub cells: Vec<Cell>,
}

/// Several claims, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// In the order asked for.
    pub claims: Vec<ClaimOutcome>,
}

impl Outcome {
    /// How many cells got each verdict, in the order of [`Verdict::ALL`], zero counts included.
    #[must_use]
    pub fn counts(&self) -> [(Verdict, usize); 6] {
        let cells = || self.claims.iter().flat_map(|claim| &claim.cells);
        Verdict::ALL.map(|v| (v, cells().filter(|cell| cell.verdict == v).count()))
    }

    /// Whether every cell that could be computed holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.claims.iter().flat_map(|c| &c.cells).all(|c| c.verdict.passes() || c.verdict == Verdict::Blocked)
    }

    /// Whether some cell could not be computed.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.claims.iter().flat_map(|c| &c.cells).any(|c| c.verdict == Verdict::Blocked)
    }
}
