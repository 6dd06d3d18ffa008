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

mod pack;

use std::ops::{Range, RangeInclusive};

use super::epilogue::{Epilogue, Out};
use super::{Columns, PANEL, Rows};
use crate::kernel::amx::{Amx, Config, HEIGHT, LEFT, RIGHT, RIGHT_TOO, Tiles, WIDTH};
use crate::kernel::isa::compiled_for_each_isa;
use crate::kernel::reference::power_of_two;
use pack::{DIGITS, height, panel_lines, tile_lines};
pub(super) use pack::{Line, pack_columns, pack_rows};

/// Chunks of 64 terms whose sums fit 32 bits.
const BLOCK: usize = 512;

/// Bytes of packed rows that stay in the second-level cache, of 2 MB on every processor with AMX, while all panels pass by.
const GROUP: usize = 768 << 10;

/// Exponents of which a row's and a column's scale a sum, a whole number below 2^63, to a normal number, and so does the row's alone.
const NEAR: RangeInclusive<i32> = -60..=30;

/// Rows of outputs that are finished between two products.
const STEP: usize = 4;

/// The outputs of some panels.
pub(super) fn panels(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: &Out<'_>, range: Range<usize>) {
    #[cfg(test)]
    if !crate::kernel::isa::Isa::Amx.present() {
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
    let height = height(a.count());
    let (tile_size, panel_size) = (tile_lines(a.k, height), panel_lines(a.k));
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
    /// The sums of blocks before, joined, where there are any.
    before: Option<Box<[[i64; PANEL]; HEIGHT]>>,
    /// 2^e of the panel's columns.
    scales: [f64; PANEL],
    /// The same as f32, where every e is [`NEAR`].
    near: Option<[f32; PANEL]>,
    /// The panel's first column; none at first.
    column: usize,
    /// The tile's first row.
    first: usize,
    /// The rows that are still to be finished.
    rows: Range<usize>,
}

impl<'a, 'e, 'o> Pending<'a, 'e, 'o> {
    fn new(a: &'a Rows, b: &'a Columns, epilogue: &'a Epilogue<'e>, out: &'a Out<'o>) -> Self {
        let scales = [1.0; PANEL];
        Self {
            a,
            b,
            epilogue,
            out,
            sums: Sums::ZERO,
            before: None,
            scales,
            near: None,
            column: usize::MAX,
            first: 0,
            rows: 0..0,
        }
    }

    /// The sums are now those of these rows and this panel.
    fn begin(&mut self, panel: usize, rows: Range<usize>) {
        if self.column != panel * PANEL {
            self.column = panel * PANEL;
            self.scale();
        }
        self.first = rows.start;
        self.rows = rows;
    }

    /// The scales of the panel's columns.
    fn scale(&mut self) {
        let exponents = &self.b.exponents[self.column..];
        for (scale, e) in self.scales.iter_mut().zip(exponents) {
            *scale = power_of_two(*e);
        }
        let near = exponents.iter().take(PANEL).all(|e| NEAR.contains(e));
        self.near = near.then(|| self.scales.map(|scale| scale as f32));
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
        let before = self.before.get_or_insert_with(|| Box::new([[0; PANEL]; HEIGHT]));
        for (row, before) in before.iter_mut().enumerate() {
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

/// Multiplied by powers of two: exactly in f64, and rounded once more where the result is subnormal or overflows.
#[inline(always)]
fn scaled(values: &mut [f32; PANEL], row: f64, columns: &[f64; PANEL]) {
    for (x, column) in values.iter_mut().zip(columns) {
        *x = (f64::from(*x) * row * column) as f32;
    }
}

/// The same where exponents are [`NEAR`]: exact, and half the work.
#[inline(always)]
fn scaled_near(values: &mut [f32; PANEL], row: f32, columns: &[f32; PANEL]) {
    for (x, column) in values.iter_mut().zip(columns) {
        *x = *x * row * column;
    }
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
            let totals = match &mut pending.before {
                Some(before) => joined(&pending.sums, row, &std::mem::replace(&mut before[row], [0; PANEL])),
                None => joined(&pending.sums, row, &[0; PANEL]),
            };
            // Rounded to f32, then scaled.
            for (x, total) in values.iter_mut().zip(&totals) {
                *x = *total as f32;
            }
            let e = pending.a.exponents[start + i];
            match &pending.near {
                Some(near) if NEAR.contains(&e) => scaled_near(values, power_of_two(e) as f32, near),
                _ => scaled(values, power_of_two(e), &pending.scales),
            }
        }
        // SAFETY: rows and columns come from the operands, whose counts are the output's shape; a panel is one thread's.
        unsafe { pending.out.store(&mut values[..count], start, pending.column, pending.epilogue) }
    }
}
