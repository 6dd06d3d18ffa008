//! Centred kernel alignment.

use ndarray::Array2;
use rayon::prelude::*;

use super::RepresentationFault;
use super::side::Side;
use crate::kernel::double;
use crate::kernel::matrix::product;

/// Of linear kernels: over features where these are fewer than rows, else over rows; the same but for rounding.
pub(super) fn linear(x: &Side, y: &Side) -> f64 {
    let square = |a: &Side, b: &Side| {
        let product = product(a.features.view(), b.features.view());
        inner(&product, &product)
    };
    if x.width().max(y.width()) < x.rows() {
        return square(x, y) / (square(x, x).sqrt() * square(y, y).sqrt());
    }
    aligned(&gram(x), &gram(y))
}

/// Of RBF kernels.
pub(super) fn rbf(x: &Side, y: &Side, bandwidth: f64) -> Result<f64, RepresentationFault> {
    let kernel = |side: &Side| {
        let kernel = centred(rbf_kernel(side, bandwidth)?);
        if kernel.iter().all(|x| *x == 0.0) { Err(RepresentationFault::Flat { side: side.name }) } else { Ok(kernel) }
    };
    Ok(aligned(&kernel(x)?, &kernel(y)?))
}

/// ⟨K, L⟩ / (‖K‖·‖L‖).
fn aligned(k: &Array2<f64>, l: &Array2<f64>) -> f64 {
    inner(k, l) / (inner(k, k).sqrt() * inner(l, l).sqrt())
}

fn inner(k: &Array2<f64>, l: &Array2<f64>) -> f64 {
    double::inner(k.as_slice().expect("contiguous"), l.as_slice().expect("contiguous"))
}

/// The inner products of the centred rows.
fn gram(side: &Side) -> Array2<f64> {
    product(side.features.t(), side.features.t())
}

fn rbf_kernel(side: &Side, bandwidth: f64) -> Result<Array2<f64>, RepresentationFault> {
    let mut kernel = gram(side);
    let n = side.rows();
    let squares = kernel.diag().to_vec();
    let values = kernel.as_slice_mut().expect("contiguous");
    // Symmetric to the last bit, and exactly 0 of rows that are the same; rounding must not lead below that.
    let distance = |i: usize, j: usize, product: f64| (squares[i] + squares[j] - 2.0 * product).max(0.0);
    each_row(values, n, |i, row| row.iter_mut().enumerate().for_each(|(j, x)| *x = distance(i, j, *x)));
    let divisor = 2.0 * bandwidth * bandwidth * median(values);
    if divisor == 0.0 {
        return Err(RepresentationFault::NoMedian { side: side.name });
    }
    each_row(values, n, |_, row| {
        row.iter_mut().for_each(|x| *x = -*x / divisor);
        double::exp(row);
    });
    Ok(kernel)
}

/// The middle one in order, or the mean of the middle two. There are some.
fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if even { (below.iter().fold(0.0, |a: f64, b| a.max(*b)) + *upper) / 2.0 } else { *upper }
}

/// HKH of a symmetric K, with H = 1 − (1/n): rows and columns have the mean 0.
fn centred(mut kernel: Array2<f64>) -> Array2<f64> {
    let n = kernel.nrows();
    let values = kernel.as_slice_mut().expect("contiguous");
    let means: Vec<f64> = values.par_chunks_exact(n).map(|row| double::sum(row) / n as f64).collect();
    let mean = double::sum(&means) / n as f64;
    each_row(values, n, |i, row| {
        row.iter_mut().zip(&means).for_each(|(x, of_column)| *x -= means[i] + of_column - mean)
    });
    kernel
}

fn each_row(values: &mut [f64], width: usize, work: impl Fn(usize, &mut [f64]) + Sync) {
    values.par_chunks_exact_mut(width).enumerate().for_each(|(i, row)| work(i, row));
}
