//! One query's ranking, judged, and its measures.
//!
//! Formulas are trec_eval's (Buckley, NIST), operation by operation, so that values are equal in every bit where its C library's `log2` is
//! rounded correctly; AP@k's other divisor is XTREME-R's (Ruder et al., EMNLP 2021), the gain 2^grade − 1 that of Burges et al., ICML 2005.

use std::cmp::Reverse;

use super::Dialect;
use super::discount::discounts;
use super::measure::{Kind, Measure};
use crate::kernel::reference::power_of_two;

/// What is known of a retrieved document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It was judged: its grade, 0 or above.
    Grade(i32),
    /// It was in the pool and not judged: a grade below 0.
    Unjudged,
    /// It is not among the judgements.
    Unpooled,
}

/// The judgements of a query's documents in the order of their ranks, and of all documents.
#[derive(Clone, Debug, Default)]
pub struct Ranked {
    /// What is known of each document of the ranking.
    retrieved: Vec<Judged>,
    /// Grades of all judged documents, the best first.
    grades: Vec<i32>,
    /// Of the documents with a grade above 0, the best first and in the order of their scores: each one's rank from 0, if it was retrieved.
    ideal: Vec<Option<usize>>,
}

/// Stands for 0 in a quotient of sampled judgements (trec_eval.h, INFAP_EPSILON).
const EPSILON: f64 = 0.00001;

impl Ranked {
    /// The ranking `retrieved`. `others` are the grades of judged documents that were not retrieved; negative ones are passed over.
    #[must_use]
    pub fn new(retrieved: Vec<Judged>, others: impl IntoIterator<Item = i32>) -> Self {
        let found = retrieved.iter().enumerate().filter_map(|(rank, judged)| match judged {
            Judged::Grade(grade) => Some((*grade, Some(rank))),
            _ => None,
        });
        let missed = others.into_iter().filter(|grade| *grade >= 0).map(|grade| (grade, None));
        let mut all: Vec<(i32, Option<usize>)> = found.chain(missed).collect();
        all.sort_by_key(|(grade, rank)| (Reverse(*grade), rank.unwrap_or(usize::MAX)));
        let grades = all.iter().map(|(grade, _)| *grade).collect();
        let ideal = all.into_iter().take_while(|(grade, _)| *grade > 0).map(|(_, rank)| rank).collect();
        Self { retrieved, grades, ideal }
    }

    /// How many of the first `k` documents have no judgement.
    #[must_use]
    pub fn without_judgement(&self, k: usize) -> usize {
        self.retrieved.iter().take(k).filter(|judged| !matches!(judged, Judged::Grade(_))).count()
    }

    /// The value of a measure; `rel` is the lowest relevant grade where the measure does not say it. 0 where nothing is
    /// relevant.
    #[must_use]
    pub fn value(&self, measure: &Measure, rel: i32, dialect: Dialect) -> f64 {
        if measure.judged_only && self.without_judgement(usize::MAX) > 0 {
            let retrieved = self.retrieved.iter().filter(|judged| matches!(judged, Judged::Grade(_)));
            let judged = Self { retrieved: retrieved.copied().collect(), ..self.clone() };
            return judged.value(&Measure { judged_only: false, ..*measure }, rel, dialect);
        }
        let rel = measure.rel.unwrap_or(rel);
        let cutoff = measure.cutoff.unwrap_or(usize::MAX);
        let relevant = self.grades.iter().take_while(|grade| **grade >= rel).count();
        let hits = || self.hits(rel, cutoff).count();
        let (retrieved, all) = (self.retrieved.len() as f64, relevant as f64);
        match measure.kind {
            Kind::Ap { least } => self.ap(rel, cutoff, if least { relevant.min(cutoff) } else { relevant }),
            Kind::Ndcg { exponential } => self.ndcg(cutoff, exponential),
            Kind::Rr => self.hits(rel, cutoff).next().map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
            Kind::P => hits() as f64 / cutoff as f64,
            Kind::R | Kind::SetR => ratio(hits() as f64, all),
            Kind::Success => f64::from(u8::from(self.hits(rel, cutoff).next().is_some())),
            Kind::Rprec => ratio(self.hits(rel, relevant).count() as f64, all),
            Kind::Bpref => self.bpref(rel, relevant),
            Kind::InfAp => self.inf_ap(rel, relevant),
            Kind::Rbp { p } => self.rbp(measure.rel, cutoff, p),
            Kind::IPrec { recall } => {
                let wanted = if dialect == Dialect::TrecEval10 { (recall * all).round() } else { recall * all + 0.9 };
                self.iprec(rel, wanted as usize)
            }
            Kind::Compat { p } => self.compat(p),
            Kind::Judged => {
                let seen = self.retrieved.len().min(cutoff);
                ratio((seen - self.without_judgement(cutoff)) as f64, seen as f64)
            }
            Kind::SetP => ratio(hits() as f64, retrieved),
            Kind::SetF => {
                let (p, r) = (ratio(hits() as f64, retrieved), ratio(hits() as f64, all));
                ratio(2.0 * p * r, p + r)
            }
            Kind::SetAp => ratio(hits() as f64 * hits() as f64, retrieved * all),
            Kind::NumRet => retrieved,
            Kind::NumRelRet => hits() as f64,
            Kind::NumRel => all,
        }
    }

    /// Ranks, from 0, of the relevant documents among the first `k`.
    fn hits(&self, rel: i32, k: usize) -> impl Iterator<Item = usize> {
        let first = self.retrieved.iter().take(k).enumerate();
        first.filter(move |(_, judged)| matches!(judged, Judged::Grade(g) if *g >= rel)).map(|(rank, _)| rank)
    }

    fn ap(&self, rel: i32, cutoff: usize, divisor: usize) -> f64 {
        average_precision(self.hits(rel, cutoff), divisor)
    }

    /// The quotient of both sums over the first ranks, gain / log2(rank + 1).
    fn ndcg(&self, cutoff: usize, exponential: bool) -> f64 {
        let gain = |grade: i32| if exponential { power_of_two(grade) - 1.0 } else { f64::from(grade) };
        let sum = |grades: &mut dyn Iterator<Item = i32>| {
            let gains = grades.take(cutoff).map(gain).zip(discounts());
            gains.filter(|(gain, _)| *gain > 0.0).fold(0.0, |sum, (gain, discount)| sum + gain / discount)
        };
        let found = sum(&mut self.retrieved.iter().map(|judged| match judged {
            Judged::Grade(grade) => *grade,
            _ => 0,
        }));
        ratio(found, sum(&mut self.grades.iter().copied()))
    }

    fn bpref(&self, rel: i32, relevant: usize) -> f64 {
        let nonrelevant = self.grades.len() - relevant;
        let (mut sum, mut above) = (0.0, 0);
        for judged in &self.retrieved {
            match judged {
                Judged::Grade(grade) if *grade < rel => above += 1,
                Judged::Grade(_) if above > 0 => {
                    sum += 1.0 - above.min(relevant) as f64 / nonrelevant.min(relevant) as f64;
                }
                Judged::Grade(_) => sum += 1.0,
                _ => {}
            }
        }
        ratio(sum, relevant as f64)
    }

    fn inf_ap(&self, rel: i32, relevant: usize) -> f64 {
        let (mut sum, mut above, mut nonrelevant, mut unjudged) = (0.0, 0usize, 0usize, 0usize);
        for (rank, judged) in self.retrieved.iter().enumerate() {
            match judged {
                Judged::Unpooled => {}
                Judged::Unjudged => unjudged += 1,
                Judged::Grade(grade) if *grade < rel => nonrelevant += 1,
                Judged::Grade(_) => {
                    let before = rank as f64;
                    sum += if rank == 0 {
                        1.0
                    } else {
                        let pooled = (above + nonrelevant + unjudged) as f64;
                        let judged = (above as f64 + EPSILON) / ((above + nonrelevant) as f64 + 2.0 * EPSILON);
                        1.0 / (before + 1.0) + (before / (before + 1.0)) * (pooled / before) * judged
                    };
                    above += 1;
                }
            }
        }
        if relevant > 0 { sum / relevant as f64 } else { sum }
    }

    /// Gain is 1 for what is relevant; where no grade is said, the grade itself, over the query's highest if that is above 1 (trec_eval 10).
    fn rbp(&self, rel: Option<i32>, cutoff: usize, p: f64) -> f64 {
        let highest = self.grades.first().copied().unwrap_or(0).max(1);
        let gain = |grade: i32| match rel {
            Some(rel) => f64::from(u8::from(grade >= rel)),
            None => f64::from(grade) / f64::from(highest),
        };
        let (mut sum, mut weight) = (0.0, 1.0);
        for judged in self.retrieved.iter().take(cutoff) {
            if let Judged::Grade(grade) = judged {
                sum += gain(*grade) * weight;
            }
            weight *= p;
        }
        (1.0 - p) * sum
    }

    /// The best precision from the rank on where `wanted` relevant documents have been seen.
    fn iprec(&self, rel: i32, wanted: usize) -> f64 {
        let precisions = self.hits(rel, usize::MAX).enumerate();
        let precisions = precisions.map(|(before, rank)| (before + 1) as f64 / (rank + 1) as f64);
        precisions.skip(wanted.saturating_sub(1)).fold(0.0, f64::max)
    }

    fn compat(&self, p: f64) -> f64 {
        let best = overlap(self.ideal.iter().enumerate().map(|(i, _)| Some(i)), self.ideal.len(), self.depth(), p);
        let score = overlap(self.ideal.iter().copied(), self.retrieved.len(), self.depth(), p);
        if best > 0.0 { score / best } else { score }
    }

    fn depth(&self) -> usize {
        self.retrieved.len().max(self.ideal.len())
    }
}

/// The precisions at the ranks, from 0 and ascending, of relevant documents, added up and divided. 0 where there is nothing to divide by.
#[must_use]
pub fn average_precision(ranks: impl IntoIterator<Item = usize>, divisor: usize) -> f64 {
    let precisions = ranks.into_iter().enumerate().map(|(before, rank)| (before + 1) as f64 / (rank + 1) as f64);
    ratio(precisions.fold(0.0, |sum, x| sum + x), divisor as f64)
}

/// The mean of 1/rank, ranks counted from 0 here; of what was not found 0. 0 of nothing.
#[must_use]
pub fn mean_reciprocal_rank(ranks: impl Iterator<Item = Option<usize>>) -> f64 {
    let (sum, count) = ranks
        .fold((0.0, 0u32), |(sum, count), rank| (sum + rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64), count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// Rank-biased overlap of a ranking of `length` documents and an ideal one, whose documents' ranks are given, to a depth.
fn overlap(ideal: impl Iterator<Item = Option<usize>>, length: usize, depth: usize, p: f64) -> f64 {
    // Both have a document from the larger of its ranks on.
    let mut shared = vec![0usize; depth];
    for (i, rank) in ideal.enumerate() {
        if let Some(rank) = rank.filter(|rank| *rank < length) {
            shared[rank.max(i)] += 1;
        }
    }
    let (mut score, mut normalizer, mut weight, mut both) = (0.0, 0.0, 1.0, 0);
    for (i, new) in shared.into_iter().enumerate() {
        both += new;
        score += weight * both as f64 / (i + 1) as f64;
        normalizer += weight;
        weight *= p;
    }
    ratio(score, normalizer)
}

/// 0 where there is nothing to divide by.
fn ratio(x: f64, y: f64) -> f64 {
    if y == 0.0 { 0.0 } else { x / y }
}

#[cfg(test)]
mod tests {
    use super::Judged::{Grade, Unjudged, Unpooled};
    use super::*;

    /// Values of a ranking with grades 0, 2, none, 1, unjudged, and 3 missed.
    fn value(measure: &str) -> f64 {
        let ranked = Ranked::new(vec![Grade(0), Grade(2), Unpooled, Grade(1), Unjudged], [3, -1]);
        ranked.value(&measure.parse().unwrap(), 1, Dialect::Snellen)
    }

    #[test]
    fn by_hand() {
        for (measure, expected) in [
            ("AP", (1.0 / 2.0 + 2.0 / 4.0) / 3.0),
            ("AP@2", 0.5 / 3.0),
            ("AP(norm='min')@2", 0.5 / 2.0),
            ("AP(rel=2)", 0.5 / 2.0),
            ("RR", 0.5),
            ("RR@1", 0.0),
            ("P@5", 2.0 / 5.0),
            ("P@10", 2.0 / 10.0),
            ("R@3", 1.0 / 3.0),
            ("Success@1", 0.0),
            ("Success@2", 1.0),
            ("Rprec", 1.0 / 3.0),
            // One document judged not relevant stands above both; there is one such in all.
            ("Bpref", 0.0),
            ("Judged@5", 3.0 / 5.0),
            ("Judged@10", 3.0 / 5.0),
            ("P(judged_only=True)@2", 1.0 / 2.0),
            ("SetP", 2.0 / 5.0),
            ("SetR", 2.0 / 3.0),
            ("SetF", 0.5),
            ("SetAP", 4.0 / 15.0),
            ("NumRet", 5.0),
            ("NumRet(rel=2)", 1.0),
            ("NumRel", 3.0),
            ("IPrec@0", 0.5),
            ("IPrec@0.5", 0.5),
            ("IPrec@0.9", 0.0),
            ("RBP(p=0.5)", 0.5 * (0.5 * 2.0 / 3.0 + 0.125 / 3.0)),
            ("RBP(rel=1,p=0.5)", 0.5 * (0.5 + 0.125)),
            ("RBP(rel=1,p=0.5)@2", 0.25),
        ] {
            assert!((value(measure) - expected).abs() < 1e-15, "{measure}: {} {expected}", value(measure));
        }
        let log = |rank: f64| crate::kernel::real::log2(rank + 1.0);
        let linear = (2.0 / log(2.0) + 1.0 / log(4.0)) / (3.0 + 2.0 / log(2.0) + 1.0 / log(3.0));
        assert!((value("nDCG") - linear).abs() < 1e-15);
        let exponential = (3.0 / log(2.0)) / (7.0 + 3.0 / log(2.0));
        assert!((value("nDCG(dcg='exp-log2')@2") - exponential).abs() < 1e-15);
    }

    #[test]
    fn an_ideal_ranking_has_the_best_values_and_nothing_to_find_gives_zero() {
        let ideal = Ranked::new(vec![Grade(2), Grade(1), Grade(0)], []);
        let (none, empty) = (Ranked::new(vec![Grade(0), Unpooled], []), Ranked::new(vec![], [1, 0]));
        for measure in
            ["AP", "nDCG", "nDCG(dcg='exp-log2')@2", "RR", "P@2", "R@2", "Success@1", "Rprec", "Bpref", "Compat"]
        {
            let of = |ranked: &Ranked| ranked.value(&measure.parse().unwrap(), 1, Dialect::Snellen);
            assert!((of(&ideal) - 1.0).abs() < 1e-12, "{measure}: {}", of(&ideal));
            assert_eq!((of(&none), of(&empty)), (0.0, 0.0), "{measure}");
        }
    }
}
