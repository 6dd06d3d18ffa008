//! A matrix turned into a triangle with the same singular values: Householder's reflections, in a fixed order.

use rayon::prelude::*;

use crate::kernel::double;

/// Norms below this are 0: their squares, and what is divided by them, would leave the range of f64. The largest entry of every matrix here is near 1.
const LEAST: f64 = 3.872_591_914_849_318e-121; // 2^-400

/// Columns that one thread works on at a time.
const TOGETHER: usize = 8;

/// The columns of a matrix, each as long as the matrix is high.
pub(super) struct Columns {
    pub(super) values: Vec<f64>,
    pub(super) height: usize,
}

/// The L2 norm of a column.
pub(super) fn norm(column: &[f64]) -> f64 {
    let norm = double::inner(column, column).sqrt();
    if norm < LEAST { 0.0 } else { norm }
}

/// The rows of R, as columns, of A·P = Q·R: [n, n] from an A of n columns that is at least as high.
///
/// P brings the longest of the remaining columns to the front, the first of equal ones (Businger & Golub, Numerische Mathematik 7, 1965): the rows of R
/// are then long ones first, which is nearer to orthogonal than the columns were, and Jacobi's rotations are fewer (Drmač & Veselić, SIAM J. Matrix Anal. Appl. 29, 2008).
pub(super) fn rows_of_triangle(mut a: Columns) -> Columns {
    let (height, n) = (a.height, a.values.len() / a.height);
    let mut norms: Vec<f64> = a.values.par_chunks(height).map(norm).collect();
    for k in 0..n {
        let longest = (k..n).fold(k, |longest, j| if norms[j] > norms[longest] { j } else { longest });
        if norms[longest] == 0.0 {
            // All that remains is 0.
            a.values[k * height..].chunks_exact_mut(height).for_each(|column| column[k..].fill(0.0));
            break;
        }
        swap(&mut a, k, longest);
        norms.swap(k, longest);
        let (done, rest) = a.values.split_at_mut((k + 1) * height);
        let v = &mut done[k * height + k..];
        let (first, length) = (v[0], norms[k]);
        let diagonal = if first < 0.0 { length } else { -length };
        // The reflection is 1 − v·vᵀ / (length · (length + |first|)).
        v[0] = first - diagonal;
        let divisor = length * (length + first.abs());
        let reflect = |(column, norm): (&mut [f64], &mut f64)| {
            let column = &mut column[k..];
            double::subtract(column, double::inner(v, column) / divisor, v);
            *norm = self::norm(&column[1..]);
        };
        let columns = rest.par_chunks_exact_mut(height).zip(&mut norms[k + 1..]).with_min_len(TOGETHER);
        columns.for_each(reflect);
        v[0] = diagonal;
    }
    transposed_triangle(&a)
}

fn swap(a: &mut Columns, i: usize, j: usize) {
    if i < j {
        let (low, high) = a.values.split_at_mut(j * a.height);
        low[i * a.height..][..a.height].swap_with_slice(&mut high[..a.height]);
    }
}

/// Row k of the upper triangle as column k; below the diagonal lie the reflections, which nobody needs.
fn transposed_triangle(a: &Columns) -> Columns {
    let n = a.values.len() / a.height;
    let mut values = vec![0.0; n * n];
    for (j, column) in a.values.chunks_exact(a.height).enumerate() {
        for (k, x) in column[..=j].iter().enumerate() {
            values[k * n + j] = *x;
        }
    }
    Columns { values, height: n }
}
