//! BM25 (Robertson & Zaragoza, The Probabilistic Relevance Framework, 2009) in the form that Lucene computes, with lengths that are not rounded:
//!
//! score(q, d) = Σ over terms t of q: n(t, q) · ln(1 + (N − df + 0.5)/(df + 0.5)) · tf / (tf + k₁ · (1 − b + b · |d|/mean length)).
//!
//! In f64, terms in the order in which they first stand in the query, rounded to f32 at the end. A document that has none of
//! the terms is not in the ranking.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{Analyzer, Hit};
use crate::kernel::real;

/// BM25's parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// How soon further occurrences of a term cease to count.
    pub k1: f64,
    /// How much longer documents are held back, 0 to 1.
    pub b: f64,
}

impl Default for Parameters {
    /// Anserini's.
    fn default() -> Self {
        Self { k1: 0.9, b: 0.4 }
    }
}

/// A corpus by its terms.
pub struct Index {
    analyzer: Analyzer,
    parameters: Parameters,
    /// Of each term: the documents that have it, ascending, and how often.
    postings: HashMap<String, Vec<(u32, u32)>>,
    /// k₁ · (1 − b + b · |d|/mean length) of each document.
    damping: Vec<f64>,
}

impl Index {
    /// Indexes `texts`; their places are the documents of rankings.
    ///
    /// # Panics
    /// More than 2^32 texts.
    #[must_use]
    pub fn of<T: AsRef<str> + Sync>(texts: &[T], analyzer: Analyzer, parameters: Parameters) -> Self {
        assert!(u32::try_from(texts.len()).is_ok(), "too many documents for an index");
        let terms: Vec<Vec<(String, u32)>> =
            texts.par_iter().map(|text| counted(analyzer.terms(text.as_ref()))).collect();
        let length = |terms: &Vec<(String, u32)>| terms.iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
        let lengths: Vec<u64> = terms.iter().map(length).collect();
        let mean = lengths.iter().sum::<u64>() as f64 / lengths.len().max(1) as f64;
        let Parameters { k1, b } = parameters;
        // Where no document has a term there is nothing to rank, and no mean to divide by.
        let damping = |length: &u64| if mean == 0.0 { k1 } else { k1 * (1.0 - b + b * (*length as f64 / mean)) };
        let damping = lengths.iter().map(damping).collect();
        let mut postings: HashMap<String, Vec<(u32, u32)>> = HashMap::new();
        for (document, terms) in (0..).zip(terms) {
            for (term, count) in terms {
                postings.entry(term).or_default().push((document, count));
            }
        }
        Self { analyzer, parameters, postings, damping }
    }

    /// What keys of numbers call it.
    #[must_use]
    pub fn name(&self) -> String {
        let Parameters { k1, b } = self.parameters;
        format!("bm25(k1={k1},b={b},{})", self.analyzer)
    }

    /// The `k` best documents of each query that have a term of it, best first; of equal scores the lower document first.
    #[must_use]
    pub fn rank<T: AsRef<str> + Sync>(&self, queries: &[T], k: usize) -> Vec<Vec<Hit>> {
        let room = || vec![0.0; self.damping.len()];
        queries.par_iter().map_init(room, |scores, query| self.rank_one(query.as_ref(), k, scores)).collect()
    }

    /// `scores` is room to work in, all zeros, and is left so.
    fn rank_one(&self, query: &str, k: usize, scores: &mut [f64]) -> Vec<Hit> {
        let mut found = Vec::new();
        let all = self.damping.len() as f64;
        for (term, count) in counted(self.analyzer.terms(query)) {
            let Some(postings) = self.postings.get(&term) else { continue };
            let having = postings.len() as f64;
            let weight = f64::from(count) * real::ln(1.0 + (all - having + 0.5) / (having + 0.5));
            for (document, occurrences) in postings {
                let (place, tf) = (*document as usize, f64::from(*occurrences));
                if scores[place] == 0.0 {
                    found.push(place);
                }
                scores[place] += weight * (tf / (tf + self.damping[place]));
            }
        }
        let hit = |document: usize| Hit { document, score: std::mem::take(&mut scores[document]) as f32 };
        let mut ranking: Vec<Hit> = found.into_iter().map(hit).collect();
        super::best_first(&mut ranking, k);
        ranking
    }
}

/// Each term once, in the order of first occurrences, with how often it occurs.
fn counted(terms: Vec<String>) -> Vec<(String, u32)> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut counts: Vec<(String, u32)> = Vec::new();
    for term in terms {
        match places.get(&term) {
            Some(place) => counts[*place].1 += 1,
            None => {
                places.insert(term.clone(), counts.len());
                counts.push((term, 1));
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORPUS: [&str; 4] = ["a cat sat", "a dog and a cat and a cat", "birds", ""];

    fn score(n: f64, df: f64, tf: f64, length: f64) -> f64 {
        let (k1, b, mean) = (0.9, 0.4, 12.0 / 4.0);
        real::ln(1.0 + (n - df + 0.5) / (df + 0.5)) * (tf / (tf + k1 * (1.0 - b + b * (length / mean))))
    }

    #[test]
    fn by_hand() {
        let index = Index::of(&CORPUS, Analyzer::Plain, Parameters::default());
        assert_eq!(index.name(), "bm25(k1=0.9,b=0.4,plain)");
        let ranking = |query: &str, k| index.rank(&[query], k).remove(0);
        let hit = |document, score: f64| Hit { document, score: score as f32 };
        assert_eq!(ranking("cat?", 9), [hit(1, score(4.0, 2.0, 2.0, 8.0)), hit(0, score(4.0, 2.0, 1.0, 3.0))]);
        let twice = 2.0 * score(4.0, 1.0, 1.0, 8.0) + score(4.0, 2.0, 2.0, 8.0);
        assert_eq!(ranking("dog cat dog", 1), [hit(1, twice)]);
        assert_eq!(ranking("horse", 9), []);
        assert_eq!(ranking("", 9), []);
    }

    #[test]
    fn equal_scores_are_ordered_by_document_and_room_is_left_clean() {
        let index = Index::of(&["x y", "x z", "x"], Analyzer::Plain, Parameters::default());
        let rankings = index.rank(&["x", "x", "y x"], 9);
        assert_eq!(rankings[0].iter().map(|hit| hit.document).collect::<Vec<_>>(), [2, 0, 1]);
        assert_eq!(rankings[0], rankings[1]);
        assert_eq!(rankings[2][0].document, 0);
        assert!(Index::of(&[] as &[&str], Analyzer::Plain, Parameters::default()).rank(&["x"], 1)[0].is_empty());
    }
}
