//! Tasks: data → queries, corpus, judgements → cells.

mod key;

pub use key::Key;
