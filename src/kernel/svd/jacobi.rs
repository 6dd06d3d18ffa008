//! Singular values by one-sided Jacobi rotations (Hestenes, J. SIAM 6, 1958): columns are turned in pairs until all are orthogonal; their lengths are the
//! singular values, accurate relative to each column's own length.
//!
//! The order is fixed, and sums are those of [`crate::kernel::double`], so that bits depend on the matrix alone. Columns are dealt into blocks; a sweep
//! first turns all pairs within each block, then the blocks meet like teams of a tournament, each other one once. Blocks that meet in the same round have no
//! column in common, so threads may take them in any order.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::triangle::{Columns, norm, rows_of_triangle};
use super::{SvdError, all_finite};
use crate::kernel::double;

/// Columns of a block: two blocks of 1,024 rows stay in a core's cache.
const BLOCK: usize = 16;

/// Sweeps before giving up. Quadratic convergence sets in early: matrices of embeddings take about twelve.
const SWEEPS: usize = 40;

/// The min(m, n) singular values of an [m, n] matrix, largest first.
///
/// # Errors
/// Values that are not finite; no convergence.
pub fn singular_values(matrix: ArrayView2<'_, f64>) -> Result<Vec<f64>, SvdError> {
    all_finite(matrix)?;
    let largest = matrix.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    if largest == 0.0 {
        return Ok(vec![0.0; matrix.nrows().min(matrix.ncols())]);
    }
    let (scale, back) = powers_of_two(largest);
    // Columns lie one after another, so they are the rows of the transpose.
    let upright = if matrix.nrows() < matrix.ncols() { matrix } else { matrix.t() };
    let mut values = upright.iter().copied().collect::<Vec<f64>>();
    values.iter_mut().for_each(|x| *x *= scale);
    // The triangle of the triangle is nearly diagonal.
    let triangle = rows_of_triangle(rows_of_triangle(Columns { values, height: upright.ncols() }));
    let mut lengths = orthogonal_lengths(triangle)?;
    lengths.sort_unstable_by(|a, b| b.total_cmp(a));
    lengths.iter_mut().for_each(|x| *x *= back);
    Ok(lengths)
}

/// A power of two that brings `x` near 1, and the one that brings it back: neither rounds, and no square leaves the range of f64.
fn powers_of_two(x: f64) -> (f64, f64) {
    // Subnormal numbers have no exponent, and nothing below 2^-1022 has an inverse power in the range.
    let exponent = (x.to_bits() >> 52).clamp(1, 2045);
    (f64::from_bits((2046 - exponent) << 52), f64::from_bits(exponent << 52))
}

/// Some columns and their lengths.
struct Block {
    columns: Columns,
    lengths: Vec<f64>,
}

/// The lengths of the columns once all are orthogonal.
fn orthogonal_lengths(columns: Columns) -> Result<Vec<f64>, SvdError> {
    let height = columns.height;
    // As LAPACK's dgesvj has it: what rounding leaves of the cosine of orthogonal columns.
    let tolerance = (height as f64).sqrt() * f64::EPSILON;
    let block = |values: &[f64]| Block {
        columns: Columns { values: values.to_vec(), height },
        lengths: values.chunks_exact(height).map(norm).collect(),
    };
    let mut blocks: Vec<Block> = columns.values.chunks(BLOCK * height).map(block).collect();
    if !blocks.len().is_multiple_of(2) {
        // Nobody: whoever meets it rests.
        blocks.push(block(&[]));
    }
    for _ in 0..SWEEPS {
        if !sweep(&mut blocks, tolerance) {
            return Ok(blocks.into_iter().flat_map(|block| block.lengths).collect());
        }
    }
    Err(SvdError::NoConvergence { sweeps: SWEEPS })
}

/// Turns every pair of columns once; whether any needed it.
fn sweep(blocks: &mut [Block], tolerance: f64) -> bool {
    let mut turned = blocks.par_iter_mut().map(|block| within(block, tolerance)).reduce(|| false, |a, b| a | b);
    for _ in 1..blocks.len() {
        let (left, right) = blocks.split_at_mut(blocks.len() / 2);
        let pairs = left.par_iter_mut().zip(right.par_iter_mut().rev());
        turned |= pairs.map(|(a, b)| between(a, b, tolerance)).reduce(|| false, |a, b| a | b);
        // The first keeps its seat, all others move on; after the last round everyone is back.
        blocks[1..].rotate_right(1);
    }
    turned
}

fn within(block: &mut Block, tolerance: f64) -> bool {
    let height = block.columns.height;
    let mut turned = false;
    for j in 1..block.lengths.len() {
        let (before, b) = block.columns.values.split_at_mut(j * height);
        let (lengths, length) = block.lengths.split_at_mut(j);
        for (a, of_a) in before.chunks_exact_mut(height).zip(lengths) {
            turned |= make_orthogonal((a, of_a), (&mut b[..height], &mut length[0]), tolerance);
        }
    }
    turned
}

fn between(a: &mut Block, b: &mut Block, tolerance: f64) -> bool {
    let height = a.columns.height;
    let mut turned = false;
    for (a, of_a) in a.columns.values.chunks_exact_mut(height).zip(&mut a.lengths) {
        for (b, of_b) in b.columns.values.chunks_exact_mut(height).zip(&mut b.lengths) {
            turned |= make_orthogonal((a, of_a), (b, of_b), tolerance);
        }
    }
    turned
}

/// A column and its length.
type Column<'a> = (&'a mut [f64], &'a mut f64);

/// Turns two columns in their plane until they are orthogonal; whether they were not.
fn make_orthogonal((a, of_a): Column<'_>, (b, of_b): Column<'_>, tolerance: f64) -> bool {
    let product = double::inner(a, b);
    // Not as a quotient: lengths may be 0.
    if product.abs() <= tolerance * *of_a * *of_b {
        return false;
    }
    // The smaller root of t² + 2ζt − 1 (Rutishauser, Numerische Mathematik 9, 1966): an angle of at most 45°.
    let zeta = (*of_b - *of_a) * (*of_b + *of_a) / (2.0 * product);
    let t = 1.0 / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let t = if zeta < 0.0 { -t } else { t };
    let c = 1.0 / (1.0 + t * t).sqrt();
    double::rotate(a, b, c * t, c * t / (1.0 + c));
    (*of_a, *of_b) = (norm(a), norm(b));
    true
}
