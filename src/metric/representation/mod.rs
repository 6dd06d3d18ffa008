//! How alike two spaces of paired embeddings are, and how well each is used: a teacher's and a student's, or a sentence's and its translation's.
//!
//! Row i of X [n, d₁] and of Y [n, d₂] are a pair. All is computed in f64 and in a fixed order, so that bits do not depend on threads or instruction
//! sets; with the feature `lapack`, which asks the system's library for singular values, those that need them keep some twelve digits instead.

mod cka;
mod cosines;
mod side;
mod spectrum;
#[cfg(test)]
mod tests;

use ndarray::ArrayView2;
use serde::Serialize;

pub use cosines::Direction;
use side::Side;

use crate::Result;
use crate::kernel::svd::{SvdError, singular_values};

/// What decides the diagnostics besides the embeddings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The k of hubness: below the number of rows. 10, as Radovanović et al. have it.
    pub neighbours: usize,
    /// The width of the RBF kernel as a multiple of the median distance. 1, as in Kornblith et al.'s code.
    pub bandwidth: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { neighbours: 10, bandwidth: 1.0 }
    }
}

/// The diagnostics of a bitext's embeddings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Representation {
    /// How many pairs there are.
    pub rows: usize,
    /// Centred kernel alignment of linear kernels, 0 to 1: ‖YᵀX‖² / (‖XᵀX‖·‖YᵀY‖), Frobenius norms of centred columns. 1 where Y is X turned and scaled
    /// (Kornblith, Norouzi, Lee, Hinton, ICML 2019, section 3).
    pub linear_cka: f64,
    /// The same of kernels exp(−‖xᵢ − xⱼ‖² / 2σ²): ⟨HKH, HLH⟩ / (‖HKH‖·‖HLH‖) with the centring matrix H. σ² is the squared bandwidth times the median of
    /// all n² squared distances, each row's to itself included, as their code takes it.
    pub rbf_cka: f64,
    /// How X uses its space.
    pub x: Usage,
    /// How Y uses its space.
    pub y: Usage,
    /// What X and Y have in one space: nothing where d₁ is not d₂.
    pub shared: Option<Shared>,
}

/// How one side uses its space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Usage {
    /// The mean cosine of two different rows: 0 where directions are even, near 1 where all rows lie in a narrow cone (Ethayarajh, EMNLP 2019, who draws
    /// pairs; here it is all n(n − 1) of them).
    pub mean_cosine: f64,
    /// IsoScore, 0 to 1 (Rudman, Gillman, Rayne, Eickhoff, Findings of ACL 2022): how evenly variance is spread over d dimensions. With the variances λ along
    /// the principal axes their steps come to ((Σλ)²/Σλ² − 1)/(d − 1). 1 where d is 1.
    pub isoscore: f64,
    /// The effective rank, 1 to d: exp(−Σ p ln p) of p = σ/Σσ, σ the singular values (Roy & Vetterli, EUSIPCO 2007), here of the centred matrix, so that
    /// what all rows have in common is no dimension.
    pub effective_rank: f64,
}

/// What two sides have in one space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shared {
    /// The orthogonal Procrustes residual, 0 to 2: min ‖XQ − Y‖² over orthogonal Q, both sides centred and divided by their Frobenius norms, which is 2 − 2 Σσ of YᵀX
    /// (Schönemann, Psychometrika 31, 1966). 0 where Y is X turned, moved and scaled.
    pub procrustes: f64,
    /// The distance of the two centroids of the rows, each divided by its length: the gap between languages, 0 to 2 (Liang, Zhang, Kwon, Yeung, Zou, NeurIPS 2022, of
    /// modalities).
    pub gap: f64,
    /// From X's rows to Y's.
    pub forward: Direction,
    /// From Y's rows to X's.
    pub backward: Direction,
}

/// Why embeddings have no diagnostics.
#[derive(Debug, thiserror::Error)]
enum RepresentationFault {
    #[error("X has {x} rows, Y {y}: they are not pairs")]
    NotPaired { x: usize, y: usize },
    #[error("{rows} rows: representations are compared over 2 or more")]
    TooFewRows { rows: usize },
    #[error("row {row} of {side} has a value that is not finite")]
    NotFinite { side: char, row: usize },
    #[error("row {row} of {side} is zero: it has no cosine")]
    ZeroRow { side: char, row: usize },
    #[error("all rows of {side} are the same: there is nothing to align")]
    Constant { side: char },
    #[error("half of the distances between rows of {side} are 0: the RBF kernel's width would be 0")]
    NoMedian { side: char },
    #[error("the RBF kernel of {side} is the same everywhere at this bandwidth: there is nothing to align")]
    Flat { side: char },
    #[error("bandwidth {bandwidth}: a positive number is needed")]
    Bandwidth { bandwidth: f64 },
    #[error("{neighbours} neighbours among {rows} rows: fewer than the rows are needed, and at least 1")]
    Neighbours { neighbours: usize, rows: usize },
    #[error("singular values of {of}")]
    Svd { of: &'static str, source: SvdError },
}

impl crate::error::Fault for RepresentationFault {}

/// Finds the singular values of a matrix.
type Svd = fn(ArrayView2<'_, f64>) -> Result<Vec<f64>, SvdError>;

/// The diagnostics of X [n, d₁] beside Y [n, d₂], whose rows are pairs.
///
/// # Errors
/// Different numbers of rows, fewer than 2, or no more than `neighbours`; a row that is zero or not finite; rows of one side that are all the same, or so many of
/// them that the median distance is 0; a bandwidth that is not positive; what the SVD says.
pub fn representation(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, options: &Options) -> Result<Representation> {
    Ok(diagnose(x, y, options, singular_values)?)
}

fn diagnose(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    options: &Options,
    svd: Svd,
) -> Result<Representation, RepresentationFault> {
    let rows = x.nrows();
    check(rows, y.nrows(), options)?;
    let (x, y) = (Side::of('X', x)?, Side::of('Y', y)?);
    let shared = (x.width() == y.width()).then(|| shared(&x, &y, options, svd)).transpose()?;
    Ok(Representation {
        rows,
        linear_cka: cka::linear(&x, &y),
        rbf_cka: cka::rbf(&x, &y, options.bandwidth)?,
        x: usage(&x, svd)?,
        y: usage(&y, svd)?,
        shared,
    })
}

fn check(rows: usize, others: usize, options: &Options) -> Result<(), RepresentationFault> {
    let Options { neighbours, bandwidth } = *options;
    if rows != others {
        return Err(RepresentationFault::NotPaired { x: rows, y: others });
    }
    if rows < 2 {
        return Err(RepresentationFault::TooFewRows { rows });
    }
    if neighbours == 0 || neighbours >= rows {
        return Err(RepresentationFault::Neighbours { neighbours, rows });
    }
    if !(bandwidth > 0.0 && bandwidth.is_finite()) {
        return Err(RepresentationFault::Bandwidth { bandwidth });
    }
    Ok(())
}

fn usage(side: &Side, svd: Svd) -> Result<Usage, RepresentationFault> {
    let fault = |source| RepresentationFault::Svd { of: "a side", source };
    let values = svd(side.features.view()).map_err(fault)?;
    Ok(Usage {
        mean_cosine: cosines::mean_of_pairs(side),
        isoscore: spectrum::isoscore(&values, side.width()),
        effective_rank: spectrum::effective_rank(&values),
    })
}

fn shared(x: &Side, y: &Side, options: &Options, svd: Svd) -> Result<Shared, RepresentationFault> {
    let [forward, backward] = cosines::directions(x, y, options.neighbours);
    let fault = |source| RepresentationFault::Svd { of: "YᵀX", source };
    Ok(Shared {
        procrustes: spectrum::procrustes(x, y, svd).map_err(fault)?,
        gap: cosines::gap(x, y),
        forward,
        backward,
    })
}
