//! Student's t: paired tests, bounds, non-inferiority, equivalence, power.

use super::Mean;
use crate::kernel::real::{exp, ln};

/// A paired t-test of a mean difference against a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TTest {
    /// (mean − bound) / standard error.
    pub t: f64,
    /// Degrees of freedom, n − 1.
    pub freedom: f64,
    /// The chance of a t at least as far from 0 on either side.
    pub two_sided: f64,
    /// The chance of a t at least as large: small where the mean is above the bound.
    pub above: f64,
}

/// Tests whether the mean of the differences is `bound`, two-sided and one-sided. Differences that are all alike are as far from any other bound as can
/// be (t infinite), and not from their own (t = 0). None of fewer than two.
///
/// Non-inferiority with a margin m is `above` against −m; equivalence (two one-sided tests, Schuirmann 1987) that against −m, and that of the
/// differences with their signs changed.
#[must_use]
pub fn t_test(differences: &[f64], bound: f64) -> Option<TTest> {
    if differences.len() < 2 {
        return None;
    }
    let mean = Mean::of(differences);
    let distance = mean.mean - bound;
    let t = if distance == 0.0 { 0.0 } else { distance / mean.error() };
    let freedom = (differences.len() - 1) as f64;
    let two_sided = tails(t, freedom);
    let above = if t > 0.0 { two_sided / 2.0 } else { 1.0 - two_sided / 2.0 };
    Some(TTest { t, freedom, two_sided, above })
}

impl Mean {
    /// The ends of the two-sided confidence interval of the mean; its lower end at level 1 − 2α is the one-sided bound at level 1 − α.
    #[must_use]
    pub fn interval(&self, level: f64) -> [f64; 2] {
        let reach = critical(1.0 - level, (self.count - 1) as f64) * self.error();
        [self.mean - reach, self.mean + reach]
    }
}

/// The chance that a two-sided paired t-test at level `alpha` finds a true effect `effect` (d_z) with `count` queries: 1 minus what a noncentral
/// t leaves between the critical values.
#[must_use]
pub fn power(effect: f64, count: usize, alpha: f64) -> f64 {
    if count < 2 {
        return f64::NAN;
    }
    let freedom = (count - 1) as f64;
    let (t, shift) = (critical(alpha, freedom), effect.abs() * (count as f64).sqrt());
    // A noncentral t is below t only where the deviation is estimated to be more than forty times what it is: never, also where there is none at all.
    if shift > 40.0 * t.max(1.0) {
        return 1.0;
    }
    // Beyond t on the effect's side, and beyond −t on the other: P(T ≤ −t) with a shift is P(T ≥ t) with the opposite one.
    let (along, against) = (1.0 - noncentral(t, freedom, shift), 1.0 - noncentral(t, freedom, -shift));
    (along + against).clamp(0.0, 1.0)
}

/// The chance of a t at least as far from 0.
fn tails(t: f64, freedom: f64) -> f64 {
    if t.is_infinite() { 0.0 } else { beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) }
}

/// The t that has `alpha` outside of ±t, by bisection to the last bit.
fn critical(alpha: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while tails(high, freedom) > alpha {
        high *= 2.0;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if tails(middle, freedom) > alpha { low = middle } else { high = middle }
    }
}

/// The chance that a noncentral t is at most `t` ≥ 0 (Lenth, AS 243, Applied Statistics 38, 1989): a series with the weights of a Poisson distribution,
/// of which what is farther than twelve deviations from its mean is left out.
fn noncentral(t: f64, freedom: f64, shift: f64) -> f64 {
    let half = shift * shift / 2.0;
    let x = t * t / (freedom + t * t);
    let width = 12.0 * half.sqrt() + 40.0;
    let first = (half - width).max(0.0).floor();
    let start = if first > 0.0 { first * ln(half) - half } else { -half };
    let mut p = 0.5 * exp(start - ln_gamma(first + 1.0));
    let mut q = 0.5 * std::f64::consts::FRAC_1_SQRT_2 * shift * exp(start - ln_gamma(first + 1.5));
    let (mut sum, mut j) = (normal(-shift), first);
    while j <= half + width {
        sum += p * beta(x, j + 0.5, freedom / 2.0) + q * beta(x, j + 1.0, freedom / 2.0);
        j += 1.0;
        p *= half / j;
        q *= half / (j + 0.5);
    }
    sum.clamp(0.0, 1.0)
}

/// The normal distribution: by the series of the incomplete gamma function, of positive terms only.
fn normal(x: f64) -> f64 {
    let z = x * x / 2.0;
    if z > 700.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let mut term = exp(-z) * z.sqrt() / exp(ln_gamma(1.5));
    let (mut sum, mut n) = (0.0, 0.0);
    while term > 1e-18 || n < z {
        sum += term;
        n += 1.0;
        term *= z / (n + 0.5);
    }
    if x > 0.0 { 0.5 + 0.5 * sum } else { 0.5 - 0.5 * sum }
}

/// The regularised incomplete beta function by its continued fraction (DLMF 8.17.22), evaluated by Lentz's method.
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let front = exp(ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * ln(x) + b * ln(1.0 - x));
    // Where the fraction converges fast.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away = |x: f64| if x.abs() < 1e-300 { 1e-300 } else { x };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for i in 1..10_000 {
        let m = f64::from(i);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            step = c * d;
            value *= step;
        }
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

/// The logarithm of the gamma function of a positive number: Stirling's series (DLMF 5.11.1) from 16 on, where the term left out is below 2^-58.
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 7] =
        [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0, 1.0 / 156.0];
    let (mut x, mut below) = (x, 1.0);
    while x < 16.0 {
        below *= x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = COEFFICIENTS.iter().rev().fold(0.0, |sum, c| sum * square + c) / x;
    /// ln √(2π).
    const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
    (x - 0.5) * ln(x) - x + HALF_LN_TAU + series - ln(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(x: f64, y: f64, relative: f64) {
        assert!((x - y).abs() <= relative * y.abs(), "{x} {y}");
    }

    #[test]
    fn tails_with_closed_forms() {
        // One degree of freedom is Cauchy's distribution, two have a closed form, many are nearly normal.
        for t in [0.1f64, 0.5, 1.0, 2.5, 10.0, 300.0] {
            close(tails(t, 1.0), 1.0 - 2.0 / std::f64::consts::PI * t.atan(), 1e-12);
            close(tails(t, 2.0), 1.0 - t / (2.0 + t * t).sqrt(), 1e-10);
        }
        close(critical(0.05, 1e7), 1.959_964, 1e-6);
        // The tables' values.
        close(critical(0.05, 10.0), 2.228_139, 1e-6);
        close(critical(0.01, 30.0), 2.749_996, 1e-6);
        assert_eq!(tails(0.0, 5.0), 1.0);
    }

    #[test]
    fn gamma_of_whole_and_half_numbers() {
        let mut factorial = 1.0f64;
        for n in 1..100u32 {
            assert!((ln_gamma(f64::from(n)) - ln(factorial)).abs() < 3e-13, "{n}");
            factorial *= f64::from(n);
        }
        close(ln_gamma(0.5), ln(std::f64::consts::PI.sqrt()), 1e-14);
    }

    #[test]
    fn a_test_by_hand() {
        // Differences 1, 2, 3: mean 2, deviation 1, t = 2√3 with two degrees of freedom.
        let test = t_test(&[1.0, 2.0, 3.0], 0.0).unwrap();
        close(test.t, 12f64.sqrt(), 1e-15);
        close(test.two_sided, 1.0 - 12f64.sqrt() / 14f64.sqrt(), 1e-12);
        close(test.above, test.two_sided / 2.0, 1e-15);
        close(t_test(&[1.0, 2.0, 3.0], 4.0).unwrap().above, 1.0 - test.two_sided / 2.0, 1e-12);
        let [low, high] = Mean::of(&[1.0, 2.0, 3.0]).interval(0.95);
        close(high - 2.0, 4.302_652_73 / 3f64.sqrt(), 1e-8);
        close(low + high, 4.0, 1e-14);
        assert_eq!(t_test(&[1.0], 0.0), None);
        assert_eq!(t_test(&[0.5; 4], 0.5).unwrap().two_sided, 1.0);
        assert_eq!(t_test(&[0.5; 4], 0.0).unwrap().two_sided, 0.0);
    }

    #[test]
    fn power_is_the_level_without_an_effect_and_that_of_cohens_tables_with_one() {
        close(power(0.0, 20, 0.05), 0.05, 1e-10);
        // By scipy 1.17: its noncentral t, or where that gives up the integral over the deviation's distribution.
        close(power(0.5, 34, 0.05), 0.807_777_501_279_273_7, 1e-9);
        close(power(0.2, 199, 0.05), 0.801_691_024_037_065_5, 1e-9);
        close(power(10.0, 2, 0.05), 0.732_819_589_805_712_5, 1e-12);
        close(power(8.0, 3, 0.001), 0.175_439_284_347_543_33, 1e-12);
        for (effect, count) in [(3.0, 200), (40.0, 1000), (1e200, 5), (f64::INFINITY, 3)] {
            close(power(effect, count, 0.05), 1.0, 1e-12);
        }
    }
}
