//! Row operations in f64, for optimal transport and for [`super::matrix`]: exponentials, logarithms, sums, and products of a matrix with vectors from either
//! side, in one order of operations wherever they run.
//!
//! Sums along a row use the 32 lanes of [`super::rows`]; sums down a column add rows in ascending order. `exp` and `ln` are the straight-line loops of
//! [`super::math`], within some two units in the last place; where every digit counts and speed does not, there is [`super::real`].

use super::isa::compiled_for_each_isa;
use super::math;

/// Lanes of a row sum.
const LANES: usize = 32;

/// exp(x) is 0 below this: 10⁻²⁰⁰ and less is nothing beside a kernel's largest entries, and products of what remains are normal numbers, which
/// processors multiply at full speed.
pub const VANISHES: f64 = -460.0;

/// Rows whose column sums are added together.
const ROWS: usize = 4;

/// exp(x), 0 for x < [`VANISHES`] and no more than exp(−[`VANISHES`]); x is not NaN.
#[inline(always)]
fn exponential(x: f64) -> f64 {
    let clamped = if x < VANISHES { VANISHES } else { x };
    let clamped = if clamped > -VANISHES { -VANISHES } else { clamped };
    let value = math::exp_f64(clamped);
    if x < VANISHES { 0.0 } else { value }
}

/// Folds 32 lanes 16, 8, 4, 2, 1.
#[inline(always)]
fn fold(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The sum of products of a row with `right`, in 32 lanes that are folded.
#[inline(always)]
pub(super) fn dot(row: &[f64], right: &[f64]) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (x, y) in whole.iter().zip(right) {
        for l in 0..LANES {
            lanes[l] += x[l] * y[l];
        }
    }
    for (l, (x, y)) in rest.iter().zip(right_rest).enumerate() {
        lanes[l] += x * y;
    }
    fold(lanes)
}

compiled_for_each_isa! {
    /// exp of each number, none of them NaN; 0 where it is below [`VANISHES`], and no more than exp(−[`VANISHES`]).
    pub fn exp(values: &mut [f64]) {
        for x in values {
            *x = exponential(*x);
        }
    }

    /// exp((row + columns\[j\] − cost\[j\]) · inverse) for each j, 0 where the exponent is below [`VANISHES`]. Row and column are added first: mirror images have the same bits.
    pub fn gibbs(cost: &[f64], row: f64, columns: &[f64], inverse: f64, out: &mut [f64]) {
        for ((out, c), g) in out.iter_mut().zip(cost).zip(columns) {
            *out = exponential(((row + g) - c) * inverse);
        }
    }

    /// The natural logarithm of each number, all of them positive, normal and finite.
    pub fn ln(values: &mut [f64]) {
        for x in values {
            *x = math::log_f64(*x);
        }
    }

    /// The sum of a row.
    pub fn sum(row: &[f64]) -> f64 {
        let mut lanes = [0.0f64; LANES];
        let (whole, rest) = row.as_chunks::<LANES>();
        for x in whole {
            for l in 0..LANES {
                lanes[l] += x[l];
            }
        }
        for (l, x) in rest.iter().enumerate() {
            lanes[l] += x;
        }
        fold(lanes)
    }

    /// Subtracts `factor` times `other` from a row.
    pub fn subtract(row: &mut [f64], factor: f64, other: &[f64]) {
        for (x, y) in row.iter_mut().zip(other) {
            *x -= factor * y;
        }
    }

    /// Turns two rows in their plane by the angle whose sine is `s`, and `h` the tangent of its half: what is added to each is small where the angle is, and so is
    /// its rounding.
    pub fn rotate(a: &mut [f64], b: &mut [f64], s: f64, h: f64) {
        for (x, y) in a.iter_mut().zip(b) {
            (*x, *y) = (*x - s * (*y + h * *x), *y + s * (*x - h * *y));
        }
    }

    /// The product of a row with another.
    pub fn inner(row: &[f64], other: &[f64]) -> f64 {
        dot(row, other)
    }

    /// matrix · right: for each row of `matrix`, rows as long as `right`, the sum of products.
    pub fn times_right(matrix: &[f64], right: &[f64], out: &mut [f64]) {
        for (row, out) in matrix.chunks_exact(right.len()).zip(out) {
            *out = dot(row, right);
        }
    }

    /// Adds leftᵀ · matrix to `out`, rows as long as `out`.
    pub fn add_left_times(left: &[f64], matrix: &[f64], out: &mut [f64]) {
        let width = out.len();
        let mut groups = matrix.chunks_exact(ROWS * width);
        let (lefts, lefts_rest) = left.as_chunks::<ROWS>();
        for (rows, y) in groups.by_ref().zip(lefts) {
            let (top, bottom) = rows.split_at(2 * width);
            let ((first, second), (third, fourth)) = (top.split_at(width), bottom.split_at(width));
            for ((((out, a), b), c), d) in out.iter_mut().zip(first).zip(second).zip(third).zip(fourth) {
                *out = (((*out + a * y[0]) + b * y[1]) + c * y[2]) + d * y[3];
            }
        }
        for (row, y) in groups.remainder().chunks_exact(width).zip(lefts_rest) {
            for (out, x) in out.iter_mut().zip(row) {
                *out += x * y;
            }
        }
    }

    /// Multiplies each number of a row by the product of `left` and its number of `right`.
    pub fn scale(row: &mut [f64], left: f64, right: &[f64]) {
        for (x, w) in row.iter_mut().zip(right) {
            *x *= left * w;
        }
    }

    /// How far the logarithms of `factor` are from `give` times the step that meets a marginal: `sums` become ln(factor) − ((give − 1) · potential · inverse −
    /// give · ln(sum)).
    pub fn steps(factor: &[f64], potential: &[f64], inverse: f64, give: f64, sums: &mut [f64]) {
        for ((sum, u), f) in sums.iter_mut().zip(factor).zip(potential) {
            *sum = math::log_f64(*u) - ((give - 1.0) * (f * inverse) - give * math::log_f64(*sum));
        }
    }

    /// Takes `omega` times such steps: each factor is multiplied by exp(−omega · step), which is kept within e^±600.
    pub fn relax(factor: &mut [f64], steps: &[f64], omega: f64) {
        for (u, step) in factor.iter_mut().zip(steps) {
            let exponent = -omega * step;
            let exponent = if exponent < -600.0 { -600.0 } else { exponent };
            let exponent = if exponent > 600.0 { 600.0 } else { exponent };
            *u *= math::exp_f64(exponent);
        }
    }

    /// The least of (cost\[j\] − columns\[j\]), or ∞ of nothing. None is NaN.
    pub fn least_difference(cost: &[f64], columns: &[f64]) -> f64 {
        let mut lanes = [f64::INFINITY; LANES];
        let (costs, costs_rest) = cost.as_chunks::<LANES>();
        let (whole, rest) = columns.as_chunks::<LANES>();
        for (x, y) in costs.iter().zip(whole) {
            for l in 0..LANES {
                let difference = x[l] - y[l];
                lanes[l] = if difference < lanes[l] { difference } else { lanes[l] };
            }
        }
        for (l, (x, y)) in costs_rest.iter().zip(rest).enumerate() {
            let difference = x - y;
            lanes[l] = if difference < lanes[l] { difference } else { lanes[l] };
        }
        let mut least = lanes[0];
        for lane in lanes {
            least = if lane < least { lane } else { least };
        }
        least
    }

    /// Lowers each number of `columns` to cost\[j\] − row where that is less. None is NaN.
    pub fn lower(cost: &[f64], row: f64, columns: &mut [f64]) {
        for (least, c) in columns.iter_mut().zip(cost) {
            let difference = c - row;
            *least = if difference < *least { difference } else { *least };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::isa::Isa;
    use crate::kernel::random::Stream;
    use crate::kernel::real;

    fn ulps(x: f64, y: f64) -> u64 {
        x.to_bits().abs_diff(y.to_bits())
    }

    #[test]
    fn exponentials_and_logarithms_are_within_two_units() {
        let mut stream = Stream::new(1, "double", "");
        let mut worst = (0, 0);
        for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
            let x = (stream.unit() - 0.4) * 1100.0;
            if (VANISHES..=-VANISHES).contains(&x) {
                let mut value = [x];
                exp(&mut value);
                worst.0 = worst.0.max(ulps(value[0], real::exp(x)));
            }
            let y = if x.abs() < 10.0 { stream.unit() + 0.5 } else { real::exp(x.clamp(-690.0, 690.0)) };
            let mut value = [y];
            ln(&mut value);
            worst.1 = worst.1.max(ulps(value[0], real::ln(y)));
        }
        assert!(worst.0 <= 2 && worst.1 <= 2, "{worst:?}");
    }

    #[test]
    fn ends() {
        let mut values = [VANISHES - 1.0, f64::NEG_INFINITY, 0.0, -0.0, 1e300];
        exp(&mut values);
        assert!(values[..4] == [0.0, 0.0, 1.0, 1.0] && (1e199..1e200).contains(&values[4]), "{values:?}");
        let mut value = [1.0];
        ln(&mut value);
        assert_eq!(value, [0.0]);
        assert_eq!(least_difference(&[], &[]), f64::INFINITY);
    }

    /// Every operation on rows of awkward lengths has the bits of plain loops, with every instruction set.
    #[test]
    fn the_same_bits_everywhere() {
        let mut stream = Stream::new(2, "double", "");
        for width in [1, 3, 8, 31, 32, 33, 65, 100] {
            let mut draw = |n: usize| (0..n).map(|_| stream.unit() * 3.0 - 1.0).collect::<Vec<f64>>();
            let (matrix, right, left) = (draw(7 * width), draw(width), draw(7));
            let mut down = right.clone();
            for (row, y) in matrix.chunks(width).zip(&left) {
                down.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * y);
            }
            let across: Vec<f64> = matrix.chunks(width).map(|row| slow_dot(row, &right)).collect();
            let least = matrix[..width].iter().zip(&right).fold(f64::INFINITY, |least, (c, g)| least.min(c - g));
            let mut expected: Option<Vec<u64>> = None;
            for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
                assert!(isa.force());
                let mut sums = vec![0.0; 7];
                times_right(&matrix, &right, &mut sums);
                assert_eq!(sums, across);
                assert_eq!(sum(&right), slow_dot(&right, &vec![1.0; width]));
                let mut columns = right.clone();
                add_left_times(&left, &matrix, &mut columns);
                assert_eq!(columns, down);
                assert_eq!(least_difference(&matrix[..width], &right), least);
                let mut out = vec![0.0; width];
                gibbs(&matrix[..width], 0.5, &right, 7.0, &mut out);
                let bits = out.iter().map(|x| x.to_bits()).collect();
                assert_eq!(expected.get_or_insert_with(|| Vec::clone(&bits)), &bits);
            }
            assert!(Isa::best().force());
        }
    }

    /// The order of lanes, in words of its own.
    fn slow_dot(row: &[f64], right: &[f64]) -> f64 {
        let mut lanes = vec![0.0; LANES];
        row.iter().zip(right).enumerate().for_each(|(i, (x, y))| lanes[i % LANES] += x * y);
        while lanes.len() > 1 {
            let high = lanes.split_off(lanes.len() / 2);
            lanes.iter_mut().zip(high).for_each(|(low, high)| *low += high);
        }
        lanes[0]
    }
}
