//! Tasks: data → queries, corpus, judgements → cells.

mod found;
mod key;
pub mod tatoeba;

pub use found::Found;
pub use key::Key;
