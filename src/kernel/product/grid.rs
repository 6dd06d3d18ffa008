//! Where a row's 24-bit grid lies, and how numbers are put on it.

use ndarray::{ArrayView1, ArrayView2};

use crate::kernel::NotFinite;
use crate::kernel::reference::{GRID_MAX, power_of_two};

/// 1.5·2^52: adding it to an |x| < 2^51 rounds that to an integer, ties to even, with an addition that every processor has.
pub(super) const ROUND: f64 = 6_755_399_441_055_744.0;

/// Gives every row of `matrix` to `pack` as a slice and keeps the e that it returns.
pub(super) fn each_row(
    matrix: ArrayView2<'_, f32>,
    exponents: &mut Vec<i32>,
    mut pack: impl FnMut(usize, &[f32]) -> Option<i32>,
) -> Result<(), NotFinite> {
    let mut copy = Vec::new();
    for (i, row) in matrix.rows().into_iter().enumerate() {
        let e = pack(i, contiguous(&row, &mut copy));
        exponents.push(e.ok_or(NotFinite { row: i })?);
    }
    Ok(())
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
