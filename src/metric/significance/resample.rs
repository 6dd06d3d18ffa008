//! Tests by drawing: which sums other signs, or other samples of the same queries, would have given.

use rayon::prelude::*;

use crate::kernel::random::Stream;

/// Sums that are kept apart, so that a processor can add them side by side; joined in pairs.
const LANES: usize = 8;

/// Samples that one random stream draws.
const RUN: usize = 64;

/// Fisher's paired randomisation test (Smucker, Allan, Carterette, CIKM 2007), two-sided: the share of `samples` drawn assignments of signs whose
/// sum is at least as far from 0 as the one observed, which counts as one of them. 1 where there are no differences.
///
/// Sums that are equal but for rounding count as equal: the bound is lowered by 2^-40 of the sum of magnitudes.
#[must_use]
pub fn randomization(differences: &[f64], samples: usize, seed: u64) -> f64 {
    let sum = differences.iter().fold(0.0, |sum, d| sum + d).abs();
    let magnitude = differences.iter().fold(0.0, |sum, d| sum + d.abs());
    let bound = sum - magnitude * (1.0 / (1u64 << 40) as f64);
    let as_far: usize = (0..samples.div_ceil(RUN))
        .into_par_iter()
        .map(|run| {
            let mut stream = Stream::new(seed, "randomization", (run as u64).to_le_bytes());
            (0..RUN.min(samples - run * RUN)).filter(|_| signed_sum(differences, &mut stream).abs() >= bound).count()
        })
        .sum();
    (as_far + 1) as f64 / (samples + 1) as f64
}

/// The sum of the differences with drawn signs.
fn signed_sum(differences: &[f64], stream: &mut Stream) -> f64 {
    let mut sums = [0.0; LANES];
    for chunk in differences.chunks(64) {
        let mut signs = stream.u64();
        for part in chunk.chunks(LANES) {
            for (i, (sum, d)) in sums.iter_mut().zip(part).enumerate() {
                let sign = (signs >> i) << 63;
                *sum += f64::from_bits(d.to_bits() ^ sign);
            }
            signs >>= LANES;
        }
    }
    joined(sums)
}

/// A confidence interval of the mean difference by drawing queries with replacement (percentile bootstrap; Efron & Tibshirani 1993, 13.3): the ends
/// leave out (1 − level)/2 of the `samples` means on either side. None of no differences.
#[must_use]
pub fn bootstrap(differences: &[f64], samples: usize, level: f64, seed: u64) -> Option<[f64; 2]> {
    if differences.is_empty() || samples == 0 {
        return None;
    }
    let count = differences.len();
    let mut means: Vec<f64> = (0..samples.div_ceil(RUN))
        .into_par_iter()
        .flat_map_iter(|run| {
            let mut stream = Stream::new(seed, "bootstrap", (run as u64).to_le_bytes());
            (0..RUN.min(samples - run * RUN)).map(move |_| {
                let sum =
                    (0..count).fold(0.0, |sum, _| sum + differences[stream.index(count).expect("there are some")]);
                sum / count as f64
            })
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let left_out = ((1.0 - level) / 2.0 * samples as f64) as usize;
    let left_out = left_out.min((samples - 1) / 2);
    Some([means[left_out], means[samples - 1 - left_out]])
}

fn joined(s: [f64; LANES]) -> f64 {
    ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact p-value: over all assignments of signs.
    fn exact(differences: &[f64]) -> f64 {
        let sum = differences.iter().sum::<f64>().abs();
        let all = 1u32 << differences.len();
        let sign = |signs: u32, i: usize| if signs >> i & 1 == 1 { -1.0 } else { 1.0 };
        let sum_of = |signs: u32| differences.iter().enumerate().map(|(i, d)| sign(signs, i) * d).sum::<f64>();
        (0..all).filter(|signs| sum_of(*signs).abs() >= sum - 1e-12).count() as f64 / f64::from(all)
    }

    #[test]
    fn drawn_signs_come_near_all_signs() {
        let differences = [0.3, -0.1, 0.25, 0.4, 0.0, 0.1, -0.05, 0.2, 0.3, 0.15, -0.2, 0.1];
        let (p, exact) = (randomization(&differences, 200_000, 1), exact(&differences));
        // Four standard errors of a share drawn 200,000 times.
        assert!((p - exact).abs() < 4.0 * (exact * (1.0 - exact) / 200_000.0).sqrt(), "{p} {exact}");
    }

    #[test]
    fn no_difference_is_never_significant_and_a_great_one_as_much_as_can_be_told() {
        assert_eq!(randomization(&[0.0; 50], 1000, 1), 1.0);
        assert_eq!(randomization(&[], 1000, 1), 1.0);
        assert_eq!(randomization(&[0.5; 50], 999, 1), 0.001);
        // Of two equal differences half of the assignments reach the sum, equal but for rounding.
        assert!((randomization(&[0.1, 0.1], 9999, 1) - 0.5).abs() < 0.02);
    }

    #[test]
    fn threads_do_not_change_what_is_drawn() {
        let differences: Vec<f64> = (0..777).map(|i| ((i * 37 % 101) as f64 - 48.0) / 100.0).collect();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let both = || (randomization(&differences, 5001, 7), bootstrap(&differences, 5001, 0.95, 7));
        assert_eq!(one.install(both), three.install(both));
        assert_ne!(randomization(&differences, 5001, 7), randomization(&differences, 5001, 8));
    }

    #[test]
    fn an_interval_holds_the_mean_and_shrinks_with_its_level() {
        let differences: Vec<f64> = (0..400).map(|i| ((i * 37 % 101) as f64 - 40.0) / 100.0).collect();
        let mean = differences.iter().sum::<f64>() / 400.0;
        let [[a, d], [b, c]] = [0.99, 0.5].map(|level| bootstrap(&differences, 4000, level, 1).unwrap());
        assert!(a < b && b < mean && mean < c && c < d, "{a} {b} {mean} {c} {d}");
        assert_eq!(bootstrap(&[], 10, 0.95, 1), None);
        assert_eq!(bootstrap(&[2.0, 2.0], 10, 0.95, 1), Some([2.0, 2.0]));
    }
}
