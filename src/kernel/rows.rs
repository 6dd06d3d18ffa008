//! Row operations: sums in 32 lanes, LayerNorm, softmax, activations, normalisation. Bit-equal to [`super::reference`].
//!
//! Loops are written as `for`, not as `for_each`: a closure that is not inlined is compiled for the least of the instruction sets.

use super::isa::compiled_for_each_isa;
use super::{math, reference, reference::finite};

/// Lanes of a row sum.
const LANES: usize = 32;
/// Numbers that are worked on together: one AVX-512 register, half of the lanes.
pub const BLOCK: usize = 16;

/// Folds 32 lanes 16, 8, 4, 2, 1.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        let (low, high) = lanes.split_at_mut(width);
        for (l, h) in low.iter_mut().zip(high) {
            *l = join(*l, *h);
        }
        width /= 2;
    }
    lanes[0]
}

/// The sum of f(x) over a row, in 32 lanes that are folded.
#[inline(always)]
pub(super) fn lane_sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f(*x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += f(*x);
    }
    fold(lanes, |l, h| l + h)
}

/// The larger of two, the first where the second is NaN.
#[inline(always)]
fn larger(peak: f32, x: f32) -> f32 {
    if x > peak { x } else { peak }
}

/// Divides numbers, one a lane, and takes them into the `peaks`: maxima are free of order.
#[inline(always)]
fn divide_and_compare(chunk: &mut [f32], divisor: f32, peaks: &mut [f32]) {
    for (x, peak) in chunk.iter_mut().zip(peaks) {
        *x /= divisor;
        *peak = larger(*peak, *x);
    }
}

/// exp(x − largest) of numbers, one a lane, added to their `lanes`.
#[inline(always)]
fn exp_and_add(chunk: &mut [f32], largest: f32, lanes: &mut [f32]) {
    for (x, lane) in chunk.iter_mut().zip(lanes) {
        *x = math::exp(*x - largest);
        *lane += *x;
    }
}

/// Softmax of a row whose length leaves at most `TAIL` numbers beyond whole chunks of 32. What is left is worked on as `TAIL` numbers,
/// filled up with −∞, which is never the largest, and whose exponential leaves sums as they are.
#[inline(always)]
fn softmax_row<const TAIL: usize>(row: &mut [f32], divisor: f32) {
    let (whole, rest) = row.as_chunks_mut::<LANES>();
    let mut tail = [f32::NEG_INFINITY; TAIL];
    tail[..rest.len()].copy_from_slice(rest);

    let mut peaks = [f32::NEG_INFINITY; LANES];
    for chunk in whole.iter_mut() {
        divide_and_compare(chunk, divisor, &mut peaks);
    }
    divide_and_compare(&mut tail, divisor, &mut peaks);
    let largest = fold(peaks, larger);

    let mut lanes = [0.0f32; LANES];
    for chunk in whole.iter_mut() {
        exp_and_add(chunk, largest, &mut lanes);
    }
    if !rest.is_empty() {
        exp_and_add(&mut tail, largest, &mut lanes);
    }
    let total = fold(lanes, |l, h| l + h);

    for x in whole.as_flattened_mut() {
        *x /= total;
    }
    for x in &mut tail {
        *x /= total;
    }
    rest.copy_from_slice(&tail[..rest.len()]);
}

/// [`reference::gelu`] of a block: for kernels that are compiled for an instruction set of their own.
#[inline(always)]
pub fn gelu_block(block: &mut [f32; BLOCK]) {
    for x in block {
        *x = reference::gelu(*x);
    }
}

/// [`reference::gelu_new`] of a block.
#[inline(always)]
pub fn gelu_new_block(block: &mut [f32; BLOCK]) {
    for x in block {
        *x = reference::gelu_new(*x);
    }
}

/// [`reference::relu`] of a block.
#[inline(always)]
pub fn relu_block(block: &mut [f32; BLOCK]) {
    for x in block {
        *x = reference::relu(*x);
    }
}

/// `work` on every block of `values`, the last one filled up with zeros: a remainder in scalar code would take longer than a block. A
/// macro, as a function that is passed may not be inlined, and is then compiled for the least of the instruction sets.
macro_rules! each_block {
    ($values:expr, $work:ident) => {
        let (blocks, rest) = $values.as_chunks_mut::<BLOCK>();
        for block in blocks {
            $work(block);
        }
        if !rest.is_empty() {
            let mut block = [0.0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            $work(&mut block);
            rest.copy_from_slice(&block[..rest.len()]);
        }
    };
}

compiled_for_each_isa! {
    /// The sum of a row: [`reference::sum`].
    pub fn sum(row: &[f32]) -> f32 {
        lane_sum(row, |x| x)
    }

    /// LayerNorm of each row of `matrix`, whose rows are as long as `weight`: [`reference::layer_norm`].
    pub fn layer_norm(matrix: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
        let n = weight.len() as f32;
        for row in matrix.chunks_exact_mut(weight.len()) {
            let mean = lane_sum(row, |x| x) / n;
            let variance = lane_sum(row, |x| (x - mean) * (x - mean)) / n;
            let deviation = finite((variance + epsilon).sqrt());
            for ((x, w), b) in row.iter_mut().zip(weight).zip(bias) {
                *x = ((*x - mean) / deviation) * w + b;
            }
        }
    }

    /// Softmax of each row of `matrix`, rows of `width` numbers, each first divided by `divisor`, which is finite and positive:
    /// [`reference::softmax`].
    pub fn softmax(matrix: &mut [f32], width: usize, divisor: f32) {
        for row in matrix.chunks_exact_mut(width) {
            if (1..=BLOCK).contains(&(width % LANES)) {
                softmax_row::<BLOCK>(row, divisor);
            } else {
                softmax_row::<LANES>(row, divisor);
            }
        }
    }

    /// [`reference::gelu`] of every number.
    pub fn gelu(values: &mut [f32]) {
        each_block!(values, gelu_block);
    }

    /// [`reference::gelu_new`] of every number.
    pub fn gelu_new(values: &mut [f32]) {
        each_block!(values, gelu_new_block);
    }

    /// [`reference::relu`] of every number.
    pub fn relu(values: &mut [f32]) {
        for x in values.iter_mut() {
            *x = reference::relu(*x);
        }
    }

    /// Adds `other` to `values`, number by number.
    pub fn add(values: &mut [f32], other: &[f32]) {
        for (x, y) in values.iter_mut().zip(other) {
            *x += y;
        }
    }

    /// Divides a row by its L2 norm: [`reference::normalize`].
    pub fn normalize(row: &mut [f32]) {
        let norm = lane_sum(row, |x| x * x).sqrt();
        let norm = if norm > 1e-12 { finite(norm) } else { 1e-12 };
        for x in row.iter_mut() {
            *x /= norm;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::isa::Isa;

    fn numbers(len: usize) -> Vec<f32> {
        let number = |i: usize| match i % 23 {
            5 => -0.0,
            9 => f32::from_bits(1 + i as u32), // subnormal
            16 => 1e12,
            _ => ((i * 7919 + 13) % 1009) as f32 / 97.0 - 5.0,
        };
        (0..len).map(number).collect()
    }

    /// Runs `check` with every instruction set of this processor, on rows of awkward lengths.
    fn everywhere(check: impl Fn(usize, Vec<f32>)) {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            [1, 2, 8, 13, 16, 17, 20, 31, 32, 33, 48, 63, 64, 65, 97, 384, 389]
                .into_iter()
                .for_each(|n| check(n, numbers(3 * n)));
        }
        assert!(Isa::best().force());
    }

    #[test]
    fn sums_equal_the_reference() {
        everywhere(|n, x| assert_eq!(sum(&x[..n]).to_bits(), reference::sum(&x[..n]).to_bits(), "{n}"));
    }

    #[test]
    fn layer_norm_equals_the_reference() {
        everywhere(|n, mut x| {
            let (weight, bias) = (numbers(n), numbers(n));
            let mut expected = x.clone();
            expected.chunks_exact_mut(n).for_each(|row| reference::layer_norm(row, &weight, &bias, 1e-12));
            layer_norm(&mut x, &weight, &bias, 1e-12);
            assert_eq!(bits(&x), bits(&expected), "{n}");
        });
    }

    #[test]
    fn softmax_equals_the_reference() {
        everywhere(|n, mut x| {
            let mut expected = x.clone();
            for row in expected.chunks_exact_mut(n) {
                row.iter_mut().for_each(|x| *x /= 5.65);
                reference::softmax(row);
            }
            softmax(&mut x, n, 5.65);
            assert_eq!(bits(&x), bits(&expected), "{n}");
        });
    }

    #[test]
    fn activations_and_norms_equal_the_reference() {
        type Pair = (fn(&mut [f32]), fn(f32) -> f32);
        let pairs: [Pair; 3] = [(gelu, reference::gelu), (gelu_new, reference::gelu_new), (relu, reference::relu)];
        everywhere(|n, x| {
            for (fast, slow) in pairs {
                let mut ours = x.clone();
                fast(&mut ours);
                assert_eq!(bits(&ours), bits(&x.iter().map(|x| slow(*x)).collect::<Vec<_>>()), "{n}");
            }
            let (mut ours, mut expected) = (x.clone(), x);
            normalize(&mut ours[..n]);
            reference::normalize(&mut expected[..n]);
            assert_eq!(bits(&ours), bits(&expected), "{n}");
        });
    }

    fn bits(row: &[f32]) -> Vec<u32> {
        row.iter().map(|x| x.to_bits()).collect()
    }
}
