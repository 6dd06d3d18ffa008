//! Singular values of f64 matrices.
//!
//! [`jacobi`] is the default build's: the same bits for any number of threads and instruction set, and nothing to install. With the feature `lapack`,
//! [`singular_values`] asks the system's OpenBLAS instead (`svd::lapack`): faster, but its bits depend on library, processor and threads. The two
//! differ by rounding only.

pub mod jacobi;
#[cfg(feature = "lapack")]
pub mod lapack;
#[cfg(test)]
mod tests;
mod triangle;

use ndarray::ArrayView2;

use super::NotFinite;

/// Why a matrix's singular values could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SvdError {
    /// The matrix has none.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// Columns were still not orthogonal after as many sweeps over all pairs as [`jacobi`] makes.
    #[error("the Jacobi SVD did not converge in {sweeps} sweeps")]
    NoConvergence {
        /// How many were made.
        sweeps: usize,
    },
    /// LAPACK's own words.
    #[cfg(feature = "lapack")]
    #[error("LAPACK's SVD")]
    Lapack(#[source] ndarray_linalg::error::LinalgError),
}

/// The min(m, n) singular values of an [m, n] matrix, largest first.
///
/// # Errors
/// Values that are not finite; no convergence.
pub fn singular_values(matrix: ArrayView2<'_, f64>) -> Result<Vec<f64>, SvdError> {
    #[cfg(feature = "lapack")]
    return lapack::singular_values(matrix);
    #[cfg(not(feature = "lapack"))]
    jacobi::singular_values(matrix)
}

/// Names the first row with a value that is not finite.
fn all_finite(matrix: ArrayView2<'_, f64>) -> Result<(), NotFinite> {
    let bad = matrix.rows().into_iter().position(|row| row.iter().any(|x| !x.is_finite()));
    bad.map_or(Ok(()), |row| Err(NotFinite { row }))
}
