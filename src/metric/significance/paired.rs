//! Two evaluations of the same queries, measure by measure.

use super::{Mean, bootstrap, holm, power, randomization, t_test};
use crate::metric::Measure;
use crate::metric::evaluate::{Evaluation, common};

/// How a comparison is made.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Assignments of signs that are drawn.
    pub samples: usize,
    /// The seed of what is drawn.
    pub seed: u64,
    /// The level of tests and, from 1, of intervals.
    pub alpha: f64,
    /// How much worse still counts as no worse, if that is asked.
    pub margin: Option<f64>,
}

/// How a measure differs from a baseline's.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The measure.
    pub measure: Measure,
    /// Its differences, run minus baseline.
    pub mean: Mean,
    /// Two-sided p of the paired randomisation test, and after Holm over the measures compared.
    pub randomization: [f64; 2],
    /// Two-sided p of the paired t-test; none of fewer than two queries.
    pub t: Option<f64>,
    /// The t interval of the mean difference.
    pub interval: [f64; 2],
    /// The percentile bootstrap interval of the mean difference, of a tenth as many samples; none of no queries.
    pub bootstrap: Option<[f64; 2]>,
    /// The chance that a two-sided t-test of so many queries finds an effect of this size.
    pub power: f64,
    /// With a margin: p of "worse by the margin or more", small where the run is not inferior; and p of "differs by the margin or more", small
    /// where both are equivalent (the larger of two one-sided tests).
    pub margin: Option<[f64; 2]>,
}

/// Compares every measure over the queries that count in both.
#[must_use]
pub fn compare(run: &Evaluation, baseline: &Evaluation, method: &Method) -> Vec<Comparison> {
    let pairs = common(&[run, baseline]);
    let mut found: Vec<Comparison> = run
        .measures
        .iter()
        .enumerate()
        .map(|(i, measure)| {
            let differences: Vec<f64> = pairs.iter().map(|pair| pair[0].values[i] - pair[1].values[i]).collect();
            one(*measure, &differences, method)
        })
        .collect();
    let adjusted = holm(&found.iter().map(|one| one.randomization[0]).collect::<Vec<_>>());
    found.iter_mut().zip(adjusted).for_each(|(one, p)| one.randomization[1] = p);
    found
}

fn one(measure: Measure, differences: &[f64], method: &Method) -> Comparison {
    let mean = Mean::of(differences);
    let p = randomization(differences, method.samples, method.seed);
    let turned: Vec<f64> = differences.iter().map(|d| -d).collect();
    let margin = method.margin.and_then(|margin| {
        let (not_worse, not_better) = (t_test(differences, -margin)?.above, t_test(&turned, -margin)?.above);
        Some([not_worse, not_worse.max(not_better)])
    });
    Comparison {
        measure,
        mean,
        randomization: [p, p],
        t: t_test(differences, 0.0).map(|test| test.two_sided),
        interval: if differences.len() < 2 { [f64::NAN; 2] } else { mean.interval(1.0 - method.alpha) },
        bootstrap: bootstrap(differences, (method.samples / 10).max(1), 1.0 - method.alpha, method.seed),
        power: power(mean.effect(), differences.len(), method.alpha),
        margin,
    }
}
