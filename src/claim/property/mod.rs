//! Statements that no published number stands for: what has to be so, and how it is looked at.

mod collections;
mod implementation;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Cell, Verdict};
use crate::Result;
use crate::data::shelf::Shelf;
use crate::kernel::ARITH;
use crate::task::Key;

/// What has to be so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "check", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Property {
    /// Manifests say so, in their title, licence or citation: a phrase each, `DATA: PHRASE`.
    Manifests {
        /// The phrases.
        say: Vec<String>,
    },
    /// No low-resource language has as many judged queries.
    JudgedQueries {
        /// In which collections.
        data: Vec<String>,
        /// As how many.
        below: usize,
    },
    /// The parts of the OT loss of the fixtures, as the trainer has it, beside plain sums over the models' token states.
    TransportLoss {
        /// Which part.
        part: Part,
    },
    /// Distillation changes no document's embedding, and the queries' encoder.
    DocumentsUnchanged {},
    /// A distillation's languages.
    Languages {
        /// Its configuration, relative to the claim's own file.
        config: PathBuf,
        /// How many there are at least.
        at_least: usize,
        /// How many of them are of the classes 0 to 2 of Joshi et al. at least.
        low_resource: usize,
    },
    /// How much bitext a distillation learns each of its languages from.
    Bitext {
        /// Its configuration, relative to the claim's own file.
        config: PathBuf,
        /// How many pairs at most.
        at_most: usize,
    },
}

/// A part of the OT loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The plan's sums over rows and columns are the tokens' masses.
    Marginals,
    /// A cost is the cosine distance of a student's and a teacher's token.
    Costs,
    /// The loss is the Frobenius inner product of plan and costs.
    Product,
}

/// What was found.
struct Finding {
    /// What was looked at.
    subject: String,
    /// What of it.
    measure: &'static str,
    /// What it has to be.
    wanted: String,
    /// What it is; or why that cannot be said here.
    value: Result<f64, String>,
    holds: bool,
    why: Option<String>,
}

impl Property {
    /// How many cells it has.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        match self {
            Self::Manifests { say } => say.len(),
            Self::JudgedQueries { data, .. } => data.len(),
            Self::Languages { .. } => 2,
            Self::TransportLoss { .. } | Self::DocumentsUnchanged {} | Self::Bitext { .. } => 1,
        }
    }

    /// Names of the data sets that it looks at.
    pub(super) fn needs(&self, folder: &Path) -> Vec<String> {
        match self {
            Self::Manifests { say } => {
                say.iter().filter_map(|said| Some(said.split_once(':')?.0.trim().to_owned())).collect()
            }
            Self::JudgedQueries { data, .. } => data.clone(),
            Self::Bitext { config, .. } => collections::needs(&folder.join(config)),
            Self::TransportLoss { .. } | Self::DocumentsUnchanged {} | Self::Languages { .. } => Vec::new(),
        }
    }

    /// The configuration that it looks at, relative to the claim's own file.
    pub(super) fn config(&self) -> Option<&Path> {
        match self {
            Self::Languages { config, .. } | Self::Bitext { config, .. } => Some(config),
            _ => None,
        }
    }

    /// What the types do not say.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Manifests { say } => match say.iter().find(|said| !is_phrase(said)) {
                Some(phrase) => Err(format!("`property.say`: {phrase:?} is not DATA: PHRASE")),
                None if say.is_empty() => Err("`property.say` is empty".to_owned()),
                None => Ok(()),
            },
            Self::JudgedQueries { data, .. } if data.is_empty() => Err("`property.data` is empty".to_owned()),
            _ => Ok(()),
        }
    }

    /// A cell for each thing that was looked at. `folder`: the claim's.
    ///
    /// # Errors
    /// Data that are damaged, a configuration that cannot be read.
    pub(super) fn cells(&self, shelf: &Shelf, folder: &Path) -> Result<Vec<Cell>> {
        let found = match self {
            Self::Manifests { say } => collections::manifests(shelf, say),
            Self::JudgedQueries { data, below } => collections::judged_queries(shelf, data, *below)?,
            Self::TransportLoss { part } => vec![implementation::transport_loss(shelf, *part)?],
            Self::DocumentsUnchanged {} => vec![implementation::documents_unchanged(shelf)?],
            Self::Languages { config, at_least, low_resource } => {
                collections::languages(folder, config, *at_least, *low_resource)?
            }
            Self::Bitext { config, at_most } => vec![collections::bitext(shelf, folder, config, *at_most)?],
        };
        Ok(found.into_iter().map(Finding::cell).collect())
    }
}

fn is_phrase(said: &str) -> bool {
    said.split_once(": ").is_some_and(|(data, phrase)| ![data, phrase].iter().any(|text| text.trim().is_empty()))
}

impl Finding {
    fn cell(self) -> Cell {
        let (value, verdict, why) = match self.value {
            Ok(value) if self.holds => (Some(value), Verdict::Reproduced, self.why),
            Ok(value) => (Some(value), Verdict::Differs, self.why),
            Err(why) => (None, Verdict::Blocked, Some(why)),
        };
        let key = statement("property", self.subject, self.measure);
        // Counts are whole; what is off is far below 1.
        let digits = if value.is_some_and(|value| value.fract() != 0.0) { 16 } else { 0 };
        Cell { key, published: self.wanted, value, digits, verdict, digest: None, why }
    }
}

/// The key of what is no number of a task.
pub(super) fn statement(kind: &str, subject: String, measure: &str) -> Key {
    let none = || "none".to_owned();
    Key {
        task: kind.to_owned(),
        data: subject.clone(),
        data_sha256: none(),
        // Tables have a row for each.
        language: subject,
        direction: none(),
        measure: measure.to_owned(),
        aggregation: none(),
        model: none(),
        model_sha256: none(),
        system: none(),
        pooling: none(),
        prefix: String::new(),
        perturbation: None,
        ties: none(),
        arith: ARITH,
    }
}
