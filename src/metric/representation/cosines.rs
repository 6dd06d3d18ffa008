//! What cosines of rows say.

use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;
use serde::Serialize;

use super::side::Side;
use crate::kernel::double::{inner, sum};
use crate::kernel::matrix::product;

/// Retrieval of each row's partner by cosine, from one side to the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Direction {
    /// The mean over rows i of cos(i, i) − max cos(i, j) over j ≠ i: how far the partner is ahead of the best of the others, −2 to 2.
    pub margin: f64,
    /// The share of rows whose margin is above 0: the partner is found, and by itself.
    pub ahead: f64,
    /// The skewness E(N − μ)³/σ³ of N, in how many rows' k nearest each row of the other side is (Radovanović, Nanopoulos, Ivanović, JMLR 11, 2010). 0 where all
    /// are in as many; the larger, the more a few hubs are near to everything. Of equal cosines the row with the lower number is nearer.
    pub hubness: f64,
}

/// From x to y and from y to x, which have one width.
pub(super) fn directions(x: &Side, y: &Side, neighbours: usize) -> [Direction; 2] {
    let cosines = product(x.unit.view(), y.unit.view());
    let back = cosines.t().as_standard_layout().into_owned();
    [direction(&cosines, neighbours), direction(&back, neighbours)]
}

fn direction(cosines: &Array2<f64>, neighbours: usize) -> Direction {
    let rows: Vec<_> = cosines.rows().into_iter().collect();
    let looked: Vec<(f64, Vec<usize>)> =
        rows.par_iter().enumerate().map(|(i, row)| (margin(i, *row), nearest(*row, neighbours))).collect();
    let mut occurrences = vec![0; looked.len()];
    looked.iter().flat_map(|(_, nearest)| nearest).for_each(|j| occurrences[*j] += 1);
    let margins: Vec<f64> = looked.iter().map(|(margin, _)| *margin).collect();
    let count = margins.len() as f64;
    Direction {
        margin: sum(&margins) / count,
        ahead: margins.iter().filter(|margin| **margin > 0.0).count() as f64 / count,
        hubness: skewness(&occurrences, neighbours),
    }
}

fn margin(i: usize, cosines: ArrayView1<'_, f64>) -> f64 {
    let others = cosines.iter().enumerate().filter(|(j, _)| *j != i);
    cosines[i] - others.fold(f64::NEG_INFINITY, |best, (_, cosine)| best.max(*cosine))
}

/// The largest so many, in no particular order.
fn nearest(cosines: ArrayView1<'_, f64>, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cosines.len()).collect();
    order.select_nth_unstable_by(count - 1, |i, j| cosines[*j].total_cmp(&cosines[*i]).then(i.cmp(j)));
    order.truncate(count);
    order
}

/// Of numbers with this mean; their powers are added exactly.
fn skewness(numbers: &[i64], mean: usize) -> f64 {
    let power = |k: u32| numbers.iter().map(|n| i128::from(n - mean as i64).pow(k)).sum::<i128>() as f64;
    let count = numbers.len() as f64;
    let variance = power(2) / count;
    if variance == 0.0 { 0.0 } else { power(3) / count / (variance * variance.sqrt()) }
}

/// The mean cosine of two different rows, by the length of their sum.
pub(super) fn mean_of_pairs(side: &Side) -> f64 {
    let (centroid, n) = (side.centroid(), side.rows() as f64);
    let unit = side.unit.as_slice().expect("contiguous");
    (n * n * inner(&centroid, &centroid) - inner(unit, unit)) / (n * (n - 1.0))
}

/// The distance of the centroids of sides of one width.
pub(super) fn gap(x: &Side, y: &Side) -> f64 {
    let between: Vec<f64> = x.centroid().iter().zip(y.centroid()).map(|(x, y)| x - y).collect();
    inner(&between, &between).sqrt()
}
