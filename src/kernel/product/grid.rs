//! Where a row's 24-bit grid lies.

use crate::kernel::reference::{GRID_MAX, power_of_two};

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
