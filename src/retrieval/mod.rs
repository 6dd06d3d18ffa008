//! Rankings: from embeddings to the best documents of every query.
//!
//! [`dense`] compares one embedding a text, [`late`] all token embeddings. Both score exhaustively, on exact products, block by block as
//! the corpus streams by.

mod best;
pub mod dense;
mod fault;
pub mod late;
mod ragged;
mod run;

pub use dense::rank;
pub use run::write_trec;

/// A document in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The document's row in the corpus.
    pub document: usize,
    /// Its score.
    pub score: f32,
}
