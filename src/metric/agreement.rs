//! How far two runs agree: ranking by ranking, and in what they score.
//!
//! What Breuer et al. (How to Measure the Reproducibility of System-oriented IR Experiments, SIGIR 2020) propose and their repro_eval computes, and what they
//! leave out: whether rankings are the same. Where repro_eval divides by zero, there is no value here.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use rayon::prelude::*;

use super::Dialect;
use super::evaluate::rank;
use crate::Result;
use crate::data::digest::Digest;
use crate::data::trec::TrecFile;

/// How rankings are compared.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How equal scores are ordered.
    pub dialect: Dialect,
    /// How deep rank-biased overlap and tau look.
    pub depth: usize,
    /// The persistence of rank-biased overlap, between 0 and 1.
    pub p: f64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The queries that both runs have, in the ascending order of their bytes.
    pub queries: Vec<Query>,
    /// Queries of the first run only, and of the second.
    pub alone: [Vec<String>; 2],
    /// SHA-256 over the queries, documents and scores of each run, whole and in the order of the ranking, so that files with the same digest rank alike.
    pub digests: [String; 2],
}

/// A query's two rankings.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Its id.
    pub id: String,
    /// The first rank, from 1 and however deep, at which the documents differ; none where the rankings are the same.
    pub first_difference: Option<usize>,
    /// How many documents the longer ranking has, down to the depth.
    pub length: usize,
    /// Whether all scores are the same too.
    pub same_scores: bool,
    /// Rank-biased overlap down to the depth.
    pub rbo: f64,
    /// Rank-biased overlap extrapolated to rankings without end.
    pub rbo_ext: f64,
    /// [`kendall_tau_union`].
    pub tau: Option<f64>,
}

/// A run's documents and scores by query, best first.
type Rankings = BTreeMap<String, Ranking>;

/// A query's documents and scores.
type Ranking = Vec<(Box<str>, f64)>;

/// Compares two runs.
///
/// # Errors
/// What reading the runs says.
pub fn agreement(first: &TrecFile, second: &TrecFile, options: &Options) -> Result<Agreement> {
    let (first, second) = (read(first, options)?, read(second, options)?);
    let digests = [digest(&first), digest(&second)];
    let alone = |a: &Rankings, b: &Rankings| a.keys().filter(|id| !b.contains_key(*id)).cloned().collect();
    let both: Vec<_> = first.iter().filter_map(|(id, ranking)| Some((id, ranking, second.get(id)?))).collect();
    let compare = |(id, a, b): (&String, &Ranking, &Ranking)| {
        let same = a.iter().zip(b).take_while(|(a, b)| a.0 == b.0).count();
        let first_difference = (same < a.len().max(b.len())).then_some(same + 1);
        let same_scores = a.iter().map(|(_, score)| score).eq(b.iter().map(|(_, score)| score));
        let cut = |ranking: &[(Box<str>, f64)]| ranking.len().min(options.depth);
        let (a, b) = (&a[..cut(a)], &b[..cut(b)]);
        let (ours, theirs) = (documents(a), documents(b));
        let overlap = rank_biased_overlap(&ours, &theirs, options.p, options.depth);
        Query {
            id: id.clone(),
            first_difference,
            length: ours.len().max(theirs.len()),
            same_scores,
            rbo: overlap.truncated,
            rbo_ext: overlap.extrapolated,
            tau: kendall_tau_union(&ours, &theirs),
        }
    };
    let queries = both.into_par_iter().map(compare).collect();
    Ok(Agreement { queries, alone: [alone(&first, &second), alone(&second, &first)], digests })
}

fn documents(ranking: &[(Box<str>, f64)]) -> Vec<&str> {
    ranking.iter().map(|(document, _)| &**document).collect()
}

fn read(run: &TrecFile, options: &Options) -> Result<Rankings> {
    run.each_query(|_, entries| {
        rank(entries, options.dialect);
        Ok(entries.iter().map(|entry| (Box::from(entry.document), entry.score)).collect())
    })
}

fn digest(rankings: &Rankings) -> String {
    let mut digest = Digest::new();
    for (query, ranking) in rankings {
        digest.field(query);
        for (document, score) in ranking {
            digest.field(document.as_bytes()).field(score.to_bits().to_le_bytes());
        }
    }
    digest.hex()
}

/// Rank-biased overlap of two rankings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// The weighted mean of the overlaps down to a depth, which is also taken where both rankings are shorter: repro_eval's since 0.4, after Clarke,
    /// Vtyurina, Smucker (TOIS 2021).
    pub truncated: f64,
    /// Webber, Moffat, Zobel (TOIS 2010), equation 32: repro_eval's before.
    pub extrapolated: f64,
}

/// Rank-biased overlap with persistence `p`, 0 ≤ p < 1, of two rankings without doubles that are no longer than `depth`. 1 of two empty ones.
#[must_use]
pub fn rank_biased_overlap<T: Copy + Eq + Hash>(a: &[T], b: &[T], p: f64, depth: usize) -> Overlap {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let (s, l) = (short.len(), long.len());
    if s == 0 {
        let same = if l == 0 { 1.0 } else { 0.0 };
        return Overlap { truncated: same, extrapolated: same };
    }
    // Each shared document counts from the larger of its ranks on.
    let ranks: HashMap<T, usize> = short.iter().enumerate().map(|(rank, document)| (*document, rank)).collect();
    let mut new = vec![0usize; l];
    for (rank, document) in long.iter().enumerate() {
        if let Some(other) = ranks.get(document) {
            new[rank.max(*other)] += 1;
        }
    }
    let overlap_short = new[..s].iter().sum::<usize>() as f64;
    let (mut overlap, mut sum, mut beyond, mut weights, mut weight) = (0.0, 0.0, 0.0, 0.0, 1.0);
    for (i, new) in new.iter().enumerate() {
        let d = (i + 1) as f64;
        overlap += *new as f64;
        sum += weight * overlap / d;
        if i >= s {
            beyond += weight * overlap_short * (d - s as f64) / (s as f64 * d);
        }
        weights += weight;
        weight *= p;
    }
    // The weight is now p to the power of l.
    let rest = ((overlap - overlap_short) / l as f64 + overlap_short / s as f64) * weight;
    let extrapolated = (1.0 - p) * (sum + beyond) + rest;
    for d in l + 1..=depth {
        // Later ranks add nothing that a double can hold.
        if weight < 1e-300 {
            break;
        }
        sum += weight * overlap / d as f64;
        weights += weight;
        weight *= p;
    }
    Overlap { truncated: sum / weights, extrapolated }
}

/// Kendall's tau of the two rankings as lists of places in the sorted union of their documents, as repro_eval has it. None where the lengths differ or
/// are below 2: there is no correlation.
#[must_use]
pub fn kendall_tau_union(a: &[&str], b: &[&str]) -> Option<f64> {
    let n = a.len();
    if n != b.len() || n < 2 {
        return None;
    }
    // Pairs in the order of the first list; each pair of them whose second parts are the other way round is discordant. No list has a document twice, so
    // that there are no ties.
    let mut pairs: Vec<(&str, &str)> = a.iter().copied().zip(b.iter().copied()).collect();
    pairs.sort_unstable();
    let mut second: Vec<&str> = pairs.into_iter().map(|(_, second)| second).collect();
    let discordant = inversions(&mut second) as f64;
    let all = (n * (n - 1) / 2) as f64;
    Some((all - 2.0 * discordant) / all)
}

/// Sorts, and counts the pairs that stood the wrong way round.
fn inversions(list: &mut [&str]) -> usize {
    if list.len() < 2 {
        return 0;
    }
    let half = list.len() / 2;
    let mut count = inversions(&mut list[..half]) + inversions(&mut list[half..]);
    let mut merged = Vec::with_capacity(list.len());
    let (mut left, mut right) = (0, half);
    while left < half && right < list.len() {
        if list[left] <= list[right] {
            merged.push(list[left]);
            left += 1;
        } else {
            count += half - left;
            merged.push(list[right]);
            right += 1;
        }
    }
    merged.extend(&list[left..half]);
    merged.extend(&list[right..]);
    list.copy_from_slice(&merged);
    count
}

/// How a measure of one run and of its reproduction differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// The means over the queries that count in both.
    pub means: [f64; 2],
    /// The root of the mean squared difference.
    pub rmse: f64,
    /// That over the largest that there could be, values being between 0 and 1.
    pub nrmse: f64,
    /// With baselines: the mean improvement in the reproduction over that in the original; none where the original improves nothing.
    pub effect_ratio: Option<f64>,
    /// With baselines: the relative improvement in the original less that in the reproduction; none where a baseline's mean is 0.
    pub delta_relative_improvement: Option<f64>,
}

/// A measure of a run and, where there is one, of the baseline beside it, over the same queries.
pub struct Improved<'a> {
    /// The run's values.
    pub run: &'a [f64],
    /// The baseline's.
    pub baseline: Option<&'a [f64]>,
}

/// Compares a measure's values, the original first.
#[must_use]
pub fn effect(original: &Improved<'_>, reproduced: &Improved<'_>) -> Effect {
    let squares = original.run.iter().zip(reproduced.run).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
    let largest = original.run.iter().map(|x| x.max(1.0 - x)).fold(0.0, |sum, x| sum + x * x);
    let improvement = |of: &Improved<'_>| Some((mean(of.run), mean(of.baseline?)));
    let both = improvement(original).zip(improvement(reproduced));
    let ratio = both.map(|((a, b), (c, d))| (c - d, a - b)).filter(|(_, original)| *original != 0.0);
    let relative = both.filter(|((_, b), (_, d))| *b != 0.0 && *d != 0.0);
    Effect {
        means: [mean(original.run), mean(reproduced.run)],
        rmse: (squares / original.run.len() as f64).sqrt(),
        nrmse: (squares / largest).sqrt(),
        effect_ratio: ratio.map(|(reproduced, original)| reproduced / original),
        delta_relative_improvement: relative.map(|((a, b), (c, d))| (a - b) / b - (c - d) / d),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, x| sum + x) / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(documents: &str) -> Vec<&str> {
        documents.split_terminator("").skip(1).collect()
    }

    /// Equation 32, word by word.
    fn webber(a: &str, b: &str, p: f64) -> f64 {
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        let (s, l) = (short.len(), long.len());
        let x =
            |d: usize| short.chars().take(d).filter(|c| long.chars().take(d).any(|other| other == *c)).count() as f64;
        let power = |d: usize| (0..d).fold(1.0, |product, _| product * p);
        let one: f64 = (1..=l).map(|d| x(d) / d as f64 * power(d)).sum();
        let two: f64 = (s + 1..=l).map(|d| x(s) * (d - s) as f64 / (s * d) as f64 * power(d)).sum();
        (1.0 - p) / p * (one + two) + ((x(l) - x(s)) / l as f64 + x(s) / s as f64) * power(l)
    }

    #[test]
    fn rank_biased_overlap_is_that_of_the_papers() {
        let pairs =
            [("abcd", "abcd"), ("abcd", "dcba"), ("abc", "xyz"), ("abcdefg", "bax"), ("x", "abcdx"), ("ab", "ba")];
        for (a, b) in pairs {
            for p in [0.5, 0.8, 0.95] {
                let ours = rank_biased_overlap(&list(a), &list(b), p, 9);
                assert!((ours.extrapolated - webber(a, b, p)).abs() < 1e-14, "{a} {b} {p}: {ours:?}");
                let shared = |d: usize| a.chars().take(d).filter(|c| b.chars().take(d).any(|o| o == *c)).count() as f64;
                let power = |d: usize| (1..d).fold(1.0, |product, _| product * p);
                let sum: f64 = (1..=9).map(|d| power(d) * shared(d) / d as f64).sum();
                let truncated = sum / (1..=9).map(power).sum::<f64>();
                assert!((ours.truncated - truncated).abs() < 1e-14, "{a} {b} {p}: {ours:?} {truncated}");
            }
        }
        let of = |a: &str, b: &str, p, depth| {
            let overlap = rank_biased_overlap(&list(a), &list(b), p, depth);
            (overlap.truncated, overlap.extrapolated)
        };
        assert_eq!(of("abc", "xyz", 0.9, 3), (0.0, 0.0));
        assert_eq!(of("ab", "ac", 0.0, 2), (1.0, 1.0), "the first rank alone");
        assert_eq!((of("", "", 0.9, 3), of("", "a", 0.9, 3)), ((1.0, 1.0), (0.0, 0.0)));
        assert!((of("abc", "abc", 0.9, 3).0 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn kendalls_tau_counts_pairs() {
        let tau = |a: &str, b: &str| kendall_tau_union(&list(a), &list(b));
        // Places (0, 1, 2) against (1, 0, 2): one pair of three is discordant.
        assert_eq!(tau("abc", "bac"), Some(1.0 / 3.0));
        assert_eq!(tau("cab", "cab"), Some(1.0));
        assert_eq!(tau("abcd", "dcba"), Some(-1.0));
        assert_eq!((tau("abc", "ab"), tau("a", "a"), tau("", "")), (None, None, None));
    }

    #[test]
    fn runs_are_compared_query_by_query() {
        let first = TrecFile::of("a", "q1 Q0 x 1 3 t\nq1 Q0 y 2 2 t\nq2 Q0 x 1 1 t\nq3 Q0 x 1 1 t\n");
        let second = TrecFile::of("b", "q1 Q0 x 1 3 t\nq1 Q0 z 2 2 t\nq2 Q0 x 1 2 t\nq4 Q0 x 1 1 t\n");
        let options = Options { dialect: Dialect::Snellen, depth: 1000, p: 0.9 };
        let found = agreement(&first, &second, &options).unwrap();
        let shown: Vec<_> = found.queries.iter().map(|q| (q.id.as_str(), q.first_difference, q.same_scores)).collect();
        assert_eq!(shown, [("q1", Some(2), true), ("q2", None, false)]);
        assert_eq!(found.alone, [["q3"], ["q4"]]);
        assert_ne!(found.digests[0], found.digests[1]);
        let shallow = agreement(&first, &second, &Options { depth: 1, ..options }).unwrap();
        assert_eq!((shallow.queries[0].first_difference, shallow.queries[0].rbo), (Some(2), 1.0));
    }

    #[test]
    fn effects_and_what_cannot_be_divided() {
        let improved = |run, baseline| Improved { run, baseline };
        let found = effect(&improved(&[0.5, 0.7], Some(&[0.4, 0.4])), &improved(&[0.5, 0.5], Some(&[0.4, 0.5])));
        assert_eq!(found.means, [0.6, 0.5]);
        assert!((found.rmse - (0.04f64 / 2.0).sqrt()).abs() < 1e-15);
        assert!((found.effect_ratio.unwrap() - 0.05 / 0.2).abs() < 1e-14);
        assert!((found.delta_relative_improvement.unwrap() - (0.5 - 0.05 / 0.45)).abs() < 1e-14);
        let found = effect(&improved(&[0.4], Some(&[0.4])), &improved(&[0.5], Some(&[0.0])));
        assert_eq!((found.effect_ratio, found.delta_relative_improvement), (None, None));
        assert_eq!(effect(&improved(&[0.4], None), &improved(&[0.5], None)).effect_ratio, None);
    }
}
