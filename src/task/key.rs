//! What a number is a number of.

use serde::Serialize;

/// Everything that decides a number. Leaving one field out is how two suites come to disagree by ten points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The task, e.g. `tatoeba`.
    pub task: String,
    /// The data set's name and version, e.g. `tatoeba@LASER v1`.
    pub data: String,
    /// SHA-256 over the data set's files.
    pub data_sha256: String,
    /// The language or language pair, in the source's own spelling.
    pub language: String,
    /// Which side asks, `xx-en` or `en-xx`, or which candidates are offered: a view of LAReQA.
    pub direction: String,
    /// The measure with its cut-off, e.g. `f1`.
    pub measure: String,
    /// How single queries were joined into the number.
    pub aggregation: String,
    /// The model's name.
    pub model: String,
    /// SHA-256 over everything in the model's folder that decides an embedding.
    pub model_sha256: String,
    /// How documents are scored: `dense`, `late`, `bm25(k1=0.9,b=0.4)` or what was fused.
    pub system: String,
    /// Pooling and normalisation, e.g. `mean+l2`.
    pub pooling: String,
    /// The text before every sentence; before queries and before documents, where these differ.
    pub prefix: String,
    /// The perturbation of the queries, if any, with its seed.
    pub perturbation: Option<String>,
    /// How equal scores are ordered.
    pub ties: String,
    /// The version of the arithmetic contract.
    pub arith: u32,
}
