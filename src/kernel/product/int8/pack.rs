//! Cutting numbers into digits, in the order in which tiles are loaded.

#![allow(unsafe_code)]

use ndarray::{ArrayView2, Axis};

use crate::kernel::NotFinite;
use crate::kernel::amx::{HEIGHT, WIDTH};
use crate::kernel::isa::compiled_for_each_isa;
use crate::kernel::product::PANEL;
use crate::kernel::product::grid::{each_row, exponent, exponent_of, share};
use crate::kernel::reference::power_of_two;
use crate::kernel::team::Team;

/// A row of a tile, in 32-bit lanes of four digits: 64 terms of a row, or four terms of 16 columns.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::kernel::product) struct Line([i32; PANEL]);

const ZERO: Line = Line([0; PANEL]);

/// Digits of a number.
pub(super) const DIGITS: usize = 3;

/// Rows of a tile: all tiles of an operand are equally high, so that one configuration serves a product. The last one's surplus rows are computed
/// and left.
pub(super) fn height(m: usize) -> usize {
    m.div_ceil(m.div_ceil(HEIGHT).max(1)).max(1)
}

/// Lines of a tile of rows: by chunks of 64 terms, the last one padded with zeros; digits; rows.
pub(super) fn tile_lines(k: usize, height: usize) -> usize {
    k.div_ceil(WIDTH) * DIGITS * height
}

/// Lines of a panel: by chunks of 64 terms, digits, and sixteen times four terms.
pub(super) fn panel_lines(k: usize) -> usize {
    tile_lines(k, HEIGHT)
}

/// Packs rows, in tiles as high as [`height`] has it.
pub(in crate::kernel::product) fn pack_rows(
    team: &Team<'_>,
    matrix: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (m, k) = matrix.dim();
    let height = height(m);
    let size = tile_lines(k, height);
    // The last tile's surplus rows keep what they held before.
    lines.resize(m.div_ceil(height) * size, ZERO);
    share(team, matrix, (exponents, lines), (height, size), |matrix, exponents, lines| {
        each_row(matrix, exponents, |i, row| {
            pack_row(row, lines.get_mut(i / height * size + i % height..).unwrap_or_default(), height)
        })
    })
}

/// Packs columns, given as the rows of `transposed`.
pub(in crate::kernel::product) fn pack_columns(
    team: &Team<'_>,
    transposed: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (n, k) = transposed.dim();
    let size = panel_lines(k);
    // The last panel keeps what it held before in the columns that it has not now: they are computed and left.
    lines.resize(n.div_ceil(PANEL) * size, ZERO);
    share(team, transposed, (exponents, lines), (PANEL, size), |transposed, exponents, lines| {
        pack_panels(transposed, exponents, lines, size)
    })
}

/// Packs some panels, of `size` lines each.
fn pack_panels(
    transposed: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    lines: &mut [Line],
    size: usize,
) -> Result<(), NotFinite> {
    if transposed.ncols() > 1 && transposed.strides()[0] == 1 {
        let panels = transposed.axis_chunks_iter(Axis(0), PANEL).zip(exponents.chunks_mut(PANEL));
        for (i, (panel, exponents)) in panels.enumerate() {
            pack_panel_of_terms(panel, exponents, &mut lines[i * size..][..size])
                .map_err(|e| NotFinite { row: i * PANEL + e.row })?;
        }
        return Ok(());
    }
    each_row(transposed, exponents, |i, row| pack_column(row, &mut lines[i / PANEL * size..][..size], i % PANEL))
}

/// Two powers of two whose product is 2^−e, as that alone may be none of f32's.
#[derive(Clone, Copy)]
struct Inverse(f32, f32);

impl Inverse {
    fn of(e: i32) -> Self {
        let half = -e / 2;
        let power = |e| power_of_two(e) as f32;
        Self(power(half), power(-e - half))
    }
}

/// The digits of a number on a grid; lowest first.
#[inline(always)]
fn digits(x: f32, inverse: Inverse) -> [i8; DIGITS] {
    // Both factors go the same way. Upwards nothing is lost; downwards only of what is far below a half, and is rounded to 0.
    let q = (x * inverse.0 * inverse.1).round_ties_even();
    // SAFETY: |q| is at most 8,355,711, as the grid is that of the row's largest magnitude, which is finite.
    let q: i32 = unsafe { q.to_int_unchecked() };
    // A digit is the lowest byte, taken as signed; what is left goes on without it.
    let left = (q + 128) >> 8;
    [q as i8, left as i8, ((left + 128) >> 8) as i8]
}

/// The digits of 64 terms, four a lane.
#[inline(always)]
fn cut(terms: &[f32; WIDTH], inverse: Inverse) -> [Line; DIGITS] {
    let mut bytes = [[0i8; WIDTH]; DIGITS];
    for (p, x) in terms.iter().enumerate() {
        let digits = digits(*x, inverse);
        for (bytes, digit) in bytes.iter_mut().zip(digits) {
            bytes[p] = digit;
        }
    }
    let mut lines = [ZERO; DIGITS];
    for (line, bytes) in lines.iter_mut().zip(&bytes) {
        for (lane, four) in line.0.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *lane = i32::from_le_bytes([four[0] as u8, four[1] as u8, four[2] as u8, four[3] as u8]);
        }
    }
    lines
}

/// Numbers, then zeros.
#[inline(always)]
fn padded<const N: usize>(some: &[f32]) -> [f32; N] {
    let mut padded = [0.0; N];
    padded[..some.len()].copy_from_slice(some);
    padded
}

/// Up to 16 columns of a term.
#[inline(always)]
fn term(panel: &ArrayView2<'_, f32>, p: usize) -> [f32; PANEL] {
    let term = panel.column(p);
    let term = term.to_slice().expect("columns lie side by side");
    if term.len() == PANEL { padded(&term[..PANEL]) } else { padded(term) }
}

/// One row's digits of a chunk, where its tiles have them.
#[inline(always)]
fn put_row(lines: &mut [Line], chunk: usize, step: usize, digits: &[Line; DIGITS]) {
    for (d, digit) in digits.iter().enumerate() {
        lines[(chunk * DIGITS + d) * step] = *digit;
    }
}

/// One column's digits of a chunk.
#[inline(always)]
fn put_column(panel: &mut [Line], chunk: usize, lane: usize, digits: &[Line; DIGITS]) {
    let tiles = panel[chunk * DIGITS * HEIGHT..][..DIGITS * HEIGHT].as_chunks_mut::<HEIGHT>().0;
    for (tile, digit) in tiles.iter_mut().zip(digits) {
        for (line, four) in tile.iter_mut().zip(digit.0) {
            line.0[lane] = four;
        }
    }
}

compiled_for_each_isa! {
    /// Packs one row, whose lines are every `step`th; returns its e.
    fn pack_row(row: &[f32], lines: &mut [Line], step: usize) -> Option<i32> {
        let e = exponent_of(row)?;
        let inverse = Inverse::of(e);
        let (chunks, rest) = row.as_chunks();
        for (i, terms) in chunks.iter().enumerate() {
            put_row(lines, i, step, &cut(terms, inverse));
        }
        if !rest.is_empty() {
            put_row(lines, chunks.len(), step, &cut(&padded(rest), inverse));
        }
        Some(e)
    }

    /// Packs one column of a panel; returns its e.
    fn pack_column(column: &[f32], panel: &mut [Line], lane: usize) -> Option<i32> {
        let e = exponent_of(column)?;
        let (inverse, lane) = (Inverse::of(e), lane % PANEL);
        let (chunks, rest) = column.as_chunks();
        for (i, terms) in chunks.iter().enumerate() {
            put_column(panel, i, lane, &cut(terms, inverse));
        }
        if !rest.is_empty() {
            put_column(panel, chunks.len(), lane, &cut(&padded(rest), inverse));
        }
        Some(e)
    }

    /// Packs a panel of which each term's columns lie side by side: `panel` is [columns, k] with the columns contiguous.
    fn pack_panel_of_terms(
        panel: ArrayView2<'_, f32>,
        exponents: &mut [i32],
        lines: &mut [Line],
    ) -> Result<(), NotFinite> {
        let mut largest = [0u32; PANEL];
        for p in 0..panel.ncols() {
            for (largest, x) in largest.iter_mut().zip(term(&panel, p)) {
                *largest = (*largest).max(x.to_bits() & 0x7fff_ffff);
            }
        }
        let (mut first, mut second) = ([0.0; PANEL], [0.0; PANEL]);
        for (j, (e, largest)) in exponents.iter_mut().zip(largest).enumerate() {
            *e = exponent(largest).ok_or(NotFinite { row: j })?;
            Inverse(first[j], second[j]) = Inverse::of(*e);
        }
        for (i, tiles) in lines.as_chunks_mut::<HEIGHT>().0.as_chunks_mut::<DIGITS>().0.iter_mut().enumerate() {
            for four in 0..HEIGHT {
                let mut lanes = [[0i32; PANEL]; DIGITS];
                for t in 0..4 {
                    let p = i * WIDTH + 4 * four + t;
                    if p < panel.ncols() {
                        for (j, x) in term(&panel, p).into_iter().enumerate() {
                            for (lanes, digit) in lanes.iter_mut().zip(digits(x, Inverse(first[j], second[j]))) {
                                lanes[j] |= i32::from(digit as u8) << (8 * t);
                            }
                        }
                    }
                }
                for (tile, lanes) in tiles.iter_mut().zip(&lanes) {
                    tile[four].0 = *lanes;
                }
            }
        }
        Ok(())
    }
}
