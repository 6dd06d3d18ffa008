//! Exact matrix products, fast: integers of up to 24 bits held in f64.
//!
//! A product of two grid values is below 2^46, so that 128 of them sum to at most 128·8,355,711² < 2^53: every partial sum of a block of 128
//! terms is an integer that f64 holds exactly, whatever the order and whether or not multiplication and addition are fused.
//! Blocks are joined in i64, which holds k up to 2^63/8,355,711² = 132,104 terms.
//!
//! The left operand lies row by row; the right one in panels of 16 columns, packed once. A tile of rows times a panel stays in
//! registers over a whole block. The loops are plain ones that the compiler turns into vectors for each instruction set.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::NotFinite;
use super::isa::{Isa, compiled_for_each_isa};
use super::reference::{GRID_MAX, power_of_two};

/// How many products f64 sums exactly.
const BLOCK: usize = 128;

/// The longest row whose exact sum fits i64.
pub const MAX_TERMS: usize = 132_104;

/// Columns of a panel.
const PANEL: usize = 16;

/// The left operand of a product: rows on their grids, as integers held in f64, and each row's 2^e.
pub struct Rows {
    k: usize,
    q: Vec<f64>,
    scale: Vec<f64>,
}

/// The right operand of a product: columns on their grids, in panels.
pub struct Columns {
    k: usize,
    /// Panel after panel, each k rows of [`PANEL`] columns; columns beyond the last are zero.
    panels: Vec<[f64; PANEL]>,
    scale: Vec<f64>,
}

impl Rows {
    /// Puts every row of `matrix` [m, k] on a grid of its own.
    ///
    /// # Errors
    /// A value that is not finite, with its row.
    ///
    /// # Panics
    /// A row longer than [`MAX_TERMS`].
    pub fn of(matrix: ArrayView2<'_, f32>) -> Result<Self, NotFinite> {
        let (m, k) = matrix.dim();
        let mut q = vec![0.0; m * k];
        let scale = each_grid(matrix, |row, grid| q[row * k..(row + 1) * k].copy_from_slice(grid))?;
        Ok(Self { k, q, scale })
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.scale.len()
    }

    /// Some of the rows, as an operand of their own.
    #[must_use]
    pub fn slice(&self, rows: std::ops::Range<usize>) -> Self {
        let q = self.q[rows.start * self.k..rows.end * self.k].to_vec();
        Self { k: self.k, q, scale: self.scale[rows].to_vec() }
    }
}

impl Columns {
    /// Puts every row of `transposed` [n, k], a column of the right operand each, on a grid of its own, and packs them.
    ///
    /// # Errors
    /// A value that is not finite, with its row.
    ///
    /// # Panics
    /// A row longer than [`MAX_TERMS`].
    pub fn of(transposed: ArrayView2<'_, f32>) -> Result<Self, NotFinite> {
        let (n, k) = transposed.dim();
        let mut panels = vec![[0.0; PANEL]; n.div_ceil(PANEL) * k];
        let scale = each_grid(transposed, |column, grid| {
            let panel = &mut panels[column / PANEL * k..][..k];
            panel.iter_mut().zip(grid).for_each(|(row, q)| row[column % PANEL] = *q);
        })?;
        Ok(Self { k, panels, scale })
    }

    /// How many columns there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.scale.len()
    }
}

/// Puts each row on its grid and hands it to `take`; returns the rows' 2^e.
fn each_grid(matrix: ArrayView2<'_, f32>, mut take: impl FnMut(usize, &[f64])) -> Result<Vec<f64>, NotFinite> {
    let k = matrix.ncols();
    assert!(k <= MAX_TERMS, "a row of {k} terms could overflow its sum");
    let (mut copy, mut q) = (vec![0.0; k], vec![0.0; k]);
    let mut scale = Vec::with_capacity(matrix.nrows());
    for (i, row) in matrix.rows().into_iter().enumerate() {
        let row = row.to_slice().unwrap_or_else(|| {
            copy.iter_mut().zip(row).for_each(|(c, x)| *c = *x);
            &copy
        });
        scale.push(grid_row(row, &mut q).ok_or(NotFinite { row: i })?);
        take(i, &q);
    }
    Ok(scale)
}

compiled_for_each_isa! {
    /// [`super::reference::grid`] of one row into `q`; returns 2^e, or none where a value is not finite.
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

/// The exact product of `a` [m, k] and `b` [k, n] into `out` [m, n]: [`super::reference::product`].
///
/// # Panics
/// Shapes that do not fit each other, or rows of `out` that do not lie contiguously.
pub fn product(a: &Rows, b: &Columns, mut out: ArrayViewMut2<'_, f32>) {
    assert_eq!((a.k, a.count(), b.count()), (b.k, out.nrows(), out.ncols()), "shapes of a product");
    #[cfg(target_arch = "x86_64")]
    match Isa::active() {
        // SAFETY: an instruction set is active only if the processor was found to have it.
        #[allow(unsafe_code)]
        Isa::Avx512 => return unsafe { product_avx512(a, b, &mut out) },
        // SAFETY: as above.
        #[allow(unsafe_code)]
        Isa::Avx2 => return unsafe { product_avx2(a, b, &mut out) },
        Isa::Portable => {}
    }
    panels::<2, false>(a, b, &mut out);
}

/// 24 accumulators of eight f64, two vectors of the panel: 26 of 32 registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn product_avx512(a: &Rows, b: &Columns, out: &mut ArrayViewMut2<'_, f32>) {
    panels::<12, true>(a, b, out);
}

/// 12 accumulators of four f64: 12 of 16 registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn product_avx2(a: &Rows, b: &Columns, out: &mut ArrayViewMut2<'_, f32>) {
    panels::<3, true>(a, b, out);
}

/// Panel by panel, so that a panel stays in the cache while the rows pass by in tiles of `TILE`; the last rows one by one or three by three.
#[inline(always)]
fn panels<const TILE: usize, const FUSED: bool>(a: &Rows, b: &Columns, out: &mut ArrayViewMut2<'_, f32>) {
    if a.k == 0 {
        out.fill(0.0);
        return;
    }
    for (panel, columns) in b.panels.chunks_exact(a.k).enumerate() {
        let mut row = 0;
        while row + TILE <= a.count() {
            tile::<TILE, FUSED>(a, row, columns, panel, b, out);
            row += TILE;
        }
        while row + 3 <= a.count() {
            tile::<3, FUSED>(a, row, columns, panel, b, out);
            row += 3;
        }
        while row < a.count() {
            tile::<1, FUSED>(a, row, columns, panel, b, out);
            row += 1;
        }
    }
}

/// `TILE` rows from `first` times one panel.
#[inline(always)]
fn tile<const TILE: usize, const FUSED: bool>(
    a: &Rows,
    first: usize,
    columns: &[[f64; PANEL]],
    panel: usize,
    b: &Columns,
    out: &mut ArrayViewMut2<'_, f32>,
) {
    let mut total = [[0i64; PANEL]; TILE];
    for (i, columns) in columns.chunks(BLOCK).enumerate() {
        let rows = std::array::from_fn(|r| &a.q[(first + r) * a.k + i * BLOCK..][..columns.len()]);
        let sums = block::<TILE, FUSED>(rows, columns);
        for (total, sums) in total.iter_mut().zip(&sums) {
            for (t, s) in total.iter_mut().zip(sums) {
                // SAFETY: a block's sum is an integer of magnitude below 2^53.
                #[allow(unsafe_code)]
                let integer = unsafe { s.to_int_unchecked::<i64>() };
                *t += integer;
            }
        }
    }
    let start = panel * PANEL;
    let scales = &b.scale[start..b.count().min(start + PANEL)];
    for (r, total) in total.iter().enumerate() {
        let mut row = out.row_mut(first + r);
        let row = row.as_slice_mut().expect("rows of a product's output lie contiguously");
        let scale = a.scale[first + r];
        for ((o, t), column) in row[start..start + scales.len()].iter_mut().zip(total).zip(scales) {
            *o = (f64::from(*t as f32) * (scale * column)) as f32;
        }
    }
}

/// Sums of at most [`BLOCK`] products of integers, exact in f64.
#[inline(always)]
fn block<const TILE: usize, const FUSED: bool>(rows: [&[f64]; TILE], columns: &[[f64; PANEL]]) -> [[f64; PANEL]; TILE] {
    assert!(rows.iter().all(|row| row.len() == columns.len()));
    let mut sums = [[0.0f64; PANEL]; TILE];
    for (p, column) in columns.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let x = row[p];
            for (s, y) in sums.iter_mut().zip(column) {
                *s = if FUSED { x.mul_add(*y, *s) } else { *s + x * y };
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::kernel::{isa::Isa, reference};

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
                let a = Rows::of(ArrayView2::from_shape((m, k), &a).unwrap()).unwrap();
                let b = Columns::of(ArrayView2::from_shape((n, k), &b).unwrap()).unwrap();
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
        let matrix = ArrayView2::from_shape((1, k), &a).unwrap();
        let mut out = Array2::zeros((1, 1));
        product(&Rows::of(matrix).unwrap(), &Columns::of(matrix).unwrap(), out.view_mut());
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
                let grid = Rows::of(ArrayView2::from(&[row])).unwrap();
                assert_eq!(grid.scale, [power_of_two(e)]);
                assert!(grid.q.iter().zip(&q).all(|(x, y)| *x == *y as f64));
            }
        }
        assert_eq!(Rows::of(ArrayView2::from(&[[1.0, 2.0], [1.0, f32::INFINITY]])).err(), Some(NotFinite { row: 1 }));
    }
}
