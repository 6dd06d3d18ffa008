//! log2(rank + 1): what a gain is divided by.

use std::sync::OnceLock;

use crate::kernel::real::log2;

/// How many discounts are kept; later ones are computed anew.
const KEPT: u32 = 1 << 12;

/// log2(2), log2(3), log2(4) …
pub(super) fn discounts() -> impl Iterator<Item = f64> {
    static TABLE: OnceLock<Vec<f64>> = OnceLock::new();
    let discount = |n: u32| log2(f64::from(n));
    let table = TABLE.get_or_init(|| (2..2 + KEPT).map(discount).collect());
    table.iter().copied().chain((2 + KEPT..).map(discount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_kept_and_those_that_are_not() {
        let found: Vec<f64> = discounts().take(KEPT as usize + 3).collect();
        assert_eq!((found[0], found[2]), (1.0, 2.0));
        assert!(found.iter().enumerate().all(|(i, discount)| *discount == log2(i as f64 + 2.0)));
    }
}
