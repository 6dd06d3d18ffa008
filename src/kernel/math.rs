//! `exp`, `tanh`, `erf` and `log` in `f32`, correctly rounded (nearest, ties to even) for every one of the 2^32 inputs.
//!
//! Each function is straight-line `f64` arithmetic: additions, subtractions, multiplications, at most one division,
//! selects and integer operations on bit patterns. Nothing is fused, nothing is looked up, no library function is
//! called, so the same operations give the same bits on any processor, in a scalar call or in a vectorised loop, and
//! can be transcribed to a GPU as they stand.
//!
//! The recipe is the same for all four. The argument is widened (exactly), reduced, and the value found as `hi + lo`:
//! `hi` holds what is exact or large, `lo` the rest, computed with an error of a few 2^-57 of the value (2^-50 at the
//! far end of `erf`). `odd_sum` adds the two with rounding to odd, which makes the conversion to `f32` round `hi + lo`
//! as if it had been exact. What remains is the error of `lo`, and that it never matters is not argued but tested:
//! `cargo run --release --example prove_math` compares every input with an independent oracle.
//!
//! A NaN of any payload gives the one quiet NaN `f32::NAN`.

use std::f64::consts::{FRAC_1_SQRT_2, LOG2_E};

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

/// 1/k! for k = 2 … 13: the Taylor series of (exp(r) − 1 − r) / r². For |r| ≤ ln 2 / 2 the first term left out is below
/// 2^-57.
const EXP: [f64; 12] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
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

/// 2/√π rounded to a multiple of 2^-28: its product with an `f32` is exact.
const ERF_HI: f64 = 302_896_976.0 / 268_435_456.0;
/// 2/√π − `ERF_HI`.
const ERF_LO: f64 = 9.692_613_531_930_338e-10;

/// 2/√π · (−1)^k / (k! (2k + 1)) for k = 1 … 18: the Taylor series of erf(a)/a − 2/√π in u = a², less its factor u. For
/// a < 1 the first term left out is below 2^-61.
const ERF_NEAR: [f64; 18] = [
    -0.37612638903183754,
    0.11283791670955126,
    -0.026866170645131252,
    0.005223977625442188,
    -0.0008548327023450853,
    0.00012055332981789664,
    -1.492565035840625e-05,
    1.6462114365889248e-06,
    -1.6365844691234924e-07,
    1.4807192815879218e-08,
    -1.2290555301717928e-09,
    9.422759064650411e-11,
    -6.7113668551641105e-12,
    4.4632242632864775e-13,
    -2.7835162072109215e-14,
    1.6342614095367152e-15,
    -9.063970842808673e-17,
    4.763348040515068e-18,
];

/// −erfc(1.65625 + u) for |u| ≤ 0.65625: the polynomial of degree 17 that meets it at the 18 Chebyshev nodes of that
/// interval, found with 300 bits and rounded. Its error is below 2^-52: beyond 1 there are only 2^24 inputs to get
/// right, and they leave that much room.
const ERF_MIDDLE: [f64; 18] = [
    -0.01916575403344898,
    0.07262966550325495,
    -0.12029288348979149,
    0.10861350368548316,
    -0.04984792990805879,
    0.00044020246248263075,
    0.013049752829514968,
    -0.006280139663067598,
    -0.0001960048466397547,
    0.0012932799542875015,
    -0.00039355653743617584,
    -9.312003362004305e-05,
    8.534595486503518e-05,
    -8.58911020083564e-06,
    -9.247619635759957e-06,
    3.0482920083488297e-06,
    4.791099703566708e-07,
    -3.595425145283208e-07,
];

/// −erfc(3.125 + u) for |u| ≤ 0.8125, found in the same way. Its error is below 2^-50.
const ERF_FAR: [f64; 18] = [
    -9.89673462455921e-06,
    6.475868323458675e-05,
    -0.0002023708852769453,
    0.00040001978292875323,
    -0.0005575739422647332,
    0.0005769615002184232,
    -0.0004523152836762264,
    0.0002664810707386757,
    -0.00011126281213163553,
    2.5450502386427257e-05,
    3.869905674648748e-06,
    -6.364842962315003e-06,
    2.737877817539567e-06,
    -4.1587157867809893e-07,
    -1.891553590048827e-07,
    1.269741174411685e-07,
    -1.641547861610984e-08,
    -5.822209821707164e-09,
];

/// Every bit of a significand but the lowest 27: what is left, 26 bits, has exact products with its like.
const HIGH_26: u64 = !0x07ff_ffff;

/// `hi + lo` rounded to odd: cut towards zero, and the last bit set if anything was cut. Rounding that to nearest in a
/// format with at least two bits less is rounding `hi + lo` itself. `hi` is 0 or the larger of the two.
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

/// exp(x) as 2^n · (1 + r + t), |r| ≤ ln 2 / 2, for |x| < 700: the bits of n shifted to where an exponent is, r (exact)
/// and t (rounded, |t| < 0.07).
#[inline(always)]
fn exp_parts(x: f64) -> (u64, f64, f64) {
    let rounded = x * LOG2_E + ROUND;
    let n = rounded - ROUND;
    // Exact: x is an f32 or twice one, and both terms are multiples of 2^-42 or n is 0.
    let high = x - n * LN2_HI;
    let low = n * LN2_LO;
    let r = high - low;
    let t = r * r * horner(&EXP, r) - low;
    (rounded.to_bits() << 52, high, t)
}

/// The exponential: 0 at −∞, ∞ where the result exceeds the largest `f32`, subnormal results included.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Beyond these ends the result is 0 or ∞, and at them already.
    let clamped = if x < -104.0 { -104.0 } else { x };
    let clamped = if clamped > 89.0 { 89.0 } else { clamped };
    let (exponent, r, t) = exp_parts(f64::from(clamped));
    let (hi, lo) = sum(1.0, r);
    let value = odd_sum(hi, lo + t);
    let value = f64::from_bits(value.to_bits().wrapping_add(exponent)) as f32;
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
    let (exponent, r, t) = exp_parts(2.0 * f64::from(clamped));
    let scale = f64::from_bits(1.0_f64.to_bits().wrapping_add(exponent));
    let (r, t) = (scale * r, scale * t);
    // Numerator and denominator in two parts each.
    let (hi, lo) = sum(scale - 1.0, r);
    let (up, up_lo) = sum(hi, lo + t);
    let (hi, lo) = sum(scale + 1.0, r);
    let (down, down_lo) = sum(hi, lo + t);
    // A quotient of 26 bits; what it leaves of the numerator is exact but for the last term; its share of the
    // denominator is added.
    let inverse = 1.0 / down;
    let quotient = f64::from_bits((up * inverse).to_bits() & HIGH_26);
    let down_hi = f64::from_bits(down.to_bits() & HIGH_26);
    let rest = (up - quotient * down_hi) - quotient * (down - down_hi);
    let rest = rest + (up_lo - quotient * down_lo);
    let value = odd_sum(quotient, rest * inverse) as f32;
    if x.is_nan() { f32::NAN } else { value.copysign(x) }
}

/// The error function: ±0 at ±0, ±1 from where it rounds to that.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    // There the result is 1 already.
    let clamped = if a > 3.9375 { 3.9375 } else { a };
    let a = f64::from(clamped);
    let near = a < 1.0;
    let middle = a < 2.3125;
    let pick = |k: usize| {
        let beyond = if middle { ERF_MIDDLE[k] } else { ERF_FAR[k] };
        if near { ERF_NEAR[k] } else { beyond }
    };
    let centre = if middle { 1.65625 } else { 3.125 };
    let u = if near { a * a } else { a - centre };
    // Horner's rule on three interleaved thirds: a single chain of 17 steps would wait for itself.
    let u2 = u * u;
    let u3 = u2 * u;
    let mut thirds = [pick(15), pick(16), pick(17)];
    for k in (0..5).rev() {
        for (j, third) in thirds.iter_mut().enumerate() {
            *third = *third * u3 + pick(3 * k + j);
        }
    }
    let value = thirds[0] + (u * thirds[1] + u2 * thirds[2]);
    // Near 0: a · (2/√π + u · value); elsewhere: 1 + value.
    let hi = if near { a * ERF_HI } else { 1.0 };
    let lo = if near { a * (ERF_LO + u * value) } else { value };
    let value = odd_sum(hi, lo) as f32;
    if x.is_nan() { f32::NAN } else { value.copysign(x) }
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
