//! Language fairness of rankings of documents in several languages: PEER, the probability of equal expected rank (Yang, Jänich, Mayfield, Lawrie, SIGIR
//! 2024, arXiv 2405.00978).

use std::collections::{BTreeMap, HashMap};

use super::Dialect;
use super::evaluate::rank;
use crate::Result;
use crate::data::trec::{Entry, Qrels, TrecFile};
use crate::kernel::real::{exp, ln};

/// What decides PEER besides judgements and run.
#[derive(Clone, Debug)]
pub struct Peer<'a> {
    /// How much each grade weighs; together 1.
    pub weights: BTreeMap<i32, f64>,
    /// How many documents are looked at.
    pub cutoff: usize,
    /// The language of every document.
    pub languages: &'a HashMap<String, String>,
    /// How equal scores are ordered.
    pub dialect: Dialect,
}

/// A document without a language.
#[derive(Debug, thiserror::Error)]
#[error("document {document} of query {query} has no language")]
struct NoLanguage {
    document: String,
    query: String,
}

impl crate::error::Fault for NoLanguage {}

impl Peer<'_> {
    /// PEER of every query that has judgements and a ranking, in the ascending order of their bytes.
    ///
    /// As the authors' peer_measure computes it: for each grade the p-value of a Kruskal-Wallis test that the ranks of its documents do not
    /// depend on their language, by its weight. Documents without judgement have grade 0, relevant ones below the cut-off share the rank (2N + n + 1)/2, where N documents have the
    /// grade and n of them are below the cut-off. 1 where one language alone has documents, or none is above the cut-off.
    ///
    /// # Errors
    /// What reading the run says; a document whose language is not known.
    pub fn of(&self, qrels: &Qrels, run: &TrecFile) -> Result<BTreeMap<String, f64>> {
        let found = run.each_query(|query, entries| {
            rank(entries, self.dialect);
            qrels.of(query).map(|_| self.query(qrels, query, entries)).transpose()
        })?;
        Ok(found.into_iter().filter_map(|(query, value)| Some((query, value?))).collect())
    }

    fn query(&self, qrels: &Qrels, query: &str, ranking: &[Entry<'_>]) -> Result<f64> {
        let judgements = qrels.of(query).unwrap_or_default();
        let grades: HashMap<&str, i32> = judgements.iter().map(|j| (j.document.as_str(), j.grade)).collect();
        let language = |document: &str| -> Result<&str> {
            let found = self.languages.get(document);
            Ok(found.ok_or_else(|| NoLanguage { document: document.to_owned(), query: query.to_owned() })?)
        };
        // The ranks of each grade's documents by language; none below the cut-off.
        let mut ranks: BTreeMap<i32, BTreeMap<&str, Vec<Option<usize>>>> = BTreeMap::new();
        let mut seen = HashMap::new();
        for (entry, rank) in ranking.iter().take(self.cutoff).zip(1..) {
            let grade = grades.get(entry.document).copied().unwrap_or(0);
            let of_grade = ranks.entry(grade).or_default();
            of_grade.entry(language(entry.document)?).or_default().push(Some(rank));
            seen.insert(entry.document, rank);
        }
        for judgement in judgements.iter().filter(|j| j.grade > 0 && !seen.contains_key(j.document.as_str())) {
            ranks.entry(judgement.grade).or_default().entry(language(&judgement.document)?).or_default().push(None);
        }
        let weighted = self.weights.iter().map(|(grade, weight)| {
            let groups: Vec<&[Option<usize>]> =
                ranks.get(grade).into_iter().flat_map(BTreeMap::values).map(Vec::as_slice).collect();
            // A grade that no document has adds nothing.
            if ranks.contains_key(grade) { weight * equal_ranks(&groups) } else { 0.0 }
        });
        Ok(weighted.fold(0.0, |sum, x| sum + x))
    }
}

/// The p-value of a Kruskal-Wallis test over groups, none empty, of ranks and of documents without one.
fn equal_ranks(groups: &[&[Option<usize>]]) -> f64 {
    let all = || groups.iter().flat_map(|group| group.iter());
    if groups.len() < 2 || all().all(Option::is_none) {
        return 1.0;
    }
    let (count, unranked) = (all().count() as f64, all().filter(|rank| rank.is_none()).count() as f64);
    let shared = (2.0 * count + unranked + 1.0) / 2.0;
    let value = |rank: &Option<usize>| rank.map_or(shared, |rank| rank as f64);
    let mean = all().map(value).fold(0.0, |sum, x| sum + x) / count;
    let between = groups.iter().fold(0.0, |sum, group| {
        let n = group.len() as f64;
        let distance = group.iter().map(value).fold(0.0, |sum, x| sum + x) / n - mean;
        sum + distance * distance * n
    });
    let total = all().map(value).fold(0.0, |sum, x| sum + (x - mean) * (x - mean));
    if total == 0.0 {
        return 1.0;
    }
    above_chi_square((count - 1.0) * between / total, groups.len() - 1)
}

/// The chance of a chi-square with so many degrees of freedom, at least one, above `x`: the upper incomplete gamma function Q(f/2, x/2), by its series
/// below f/2 + 1 and its continued fraction above (Abramowitz & Stegun 6.5.29 and 6.5.31).
#[must_use]
pub fn above_chi_square(x: f64, freedom: usize) -> f64 {
    let (a, x) = (freedom as f64 / 2.0, x / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    // x^a e^-x / Γ(a)
    let front = exp(a * ln(x) - x - ln_gamma_of_half(freedom));
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - front * sum;
    }
    // Lentz's way through the continued fraction, whose parts are positive here.
    let (mut b, mut c) = (x + 1.0 - a, 1e300);
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..10_000 {
        let part = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / (part * d + b);
        c = b + part / c;
        let factor = c * d;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// ln Γ(n/2), by Γ(a + 1) = a·Γ(a) from Γ(1) = 1 or Γ(1/2) = √π.
fn ln_gamma_of_half(n: usize) -> f64 {
    let (start, first) = if n.is_multiple_of(2) { (2, 0.0) } else { (1, ln(std::f64::consts::PI) / 2.0) };
    (start..n).step_by(2).fold(first, |sum, k| sum + ln(k as f64 / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_chi_square() {
        // scipy.stats.chi2.sf
        for (x, freedom, expected) in [
            (0.5, 1, 0.479_500_122_186_953_4),
            (3.84, 1, 0.050_043_521_248_705_19),
            (5.0, 2, 0.082_084_998_623_898_8),
            (1.0, 3, 0.801_251_956_901_200_9),
            (20.0, 10, 0.029_252_688_076_961_124),
            (100.0, 4, 9.836_624_224_615_988e-21),
            (7.0, 8, 0.536_632_667_900_785),
        ] {
            let ours = above_chi_square(x, freedom);
            assert!((ours / expected - 1.0).abs() < 1e-12, "{x} {freedom}: {ours} {expected}");
        }
        assert_eq!(above_chi_square(0.0, 3), 1.0);
    }

    fn peer(run: &str, qrels: &str, cutoff: usize) -> Result<f64, String> {
        let languages = ["a1", "a2", "a3", "b1", "b2", "b3"].map(|id| (id.to_owned(), id[..1].to_owned()));
        let languages = HashMap::from(languages);
        let peer = Peer {
            weights: BTreeMap::from([(1, 0.75), (2, 0.25)]),
            cutoff,
            languages: &languages,
            dialect: Dialect::Snellen,
        };
        let qrels = Qrels::read(&TrecFile::of("q", qrels)).unwrap();
        let found = peer.of(&qrels, &TrecFile::of("r", run)).map_err(|e| e.to_string())?;
        Ok(found["q"])
    }

    #[test]
    fn by_hand() {
        let qrels = "q 0 a1 1\nq 0 a2 1\nq 0 b1 1\nq 0 b2 1\n";
        let run = |documents: [&str; 4]| -> String {
            documents.iter().enumerate().map(|(i, d)| format!("q Q0 {d} {} {} t\n", i + 1, 9 - i)).collect()
        };
        // Ranks 1, 2 against 3, 4: H = 3 · 4 / 5; grade 2 has no document.
        let unfair = peer(&run(["a1", "a2", "b1", "b2"]), qrels, 10).unwrap();
        assert!((unfair - 0.75 * above_chi_square(2.4, 1)).abs() < 1e-15, "{unfair}");
        // Ranks 1, 4 against 2, 3: the means are the same.
        assert_eq!(peer(&run(["a1", "b1", "b2", "a2"]), qrels, 10), Ok(0.75));
        // One language alone above the cut-off, the other's both at rank (2 · 4 + 2 + 1) / 2.
        let cut = peer(&run(["a1", "a2", "b1", "b2"]), qrels, 2).unwrap();
        assert!(cut < unfair, "{cut}");
        // All below the cut-off, which one document without judgement fills.
        assert_eq!(peer("q Q0 a3 1 1 t\n", qrels, 1), Ok(0.75));
        assert_eq!(peer("q Q0 z 1 1 t\n", qrels, 1).unwrap_err(), "document z of query q has no language");
    }
}
