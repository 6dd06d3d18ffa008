//! Where a row's 24-bit grid lies, and how numbers are put on it.

use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::kernel::NotFinite;
use crate::kernel::reference::{GRID_MAX, power_of_two};
use crate::kernel::team::Team;

/// 1.5·2^52: adding it to an |x| < 2^51 rounds that to an integer, ties to even, with an addition that every processor has.
pub(super) const ROUND: f64 = 6_755_399_441_055_744.0;

/// Rows that are copied together where they lie across: numbers of a line of memory.
const ACROSS: usize = 16;

/// Fewer numbers than this are not worth another thread.
const SPLIT: usize = 1 << 14;

/// Gives every row of `matrix` to `pack` as a slice and keeps the e that it returns.
pub(super) fn each_row(
    matrix: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    mut pack: impl FnMut(usize, &[f32]) -> Option<i32>,
) -> Result<(), NotFinite> {
    let (mut copy, k) = (Vec::new(), matrix.ncols());
    let mut keep = |i: usize, row: &[f32]| {
        exponents[i] = pack(i, row).ok_or(NotFinite { row: i })?;
        Ok(())
    };
    if k > 1 && matrix.strides()[0] == 1 {
        // Rows that lie across: some of them at a time, as whole lines of memory are fetched.
        for (block, first) in matrix.axis_chunks_iter(Axis(0), ACROSS).zip((0..).step_by(ACROSS)) {
            copy.resize(ACROSS * k, 0.0);
            along(block, &mut copy);
            copy.chunks_exact(k).take(block.nrows()).enumerate().try_for_each(|(j, row)| keep(first + j, row))?;
        }
        return Ok(());
    }
    matrix.rows().into_iter().enumerate().try_for_each(|(i, row)| keep(i, contiguous(&row, &mut copy)))
}

/// Copies rows that lie across, at most [`ACROSS`], each into its k numbers of `copy`.
fn along(block: ArrayView2<'_, f32>, copy: &mut [f32]) {
    let k = block.ncols();
    let column = |p: usize| block.index_axis_move(Axis(1), p).to_slice().expect("contiguous, as the rows lie across");
    let whole = if block.nrows() == ACROSS { k - k % ACROSS } else { 0 };
    // A square at a time, so that what is written lies in a line too.
    for first in (0..whole).step_by(ACROSS) {
        let square: [&[f32; ACROSS]; ACROSS] =
            std::array::from_fn(|p| column(first + p).first_chunk().expect("a whole block"));
        for (j, row) in copy.chunks_exact_mut(k).enumerate() {
            let row: &mut [f32; ACROSS] = (&mut row[first..first + ACROSS]).try_into().expect("as many");
            *row = std::array::from_fn(|p| square[p][j]);
        }
    }
    for p in whole..k {
        column(p).iter().enumerate().for_each(|(j, x)| copy[j * k + p] = *x);
    }
}

/// Shares the rows of `matrix` among a team: `pack` gets some of them, with their exponents and lines, of which every `group` rows have `size`.
pub(super) fn share<L: Send>(
    team: &Team<'_>,
    matrix: ArrayView2<'_, f32>,
    (exponents, lines): (&mut [i32], &mut [L]),
    (group, size): (usize, usize),
    pack: impl Fn(ArrayView2<'_, f32>, &mut [i32], &mut [L]) -> Result<(), NotFinite> + Sync,
) -> Result<(), NotFinite> {
    let groups = matrix.nrows().div_ceil(group);
    let parts = team.parts(groups, matrix.len(), SPLIT);
    if parts == 1 || size == 0 {
        return pack(matrix, exponents, lines);
    }
    let each = groups.div_ceil(parts);
    let rows = matrix.axis_chunks_iter(Axis(0), each * group).zip(exponents.chunks_mut(each * group));
    let parts: Vec<_> = rows.zip(lines.chunks_mut(each * size)).map(|part| Mutex::new((part, Ok(())))).collect();
    let lock = |i: usize| parts[i].lock().unwrap_or_else(PoisonError::into_inner);
    team.each(parts.len(), |i| {
        let mut part = lock(i);
        let (((rows, exponents), lines), done) = &mut *part;
        *done = pack(*rows, exponents, lines);
    });
    // The first row of all, whichever was met first.
    (0..parts.len()).try_for_each(|i| lock(i).1.map_err(|NotFinite { row }| NotFinite { row: i * each * group + row }))
}

/// A row as it lies, or a copy of it where it lies scattered.
fn contiguous<'a>(row: &'a ArrayView1<'_, f32>, copy: &'a mut Vec<f32>) -> &'a [f32] {
    match row.as_slice() {
        Some(row) => row,
        None => {
            copy.clear();
            copy.extend(row);
            copy
        }
    }
}

/// The e of the grid of a row, or none where a value is not finite.
#[inline(always)]
pub(super) fn exponent_of(row: &[f32]) -> Option<i32> {
    // Magnitudes compare as their bit patterns do, and everything that is not finite is above all that is.
    let mut largest = 0u32;
    for x in row {
        largest = largest.max(x.to_bits() & 0x7fff_ffff);
    }
    exponent(largest)
}

/// The e of a grid from the bits of its row's largest magnitude, or none where that is not finite.
#[inline(always)]
pub(super) fn exponent(largest: u32) -> Option<i32> {
    if largest >= f32::INFINITY.to_bits() {
        return None;
    }
    if largest == 0 {
        return Some(0);
    }
    let largest = f64::from(f32::from_bits(largest));
    // With the leading bit at 2^22 the largest is below 2^23; it is above the grid's maximum only if it rounds to its top sliver.
    let e = ((largest.to_bits() >> 52) as i32 - 1023) - 22;
    Some(if (largest * power_of_two(-e)).round_ties_even() > GRID_MAX { e + 1 } else { e })
}
