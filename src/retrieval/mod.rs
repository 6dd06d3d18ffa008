//! Rankings: from embeddings to the best documents of every query.

mod dense;
mod run;

pub use dense::{Hit, rank};
pub use run::write_trec;
