//! Rankings: from embeddings to the best documents of every query.
//!
//! [`dense`] compares one embedding a text, [`late`] all token embeddings. Both score exhaustively, on exact products, block by block as
//! the corpus streams by. [`bm25`] compares terms, and [`fusion`] makes one ranking of several.

mod best;
pub mod bm25;
#[cfg(feature = "cuda")]
mod card;
pub mod dense;
mod digest;
mod fault;
pub mod fusion;
pub mod late;
mod merge;
mod ragged;
mod run;
mod terms;

pub use dense::rank;
pub use digest::digest;
pub use merge::{Merged, merge};
pub use run::write_trec;
pub use terms::Analyzer;

/// A document in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The document's row in the corpus.
    pub document: usize,
    /// Its score.
    pub score: f32,
}

/// Puts the best first, of equal scores the lower document, and keeps `k`.
fn best_first(hits: &mut Vec<Hit>, k: usize) {
    hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)));
    hits.truncate(k);
}
