//! What singular values say.

use super::Svd;
use super::side::Side;
use crate::kernel::double::{inner, sum};
use crate::kernel::matrix::product;
use crate::kernel::real::{exp, ln};
use crate::kernel::svd::SvdError;

/// The orthogonal Procrustes residual of sides of one width.
pub(super) fn procrustes(x: &Side, y: &Side, svd: Svd) -> Result<f64, SvdError> {
    let norm = |side: &Side| {
        let values = side.features.as_slice().expect("contiguous");
        inner(values, values).sqrt()
    };
    let values = svd(product(y.features.view(), x.features.view()).view())?;
    // A sum that rounding has brought above 1 is 1.
    Ok((2.0 - 2.0 * (sum(&values) / (norm(x) * norm(y)))).max(0.0))
}

/// exp of the entropy of singular values, not all 0, divided by their sum.
pub(super) fn effective_rank(values: &[f64]) -> f64 {
    let total = sum(values);
    let terms: Vec<f64> = values.iter().filter(|x| **x > 0.0).map(|x| x / total).map(|p| p * ln(p)).collect();
    exp(-sum(&terms))
}

/// IsoScore of the singular values, not all 0, of a centred matrix of `width` columns; those not given are 0.
pub(super) fn isoscore(values: &[f64], width: usize) -> f64 {
    if width == 1 {
        return 1.0;
    }
    // As shares of the largest, so that no square leaves the range of f64.
    let variances: Vec<f64> = values.iter().map(|x| x / values[0]).map(|x| x * x).collect();
    let total = sum(&variances);
    (total * total / inner(&variances, &variances) - 1.0) / (width - 1) as f64
}
