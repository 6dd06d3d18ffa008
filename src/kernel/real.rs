//! exp and logarithms in f64, the same bits everywhere: never the platform's. For statistics and measures, where speed is not what counts; for
//! activations there is [`super::math`].
//!
//! Each is found as a pair of f64 with some 100 bits and rounded once, so that it is the nearest f64 wherever that is not decided by bits beyond these.

use super::pair::Pair;

/// 2/ln 2.
const TWO_OVER_LN_2: Pair = Pair(2.885_390_081_777_926_8, 4.071_054_748_186_206_6e-17);
/// ln 2.
const LN_2: Pair = Pair(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);

/// x = 2^e · (1 + s)/(1 − s) for a positive normal x, |s| ≤ 3 − √8.
fn parts(x: f64) -> (i32, Pair) {
    let bits = x.to_bits();
    // Mantissas are cut at √½, so that both ends are equally far from 1.
    let e = (bits.wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits()) as i64 >> 52) as i32;
    let m = f64::from_bits(bits.wrapping_sub((i64::from(e) << 52) as u64));
    (e, Pair::of(m - 1.0).over(Pair::sum(m, 1.0)))
}

/// s + s³/3 + s⁵/5 + …: half the logarithm of (1 + s)/(1 − s). 21 terms; the first one left out is below 2^-108.
fn artanh(s: Pair) -> Pair {
    let square = s.times(s);
    let mut sum = Pair::of(0.0);
    for k in (0..21u32).rev() {
        sum = sum.times(square).plus(Pair::of(1.0).over(Pair::of(f64::from(2 * k + 1))));
    }
    sum.times(s)
}

/// Brings a subnormal number into the range of normal ones: the number, and the exponent to take off.
fn normal(x: f64) -> (f64, i32) {
    if x < f64::MIN_POSITIVE { (x * 18_014_398_509_481_984.0, 54) } else { (x, 0) }
}

/// The natural logarithm: −∞ at 0, NaN below, ∞ at ∞.
#[must_use]
pub fn ln(x: f64) -> f64 {
    logarithm(x, Pair::of(2.0), LN_2)
}

/// The binary logarithm: −∞ at 0, NaN below, ∞ at ∞. Powers of two give whole numbers.
#[must_use]
pub fn log2(x: f64) -> f64 {
    logarithm(x, TWO_OVER_LN_2, Pair::of(1.0))
}

fn logarithm(x: f64, scale: Pair, of_two: Pair) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return x;
    }
    let (x, off) = normal(x);
    let (e, s) = parts(x);
    artanh(s).times(scale).plus(of_two.times(Pair::of(f64::from(e - off)))).rounded()
}

/// The exponential: 0 at −∞, ∞ where the result exceeds the largest f64; subnormal results are rounded twice.
#[must_use]
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    let x = x.clamp(-760.0, 720.0);
    let n = (x * std::f64::consts::LOG2_E).round_ties_even();
    let r = Pair::of(x).plus(LN_2.times(Pair::of(-n)));
    // Σ rᵏ/k! by Horner's rule; |r| ≤ 0.35, and 0.35^26/26! is below 2^-120.
    let mut sum = Pair::of(1.0);
    for k in (1..26u32).rev() {
        sum = sum.times(r).over(Pair::of(f64::from(k))).plus(Pair::of(1.0));
    }
    // In two steps, as 2^n alone may not be an f64 where the result is.
    let n = n as i32;
    let power = |n: i32| f64::from_bits(((n + 1023) as u64) << 52);
    sum.rounded() * power(n / 2) * power(n - n / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_values() {
        assert_eq!((ln(1.0), ln(0.0), ln(f64::INFINITY)), (0.0, f64::NEG_INFINITY, f64::INFINITY));
        assert!(ln(-1.0).is_nan() && ln(f64::NAN).is_nan() && exp(f64::NAN).is_nan());
        assert_eq!((exp(0.0), exp(f64::NEG_INFINITY), exp(f64::INFINITY)), (1.0, 0.0, f64::INFINITY));
        assert_eq!(exp(1.0), std::f64::consts::E);
        for e in -1074..1024 {
            let x = if e < -1022 { f64::from_bits(1 << (e + 1074)) } else { f64::from_bits(((e + 1023) as u64) << 52) };
            assert_eq!(log2(x), f64::from(e));
        }
    }
}
