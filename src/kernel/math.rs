//! `exp`, `tanh`, `erf` and `log` in `f32`, correctly rounded (nearest, ties to even) for every one of the 2^32 inputs.
//!
//! Each function is straight-line `f64` arithmetic: additions, subtractions, multiplications, at most one division,
//! selects and integer operations on bit patterns. Nothing is fused, nothing is looked up, no library function is
//! called, so the same operations give the same bits on any processor, in a scalar call or in a vectorised loop, and
//! can be transcribed to a GPU as they stand.
//!
//! The argument is widened (exactly) and reduced, the value found by polynomials and rounded once, to `f32`. The error before that is
//! about 2^-53 of the value, where a result differs from 1 by little up to 2^-48: so small that of all inputs one or the other
//! might be expected to be rounded wrongly. With these coefficients and this order of operations none is, which is not argued
//! but tested: `cargo run --release --example prove_math` compares every input with an independent oracle, and whatever changes an
//! intermediate bit needs that proof anew. `log`, which has the most inputs to get right, finds its value as `hi + lo` instead.
//!
//! A NaN of any payload gives the one quiet NaN `f32::NAN`.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

/// 1.5 · 2^52: adding it to a small `f64` rounds that to an integer, found in the low bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// 2^52: an integer below it, or-ed into its bits, is added to it.
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// ln 2 rounded to a multiple of 2^-42: its product with an integer below 2^11 is exact.
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fefa_3800);
/// ln 2 − `LN2_HI`.
const LN2_LO: f64 = 5.497_923_018_708_371e-14;

/// √½, rounded: where mantissas are cut, so that both ends are equally far from 1.
const SQRT_HALF: u64 = FRAC_1_SQRT_2.to_bits();

/// (exp(r) − 1 − r) / r² for |r| ≤ ln 2 / 2: the polynomial of degree 9 that meets it at the 10 Chebyshev nodes of that
/// interval, found with 200 bits and rounded. Its share of the result is wrong by less than 2^-56.
const EXP: [f64; 10] = [
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662413,
    0.008333333333330062,
    0.0013888888917213717,
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409746e-07,
    2.510038549551032e-08,
];

/// 2/(2k + 1) for k = 1 … 11: the Taylor series of (log((1 + s)/(1 − s)) − 2s) / s³ in s². For |s| ≤ 3 − √8 the first
/// term left out is below 2^-62.
const LOG: [f64; 11] = [
    2.0 / 3.0,
    2.0 / 5.0,
    2.0 / 7.0,
    2.0 / 9.0,
    2.0 / 11.0,
    2.0 / 13.0,
    2.0 / 15.0,
    2.0 / 17.0,
    2.0 / 19.0,
    2.0 / 21.0,
    2.0 / 23.0,
];

/// Where the two polynomials of `erf` meet, and the middle of what the second covers.
const ERF_CUT: f32 = 2.25;
const ERF_CENTRE: f64 = 3.09375;

/// erf(√u)/√u for u ≤ 2.25²: the polynomial of degree 17 that meets it at the 18 Chebyshev nodes of that interval, found with 200
/// bits and rounded. Its error is below 2^-53.
const ERF_NEAR: [f64; 18] = [
    FRAC_2_SQRT_PI,
    -0.3761263890318281,
    0.11283791670934994,
    -0.026866170643427768,
    0.005223977617826293,
    -0.0008548326815850589,
    0.00012055329226782573,
    -1.492560276799715e-05,
    1.646167599620435e-06,
    -1.6362836155583806e-07,
    1.479155509199027e-08,
    -1.2228392050103513e-09,
    9.232985012189959e-11,
    -6.266868202324982e-12,
    3.668965262233394e-13,
    -1.7111545492253034e-14,
    5.516244216480008e-16,
    -8.988643207738106e-18,
];

/// erf(3.09375 + u) from 2.25 to 3.9375, found in the same way. Its error is below 2^-49: out there are only 2^23 inputs to
/// get right, and they leave that much room.
const ERF_FAR: [f64; 18] = [
    0.9999878691717048,
    7.864969354816164e-05,
    -0.00024332248974887633,
    0.0004756360699484713,
    -0.0006546420366478281,
    0.0006674287131459689,
    -0.0005137148299160959,
    0.00029517548210398364,
    -0.00011821674626074703,
    2.3879503465823745e-05,
    6.235639413415228e-06,
    -7.4173817888615815e-06,
    2.8922311765867038e-06,
    -3.261939559657725e-07,
    -2.5447557525020456e-07,
    1.4040157878545208e-07,
    -1.1705020139781036e-08,
    -8.139235681426055e-09,
];

/// `hi + lo` rounded to odd: cut towards zero, and the last bit set if anything was cut. Rounding that to nearest in a
/// format with at least two bits less is rounding `hi + lo` itself. `hi` is 0 or the larger of the two, or
/// the sum is exact.
#[inline(always)]
pub(super) fn odd_sum(hi: f64, lo: f64) -> f64 {
    let (nearest, rest) = sum(hi, lo);
    let rounded_away = (rest < 0.0) & (nearest > 0.0) | (rest > 0.0) & (nearest < 0.0);
    let cut = nearest.to_bits().wrapping_sub(u64::from(rounded_away));
    f64::from_bits(cut | u64::from(rest != 0.0))
}

/// `hi + lo` as the nearest `f64` and, exactly, what that leaves. `hi` is 0 or the larger of the two.
#[inline(always)]
fn sum(hi: f64, lo: f64) -> (f64, f64) {
    let nearest = hi + lo;
    (nearest, lo - (nearest - hi))
}

/// `polynomial[0] + polynomial[1] x + polynomial[2] x² + …`, by Horner's rule.
#[inline(always)]
fn horner<const N: usize>(polynomial: &[f64; N], x: f64) -> f64 {
    let mut value = polynomial[N - 1];
    for k in (0..N - 1).rev() {
        value = value * x + polynomial[k];
    }
    value
}

/// `polynomial[0] + polynomial[1] x + polynomial[2] x² + …` of an even number of terms: Horner's rule in x² for the even and the odd
/// powers side by side, as a single chain would wait for itself.
#[inline(always)]
fn two_chains<const N: usize>(polynomial: impl Fn(usize) -> f64, x: f64) -> f64 {
    let square = x * x;
    let (mut even, mut odd) = (polynomial(N - 2), polynomial(N - 1));
    for k in (0..N / 2 - 1).rev() {
        even = even * square + polynomial(2 * k);
        odd = odd * square + polynomial(2 * k + 1);
    }
    even + x * odd
}

/// exp(x) as 2^n · (1 + e), |e| ≤ √2 − 1, for |x| < 700: the bits of n shifted to where an exponent is, and e, near 0 as precise as
/// an `f64` can be.
#[inline(always)]
fn exp_parts(x: f64) -> (u64, f64) {
    let rounded = x * LOG2_E + ROUND;
    let n = rounded - ROUND;
    // The first difference is exact: x is an f32 or twice one, and both terms are multiples of 2^-42 or n is 0.
    let r = (x - n * LN2_HI) - n * LN2_LO;
    let e = r + r * r * two_chains::<{ EXP.len() }>(|k| EXP[k], r);
    (rounded.to_bits() << 52, e)
}

/// exp(x) in `f64` for −700 < x ≤ 700, within some units in the last place: for [`super::double`].
#[inline(always)]
pub(super) fn exp_f64(x: f64) -> f64 {
    let (exponent, e) = exp_parts(x);
    f64::from_bits((1.0 + e).to_bits().wrapping_add(exponent))
}

/// The exponential: 0 at −∞, ∞ where the result exceeds the largest `f32`, subnormal results included.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Beyond these ends the result is 0 or ∞, and at them already.
    let clamped = if x < -104.0 { -104.0 } else { x };
    let clamped = if clamped > 89.0 { 89.0 } else { clamped };
    let (exponent, e) = exp_parts(f64::from(clamped));
    let value = f64::from_bits((1.0 + e).to_bits().wrapping_add(exponent)) as f32;
    if x.is_nan() { f32::NAN } else { value }
}

/// The hyperbolic tangent: ±0 at ±0, ±1 from where it rounds to that.
///
/// With E = exp(2|x|) − 1, tanh |x| = E/(E + 2).
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    // At 10 the result is 1 already.
    let clamped = if a > 10.0 { 10.0 } else { a };
    let (exponent, e) = exp_parts(2.0 * f64::from(clamped));
    let scale = f64::from_bits(1.0_f64.to_bits().wrapping_add(exponent));
    let e = (scale - 1.0) + scale * e;
    let value = (e / (e + 2.0)) as f32;
    if x.is_nan() { f32::NAN } else { value.copysign(x) }
}

/// The error function: ±0 at ±0, ±1 from where it rounds to that.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    // There the result is 1 already.
    let clamped = if a > 3.9375 { 3.9375 } else { a };
    let near = clamped < ERF_CUT;
    let a = f64::from(clamped);
    let u = if near { a * a } else { a - ERF_CENTRE };
    let value = two_chains::<{ ERF_NEAR.len() }>(|k| if near { ERF_NEAR[k] } else { ERF_FAR[k] }, u);
    let value = (if near { a * value } else { value }) as f32;
    if x.is_nan() { f32::NAN } else { value.copysign(x) }
}

/// log(x) in `f64` of a positive normal x, within some units in the last place: for [`super::double`]. As [`log`].
#[inline(always)]
pub(super) fn log_f64(x: f64) -> f64 {
    let bits = x.to_bits();
    let biased = (bits.wrapping_sub(SQRT_HALF).wrapping_add(1023 << 52)) >> 52;
    let n = f64::from_bits(TWO_52.to_bits() | biased) - (TWO_52 + 1023.0);
    let f = f64::from_bits(bits.wrapping_sub(biased << 52).wrapping_add(1023 << 52)) - 1.0;
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let t = s * (half + s2 * horner(&LOG, s2));
    // f is a term of its own, not f − f²/2, which is not exact here.
    n * LN2_HI + (f - (half - (t + n * LN2_LO)))
}

/// The natural logarithm: −∞ at ±0, NaN below, ∞ at ∞.
///
/// x = 2^n · (1 + f) with √½ ≤ 1 + f < √2. With s = f/(2 + f), log(1 + f) = log((1 + s)/(1 − s)) = f − f²/2 + s · (f²/2
/// + s² · (2/3 + 2/5 s² + …)).
#[inline(always)]
pub fn log(x: f32) -> f32 {
    let bits = f64::from(x).to_bits();
    // n + 1023: an f32, subnormal or not, is a normal f64, so the difference is positive.
    let biased = (bits.wrapping_sub(SQRT_HALF).wrapping_add(1023 << 52)) >> 52;
    let n = f64::from_bits(TWO_52.to_bits() | biased) - (TWO_52 + 1023.0);
    let mantissa = f64::from_bits(bits.wrapping_sub(biased << 52).wrapping_add(1023 << 52));
    // f has 24 bits, so its square, and the difference too, is exact.
    let f = mantissa - 1.0;
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let t = s * (half + s2 * horner(&LOG, s2));
    let (hi, lo) = sum(n * LN2_HI, f - half);
    let value = odd_sum(hi, lo + (n * LN2_LO + t)) as f32;
    let value = if x > f32::MAX { f32::INFINITY } else { value };
    let value = if x >= 0.0 { value } else { f32::NAN };
    if x == 0.0 { f32::NEG_INFINITY } else { value }
}
