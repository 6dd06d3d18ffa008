//! One side's rows as the diagnostics want them.

use ndarray::{Array2, ArrayView2, Axis};

use super::RepresentationFault;
use crate::kernel::double;

/// One side's embeddings in f64.
pub(super) struct Side {
    /// What messages call it.
    pub(super) name: char,
    /// Its rows, each divided by its length: [n, d].
    pub(super) unit: Array2<f64>,
    /// Its columns as rows, each less its mean: [d, n].
    pub(super) features: Array2<f64>,
}

impl Side {
    /// Of a matrix with at least 2 rows.
    pub(super) fn of(name: char, matrix: ArrayView2<'_, f32>) -> Result<Self, RepresentationFault> {
        for (row, values) in matrix.rows().into_iter().enumerate() {
            if values.iter().any(|x| !x.is_finite()) {
                return Err(RepresentationFault::NotFinite { side: name, row });
            }
            if values.iter().all(|x| *x == 0.0) {
                return Err(RepresentationFault::ZeroRow { side: name, row });
            }
        }
        // Looked for here, as the mean of equal numbers may be off by a rounding.
        if matrix.rows().into_iter().all(|row| row == matrix.row(0)) {
            return Err(RepresentationFault::Constant { side: name });
        }
        let mut unit = matrix.mapv(f64::from).as_standard_layout().into_owned();
        let mut features = unit.t().as_standard_layout().into_owned();
        for mut row in unit.rows_mut() {
            let row = row.as_slice_mut().expect("contiguous");
            let length = double::inner(row, row).sqrt();
            row.iter_mut().for_each(|x| *x /= length);
        }
        for mut column in features.rows_mut() {
            let column = column.as_slice_mut().expect("contiguous");
            let mean = double::sum(column) / column.len() as f64;
            column.iter_mut().for_each(|x| *x -= mean);
        }
        Ok(Self { name, unit, features })
    }

    /// The d of [n, d].
    pub(super) fn width(&self) -> usize {
        self.unit.ncols()
    }

    /// The n of [n, d].
    pub(super) fn rows(&self) -> usize {
        self.unit.nrows()
    }

    /// The mean of the rows of length 1.
    pub(super) fn centroid(&self) -> Vec<f64> {
        let columns = self.unit.t().as_standard_layout().into_owned();
        let mean = |column: ndarray::ArrayView1<'_, f64>| {
            double::sum(column.as_slice().expect("contiguous")) / column.len() as f64
        };
        columns.axis_iter(Axis(0)).map(mean).collect()
    }
}
