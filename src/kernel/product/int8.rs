//! Exact products of signed 8-bit digits: Intel AMX.
//!
//! A grid value is q = d₂·2^16 + d₁·2^8 + d₀ with digits in −128…127; |q| ≤ 8,355,711 keeps d₂ within ±127. Nine products of digits add to five
//! sums by weight, of d_i·d'_j to the sum i + j. The middle one grows fastest, by at most 2·127·128 + 128² = 48,896 a term: over a block
//! of 32,768 terms that is 1,602,224,128 < 2^31, and no sum leaves its 32 bits. Sums and blocks are joined in i64.
//!
//! One `tdpbssd` multiplies 16 rows of 64 bytes with 64 rows of 16 columns in 16 cycles. Nine take 144 cycles for what eight tile loads bring in
//! (64 cycles, from the first-level cache), and a sum is used again after three others, about as long as one takes. Joining, the epilogue and
//! storing need the vector units: they follow a few rows at a time between the products of the next tile of outputs, while those run.
//!
//! Everything but the instructions themselves is plain Rust, compiled for the instruction set in use.

#![allow(unsafe_code)]

use std::ops::Range;

use ndarray::{ArrayView2, Axis};

use super::epilogue::{Epilogue, Out};
use super::grid::{ROUND, contiguous, exponent, exponent_of};
use super::{Columns, PANEL, Rows};
use crate::kernel::NotFinite;
use crate::kernel::amx::{Amx, Config, HEIGHT, LEFT, RIGHT, RIGHT_TOO, Tiles, WIDTH};
use crate::kernel::isa::compiled_for_each_isa;
use crate::kernel::reference::power_of_two;

/// A row of a tile, in 32-bit lanes of four digits: 64 terms of a row, or four terms of 16 columns.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([i32; PANEL]);

const ZERO: Line = Line([0; PANEL]);

/// Digits of a number.
const DIGITS: usize = 3;

/// Chunks of 64 terms whose sums fit 32 bits.
const BLOCK: usize = 512;

/// Bytes of packed rows that stay in the second-level cache, of 2 MB on every processor with AMX, while all panels pass by.
const GROUP: usize = 768 << 10;

/// Rows of outputs that are finished between two products.
const STEP: usize = 4;

/// Chunks of 64 terms in k, the last one padded with zeros.
fn chunks(k: usize) -> usize {
    k.div_ceil(WIDTH)
}

/// Rows of a tile: all tiles of an operand are equally high, so that one configuration serves a product. The last one's surplus rows are computed
/// and left.
fn height(m: usize) -> usize {
    m.div_ceil(m.div_ceil(HEIGHT).max(1)).max(1)
}

/// Where the first digits of a row's first chunk lie, and how far on those of the next digit: by tiles, chunks, digits, rows.
fn place(m: usize, k: usize, row: usize) -> (usize, usize) {
    let height = height(m);
    (row / height * chunks(k) * DIGITS * height + row % height, height)
}

fn row_lines(m: usize, k: usize) -> usize {
    m.next_multiple_of(height(m)) * chunks(k) * DIGITS
}

/// By chunks, digits, and sixteen times four terms.
fn panel_lines(k: usize) -> usize {
    chunks(k) * DIGITS * HEIGHT
}

/// Packs rows.
pub(super) fn pack_rows(
    matrix: ArrayView2<'_, f32>,
    exponents: &mut Vec<i32>,
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (m, k) = matrix.dim();
    lines.resize(row_lines(m, k), ZERO);
    let mut copy = Vec::new();
    for (i, row) in matrix.rows().into_iter().enumerate() {
        let (first, step) = place(m, k, i);
        let e = pack_row(contiguous(&row, &mut copy), &mut lines[first..], step);
        exponents.push(e.ok_or(NotFinite { row: i })?);
    }
    Ok(())
}

/// Some of `m` packed rows of k terms, as an operand of their own.
pub(super) fn slice(lines: &[Line], m: usize, k: usize, rows: Range<usize>) -> Vec<Line> {
    let mut some = vec![ZERO; row_lines(rows.len(), k)];
    for (i, row) in rows.clone().enumerate() {
        let ((from, step), (to, new_step)) = (place(m, k, row), place(rows.len(), k, i));
        for digits in 0..chunks(k) * DIGITS {
            some[to + digits * new_step] = lines[from + digits * step];
        }
    }
    some
}

/// Packs columns, given as the rows of `transposed`.
pub(super) fn pack_columns(
    transposed: ArrayView2<'_, f32>,
    exponents: &mut Vec<i32>,
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (n, k) = transposed.dim();
    let size = panel_lines(k);
    // What the last panel held before stays in the columns that it has not now: they are computed and left.
    lines.resize(n.div_ceil(PANEL) * size, ZERO);
    if k > 1 && transposed.strides()[0] == 1 {
        for (i, panel) in transposed.axis_chunks_iter(Axis(0), PANEL).enumerate() {
            pack_panel_of_terms(panel, exponents, &mut lines[i * size..][..size])
                .map_err(|e| NotFinite { row: i * PANEL + e.row })?;
        }
        return Ok(());
    }
    let mut copy = Vec::new();
    for (i, row) in transposed.rows().into_iter().enumerate() {
        let panel = &mut lines[i / PANEL * size..][..size];
        let e = pack_column(contiguous(&row, &mut copy), panel, i % PANEL);
        exponents.push(e.ok_or(NotFinite { row: i })?);
    }
    Ok(())
}

/// The digits of a number on the grid 2^e, given 2^−e; lowest first.
#[inline(always)]
fn digits(x: f32, inverse: f64) -> [i8; DIGITS] {
    // The number is on the last places of the mantissa: its low half is q in two's complement.
    let q = (f64::from(x) * inverse + ROUND).to_bits() as i32;
    // A digit is the lowest byte taken as signed; what is left loses it.
    let left = (q + 128) >> 8;
    [q as i8, left as i8, ((left + 128) >> 8) as i8]
}

/// The digits of up to 64 terms, four a lane, zeros beyond them.
#[inline(always)]
fn cut(terms: &[f32], inverse: f64) -> [Line; DIGITS] {
    let mut padded = [0.0f32; WIDTH];
    if let Ok(terms) = <&[f32; WIDTH]>::try_from(terms) {
        padded = *terms;
    } else {
        padded[..terms.len()].copy_from_slice(terms);
    }
    let mut bytes = [[0i8; WIDTH]; DIGITS];
    for (p, x) in padded.iter().enumerate() {
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

compiled_for_each_isa! {
    /// Packs one row, whose lines are every `step`th; returns its e.
    fn pack_row(row: &[f32], lines: &mut [Line], step: usize) -> Option<i32> {
        let e = exponent_of(row)?;
        let inverse = power_of_two(-e);
        for (i, terms) in row.chunks(WIDTH).enumerate() {
            let digits = cut(terms, inverse);
            for (d, digit) in digits.iter().enumerate() {
                lines[(i * DIGITS + d) * step] = *digit;
            }
        }
        Some(e)
    }

    /// Packs one column of a panel; returns its e.
    fn pack_column(column: &[f32], panel: &mut [Line], lane: usize) -> Option<i32> {
        let e = exponent_of(column)?;
        let (inverse, lane) = (power_of_two(-e), lane % PANEL);
        for (terms, tiles) in column.chunks(WIDTH).zip(panel.as_chunks_mut::<HEIGHT>().0.as_chunks_mut::<DIGITS>().0) {
            let digits = cut(terms, inverse);
            for (tile, digit) in tiles.iter_mut().zip(&digits) {
                for (line, four) in tile.iter_mut().zip(digit.0) {
                    line.0[lane] = four;
                }
            }
        }
        Some(e)
    }

    /// Packs a panel of which each term's columns lie side by side: `panel` is [columns, k] with the columns contiguous.
    fn pack_panel_of_terms(
        panel: ArrayView2<'_, f32>,
        exponents: &mut Vec<i32>,
        lines: &mut [Line],
    ) -> Result<(), NotFinite> {
        let mut largest = [0u32; PANEL];
        for term in panel.columns() {
            for (largest, x) in largest.iter_mut().zip(&padded(term.as_slice())) {
                *largest = (*largest).max(x.to_bits() & 0x7fff_ffff);
            }
        }
        let mut inverse = [0.0f64; PANEL];
        for (column, (largest, inverse)) in largest.iter().zip(&mut inverse).take(panel.nrows()).enumerate() {
            let e = exponent(*largest).ok_or(NotFinite { row: column })?;
            exponents.push(e);
            *inverse = power_of_two(-e);
        }
        for (i, tiles) in lines.as_chunks_mut::<HEIGHT>().0.as_chunks_mut::<DIGITS>().0.iter_mut().enumerate() {
            for four in 0..HEIGHT {
                let mut lanes = [[0i32; PANEL]; DIGITS];
                for t in 0..4 {
                    let p = i * WIDTH + 4 * four + t;
                    if p < panel.ncols() {
                        for (j, (x, inverse)) in padded(panel.column(p).as_slice()).iter().zip(&inverse).enumerate() {
                            let digits = digits(*x, *inverse);
                            for (lanes, digit) in lanes.iter_mut().zip(digits) {
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

/// A term of a panel's columns, zeros beyond them.
#[inline(always)]
fn padded(term: Option<&[f32]>) -> [f32; PANEL] {
    let term = term.expect("columns lie side by side");
    if let Ok(full) = term.try_into() {
        return full;
    }
    let mut padded = [0.0; PANEL];
    padded[..term.len()].copy_from_slice(term);
    padded
}

/// The outputs of some panels.
pub(super) fn panels(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: &Out<'_>, range: Range<usize>) {
    #[cfg(test)]
    if super::Form::active() != super::Form::Int8 {
        let emulated = &mut crate::kernel::amx::emulated::Emulated::default();
        // SAFETY: the emulation has no requirements.
        return unsafe { groups(emulated, a, b, epilogue, out, range) };
    }
    // SAFETY: this form is only chosen where AMX can be used.
    unsafe { groups(&mut Amx, a, b, epilogue, out, range) }
}

/// Rows in groups that stay in the second-level cache; panel by panel, so that a panel stays near; tile by tile.
///
/// # Safety
/// The thread can use the tiles.
unsafe fn groups<T: Tiles>(
    tiles: &mut T,
    a: &Rows,
    b: &Columns,
    epilogue: &Epilogue<'_>,
    out: &Out<'_>,
    range: Range<usize>,
) {
    let (chunks, height) = (chunks(a.k), height(a.count()));
    let (tile_size, panel_size) = (chunks * DIGITS * height, panel_lines(a.k));
    let count = a.count().div_ceil(height);
    let groups = count.div_ceil((GROUP / (tile_size.max(1) * size_of::<Line>())).max(1));
    let mut pending = Pending::new(a, b, epilogue, out);
    // SAFETY: passed on. Lines of a tile and of a panel are as many as `sums` reads.
    unsafe {
        tiles.configure(&Config::of_height(height));
        for group in 0..groups {
            for panel in range.clone() {
                let right = &b.int8[panel * panel_size..][..panel_size];
                for tile in count * group / groups..count * (group + 1) / groups {
                    let left = &a.int8[tile * tile_size..][..tile_size];
                    sums(tiles, left, right, height, &mut pending);
                    pending.begin(panel, tile * height..a.count().min((tile + 1) * height));
                }
            }
        }
        // A thread that keeps its tiles has 8 KB more to save at every switch, and keeps its core from sleeping deeply.
        tiles.release();
    }
    pending.finish();
}

/// The five sums of one tile of rows and one panel, into `pending`, whose rows so far are finished on the way.
///
/// # Safety
/// The thread can use the tiles, which are configured for `height`. `left` is chunks of 3·`height` lines, `right` as many of 3·16.
unsafe fn sums<T: Tiles>(
    tiles: &mut T,
    left: &[Line],
    right: &[Line],
    height: usize,
    pending: &mut Pending<'_, '_, '_>,
) {
    let (left_blocks, right_blocks) = (left.chunks(BLOCK * DIGITS * height), right.chunks(BLOCK * DIGITS * HEIGHT));
    let blocks = left_blocks.len();
    if blocks == 0 {
        pending.finish();
        pending.sums = Sums::ZERO;
    }
    for (i, (left, right)) in left_blocks.zip(right_blocks).enumerate() {
        // SAFETY: passed on; a tile of `pending` is 16 lines.
        unsafe {
            tiles.zero::<0>();
            tiles.zero::<1>();
            tiles.zero::<2>();
            tiles.zero::<3>();
            tiles.zero::<4>();
            for (left, right) in left.chunks_exact(DIGITS * height).zip(right.chunks_exact(DIGITS * HEIGHT)) {
                nine_products(tiles, left.as_ptr().cast(), height, right.as_ptr().cast());
                pending.settle();
            }
            pending.finish();
            tiles.store::<0>(pending.sums.0[0].as_mut_ptr().cast());
            tiles.store::<1>(pending.sums.0[1].as_mut_ptr().cast());
            tiles.store::<2>(pending.sums.0[2].as_mut_ptr().cast());
            tiles.store::<3>(pending.sums.0[3].as_mut_ptr().cast());
            tiles.store::<4>(pending.sums.0[4].as_mut_ptr().cast());
        }
        if i + 1 < blocks {
            pending.carry();
        }
    }
}

/// 64 terms: nine products from eight loads, the left operand's register the one that changes most, for it may have fewer rows.
///
/// # Safety
/// As [`sums`], of one chunk.
#[inline(always)]
unsafe fn nine_products<T: Tiles>(tiles: &mut T, left: *const u8, height: usize, right: *const u8) {
    // SAFETY: three tiles each.
    unsafe {
        let left = [left, left.add(height * WIDTH), left.add(2 * height * WIDTH)];
        let right = [right, right.add(HEIGHT * WIDTH), right.add(2 * HEIGHT * WIDTH)];
        tiles.load::<RIGHT>(right[0]);
        tiles.load::<RIGHT_TOO>(right[1]);
        tiles.load::<LEFT>(left[0]);
        tiles.dot::<1, LEFT, RIGHT_TOO>();
        tiles.dot::<0, LEFT, RIGHT>();
        tiles.load::<LEFT>(left[1]);
        tiles.dot::<2, LEFT, RIGHT_TOO>();
        tiles.dot::<1, LEFT, RIGHT>();
        tiles.load::<LEFT>(left[2]);
        tiles.dot::<3, LEFT, RIGHT_TOO>();
        tiles.dot::<2, LEFT, RIGHT>();
        tiles.load::<RIGHT>(right[2]);
        tiles.dot::<4, LEFT, RIGHT>();
        tiles.load::<LEFT>(left[1]);
        tiles.dot::<3, LEFT, RIGHT>();
        tiles.load::<LEFT>(left[0]);
        tiles.dot::<2, LEFT, RIGHT>();
    }
}

/// Five sums by weight of a tile of outputs.
#[repr(C, align(64))]
struct Sums([[[i32; PANEL]; HEIGHT]; 5]);

impl Sums {
    const ZERO: Self = Self([[[0; PANEL]; HEIGHT]; 5]);
}

/// A tile of outputs between the tile registers and the output.
struct Pending<'a, 'e, 'o> {
    a: &'a Rows,
    b: &'a Columns,
    epilogue: &'a Epilogue<'e>,
    out: &'a Out<'o>,
    sums: Sums,
    /// The sums of blocks before, joined.
    before: [[i64; PANEL]; HEIGHT],
    /// 2^e of the panel's columns.
    scales: [f64; PANEL],
    /// The panel's first column.
    column: usize,
    /// The tile's first row.
    first: usize,
    /// The rows that are still to be finished.
    rows: Range<usize>,
}

impl<'a, 'e, 'o> Pending<'a, 'e, 'o> {
    fn new(a: &'a Rows, b: &'a Columns, epilogue: &'a Epilogue<'e>, out: &'a Out<'o>) -> Self {
        let before = [[0; PANEL]; HEIGHT];
        Self { a, b, epilogue, out, sums: Sums::ZERO, before, scales: [1.0; PANEL], column: 0, first: 0, rows: 0..0 }
    }

    /// The sums are now those of these rows and this panel.
    fn begin(&mut self, panel: usize, rows: Range<usize>) {
        self.column = panel * PANEL;
        for (scale, e) in self.scales.iter_mut().zip(&self.b.exponents[self.column..]) {
            *scale = power_of_two(*e);
        }
        self.first = rows.start;
        self.rows = rows;
    }

    /// Finishes a few rows.
    #[inline(always)]
    fn settle(&mut self) {
        if !self.rows.is_empty() {
            settle(self);
        }
    }

    /// Finishes all rows.
    fn finish(&mut self) {
        while !self.rows.is_empty() {
            settle(self);
        }
    }

    /// Keeps the sums for the next block of the same outputs.
    fn carry(&mut self) {
        for (row, before) in self.before.iter_mut().enumerate() {
            *before = joined(&self.sums, row, before);
        }
    }
}

/// A row's sums of products q·q', with those of the blocks before. They fit i64, which wraps, so that what comes between need not.
#[inline(always)]
fn joined(sums: &Sums, row: usize, before: &[i64; PANEL]) -> [i64; PANEL] {
    let [s0, s1, s2, s3, s4] = &sums.0;
    let mut totals = *before;
    for (j, total) in totals.iter_mut().enumerate() {
        let upper = (i64::from(s4[row][j]) << 16) + (i64::from(s3[row][j]) << 8) + i64::from(s2[row][j]);
        *total += (upper << 16) + (i64::from(s1[row][j]) << 8) + i64::from(s0[row][j]);
    }
    totals
}

compiled_for_each_isa! {
    /// Joins, scales and stores the next rows.
    fn settle(pending: &mut Pending<'_, '_, '_>) {
        let start = pending.rows.start;
        let count = pending.rows.len().min(STEP);
        pending.rows.start += count;
        let mut values = [[0.0f32; PANEL]; STEP];
        for (i, values) in values.iter_mut().enumerate().take(count) {
            let row = start - pending.first + i;
            let totals = joined(&pending.sums, row, &pending.before[row]);
            pending.before[row] = [0; PANEL];
            let scale = power_of_two(pending.a.exponents[start + i]);
            for ((x, total), column) in values.iter_mut().zip(&totals).zip(&pending.scales) {
                // Rounded to f32, then scaled: exactly in f64, and rounded once more where the result is subnormal or overflows.
                *x = (f64::from(*total as f32) * scale * column) as f32;
            }
        }
        // SAFETY: rows and columns come from the operands, whose counts are the output's shape; a panel is one thread's.
        unsafe { pending.out.store(&mut values[..count], start, pending.column, pending.epilogue) }
    }
}
