//! Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009): a document's score is the sum of 1/(c + rank) over the rankings that have it, ranks from 1.

use std::collections::HashMap;
use std::hash::Hash;

/// The authors' constant c.
pub const CONSTANT: f64 = 60.0;

/// Fuses rankings of documents, best first each, to scores in f64, added in the order of the rankings. The documents come in the
/// order in which they are first met.
#[must_use]
pub fn fuse<D: Copy + Eq + Hash>(rankings: &[&[D]], constant: f64) -> Vec<(D, f64)> {
    let mut places: HashMap<D, usize> = HashMap::new();
    let mut fused: Vec<(D, f64)> = Vec::new();
    for ranking in rankings {
        for (rank, document) in (1..).zip(ranking.iter()) {
            let place = *places.entry(*document).or_insert_with(|| {
                fused.push((*document, 0.0));
                fused.len() - 1
            });
            fused[place].1 += 1.0 / (constant + f64::from(rank));
        }
    }
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let fused = fuse(&[&["a", "b"], &["b", "c"], &[]], CONSTANT);
        assert_eq!(fused, [("a", 1.0 / 61.0), ("b", 1.0 / 62.0 + 1.0 / 61.0), ("c", 1.0 / 62.0)]);
        assert!(fuse::<u8>(&[], CONSTANT).is_empty());
    }
}
