//! Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009): a document's score is the sum of 1/(c + rank) over the rankings that have it, ranks from 1.

use std::collections::HashMap;
use std::hash::Hash;

use rayon::prelude::*;

use super::Hit;

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

/// Fuses several systems' rankings of the same queries: the `k` best documents of each query, of equal scores the lower first.
///
/// # Panics
/// Systems with different numbers of queries.
#[must_use]
pub fn rankings(systems: &[&[Vec<Hit>]], constant: f64, k: usize) -> Vec<Vec<Hit>> {
    let queries = systems.first().map_or(0, |rankings| rankings.len());
    assert!(systems.iter().all(|rankings| rankings.len() == queries), "every system ranks every query");
    let one = |query: usize| {
        let documents: Vec<Vec<usize>> =
            systems.iter().map(|rankings| rankings[query].iter().map(|hit| hit.document).collect()).collect();
        let documents: Vec<&[usize]> = documents.iter().map(Vec::as_slice).collect();
        let hit = |(document, score): (usize, f64)| Hit { document, score: score as f32 };
        let mut ranking: Vec<Hit> = fuse(&documents, constant).into_iter().map(hit).collect();
        super::best_first(&mut ranking, k);
        ranking
    };
    (0..queries).into_par_iter().map(one).collect()
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

    #[test]
    fn rankings_of_equal_scores_are_in_the_order_of_documents() {
        let ranking = |documents: &[usize]| documents.iter().map(|d| Hit { document: *d, score: 0.0 }).collect();
        let (a, b): (Vec<Hit>, Vec<Hit>) = (ranking(&[3, 1]), ranking(&[1, 3]));
        let fused = rankings(&[&[a], &[b]], CONSTANT, 9);
        let score = (1.0 / 61.0 + 1.0 / 62.0) as f32;
        assert_eq!(fused, [[Hit { document: 1, score }, Hit { document: 3, score }]]);
        assert!(rankings(&[], CONSTANT, 9).is_empty());
    }
}
