//! How to compute the numbers that a claim is about.

use serde::Deserialize;

use crate::encoder::Pooling;
use crate::task::tatoeba::{Convention, Direction};

/// How to compute a claim's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The task.
    pub task: Task,
    /// The model's name or folder.
    pub model: String,
    /// The model of the sentences that are searched, if it is another.
    pub document_model: Option<String>,
    /// The data set's name or folder.
    pub data: String,
    /// Which side asks.
    pub direction: Direction,
    /// Whose way of computing it.
    pub convention: Convention,
    /// The text before every sentence.
    #[serde(default)]
    pub prefix: String,
    /// How tokens become one vector; none: as the model says.
    pub pooling: Option<Pooling>,
    /// The hidden layer to pool, 0 for the embeddings; none: the last.
    pub layer: Option<usize>,
    /// The only languages that the claim is about, spelled as in the cells; none: those of the cells.
    pub languages: Option<Vec<String>>,
}

/// The tasks that recipes know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Bitext retrieval on LASER's Tatoeba sets.
    Tatoeba,
}
