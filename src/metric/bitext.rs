//! Measures of bitext retrieval as MTEB computes them: scikit-learn's weighted averages over labels.
//!
//! Sentence i's translation has label i, and the system predicts one label for each sentence. Every label occurs once as the truth, so
//! with n_j = how often label j is predicted and t_i = 1 where prediction i is i, else 0: precision of label i is t_i/n_i, its recall t_i, its F1
//! 2·t_i/(n_i + 1), and the weighted averages are plain means over the labels. The mean is numpy's: pairwise summation, so that
//! our numbers are equal to published ones to the last of seventeen printed digits.

/// Accuracy, precision, recall and F1 of a bitext's predictions, all in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bitext {
    /// How many predictions are right.
    pub accuracy: f64,
    /// Weighted average of the labels' precisions.
    pub precision: f64,
    /// Weighted average of the labels' recalls; equals the accuracy.
    pub recall: f64,
    /// Weighted average of the labels' F1.
    pub f1: f64,
}

/// The measures of `predictions`: `predictions[i]` is the label predicted for sentence i, below `predictions.len()`. Of no predictions all
/// measures are NaN.
///
/// # Panics
/// A prediction that is no label.
#[must_use]
pub fn bitext(predictions: &[usize]) -> Bitext {
    let mut predicted = vec![0u32; predictions.len()];
    predictions.iter().for_each(|j| predicted[*j] += 1);
    let right = |i: usize| predictions[i] == i;
    let mean = |of_label: &dyn Fn(usize) -> f64| {
        let values: Vec<f64> = (0..predictions.len()).map(of_label).collect();
        pairwise_sum(&values) / predictions.len() as f64
    };
    let recall = mean(&|i| f64::from(u8::from(right(i))));
    Bitext {
        accuracy: recall,
        precision: mean(&|i| if right(i) { 1.0 / f64::from(predicted[i]) } else { 0.0 }),
        recall,
        f1: mean(&|i| if right(i) { 2.0 / (1.0 + f64::from(predicted[i])) } else { 0.0 }),
    }
}

/// The sum as numpy adds a contiguous row of f64: up to eight numbers in order; up to 128 in eight interleaved sums that are joined in pairs;
/// more in two halves, the first a multiple of eight long (numpy/_core/src/umath/loops_utils.h.src, `pairwise_sum`).
fn pairwise_sum(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 8 {
        return values.iter().fold(0.0, |sum, x| sum + x);
    }
    if n <= 128 {
        let (chunks, rest) = values.as_chunks::<8>();
        let mut r = chunks[0];
        for chunk in &chunks[1..] {
            r.iter_mut().zip(chunk).for_each(|(r, x)| *r += x);
        }
        let joined = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        return rest.iter().fold(joined, |sum, x| sum + x);
    }
    let half = n / 2 - (n / 2) % 8;
    pairwise_sum(&values[..half]) + pairwise_sum(&values[half..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Labels 0 and 1 are both predicted as 0, label 2 as itself.
        let m = bitext(&[0, 0, 2]);
        assert_eq!((m.accuracy, m.recall), (2.0 / 3.0, 2.0 / 3.0));
        assert_eq!(m.precision, (0.5 + 1.0) / 3.0);
        assert_eq!(m.f1, (2.0 / 3.0 + 1.0) / 3.0);
    }

    #[test]
    fn sums_are_pairwise() {
        // What numpy prints for the same sums; added in order, the first is 99.9999999999986.
        let values = vec![0.1; 1000];
        assert_eq!(values.iter().sum::<f64>(), 99.999_999_999_998_6);
        assert_eq!(pairwise_sum(&values), 100.000_000_000_000_01);
        let harmonic: Vec<f64> = (1..1334).map(|i| 1.0 / f64::from(i)).collect();
        assert_eq!(pairwise_sum(&harmonic), 7.772_778_031_955_242);
        assert_eq!(pairwise_sum(&[0.1; 7]), [0.1; 7].iter().sum::<f64>());
        assert_eq!(pairwise_sum(&[]), 0.0);
    }
}
