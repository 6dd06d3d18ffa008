//! What can be wrong with embeddings that are to be ranked.

/// Embeddings that cannot be ranked: whose, where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RetrievalFault {
    #[error("{side} embeddings: row {row} has a value that is not finite")]
    Row { side: &'static str, row: usize },
    #[error("{side} {text}: token {token} has a value that is not finite")]
    Token { side: &'static str, text: usize, token: usize },
    #[error("{side} embeddings are {found} wide, but query embeddings {expected}")]
    Width { side: &'static str, found: usize, expected: usize },
    #[error("query embeddings are {0} wide: exact sums hold at most {max} terms", max = crate::kernel::product::MAX_TERMS)]
    TooWide(usize),
    #[error("token offsets: {0}")]
    Offsets(String),
    #[error("passage {passage} has no score for query {query}: products beyond the range of f32 of both signs")]
    Score { passage: usize, query: usize },
    #[error("query {query}: no passage {passage}, there are {passages}")]
    Candidate { query: usize, passage: usize, passages: usize },
    #[error("{candidates} lists of candidates for {queries} queries")]
    Lists { candidates: usize, queries: usize },
    #[error("{0}")]
    Shards(String),
    #[error("more than 2^32 documents in one search")]
    TooMany,
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Card(#[from] crate::kernel::cuda::Error),
}

impl crate::error::Fault for RetrievalFault {}
