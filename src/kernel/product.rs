//! Exact matrix products, fast: integers of up to 24 bits held in f64, multiplied by ndarray's own product.
//!
//! A product of two grid values is below 2^46, so that 128 of them sum to at most 128·8,355,711² < 2^53: every partial sum of a block of 128
//! terms is an integer that f64 holds exactly, whatever the order and whether or not multiplication and addition are fused.
//! Blocks are joined in i64, which holds k up to 2^63/8,355,711² = 132,104 terms.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, s};

use super::NotFinite;
use super::isa::compiled_for_each_isa;
#[cfg(test)]
use super::reference;
use super::reference::{GRID_MAX, power_of_two};

/// How many products f64 sums exactly.
const BLOCK: usize = 128;

/// The longest row whose exact sum fits i64.
pub const MAX_TERMS: usize = 132_104;

/// Columns of an output that are computed at once: their block of B and the partial sums stay in the cache.
const TILE: usize = 192;

/// Rows on their grids: `rows` × `k` integers held in f64, and each row's 2^e.
pub struct Grid {
    k: usize,
    q: Vec<f64>,
    scale: Vec<f64>,
}

impl Grid {
    /// Puts every row of `matrix` on a grid of its own.
    ///
    /// # Errors
    /// A value that is not finite, with its row.
    ///
    /// # Panics
    /// A row longer than [`MAX_TERMS`].
    pub fn of_rows(matrix: ArrayView2<'_, f32>) -> Result<Self, NotFinite> {
        let (m, k) = matrix.dim();
        assert!(k <= MAX_TERMS, "a row of {k} terms could overflow its sum");
        let mut q = vec![0.0; m * k];
        let mut scale = Vec::with_capacity(m);
        let mut copy = Vec::new();
        for (i, (row, q)) in matrix.rows().into_iter().zip(q.chunks_exact_mut(k.max(1))).enumerate() {
            let row = match row.to_slice() {
                Some(row) => row,
                None => {
                    copy.clear();
                    copy.extend(row.iter().copied());
                    &copy
                }
            };
            scale.push(grid_row(row, q).ok_or(NotFinite { row: i })?);
        }
        Ok(Self { k, q, scale })
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.scale.len()
    }

    /// Some of the rows, as a grid of their own.
    #[must_use]
    pub fn slice(&self, rows: std::ops::Range<usize>) -> Self {
        let q = self.q[rows.start * self.k..rows.end * self.k].to_vec();
        Self { k: self.k, q, scale: self.scale[rows].to_vec() }
    }

    fn view(&self) -> ArrayView2<'_, f64> {
        ArrayView2::from_shape((self.rows(), self.k), &self.q).expect("made with this shape")
    }
}

compiled_for_each_isa! {
    /// [`reference::grid`] of one row into `q`; returns 2^e, or none where a value is not finite.
    fn grid_row(row: &[f32], q: &mut [f64]) -> Option<f64> {
        // Magnitudes compare as their bit patterns do, and everything that is not finite is above all that is.
        let largest = row.iter().fold(0u32, |m, x| m.max(x.to_bits() & 0x7fff_ffff));
        if largest >= f32::INFINITY.to_bits() {
            return None;
        }
        let e = exponent(f32::from_bits(largest));
        let inverse = power_of_two(-e);
        for (q, x) in q.iter_mut().zip(row) {
            *q = round(f64::from(*x) * inverse);
        }
        Some(power_of_two(e))
    }

    /// Adds a block's sums to the joined ones.
    fn join(total: &mut [i64], block: &[f64]) {
        for (t, b) in total.iter_mut().zip(block) {
            // SAFETY: a block's sum is an integer of magnitude below 2^53.
            #[allow(unsafe_code)]
            let integer = unsafe { b.to_int_unchecked::<i64>() };
            *t += integer;
        }
    }

    /// Joined sums to f32, scaled: [`reference::scaled`].
    fn scale_joined(out: &mut [f32], total: &[i64], row: f64, columns: &[f64]) {
        for ((o, t), c) in out.iter_mut().zip(total).zip(columns) {
            *o = (f64::from(*t as f32) * (row * c)) as f32;
        }
    }

    /// Sums of a single block to f32, scaled: the same, as an integer below 2^53 rounds alike from f64 and from i64.
    fn scale_block(out: &mut [f32], block: &[f64], row: f64, columns: &[f64]) {
        for ((o, b), c) in out.iter_mut().zip(block).zip(columns) {
            *o = (f64::from(*b as f32) * (row * c)) as f32;
        }
    }
}

/// The e of a row's grid, from its largest magnitude.
#[inline(always)]
fn exponent(largest: f32) -> i32 {
    if largest == 0.0 {
        return 0;
    }
    let largest = f64::from(largest);
    // With the leading bit at 2^22 the largest is below 2^23; it is above the grid's maximum only if it rounds to its top sliver.
    let e = ((largest.to_bits() >> 52) as i32 - 1023) - 22;
    if (largest * power_of_two(-e)).round_ties_even() > GRID_MAX { e + 1 } else { e }
}

/// Rounds |x| < 2^51 to the nearest integer, ties to even, with additions that every instruction set has.
#[inline(always)]
fn round(x: f64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5·2^52
    (x + MAGIC) - MAGIC
}

/// The exact product of the rows of `a` [m, k] with the rows of `b` [n, k] into `out` [m, n]: [`reference::product`].
///
/// # Panics
/// Shapes that do not fit each other, or rows of `out` that do not lie contiguously.
pub fn product(a: &Grid, b: &Grid, mut out: ArrayViewMut2<'_, f32>) {
    assert_eq!((a.k, a.rows(), b.rows()), (b.k, out.nrows(), out.ncols()), "shapes of a product");
    let mut sums = Sums::default();
    for start in (0..b.rows()).step_by(TILE) {
        let end = b.rows().min(start + TILE);
        tile(a, b, start..end, &mut sums, out.slice_mut(s![.., start..end]));
    }
}

/// Partial sums of a tile, kept from tile to tile.
#[derive(Default)]
struct Sums {
    block: Vec<f64>,
    total: Vec<i64>,
}

fn tile(a: &Grid, b: &Grid, columns: std::ops::Range<usize>, sums: &mut Sums, mut out: ArrayViewMut2<'_, f32>) {
    let (m, n) = out.dim();
    sums.block.resize(m * n, 0.0);
    sums.total.clear();
    let single = a.k <= BLOCK;
    if !single {
        sums.total.resize(m * n, 0);
    }
    let (av, bv) = (a.view(), b.view());
    for start in (0..a.k).step_by(BLOCK) {
        let terms = start..a.k.min(start + BLOCK);
        let mut block = ArrayViewMut2::from_shape((m, n), &mut sums.block[..m * n]).expect("sized above");
        let (left, right) = (av.slice(s![.., terms.clone()]), bv.slice(s![columns.clone(), terms]));
        general_mat_mul(1.0, &left, &right.t(), 0.0, &mut block);
        if !single {
            join(&mut sums.total, &sums.block[..m * n]);
        }
    }
    let scales = &b.scale[columns];
    for (i, mut row) in out.rows_mut().into_iter().enumerate() {
        let row = row.as_slice_mut().expect("rows of a product's output lie contiguously");
        let sums_of_row = i * n..(i + 1) * n;
        if single {
            scale_block(row, &sums.block[sums_of_row], a.scale[i], scales);
        } else {
            scale_joined(row, &sums.total[sums_of_row], a.scale[i], scales);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::kernel::isa::Isa;

    /// Numbers of very different sizes, signs and a few zeros, from a linear congruential generator.
    fn awkward(len: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        (0..len)
            .map(|_| match next() % 16 {
                0 => 0.0,
                1 => -0.0,
                2 => f32::from_bits(next() & 0x007f_ffff), // subnormal
                3 => 1e30 * (next() as f32 / 2e9 - 0.5),
                _ => next() as f32 / 1e9 - 1.0,
            })
            .collect()
    }

    #[test]
    fn products_of_awkward_shapes_equal_the_reference() {
        let shapes = [(1, 1, 1), (1, 384, 1), (3, 127, 5), (2, 128, 193), (5, 129, 7), (31, 257, 200), (17, 1536, 13)];
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            for (m, k, n) in shapes {
                let (a, b) = (awkward(m * k, 1 + k as u64), awkward(n * k, 2 + n as u64));
                let expected = reference::product(&a, &b, k).unwrap();
                let a = Grid::of_rows(ArrayView2::from_shape((m, k), &a).unwrap()).unwrap();
                let b = Grid::of_rows(ArrayView2::from_shape((n, k), &b).unwrap()).unwrap();
                let mut out = Array2::zeros((m, n));
                product(&a, &b, out.view_mut());
                let same = out.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits());
                assert!(same, "{isa}: {m}×{k}×{n}");
            }
        }
        assert!(Isa::best().force());
    }

    #[test]
    fn the_largest_sums_are_exact() {
        // Every product is the largest possible, so that blocks reach 128·8,355,711² and the sum needs i64.
        let k = 4099;
        let a = vec![8_355_711.0f32; k];
        let expected = reference::product(&a, &a, k).unwrap();
        let grid = Grid::of_rows(ArrayView2::from_shape((1, k), &a).unwrap()).unwrap();
        let mut out = Array2::zeros((1, 1));
        product(&grid, &grid, out.view_mut());
        assert_eq!(out[[0, 0]].to_bits(), expected[0].to_bits());
    }

    #[test]
    fn grids_equal_the_reference_at_the_edges() {
        for largest in [f32::from_bits(1), f32::MIN_POSITIVE, 1.0, 8_355_711.0, 8_355_711.5, 8_355_712.0, f32::MAX] {
            for row in [[largest, -0.3 * largest, 0.5], [-largest, largest / 3.0, -0.0]] {
                if row.iter().any(|x| x.abs() > largest) {
                    continue;
                }
                let (q, e) = reference::grid(&row).unwrap();
                let grid = Grid::of_rows(ArrayView2::from(&[row])).unwrap();
                assert_eq!(grid.scale, [power_of_two(e)]);
                assert!(grid.q.iter().zip(&q).all(|(x, y)| *x == *y as f64));
            }
        }
        assert_eq!(
            Grid::of_rows(ArrayView2::from(&[[1.0, 2.0], [1.0, f32::INFINITY]])).err(),
            Some(NotFinite { row: 1 })
        );
    }
}
