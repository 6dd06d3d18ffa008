//! Tasks: data → queries, corpus, judgements → cells.

mod key;
pub mod tatoeba;

pub use key::Key;
