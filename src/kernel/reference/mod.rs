//! The contract as plain loops: slow, short, and the judge of every faster path.

pub mod backward;

use super::{NotFinite, math};

/// The largest magnitude on the grid: 127·2^16 + 127·2^8 + 127, so that a value splits into three signed 8-bit digits.
pub const GRID_MAX: f64 = 8_355_711.0;

/// Puts a row on its own 24-bit grid: `x ≈ q·2^e`. With m the largest magnitude, e is the smallest integer with
/// rint(m·2^−e) ≤ [`GRID_MAX`], and q = rint(x·2^−e), ties to even. A row of zeros is all zeros with e = 0.
///
/// # Errors
/// A value that is not finite (the caller names the row).
pub fn grid(row: &[f32]) -> Result<(Vec<i64>, i32), NotFinite> {
    if row.iter().any(|x| !x.is_finite()) {
        return Err(NotFinite { row: 0 });
    }
    let largest = row.iter().fold(0.0f64, |m, &x| m.max(f64::from(x).abs()));
    if largest == 0.0 {
        return Ok((vec![0; row.len()], 0));
    }
    // From far below every f32's grid (2^-149 has e = -171) upwards; nothing clever, so that it is evidently the smallest.
    let mut e = -180;
    while (largest * power_of_two(-e)).round_ties_even() > GRID_MAX {
        e += 1;
    }
    Ok((row.iter().map(|&x| (f64::from(x) * power_of_two(-e)).round_ties_even() as i64).collect(), e))
}

/// 2^e, exactly, for −1022 ≤ e ≤ 1023.
#[must_use]
pub fn power_of_two(e: i32) -> f64 {
    f64::from_bits(((1023 + i64::from(e)) as u64) << 52)
}

/// The exact product of the rows of `a` ([m, k], row-major) with the rows of `b` ([n, k]: the columns of B): [m, n].
/// An output is the integer Σ q_a·q_b, converted to f32 and scaled by 2^(e_a+e_b).
///
/// # Errors
/// A value that is not finite, with its row.
pub fn product(a: &[f32], b: &[f32], k: usize) -> Result<Vec<f32>, NotFinite> {
    let on_grids = |matrix: &[f32]| {
        matrix
            .chunks_exact(k)
            .enumerate()
            .map(|(row, x)| grid(x).map_err(|_| NotFinite { row }))
            .collect::<Result<Vec<_>, _>>()
    };
    let (a, b) = (on_grids(a)?, on_grids(b)?);
    let mut out = Vec::with_capacity(a.len() * b.len());
    for (qa, ea) in &a {
        for (qb, eb) in &b {
            let sum: i64 = qa.iter().zip(qb).map(|(x, y)| x * y).sum();
            out.push(scaled(sum, ea + eb));
        }
    }
    Ok(out)
}

/// The integer `sum`, rounded to f32, times 2^e, rounded once more only where the result is subnormal or overflows.
#[must_use]
pub fn scaled(sum: i64, e: i32) -> f32 {
    (f64::from(sum as f32) * power_of_two(e)) as f32
}

/// The sum of a row in 32 lanes: lane l takes elements l, l + 32, … ascending, from +0; then lanes fold 16, 8, 4, 2, 1.
#[must_use]
pub fn sum(row: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 32];
    for (i, x) in row.iter().enumerate() {
        lanes[i % 32] += x;
    }
    for width in [16, 8, 4, 2, 1] {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
    }
    lanes[0]
}

/// Late interaction: for every token of the query the largest product with a token of the passage, summed over the query's tokens in
/// order by [`sum`] (Khattab & Zaharia, SIGIR 2020, arXiv 2004.12832, eq. 3). Rows of `query` and `passage` are tokens of width `k`.
/// The largest of no products is −∞, the sum of no maxima 0; it is NaN where products beyond f32 of both signs meet. Which of +0 and
/// −0 is the larger does not matter: sums begin at +0.
///
/// # Errors
/// As [`product`].
pub fn max_sim(query: &[f32], passage: &[f32], k: usize) -> Result<f32, NotFinite> {
    let products = product(query, passage, k)?;
    let tokens = passage.len() / k;
    let largest = |i: usize| products[i * tokens..(i + 1) * tokens].iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let maxima: Vec<f32> = (0..query.len() / k).map(largest).collect();
    Ok(sum(&maxima))
}

/// LayerNorm in two passes: mean = Σx/n, d = x − mean, variance = Σd²/n, y = (d/√(variance + ε))·weight + bias (Ba et al.,
/// arXiv 1607.06450, with ε under the root as every implementation has it).
pub fn layer_norm(row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let n = row.len() as f32;
    let mean = sum(row) / n;
    row.iter_mut().for_each(|x| *x -= mean);
    let squares: Vec<f32> = row.iter().map(|d| d * d).collect();
    let deviation = finite((sum(&squares) / n + epsilon).sqrt());
    for ((x, w), b) in row.iter_mut().zip(weight).zip(bias) {
        *x = (*x / deviation) * w + b;
    }
}

/// A divisor, or NaN where a sum of squares overflowed: dividing by infinity would turn every number into a zero that looks sound.
#[inline(always)]
#[must_use]
pub fn finite(divisor: f32) -> f32 {
    if divisor == f32::INFINITY { f32::NAN } else { divisor }
}

/// Softmax: subtract the maximum, exp, divide by the sum.
pub fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter_mut().for_each(|x| *x = math::exp(*x - largest));
    let total = sum(row);
    row.iter_mut().for_each(|x| *x /= total);
}

/// GELU with erf: (0.5·x)·(1 + erf(x·√½)), √½ rounded to f32.
// Inlined so that loops over it are compiled for the instruction set of their caller.
#[inline(always)]
#[must_use]
pub fn gelu(x: f32) -> f32 {
    (0.5 * x) * (1.0 + math::erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// GELU with tanh ("gelu_new"): (0.5·x)·(1 + tanh(√(2/π)·(x + 0.044715·((x·x)·x)))), constants rounded to f32.
// Inlined so that loops over it are compiled for the instruction set of their caller.
#[inline(always)]
#[must_use]
pub fn gelu_new(x: f32) -> f32 {
    /// √(2/π).
    const ROOT: f32 = 0.797_884_6;
    (0.5 * x) * (1.0 + math::tanh(ROOT * (x + 0.044_715 * ((x * x) * x))))
}

/// max(x, 0); a negative zero becomes a positive one.
// Inlined so that loops over it are compiled for the instruction set of their caller.
#[inline(always)]
#[must_use]
pub fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

/// Divides a row by its L2 norm, or by 1e-12 where the norm is smaller.
pub fn normalize(row: &mut [f32]) {
    let squares: Vec<f32> = row.iter().map(|x| x * x).collect();
    let norm = sum(&squares).sqrt();
    let norm = if norm > 1e-12 { finite(norm) } else { 1e-12 };
    row.iter_mut().for_each(|x| *x /= norm);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_magnitude_decides_the_grid() {
        // 8,355,711 fits with e = 0; one more does not, and halves exactly.
        assert_eq!(grid(&[8_355_711.0, -1.0]).unwrap(), (vec![8_355_711, -1], 0));
        assert_eq!(grid(&[8_355_712.0, 3.0, 1.0]).unwrap(), (vec![4_177_856, 2, 0], 1));
        assert_eq!(grid(&[0.0, -0.0]).unwrap(), (vec![0, 0], 0));
        assert!(grid(&[1.0, f32::NAN]).is_err());
    }

    #[test]
    fn the_smallest_and_the_largest_f32_have_grids() {
        let (q, e) = grid(&[f32::from_bits(1)]).unwrap();
        assert_eq!(q[0] as f64 * power_of_two(e), f64::from(f32::from_bits(1)));
        let (q, e) = grid(&[f32::MAX]).unwrap();
        assert_eq!((q[0], e), (4_194_304, 106), "rint(MAX·2^-105) would be above the grid's maximum");
    }

    #[test]
    fn scaling_into_the_subnormals_rounds_once() {
        assert_eq!(scaled(3, -150), f32::from_bits(2), "1.5 units of 2^-149, ties to even");
        assert_eq!(scaled(1, -150), 0.0);
        assert_eq!(scaled(1 << 40, 100), f32::INFINITY);
    }

    #[test]
    fn late_interaction_sums_the_best_of_every_query_token() {
        let passage = [1.0, 0.0, 0.0, 2.0, -3.0, 0.5];
        assert_eq!(max_sim(&[1.0, 0.0, 0.0, 1.0, -1.0, 0.0], &passage, 2), Ok(1.0 + 2.0 + 3.0));
        assert_eq!(max_sim(&[1.0, 0.0], &[], 2), Ok(f32::NEG_INFINITY));
        assert_eq!(max_sim(&[], &[], 2), Ok(0.0));
        assert!(max_sim(&[3e38, 0.0, -3e38, 0.0], &[3e38, 0.0], 2).unwrap().is_nan());
        assert!(max_sim(&[1.0, 0.0], &[f32::NAN, 0.0], 2).is_err());
    }

    #[test]
    fn a_norm_that_overflows_does_not_give_zeros() {
        let mut row = [1e20f32, 1.0];
        normalize(&mut row);
        assert!(row.iter().all(|x| x.is_nan()));
        let mut row = [1e30f32, -1e30];
        layer_norm(&mut row, &[1.0; 2], &[0.0; 2], 1e-12);
        assert!(row.iter().all(|x| x.is_nan()));
        let mut row = [0.0f32, 0.0];
        normalize(&mut row);
        assert_eq!(row, [0.0, 0.0]);
    }

    #[test]
    fn lanes_are_folded_in_halves() {
        // 2^24 + 1 rounds to 2^24 in f32: in lane 0 the one is lost, in lane 1 it meets another first.
        let mut row = vec![0.0f32; 64];
        row[0] = 16_777_216.0;
        row[32] = 1.0;
        assert_eq!(sum(&row), 16_777_216.0);
        row[1] = 1.0;
        row[17] = 1.0;
        assert_eq!(sum(&row), 16_777_218.0);
    }
}
