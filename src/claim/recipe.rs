//! How to compute the numbers that a claim is about.

use serde::Deserialize;

/// How to compute a claim's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The task.
    pub task: Task,
    /// The model's name or folder.
    pub model: String,
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

/// Which side of a bitext asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Direction {
    /// The foreign sentences are the queries.
    #[serde(rename = "xx-en")]
    ToEnglish,
    /// The English sentences are the queries.
    #[serde(rename = "en-xx")]
    FromEnglish,
}

/// Whose way of computing a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// The Massive Text Embedding Benchmark's.
    Mteb,
    /// XTREME's.
    Xtreme,
}

/// How token vectors become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first one.
    Cls,
    /// The largest of each coordinate.
    Max,
}
