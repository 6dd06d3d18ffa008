//! How much of a measure is left when the same queries are asked in another form, over several seeds.
//!
//! The values of queries are joined first over the seeds, then over the queries: what a test compares is each query's mean over the seeds with its
//! value on clean text, so that seeds do not pass for queries.

use super::agreement::rank_biased_overlap;
use super::significance::{Mean, randomization};

/// The persistence of rank-biased overlap: some two thirds of the weight is on the first ten documents.
pub const PERSISTENCE: f64 = 0.9;

/// What came of queries in one form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Each query's value of the measure.
    pub values: Vec<f64>,
    /// Whether a relevant document is among its first k.
    pub found: Vec<bool>,
    /// Its documents, best first.
    pub rankings: Vec<Vec<usize>>,
}

/// How a difference is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Assignments of signs that are drawn.
    pub samples: usize,
    /// The seed of what is drawn.
    pub seed: u64,
}

/// Queries perturbed with one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seed {
    /// The mean over queries.
    pub value: f64,
    /// Of the queries that had a relevant document among their first k, the share of those that have none now; none where there is no such query.
    pub success: Option<f64>,
    /// The mean rank-biased overlap with the clean ranking, extrapolated, so that equal rankings have 1 however short they are.
    pub overlap: f64,
}

/// What a perturbation does.
#[derive(Clone, Debug, PartialEq)]
pub struct Robustness {
    /// The mean over queries on clean text.
    pub clean: f64,
    /// The mean over the seeds of the mean over queries.
    pub mean: f64,
    /// Its standard deviation over the seeds (n − 1); none of one seed.
    pub deviation: Option<f64>,
    /// The least over the seeds.
    pub least: f64,
    /// The mean over queries of each one's least value over the seeds: as if somebody picked the worst seed for each.
    pub worst_case: f64,
    /// Clean less mean.
    pub drop: f64,
    /// That over clean; none where clean is 0.
    pub relative_drop: Option<f64>,
    /// [`Seed::success`], mean over the seeds.
    pub success: Option<f64>,
    /// [`Seed::overlap`], mean over the seeds.
    pub overlap: f64,
    /// Two-sided p of the paired randomisation test of the queries' means over the seeds against clean; none of an average.
    pub p: Option<f64>,
    /// Seed by seed.
    pub seeds: Vec<Seed>,
}

/// Compares queries as they are with the same queries under each seed, all in one order. There is at least one query and one seed.
#[must_use]
pub fn robustness(clean: &Asked, seeds: &[Asked], method: &Method) -> Robustness {
    let of_seed = |asked: &Asked| Seed {
        value: mean(asked.values.iter().copied()),
        success: success(&clean.found, &asked.found),
        overlap: overlap(&clean.rankings, &asked.rankings),
    };
    let queries = 0..clean.values.len();
    let of_query = |i: usize| seeds.iter().map(move |asked| asked.values[i]);
    let differences: Vec<f64> = queries.clone().map(|i| over_seeds(of_query(i)).mean - clean.values[i]).collect();
    let worst_case = mean(queries.map(|i| of_query(i).fold(f64::INFINITY, f64::min)));
    let clean = mean(clean.values.iter().copied());
    let p = randomization(&differences, method.samples, method.seed);
    Robustness { worst_case, p: Some(p), ..of_seeds(clean, seeds.iter().map(of_seed).collect()) }
}

/// The plain means over languages; p has none, and the relative drop is that of the means.
///
/// # Panics
/// No row, or rows of unequally many seeds.
#[must_use]
pub fn average(rows: &[&Robustness]) -> Robustness {
    let all = |value: fn(&Robustness) -> f64| mean(rows.iter().map(|row| value(row)));
    let seed = |i: usize| Seed {
        value: mean(rows.iter().map(|row| row.seeds[i].value)),
        success: mean_of_some(rows.iter().map(|row| row.seeds[i].success)),
        overlap: mean(rows.iter().map(|row| row.seeds[i].overlap)),
    };
    let (clean, drop) = (all(|row| row.clean), all(|row| row.drop));
    Robustness {
        clean,
        mean: all(|row| row.mean),
        deviation: mean_of_some(rows.iter().map(|row| row.deviation)),
        least: all(|row| row.least),
        worst_case: all(|row| row.worst_case),
        drop,
        relative_drop: (clean != 0.0).then(|| drop / clean),
        success: mean_of_some(rows.iter().map(|row| row.success)),
        overlap: all(|row| row.overlap),
        p: None,
        seeds: (0..rows[0].seeds.len()).map(seed).collect(),
    }
}

/// All that can be said from the seeds' means alone.
fn of_seeds(clean: f64, seeds: Vec<Seed>) -> Robustness {
    let values: Vec<f64> = seeds.iter().map(|seed| seed.value).collect();
    let Mean { mean: value, deviation, .. } = over_seeds(values.iter().copied());
    let drop = clean - value;
    Robustness {
        clean,
        mean: value,
        deviation: (seeds.len() > 1).then_some(deviation),
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        worst_case: value,
        drop,
        relative_drop: (clean != 0.0).then(|| drop / clean),
        // Whether a query was found on clean text does not depend on the seed: all seeds have a share, or none.
        success: seeds[0].success.map(|_| over_seeds(seeds.iter().filter_map(|seed| seed.success)).mean),
        overlap: over_seeds(seeds.iter().map(|seed| seed.overlap)).mean,
        p: None,
        seeds,
    }
}

fn success(clean: &[bool], perturbed: &[bool]) -> Option<f64> {
    let before = clean.iter().filter(|found| **found).count();
    let lost = clean.iter().zip(perturbed).filter(|(before, after)| **before && !**after).count();
    (before > 0).then(|| lost as f64 / before as f64)
}

fn overlap(clean: &[Vec<usize>], perturbed: &[Vec<usize>]) -> f64 {
    let one = |(a, b): (&Vec<usize>, &Vec<usize>)| rank_biased_overlap(a, b, PERSISTENCE, a.len().max(b.len()));
    mean(clean.iter().zip(perturbed).map(|pair| one(pair).extrapolated))
}

/// The mean, added in order.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
    sum / count as f64
}

/// The mean and its deviation of what seeds give, relative to the first, so that the mean of equal values is that value to its last bit.
fn over_seeds(mut values: impl Iterator<Item = f64>) -> Mean {
    let first = values.next().unwrap_or(f64::NAN);
    let differences: Vec<f64> = std::iter::once(0.0).chain(values.map(|x| x - first)).collect();
    let Mean { count, mean, deviation } = Mean::of(&differences);
    Mean { count, mean: first + mean, deviation }
}

/// The mean of those that are there.
fn mean_of_some(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let there: Vec<f64> = values.flatten().collect();
    (!there.is_empty()).then(|| mean(there.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: Method = Method { samples: 999, seed: 1 };

    fn asked(values: &[f64], found: &[bool], rankings: &[&[usize]]) -> Asked {
        let rankings = rankings.iter().map(|ranking| ranking.to_vec()).collect();
        Asked { values: values.to_vec(), found: found.to_vec(), rankings }
    }

    #[test]
    fn by_hand() {
        let clean = asked(&[1.0, 1.0, 0.5, 0.0], &[true, true, true, false], &[&[0, 1], &[1, 0], &[2, 3], &[3, 2]]);
        let one = asked(&[1.0, 0.0, 0.5, 0.5], &[true, false, true, true], &[&[0, 1], &[0, 1], &[2, 3], &[3, 2]]);
        let two = asked(&[0.0, 0.5, 0.5, 0.0], &[false, false, true, false], &[&[4, 5], &[1, 0], &[2, 3], &[3, 2]]);
        let found = robustness(&clean, &[one, two], &METHOD);
        assert_eq!((found.clean, found.mean, found.least), (0.625, 0.375, 0.25));
        // The seeds' values are 0.5 and 0.25.
        assert_eq!(found.deviation, Some((2.0f64 * 0.125 * 0.125).sqrt()));
        // The queries' least values are 0, 0, 0.5 and 0.
        assert_eq!(found.worst_case, 0.125);
        assert_eq!((found.drop, found.relative_drop), (0.25, Some(0.25 / 0.625)));
        // Of three that were found one is lost with the first seed, two with the second.
        assert_eq!(found.success, Some((1.0 / 3.0 + 2.0 / 3.0) / 2.0));
        // Two documents exchanged overlap by 0 and 1: extrapolated 0.1 · (0 + 0.9 · 1) + 0.81.
        let exchanged = 0.1 * 0.9 + 0.9 * 0.9;
        assert!((found.seeds[0].overlap - (3.0 + exchanged) / 4.0).abs() < 1e-15);
        assert_eq!(found.seeds[1].overlap, 0.75, "no document in common");
    }

    #[test]
    fn nothing_changed_is_no_drop() {
        let clean = asked(&[0.3, 0.7], &[true, true], &[&[0], &[1]]);
        let found = robustness(&clean, std::slice::from_ref(&clean), &METHOD);
        assert_eq!((found.drop, found.success, found.overlap, found.p), (0.0, Some(0.0), 1.0, Some(1.0)));
        assert_eq!(found.deviation, None, "one seed");
    }

    #[test]
    fn what_cannot_be_divided_is_not_there() {
        let clean = asked(&[0.0], &[false], &[&[]]);
        let found = robustness(&clean, std::slice::from_ref(&clean), &METHOD);
        assert_eq!((found.relative_drop, found.success), (None, None));
    }

    #[test]
    fn seeds_do_not_pass_for_queries() {
        // Eight queries that always lose everything: 2 of the 2^8 assignments of signs are as far from 0, however many seeds say so.
        let clean = asked(&[1.0; 8], &[true; 8], &[&[][..]; 8]);
        let lost = asked(&[0.0; 8], &[false; 8], &[&[][..]; 8]);
        let p = |seeds: usize| {
            robustness(&clean, &vec![lost.clone(); seeds], &Method { samples: 9999, seed: 1 }).p.unwrap()
        };
        assert!((p(1) - 2.0 / 256.0).abs() < 0.004, "{}", p(1));
        assert_eq!(p(1), p(20));
    }

    #[test]
    fn equal_seeds_have_their_value_to_the_last_bit() {
        let one = |value: f64| asked(&[value, 0.3], &[true, true], &[&[0], &[1]]);
        let found = robustness(&one(0.1), &vec![one(0.1); 10], &METHOD);
        assert_eq!((found.mean, found.deviation, found.drop, found.p), (0.2, Some(0.0), 0.0, Some(1.0)));
    }

    #[test]
    fn languages_are_averaged() {
        let row = |clean: f64, value: f64| {
            let one = |value: f64| asked(&[value], &[value > 0.5], &[&[0]]);
            robustness(&one(clean), &[one(value), one(value)], &METHOD)
        };
        let (a, b) = (row(1.0, 0.5), row(0.5, 0.25));
        let both = average(&[&a, &b]);
        assert_eq!((both.clean, both.mean, both.drop, both.relative_drop), (0.75, 0.375, 0.375, Some(0.5)));
        assert_eq!((both.success, both.p, both.deviation), (Some(1.0), None, Some(0.0)), "one language was found");
        assert_eq!(both.seeds[1].value, 0.375);
    }
}
