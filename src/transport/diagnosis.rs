//! What a transport plan says as an alignment.

use ndarray::ArrayView2;

use crate::kernel::real;

/// −Σ p ln p over p = T/ΣT, in nats: 0 where all mass takes one way, ln(mn) where it is spread evenly. 0 of an empty plan.
#[must_use]
pub fn entropy(plan: ArrayView2<'_, f64>) -> f64 {
    let total = plan.iter().fold(0.0, |sum, x| sum + x);
    plan.iter().filter(|x| **x > 0.0).fold(0.0, |sum, x| sum - (x / total) * real::ln(x / total))
}

/// How much of the mass goes where most of its row goes, and likewise of the columns; the mean of both. 1 of a plan that splits nothing.
#[must_use]
pub fn sharpness(plan: ArrayView2<'_, f64>) -> f64 {
    let total = plan.iter().fold(0.0, |sum, x| sum + x);
    let largest =
        |line: ndarray::ArrayView1<'_, f64>| line.iter().fold(0.0, |most, x| if *x > most { *x } else { most });
    let rows = plan.rows().into_iter().fold(0.0, |sum, row| sum + largest(row));
    let columns = plan.columns().into_iter().fold(0.0, |sum, column| sum + largest(column));
    if total > 0.0 { (rows + columns) / (2.0 * total) } else { 0.0 }
}

/// Pairs (i, j) of which j is where most of row i goes and i where most of column j comes from (SimAlign's Argmax: Jalili Sabet et al., Findings of EMNLP 2020); of equal entries the
/// first counts.
#[must_use]
pub fn mutual_argmax(plan: ArrayView2<'_, f64>) -> Vec<(usize, usize)> {
    let best = |line: ndarray::ArrayView1<'_, f64>| {
        let place = (0..line.len()).reduce(|best, i| if line[i] > line[best] { i } else { best })?;
        (line[place] > 0.0).then_some(place)
    };
    let of_columns: Vec<Option<usize>> = plan.columns().into_iter().map(best).collect();
    let of_rows = plan.rows().into_iter().map(best).enumerate();
    of_rows.filter_map(|(i, j)| Some((i, j.filter(|j| of_columns[*j] == Some(i))?))).collect()
}

/// Kendall's tau of the order of links: of all pairs of links that differ on both sides, the share that keeps the order less the share that turns it. 1 of a monotone
/// alignment; none where there is no such pair.
#[must_use]
pub fn monotonicity(links: &[(usize, usize)]) -> Option<f64> {
    let (mut kept, mut turned) = (0u64, 0u64);
    for (k, (i, j)) in links.iter().enumerate() {
        for (other_i, other_j) in &links[..k] {
            if i == other_i || j == other_j {
                continue;
            }
            *(if (i < other_i) == (j < other_j) { &mut kept } else { &mut turned }) += 1;
        }
    }
    let all = kept + turned;
    (all > 0).then(|| (kept as f64 - turned as f64) / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn by_hand() {
        let half = array![[0.5, 0.0], [0.0, 0.5]];
        assert_eq!((entropy(half.view()), sharpness(half.view())), (std::f64::consts::LN_2, 1.0));
        let even = Array2::from_elem((2, 2), 0.25);
        assert_eq!((entropy(even.view()), sharpness(even.view())), (2.0 * std::f64::consts::LN_2, 0.5));
        assert_eq!(mutual_argmax(half.view()), [(0, 0), (1, 1)]);
        assert_eq!(mutual_argmax(even.view()), [(0, 0)]);
        let crossed = array![[0.1, 0.2, 0.0], [0.3, 0.1, 0.0]];
        assert_eq!(mutual_argmax(crossed.view()), [(0, 1), (1, 0)]);
        assert!(mutual_argmax(Array2::zeros((2, 2)).view()).is_empty());
        assert_eq!(sharpness(Array2::zeros((2, 2)).view()), 0.0);
    }

    #[test]
    fn order() {
        assert_eq!(monotonicity(&[(0, 0), (1, 1), (2, 5)]), Some(1.0));
        assert_eq!(monotonicity(&[(0, 2), (1, 1), (2, 0)]), Some(-1.0));
        assert_eq!(monotonicity(&[(0, 0), (1, 2), (2, 1)]), Some(1.0 / 3.0));
        assert_eq!(monotonicity(&[(0, 0), (0, 1)]), None);
        assert_eq!(monotonicity(&[]), None);
    }
}
