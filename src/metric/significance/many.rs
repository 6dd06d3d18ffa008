//! p-values of several tests together, adjusted so that the chance of any wrong rejection stays below the level.

/// Bonferroni's: each times their number, at most 1.
#[must_use]
pub fn bonferroni(p: &[f64]) -> Vec<f64> {
    p.iter().map(|x| (x * p.len() as f64).min(1.0)).collect()
}

/// Holm's (Scandinavian Journal of Statistics 6, 1979): the smallest times their number, the next times one less …, none below the one before.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0f64;
    for (i, place) in order.into_iter().enumerate() {
        least = least.max((p[place] * (p.len() - i) as f64).min(1.0));
        adjusted[place] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let p = [0.01, 0.04, 0.03, 0.5];
        assert_eq!(bonferroni(&p), [0.04, 0.16, 0.12, 1.0]);
        // 4·0.01, then 3·0.03, then 2·0.04 is less than that and becomes it, then 0.5.
        assert_eq!(holm(&p), [0.04, 0.09, 0.09, 0.5]);
        assert!(holm(&[]).is_empty());
    }
}
