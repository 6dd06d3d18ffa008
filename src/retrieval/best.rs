//! The best documents of some queries, kept while their scores stream by.

use std::sync::{Mutex, PoisonError};

use super::Hit;
use super::fault::RetrievalFault;
use crate::kernel::select;

/// For each of some queries the `k` best of the documents offered so far, by whichever threads. What is kept does not depend on the
/// order in which they are offered: no two documents rank equally, since of equal scores the lower row is the better.
///
/// A query holds at most 2k candidates. When it has that many the worse half goes, and the worst that stays is the bar for those to
/// come: a candidate costs a push and its share of a selection, and nearly every score ends at one vector comparison with the bar.
pub(super) struct Best {
    k: usize,
    kept: Mutex<Kept>,
}

struct Kept {
    /// The score of each query's bar; −∞ while there is none.
    thresholds: Vec<f32>,
    /// The key of each query's bar; 0, which is below all keys, while there is none.
    bars: Vec<u64>,
    candidates: Vec<Vec<u64>>,
    /// Room to work in.
    found: Vec<u32>,
}

impl Best {
    pub(super) fn new(queries: usize, k: usize) -> Self {
        let (thresholds, bars) = (vec![f32::NEG_INFINITY; queries], vec![0; queries]);
        let kept = Kept { thresholds, bars, candidates: vec![Vec::new(); queries], found: Vec::new() };
        Self { k, kept: Mutex::new(kept) }
    }

    /// Offers `scores` [documents, queries], none NaN, of the documents from row `first` on.
    pub(super) fn offer(&self, scores: &[f32], first: usize) {
        if self.k == 0 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let queries = kept.thresholds.len();
        let mut found = std::mem::take(&mut kept.found);
        select::reaching(scores, &kept.thresholds, &mut found);
        for place in found.drain(..) {
            let place = place as usize;
            kept.push(place % queries, key(scores[place], (first + place / queries) as u32), self.k);
        }
        kept.found = found;
    }

    /// Offers each query (a row of both) some documents, by their places from row `first` on, with their scores, none NaN.
    #[cfg(feature = "cuda")]
    pub(super) fn offer_some(&self, places: &[i32], scores: &[f32], first: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let each = places.len() / kept.thresholds.len().max(1);
        for (i, (place, score)) in places.iter().zip(scores).enumerate() {
            kept.push(i / each, key(*score, (first + *place as usize) as u32), self.k);
        }
    }

    /// Every query's documents, best first.
    pub(super) fn finish(self) -> impl Iterator<Item = Vec<Hit>> {
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        kept.candidates.into_iter().map(move |mut candidates| {
            keep_best(&mut candidates, self.k);
            candidates.sort_unstable_by(|a, b| b.cmp(a));
            candidates.into_iter().map(hit).collect()
        })
    }
}

impl Kept {
    fn push(&mut self, query: usize, key: u64, k: usize) {
        // A score that equals the threshold got here, and the threshold may have risen since the comparison.
        if key <= self.bars[query] {
            return;
        }
        let candidates = &mut self.candidates[query];
        candidates.push(key);
        if candidates.len() == k.saturating_mul(2) {
            keep_best(candidates, k);
            let bar = candidates[k - 1];
            self.bars[query] = bar;
            self.thresholds[query] = hit(bar).score;
        }
    }
}

/// Keeps the `k` largest keys, the least of them last if any went.
fn keep_best(keys: &mut Vec<u64>, k: usize) {
    if 0 < k && k < keys.len() {
        keys.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
    }
    keys.truncate(k);
}

/// The rows that `count` more documents have after `seen` others.
pub(super) fn next_rows(seen: usize, count: usize) -> Result<std::ops::Range<usize>, RetrievalFault> {
    let end = seen.checked_add(count).filter(|end| *end as u64 <= 1 << 32);
    end.map(|end| seen..end).ok_or(RetrievalFault::TooMany)
}

/// One integer whose order is the contract's: the score's order in the upper half, in the lower the document's row, the lower the larger.
fn key(score: f32, document: u32) -> u64 {
    // +0 and −0 are equal scores: −0 + 0 is +0.
    let bits = (score + 0.0).to_bits();
    let order = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(order) << 32 | u64::from(!document)
}

/// The document of a [`key`].
fn hit(key: u64) -> Hit {
    let order = (key >> 32) as u32;
    let bits = if order >> 31 == 1 { order & !(1 << 31) } else { !order };
    Hit { document: !(key as u32) as usize, score: f32::from_bits(bits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_contracts_order_and_are_read_back() {
        let scores = [f32::NEG_INFINITY, f32::MIN, -1.0, -f32::MIN_POSITIVE, 0.0, 1e-40, 2.0, f32::MAX, f32::INFINITY];
        let documents = [u32::MAX, 7, 6, 0];
        let ascending: Vec<u64> = scores.iter().flat_map(|s| documents.map(|d| key(*s, d))).collect();
        assert!(ascending.is_sorted_by(|a, b| a < b) && ascending[0] > 0);
        for (i, key) in ascending.iter().enumerate() {
            let expected = Hit { document: documents[i % 4] as usize, score: scores[i / 4] };
            assert_eq!(hit(*key), expected);
        }
        assert_eq!(key(-0.0, 3), key(0.0, 3));
    }

    #[test]
    fn rows_end_at_two_to_the_32() {
        assert_eq!(next_rows(5, 3), Ok(5..8));
        assert!(next_rows((1 << 32) - 3, 3).is_ok());
        assert_eq!(next_rows((1 << 32) - 3, 4), Err(RetrievalFault::TooMany));
        assert_eq!(next_rows(1, usize::MAX), Err(RetrievalFault::TooMany));
    }
}
