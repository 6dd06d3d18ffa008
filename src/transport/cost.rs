//! Costs and masses from token embeddings.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2};

use super::fault::TransportFault;
use crate::Result;
use crate::kernel::{double, real};

/// How far apart two embeddings are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distance {
    /// 1 − cos, from 0 to 2.
    #[default]
    Cosine,
    /// The length of the difference.
    Euclidean,
    /// Its square.
    Squared,
}

impl std::str::FromStr for Distance {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "cosine" => Ok(Self::Cosine),
            "euclidean" => Ok(Self::Euclidean),
            "squared" => Ok(Self::Squared),
            _ => Err(format!("no distance {name}: cosine, euclidean or squared")),
        }
    }
}

impl std::fmt::Display for Distance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
            Self::Squared => "squared",
        })
    }
}

impl Distance {
    /// Distances of every row of `left` [m, d] to every row of `right` [n, d], in f64: [m, n].
    ///
    /// # Errors
    /// Rows of different widths; a value that is not finite; a row of zeros, which has no cosine.
    pub fn between(self, left: ArrayView2<'_, f32>, right: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        if left.ncols() != right.ncols() {
            return Err(TransportFault::Width { left: left.ncols(), right: right.ncols() }.into());
        }
        let (left, right) = (widened(left)?, widened(right)?);
        match self {
            Self::Cosine => cosine(&left, &right),
            Self::Euclidean => Ok(squared(&left, &right).mapv_into(f64::sqrt)),
            Self::Squared => Ok(squared(&left, &right)),
        }
    }
}

/// The rows in f64.
fn widened(rows: ArrayView2<'_, f32>) -> Result<Vec<Vec<f64>>> {
    let row = |(i, row): (usize, ndarray::ArrayView1<'_, f32>)| {
        let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
        let finite = row.iter().all(|x| x.is_finite());
        finite.then_some(row).ok_or_else(|| TransportFault::NotFinite { what: "an embedding", row: i }.into())
    };
    rows.rows().into_iter().enumerate().map(row).collect()
}

/// The length of a row.
fn norm(row: &[f64]) -> f64 {
    double::inner(row, row).sqrt()
}

fn cosine(left: &[Vec<f64>], right: &[Vec<f64>]) -> Result<Array2<f64>> {
    let norms = |rows: &[Vec<f64>]| -> Result<Vec<f64>> {
        let norm = |(row, values): (usize, &Vec<f64>)| Some(norm(values)).filter(|x| *x > 0.0).ok_or(row);
        let norms = rows.iter().enumerate().map(norm).collect::<Result<Vec<f64>, usize>>();
        norms.map_err(|row| TransportFault::Zero { row }.into())
    };
    let (lefts, rights) = (norms(left)?, norms(right)?);
    Ok(Array2::from_shape_fn((left.len(), right.len()), |(i, j)| {
        let distance = 1.0 - double::inner(&left[i], &right[j]) / (lefts[i] * rights[j]);
        // Of rows that point the same way, rounding leaves a little less than nothing.
        if distance > 0.0 { distance } else { 0.0 }
    }))
}

fn squared(left: &[Vec<f64>], right: &[Vec<f64>]) -> Array2<f64> {
    let mut difference = vec![0.0; left.first().map_or(0, Vec::len)];
    Array2::from_shape_fn((left.len(), right.len()), |(i, j)| {
        for ((difference, x), y) in difference.iter_mut().zip(&left[i]).zip(&right[j]) {
            *difference = x - y;
        }
        double::inner(&difference, &difference)
    })
}

/// Equal masses that sum to 1.
#[must_use]
pub fn uniform(count: usize) -> Vec<f64> {
    vec![1.0 / count as f64; count]
}

/// Masses in proportion to the lengths of the rows of `tokens` [n, d], of sum 1: long states carry more meaning (Yokoi et al., "Word Rotator's Distance", EMNLP
/// 2020).
///
/// # Errors
/// A value that is not finite; rows that are all zero.
pub fn norms(tokens: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
    let norms: Vec<f64> = widened(tokens)?.iter().map(|row| norm(row)).collect();
    if norms.iter().all(|norm| *norm == 0.0) {
        return Err(TransportFault::Zero { row: 0 }.into());
    }
    Ok(shares(norms))
}

/// How rare tokens are: ln((1 + N) / (1 + df)) + 1 of each token id, over N texts, df of which have it.
#[derive(Clone, Debug, Default)]
pub struct Rarity {
    texts: usize,
    texts_with: BTreeMap<u32, usize>,
}

impl Rarity {
    /// Counts another text.
    pub fn add(&mut self, tokens: &[u32]) {
        self.texts += 1;
        let distinct: std::collections::BTreeSet<u32> = tokens.iter().copied().collect();
        distinct.into_iter().for_each(|id| *self.texts_with.entry(id).or_default() += 1);
    }

    /// Masses of a text's tokens in proportion to their rarity, of sum 1.
    #[must_use]
    pub fn masses(&self, tokens: &[u32]) -> Vec<f64> {
        let idf = |id: &u32| {
            let with = self.texts_with.get(id).copied().unwrap_or(0);
            real::ln((1 + self.texts) as f64 / (1 + with) as f64) + 1.0
        };
        shares(tokens.iter().map(idf).collect())
    }
}

/// Weights divided by their sum.
fn shares(weights: Vec<f64>) -> Vec<f64> {
    let total = super::problem::sum(&weights);
    weights.into_iter().map(|x| x / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn distances_by_hand() {
        let (left, right) = (array![[3.0f32, 4.0], [1.0, 0.0]], array![[3.0f32, 4.0], [0.0, 2.0], [-1.0, 0.0]]);
        let between = |distance: Distance| distance.between(left.view(), right.view()).unwrap();
        assert_eq!(between(Distance::Squared), array![[0.0, 13.0, 32.0], [20.0, 5.0, 4.0]]);
        assert_eq!(between(Distance::Euclidean)[[1, 2]], 2.0);
        assert_eq!(between(Distance::Cosine), array![[0.0, 1.0 - 0.8, 1.0 + 0.6], [1.0 - 0.6, 1.0, 2.0]]);
    }

    #[test]
    fn what_has_no_distance_is_refused() {
        let zero = array![[1.0f32, 0.0], [0.0, 0.0]];
        let error =
            |l: &Array2<f32>, r: &Array2<f32>| Distance::Cosine.between(l.view(), r.view()).unwrap_err().to_string();
        assert!(error(&zero, &zero).contains("row 1 is zero"));
        assert!(error(&array![[f32::NAN]], &array![[1.0]]).contains("row 0 is not finite"));
        assert!(error(&zero, &array![[1.0]]).contains("2 wide on one side and 1 on the other"));
        assert!(Distance::Squared.between(zero.view(), zero.view()).is_ok());
    }

    #[test]
    fn masses_by_hand() {
        assert_eq!(uniform(4), [0.25; 4]);
        assert_eq!(norms(array![[3.0f32, 4.0], [0.0, 15.0]].view()).unwrap(), [0.25, 0.75]);
        let mut rarity = Rarity::default();
        [&[7, 7, 8][..], &[7], &[7, 9]].iter().for_each(|text| rarity.add(text));
        // ln(4/4) + 1 = 1 and ln(4/2) + 1.
        let rare = 1.0 + std::f64::consts::LN_2;
        assert_eq!(rarity.masses(&[7, 8]), [1.0 / (1.0 + rare), rare / (1.0 + rare)]);
    }
}
