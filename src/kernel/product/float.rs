//! Exact products of integers held in f64: for every processor.
//!
//! A product of two grid values is below 2^46, so that 128 of them sum to at most 128·8,355,711² < 2^53: every partial sum of a block of 128
//! terms is an integer that f64 holds exactly, whatever the order and whether or not multiplication and addition are fused.
//! Blocks are joined in two f64, multiples of 2^32 and what is left of them, both integers far below 2^53 for as many blocks as a row can have; joining in
//! i64 would need conversions that AVX2 has not.

use std::ops::Range;

use ndarray::ArrayView2;

use super::epilogue::{Epilogue, Out};
use super::grid::{ROUND, each_row, exponent_of, share};
use super::{Columns, PANEL, Rows};
use crate::kernel::NotFinite;
use crate::kernel::isa::{Isa, compiled_for_each_isa};
use crate::kernel::math::odd_sum;
use crate::kernel::reference::power_of_two;
use crate::kernel::team::Team;

/// One term of a panel's 16 columns.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([f64; PANEL]);

/// How many products f64 sums exactly.
const BLOCK: usize = 128;

/// 2^32.
const UPPER: f64 = 4_294_967_296.0;

/// Packs rows.
pub(super) fn pack_rows(
    team: &Team<'_>,
    matrix: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    q: &mut Vec<f64>,
) -> Result<(), NotFinite> {
    let (m, k) = matrix.dim();
    q.resize(m * k, 0.0);
    share(team, matrix, (exponents, q), (1, k), |matrix, exponents, q| {
        each_grid(matrix, exponents, |row, grid| q[row * k..(row + 1) * k].copy_from_slice(grid))
    })
}

/// Packs columns, given as the rows of `transposed`.
pub(super) fn pack_columns(
    team: &Team<'_>,
    transposed: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (n, k) = transposed.dim();
    lines.resize(n.div_ceil(PANEL) * k, Line([0.0; PANEL]));
    lines[n / PANEL * k..].fill(Line([0.0; PANEL]));
    share(team, transposed, (exponents, lines), (PANEL, k), |transposed, exponents, lines| {
        each_grid(transposed, exponents, |column, grid| {
            let panel = &mut lines[column / PANEL * k..][..k];
            for (line, q) in panel.iter_mut().zip(grid) {
                line.0[column % PANEL] = *q;
            }
        })
    })
}

/// Puts each row on its grid and hands it to `take`.
fn each_grid(
    matrix: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    mut take: impl FnMut(usize, &[f64]),
) -> Result<(), NotFinite> {
    let mut q = vec![0.0; matrix.ncols()];
    each_row(matrix, exponents, |i, row| {
        let e = grid_row(row, &mut q)?;
        take(i, &q);
        Some(e)
    })
}

compiled_for_each_isa! {
    /// [`crate::kernel::reference::grid`] of one row into `q`; returns e, or none where a value is not finite.
    fn grid_row(row: &[f32], q: &mut [f64]) -> Option<i32> {
        let e = exponent_of(row)?;
        let inverse = power_of_two(-e);
        for (q, x) in q.iter_mut().zip(row) {
            *q = (f64::from(*x) * inverse + ROUND) - ROUND;
        }
        Some(e)
    }
}

/// The outputs of some panels.
pub(super) fn panels(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: &Out<'_>, range: Range<usize>) {
    match Isa::active() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an instruction set is active only if the processor was found to have it.
        #[allow(unsafe_code)]
        Isa::Avx512 | Isa::Amx => unsafe { avx512(a, b, epilogue, out, range) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        #[allow(unsafe_code)]
        Isa::Avx2 => unsafe { avx2(a, b, epilogue, out, range) },
        Isa::Neon => tiles::<6, 8, true>(a, b, epilogue, out, range),
        _ => tiles::<2, 8, false>(a, b, epilogue, out, range),
    }
}

/// 24 accumulators of eight f64, two vectors of the panel: 26 of 32 registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn avx512(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: &Out<'_>, range: Range<usize>) {
    tiles::<12, 16, true>(a, b, epilogue, out, range);
}

/// 12 accumulators of four f64 and two vectors of half a panel: 14 of 16 registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: &Out<'_>, range: Range<usize>) {
    tiles::<6, 8, true>(a, b, epilogue, out, range);
}

/// Panel by panel, so that a panel stays in the cache while the rows pass by in tiles of `TILE`; the last rows in smaller ones.
#[inline(always)]
fn tiles<const TILE: usize, const WIDTH: usize, const FUSED: bool>(
    a: &Rows,
    b: &Columns,
    epilogue: &Epilogue<'_>,
    out: &Out<'_>,
    range: Range<usize>,
) {
    for panel in range {
        let lines = &b.float[panel * a.k..][..a.k];
        let mut row = 0;
        while row + TILE <= a.count() {
            tile::<TILE, WIDTH, FUSED>(a, row, lines, panel, b, epilogue, out);
            row += TILE;
        }
        while TILE > 4 && row + 4 <= a.count() {
            tile::<4, WIDTH, FUSED>(a, row, lines, panel, b, epilogue, out);
            row += 4;
        }
        while row + 2 <= a.count() {
            tile::<2, WIDTH, FUSED>(a, row, lines, panel, b, epilogue, out);
            row += 2;
        }
        while row < a.count() {
            tile::<1, WIDTH, FUSED>(a, row, lines, panel, b, epilogue, out);
            row += 1;
        }
    }
}

/// `TILE` rows from `first` times one panel.
#[inline(always)]
fn tile<const TILE: usize, const WIDTH: usize, const FUSED: bool>(
    a: &Rows,
    first: usize,
    lines: &[Line],
    panel: usize,
    b: &Columns,
    epilogue: &Epilogue<'_>,
    out: &Out<'_>,
) {
    let (mut upper, mut lower) = ([[0.0f64; PANEL]; TILE], [[0.0f64; PANEL]; TILE]);
    for (i, lines) in lines.chunks(BLOCK).enumerate() {
        let rows = &a.float[first * a.k + i * BLOCK..];
        let mut sums = [[0.0f64; PANEL]; TILE];
        for start in (0..PANEL).step_by(WIDTH) {
            let part = block::<TILE, WIDTH, FUSED>(rows, a.k, lines, start);
            for (sums, part) in sums.iter_mut().zip(&part) {
                sums[start..start + WIDTH].copy_from_slice(part);
            }
        }
        for ((upper, lower), sums) in upper.iter_mut().zip(&mut lower).zip(&sums) {
            for ((u, l), s) in upper.iter_mut().zip(lower).zip(sums) {
                let multiple = ((s * (1.0 / UPPER) + ROUND) - ROUND) * UPPER;
                *u += multiple;
                *l += s - multiple;
            }
        }
    }
    let start = panel * PANEL;
    let mut exponents = [0; PANEL];
    let width = PANEL.min(b.count() - start);
    exponents[..width].copy_from_slice(&b.exponents[start..start + width]);
    let mut tile = [[0.0f32; PANEL]; TILE];
    for (r, values) in tile.iter_mut().enumerate() {
        for (j, x) in values.iter_mut().enumerate() {
            // Rounded to odd, so that rounding to f32 rounds the sum itself. Where the upper part is the smaller one, both are below 2^42 (no row has more
            // than 1,033 blocks) and their sum is exact.
            let sum = odd_sum(upper[r][j], lower[r][j]) as f32;
            *x = (f64::from(sum) * power_of_two(a.exponents[first + r] + exponents[j])) as f32;
        }
    }
    // SAFETY: rows and columns come from the operands, whose counts are the output's shape; a panel is one thread's.
    #[allow(unsafe_code)]
    unsafe {
        out.store(&mut tile, first, start, epilogue);
    }
}

/// Sums of at most [`BLOCK`] products of integers, exact in f64: the first `lines.len()` terms of each of `TILE` rows, which lie `stride` apart,
/// and `WIDTH` columns from `start` on.
#[inline(always)]
fn block<const TILE: usize, const WIDTH: usize, const FUSED: bool>(
    rows: &[f64],
    stride: usize,
    lines: &[Line],
    start: usize,
) -> [[f64; WIDTH]; TILE] {
    assert!((TILE - 1) * stride + lines.len() <= rows.len());
    let mut sums = [[0.0f64; WIDTH]; TILE];
    for (p, line) in lines.iter().enumerate() {
        let columns: &[f64; WIDTH] = line.0[start..].first_chunk().expect("within the panel");
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: below the last index that the assertion names. A check here would cost as much as the multiplication.
            #[allow(unsafe_code)]
            let x = unsafe { *rows.get_unchecked(r * stride + p) };
            for (s, y) in sums.iter_mut().zip(columns) {
                *s = if FUSED { x.mul_add(*y, *s) } else { *s + x * y };
            }
        }
    }
    sums
}
