//! Derivatives of row operations, fast. Bit-equal to [`super::reference::backward`].

use super::isa::compiled_for_each_isa;
use super::product::Activation;
use super::reference::{backward, finite};
use super::rows::lane_sum;

/// Numbers that are summed at once: lanes of a row sum.
const LANES: usize = 32;
/// Columns that are summed together: with 32 lanes each, half of a first-level cache.
const COLUMNS: usize = 128;

/// Σ f(x, y) over two rows of one length, in 32 lanes that are folded.
#[inline(always)]
fn lane_sum_of_pairs(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let ((whole, rest), (others, last)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (chunk, other) in whole.iter().zip(others) {
        for ((lane, x), y) in lanes.iter_mut().zip(chunk).zip(other) {
            *lane += f(*x, *y);
        }
    }
    for ((lane, x), y) in lanes.iter_mut().zip(rest).zip(last) {
        *lane += f(*x, *y);
    }
    folded(lanes)
}

/// Folds 32 lanes 16, 8, 4, 2, 1.
#[inline(always)]
fn folded(lanes: [f32; LANES]) -> f32 {
    lane_sum(&lanes, |x| x)
}

/// Through an activation, whose inputs were `x`: [`backward::gelu`], [`backward::gelu_new`], [`backward::relu`].
pub fn activation(kind: Activation, x: &[f32], gradient: &mut [f32]) {
    match kind {
        Activation::Gelu => gelu(x, gradient),
        Activation::GeluNew => gelu_new(x, gradient),
        Activation::Relu => relu(x, gradient),
    }
}

/// Blocks of both, the last one filled up with zeros, as in [`super::rows`]. A macro, as a function that is passed may not be inlined.
macro_rules! each_pair {
    ($x:expr, $gradient:expr, $slope:path) => {
        let ((blocks, rest), (slopes, last)) = ($x.as_chunks::<16>(), $gradient.as_chunks_mut::<16>());
        for (block, slope) in blocks.iter().zip(slopes) {
            for (x, g) in block.iter().zip(slope) {
                *g = $slope(*x, *g);
            }
        }
        let (mut block, mut slope) = ([0.0f32; 16], [0.0f32; 16]);
        block[..rest.len()].copy_from_slice(rest);
        slope[..rest.len()].copy_from_slice(last);
        if !rest.is_empty() {
            for (x, g) in block.iter().zip(&mut slope) {
                *g = $slope(*x, *g);
            }
        }
        last.copy_from_slice(&slope[..rest.len()]);
    };
}

compiled_for_each_isa! {
    /// Through LayerNorm of each row of `x`: [`backward::layer_norm`].
    pub fn layer_norm(x: &[f32], gradient: &mut [f32], weight: &[f32], epsilon: f32) {
        let n = weight.len() as f32;
        for (x, gradient) in x.chunks_exact(weight.len()).zip(gradient.chunks_exact_mut(weight.len())) {
            let mean = lane_sum(x, |x| x) / n;
            let variance = lane_sum(x, |x| (x - mean) * (x - mean)) / n;
            let deviation = finite((variance + epsilon).sqrt());
            for (g, w) in gradient.iter_mut().zip(weight) {
                *g *= w;
            }
            let average = lane_sum(gradient, |g| g) / n;
            let slope = lane_sum_of_pairs(gradient, x, |g, x| g * ((x - mean) / deviation)) / n;
            for (g, x) in gradient.iter_mut().zip(x) {
                *g = ((*g - average) - ((x - mean) / deviation) * slope) / deviation;
            }
        }
    }

    /// What LayerNorm weighs of each row of `x`, in place: [`backward::normalized`].
    pub fn normalized(x: &mut [f32], width: usize, epsilon: f32) {
        let n = width as f32;
        for x in x.chunks_exact_mut(width) {
            let mean = lane_sum(x, |x| x) / n;
            let variance = lane_sum(x, |x| (x - mean) * (x - mean)) / n;
            let deviation = finite((variance + epsilon).sqrt());
            for x in x.iter_mut() {
                *x = (*x - mean) / deviation;
            }
        }
    }

    /// Through softmax of rows of `width` numbers that were divided by `divisor`, whose results are `p`: [`backward::softmax`].
    pub fn softmax(p: &[f32], gradient: &mut [f32], width: usize, divisor: f32) {
        for (p, gradient) in p.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            let mean = lane_sum_of_pairs(p, gradient, |p, g| p * g);
            for (g, p) in gradient.iter_mut().zip(p) {
                *g = (p * (*g - mean)) / divisor;
            }
        }
    }

    /// [`backward::gelu`] of every number.
    fn gelu(x: &[f32], gradient: &mut [f32]) {
        each_pair!(x, gradient, backward::gelu);
    }

    /// [`backward::gelu_new`] of every number.
    fn gelu_new(x: &[f32], gradient: &mut [f32]) {
        each_pair!(x, gradient, backward::gelu_new);
    }

    /// [`backward::relu`] of every number.
    fn relu(x: &[f32], gradient: &mut [f32]) {
        each_pair!(x, gradient, backward::relu);
    }

    /// Through the normalisation of the row `x`: [`backward::normalize`].
    pub fn normalize(x: &[f32], gradient: &mut [f32]) {
        let norm = lane_sum(x, |x| x * x).sqrt();
        if norm > 1e-12 {
            let norm = finite(norm);
            let along = lane_sum_of_pairs(x, gradient, |x, g| (x / norm) * g);
            for (g, x) in gradient.iter_mut().zip(x) {
                *g = (*g - (x / norm) * along) / norm;
            }
        } else {
            for g in gradient.iter_mut() {
                *g /= 1e-12;
            }
        }
    }

    /// The sum of each column of `matrix`, whose rows are as long as `sums`: [`backward::column_sums`].
    pub fn column_sums(matrix: &[f32], sums: &mut [f32]) {
        let width = sums.len();
        let mut lanes = vec![0.0f32; LANES * COLUMNS];
        for (first, sums) in (0..).step_by(COLUMNS).zip(sums.chunks_mut(COLUMNS)) {
            lanes.fill(0.0);
            for (i, row) in matrix.chunks_exact(width).enumerate() {
                let lane = &mut lanes[i % LANES * COLUMNS..][..COLUMNS];
                for (lane, x) in lane.iter_mut().zip(&row[first..first + sums.len()]) {
                    *lane += x;
                }
            }
            for half in [16, 8, 4, 2, 1] {
                let (low, high) = lanes.split_at_mut(half * COLUMNS);
                for (l, h) in low.iter_mut().zip(high) {
                    *l += *h;
                }
            }
            sums.copy_from_slice(&lanes[..sums.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::isa::Isa;

    fn numbers(len: usize, salt: usize) -> Vec<f32> {
        let number = |i: usize| match (i + salt) % 23 {
            5 => -0.0,
            9 => f32::from_bits(1 + i as u32), // subnormal
            16 => 700.0,
            _ => (((i + salt) * 7919 + 13) % 1009) as f32 / 97.0 - 5.0,
        };
        (0..len).map(number).collect()
    }

    fn bits(row: &[f32]) -> Vec<u32> {
        row.iter().map(|x| x.to_bits()).collect()
    }

    /// Runs `check` with every instruction set of this processor, on rows of awkward lengths: rows, and gradients.
    fn everywhere(check: impl Fn(usize, &[f32], &[f32])) {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            for n in [1, 2, 13, 16, 17, 31, 32, 33, 64, 65, 127, 129, 384, 389] {
                check(n, &numbers(3 * n, 0), &numbers(3 * n, 7));
            }
        }
        assert!(Isa::best().force());
    }

    /// `fast` of all rows is `slow` of each.
    fn rowwise(n: usize, x: &[f32], g: &[f32], fast: impl Fn(&[f32], &mut [f32]), slow: impl Fn(&[f32], &mut [f32])) {
        let (mut ours, mut expected) = (g.to_vec(), g.to_vec());
        fast(x, &mut ours);
        x.chunks_exact(n).zip(expected.chunks_exact_mut(n)).for_each(|(x, g)| slow(x, g));
        assert_eq!(bits(&ours), bits(&expected), "{n}");
    }

    #[test]
    fn rows_equal_the_reference() {
        everywhere(|n, x, g| {
            let weight = numbers(n, 3);
            let fast = |x: &[f32], g: &mut [f32]| layer_norm(x, g, &weight, 1e-12);
            rowwise(n, x, g, fast, |x, g| backward::layer_norm(x, g, &weight, 1e-12));
            rowwise(n, x, g, |x, g| softmax(x, g, n, 5.65), |x, g| backward::softmax(x, g, 5.65));
            let rows = |x: &[f32], g: &mut [f32]| {
                x.chunks_exact(n).zip(g.chunks_exact_mut(n)).for_each(|(x, g)| normalize(x, g));
            };
            rowwise(n, x, g, rows, backward::normalize);
            let mut ours = x.to_vec();
            normalized(&mut ours, n, 1e-12);
            let expected: Vec<f32> = x.chunks_exact(n).flat_map(|x| backward::normalized(x, 1e-12).0).collect();
            assert_eq!(bits(&ours), bits(&expected), "{n}");
        });
    }

    #[test]
    fn activations_equal_the_reference() {
        type Slope = fn(f32, f32) -> f32;
        let pairs: [(Activation, Slope); 3] = [
            (Activation::Gelu, backward::gelu),
            (Activation::GeluNew, backward::gelu_new),
            (Activation::Relu, backward::relu),
        ];
        everywhere(|n, x, g| {
            for (kind, slow) in pairs {
                let each = |x: &[f32], g: &mut [f32]| x.iter().zip(g).for_each(|(x, g)| *g = slow(*x, *g));
                rowwise(n, x, g, |x, g| activation(kind, x, g), each);
            }
        });
    }

    #[test]
    fn columns_equal_the_reference() {
        for rows in [0, 1, 31, 33, 100] {
            everywhere(|n, _, _| {
                let matrix = numbers(rows * n, 1);
                let mut ours = vec![1.0; n];
                column_sums(&matrix, &mut ours);
                assert_eq!(bits(&ours), bits(&backward::column_sums(&matrix, n)), "{rows} × {n}");
            });
        }
    }
}
