//! Rankings: from embeddings to the best documents of every query.

mod dense;
mod digest;
mod run;

pub use dense::{Hit, rank};
pub use digest::digest;
pub use run::write_trec;
