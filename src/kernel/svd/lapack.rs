//! Singular values through LAPACK (`dgesdd`, divide and conquer) of the system's OpenBLAS.

use ndarray::ArrayView2;
use ndarray_linalg::{JobSvd, SVDDC};

use super::{SvdError, all_finite};

/// The min(m, n) singular values of an [m, n] matrix, largest first.
///
/// # Errors
/// Values that are not finite; what LAPACK says.
pub fn singular_values(matrix: ArrayView2<'_, f64>) -> Result<Vec<f64>, SvdError> {
    all_finite(matrix)?;
    if matrix.is_empty() {
        return Ok(Vec::new());
    }
    let matrix = matrix.as_standard_layout();
    let (_, values, _) = matrix.svddc(JobSvd::None).map_err(SvdError::Lapack)?;
    Ok(values.to_vec())
}
