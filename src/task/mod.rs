//! Tasks: data → queries, corpus, judgements → cells.

pub mod align;
pub mod clir;
mod key;
pub mod lareqa;
pub mod mewsli;
pub mod search;
pub mod tatoeba;
pub mod xtreme;

pub use key::Key;

/// How keys name what stands before queries and what before documents.
fn prefixes(queries: &str, documents: &str) -> String {
    if queries == documents { queries.to_owned() } else { format!("{queries}/{documents}") }
}
