//! Masses as integers, costs on a grid.

use super::super::problem::Problem;
use crate::kernel::pair::Pair;

/// Bits of the sum of one side's masses.
const MASS_BITS: i32 = 118;

/// Bits from the grid to the largest sum of potentials: a pair of f64 holds 106.
const POTENTIAL_BITS: i32 = 102;

/// 2^e of a normal f64's exponent.
fn power(e: i32) -> f64 {
    f64::from_bits(((1023 + e) as u64) << 52)
}

/// The exponent of a positive number: x < 2^(e + 1). That of the least normal number for subnormal ones.
fn exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52) as i32 - 1023).max(-1022)
}

/// x · 2^shift as an integer, the nearest; ties away from 0. x is not negative and the result below 2^126.
fn integer(x: f64, shift: i32) -> i128 {
    let fraction = x.to_bits() & ((1 << 52) - 1);
    let biased = (x.to_bits() >> 52) as i32;
    let (mantissa, e) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    let (mantissa, places) = (i128::from(mantissa), e + shift);
    match places {
        0.. => mantissa << places,
        -54..0 => (mantissa + (1 << (-places - 1))) >> -places,
        _ => 0,
    }
}

/// Masses in units so small that nearly every f64 is a whole number of them; both sides sum to the same.
pub(super) struct Masses {
    pub(super) rows: Vec<i128>,
    pub(super) columns: Vec<i128>,
    unit: f64,
}

impl Masses {
    /// The masses of a balanced problem. What rounding leaves between the sums goes to the heaviest column.
    pub(super) fn of(problem: &Problem<'_>) -> Self {
        let total = super::super::problem::sum(problem.rows());
        let shift = MASS_BITS - 1 - exponent(total);
        let integers = |masses: &[f64]| masses.iter().map(|x| integer(*x, shift)).collect::<Vec<i128>>();
        let (rows, mut columns) = (integers(problem.rows()), integers(problem.columns()));
        let left = rows.iter().sum::<i128>() - columns.iter().sum::<i128>();
        if let Some(heaviest) = columns.iter_mut().max() {
            *heaviest += left;
        }
        Self { rows, columns, unit: power(-shift) }
    }

    /// A mass in the problem's unit.
    pub(super) fn mass(&self, mass: i128) -> f64 {
        mass as f64 * self.unit
    }
}

/// Costs divided by a power of two, so that they are below 2, and rounded to a grid on which every sum along a path is exact. Only costs below some 2⁻³⁰ of the
/// largest have bits beyond it.
pub(super) struct Costs {
    values: Vec<f64>,
    width: usize,
    unit: f64,
}

impl Costs {
    pub(super) fn of(problem: &Problem<'_>) -> Self {
        let (m, n) = (problem.rows().len(), problem.columns().len());
        let largest = problem.largest();
        let e = if largest > 0.0 { exponent(largest) } else { 0 };
        // Of two nodes and more: a path's potentials are below 2 · nodes.
        let path_bits = 2 + (m + n).ilog2() as i32;
        let grid_bits = POTENTIAL_BITS - path_bits;
        let (scale, fine, round) = (power(-e), power(52 - grid_bits), 1.5 * power(52 - grid_bits));
        let snapped = |c: &f64| {
            let c = c * scale;
            if c < fine { (c + round) - round } else { c }
        };
        Self { values: problem.cost().iter().map(snapped).collect(), width: n, unit: power(e) }
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.width..][..self.width]
    }

    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.width + j]
    }

    pub(super) fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A potential in the problem's unit.
    pub(super) fn cost(&self, potential: Pair) -> f64 {
        potential.rounded() * self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_the_nearest() {
        assert_eq!(integer(1.0, 0), 1);
        assert_eq!(integer(0.75, 2), 3);
        assert_eq!([0.5, 0.49, 1.5, 1e-300].map(|x| integer(x, 0)), [1, 0, 2, 0]);
        assert_eq!(integer(f64::from_bits(1), 1074), 1);
        assert_eq!(integer(0.0, 100), 0);
        assert_eq!(integer(1.0, 117), 1 << 117);
    }
}
