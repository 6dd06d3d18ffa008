//! Tasks: data → queries, corpus, judgements → cells.

mod key;
pub mod lareqa;
pub mod tatoeba;

pub use key::Key;

/// How keys name what stands before queries and what before documents.
fn prefixes(queries: &str, documents: &str) -> String {
    if queries == documents { queries.to_owned() } else { format!("{queries}/{documents}") }
}
