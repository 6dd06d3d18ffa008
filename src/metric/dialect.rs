//! Where tools disagree.

use std::fmt;
use std::str::FromStr;

/// Whose rules apply where tools disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Scores in f64; of equal ones the lower document id comes first; a judged query that the run lacks counts 0.
    #[default]
    Snellen,
    /// trec_eval 9: scores as C floats; of equal ones the higher document id comes first; only queries that the run has count.
    TrecEval9,
    /// trec_eval 10: as 9, but scores in f64, and the recall of IPrec in documents is rounded (9 and ours add 0.9 and cut).
    TrecEval10,
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "snellen" => Ok(Self::Snellen),
            "trec_eval9" | "trec_eval" => Ok(Self::TrecEval9),
            "trec_eval10" => Ok(Self::TrecEval10),
            _ => Err(format!("no dialect {name}: snellen, trec_eval9 or trec_eval10")),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snellen => "snellen",
            Self::TrecEval9 => "trec_eval9",
            Self::TrecEval10 => "trec_eval10",
        })
    }
}
