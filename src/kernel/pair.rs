//! Numbers as the sum of two f64, some 100 bits in all: additions and multiplications of f64 only, none fused, so that they are the same everywhere.

/// A number: the sum of both, the second below half a unit in the last place of the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair(pub(crate) f64, pub(crate) f64);

impl Pair {
    /// x itself.
    pub(crate) fn of(x: f64) -> Self {
        Self(x, 0.0)
    }

    /// x + y exactly, whichever is the larger (Knuth, TAOCP 2, 4.2.2).
    pub(crate) fn sum(x: f64, y: f64) -> Self {
        let s = x + y;
        let part = s - x;
        Self(s, (x - (s - part)) + (y - part))
    }

    /// x · y exactly, where neither is beyond 2^996 (Dekker, Numerische Mathematik 18, 1971).
    fn product(x: f64, y: f64) -> Self {
        let split = |x: f64| {
            let c = 134_217_729.0 * x;
            let high = c - (c - x);
            (high, x - high)
        };
        let (p, (a, b), (c, d)) = (x * y, split(x), split(y));
        Self(p, ((a * c - p) + a * d + b * c) + b * d)
    }

    /// The sum.
    pub(crate) fn plus(self, other: Self) -> Self {
        let s = Self::sum(self.0, other.0);
        let t = Self::sum(self.1, other.1);
        let s = Self::sum(s.0, s.1 + t.0);
        Self::sum(s.0, s.1 + t.1)
    }

    /// The product.
    pub(crate) fn times(self, other: Self) -> Self {
        let p = Self::product(self.0, other.0);
        Self::sum(p.0, p.1 + (self.0 * other.1 + self.1 * other.0))
    }

    /// The quotient.
    pub(crate) fn over(self, other: Self) -> Self {
        let first = self.0 / other.0;
        let rest = self.plus(other.times(Self::of(-first)));
        let second = rest.0 / other.0;
        let rest = rest.plus(other.times(Self::of(-second)));
        Self::sum(first, second).plus(Self::of(rest.0 / other.0))
    }

    /// The nearest f64.
    pub(crate) fn rounded(self) -> f64 {
        self.0 + self.1
    }
}
