//! A transport problem: costs and the masses of both sides.

use std::borrow::Cow;

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use super::fault::{Side, TransportFault};
use super::outcome::SMALL;
use crate::Result;

/// The largest cost: sums of two are finite.
const LARGEST: f64 = 1e300;

/// Sums of masses, so that products of two of them with a kernel are normal numbers.
const TOTALS: std::ops::RangeInclusive<f64> = 1e-100..=1e100;

/// By how much, relatively, sums of masses may differ and still be called equal: some roundings of masses that were f32.
pub const IMBALANCE: f64 = 1e-6;

/// Costs [m, n] and masses: what is in row i is to be brought to columns j at `cost[i, j]` a unit.
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    cost: Cow<'a, [f64]>,
    largest: f64,
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl<'a> Problem<'a> {
    /// A problem with the masses `rows`, m numbers, and `columns`, n numbers.
    ///
    /// # Errors
    /// A side without rows or columns; a cost or mass that is negative or not finite, named by place; as many masses as there are not costs; a side whose masses
    /// sum to nothing.
    pub fn new(cost: ArrayView2<'a, f64>, rows: Vec<f64>, columns: Vec<f64>) -> Result<Self> {
        let (m, n) = cost.dim();
        if m == 0 || n == 0 {
            return Err(TransportFault::Empty { rows: m, columns: n }.into());
        }
        check_masses(Side::Rows, &rows, m)?;
        check_masses(Side::Columns, &columns, n)?;
        let cost = match cost.to_slice() {
            Some(costs) => Cow::Borrowed(costs),
            None => Cow::Owned(cost.iter().copied().collect()),
        };
        let largest = largest(&cost).map_err(|i| TransportFault::Cost { row: i / n, column: i % n, value: cost[i] })?;
        Ok(Self { cost, largest, rows, columns })
    }

    /// A problem made of another's, which was checked.
    pub(super) fn of(cost: Vec<f64>, rows: Vec<f64>, columns: Vec<f64>) -> Self {
        let largest = cost.iter().fold(0.0, |largest, c| if *c > largest { *c } else { largest });
        Self { cost: Cow::Owned(cost), largest, rows, columns }
    }

    /// A problem in which every row has the mass 1/m and every column 1/n.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn uniform(cost: ArrayView2<'a, f64>) -> Result<Self> {
        let [rows, columns] = [Axis(0), Axis(1)].map(|axis| super::cost::uniform(cost.len_of(axis)));
        Self::new(cost, rows, columns)
    }

    /// The costs, row by row.
    #[must_use]
    pub fn cost(&self) -> &[f64] {
        &self.cost
    }

    /// The masses of the rows.
    #[must_use]
    pub fn rows(&self) -> &[f64] {
        &self.rows
    }

    /// The masses of the columns.
    #[must_use]
    pub fn columns(&self) -> &[f64] {
        &self.columns
    }

    /// The largest cost.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.largest
    }

    /// The same problem with column masses that sum to what the row masses sum to.
    ///
    /// # Errors
    /// Sums that differ by more than [`IMBALANCE`].
    pub(super) fn balanced(&self) -> Result<Cow<'_, Self>> {
        let (rows, columns) = (sum(&self.rows), sum(&self.columns));
        if rows == columns {
            return Ok(Cow::Borrowed(self));
        }
        if (rows - columns).abs() > IMBALANCE * rows {
            return Err(TransportFault::Imbalance { rows, columns }.into());
        }
        let columns = self.columns.iter().map(|b| b * (rows / columns)).collect();
        Ok(Cow::Owned(Self { columns, ..self.clone() }))
    }

    /// The problem without rows and columns that have no mass, and which are left. None if all have some.
    pub(super) fn support(&self) -> Option<(Problem<'static>, Vec<usize>, Vec<usize>)> {
        let places = |masses: &[f64]| (0..masses.len()).filter(|i| masses[*i] > 0.0).collect::<Vec<_>>();
        let (rows, columns) = (places(&self.rows), places(&self.columns));
        if rows.len() == self.rows.len() && columns.len() == self.columns.len() {
            return None;
        }
        let n = self.columns.len();
        let cost = rows.iter().flat_map(|i| columns.iter().map(move |j| self.cost[i * n + j])).collect();
        let masses = |places: &[usize], masses: &[f64]| places.iter().map(|i| masses[*i]).collect();
        let problem = Problem::of(cost, masses(&rows, &self.rows), masses(&columns, &self.columns));
        Some((problem, rows, columns))
    }
}

/// The largest cost, or the place of the first that is none.
fn largest(cost: &[f64]) -> Result<f64, usize> {
    let part = |part: &[f64]| {
        // NaN is below nothing and above nothing.
        let (mut largest, mut good) = (0.0, true);
        for c in part {
            good &= (0.0..=LARGEST).contains(c);
            largest = if *c > largest { *c } else { largest };
        }
        good.then_some(largest)
    };
    let whole = if cost.len() < SMALL {
        part(cost)
    } else {
        cost.par_chunks(SMALL).map(part).reduce(|| Some(0.0), |x, y| Some(x?.max(y?)))
    };
    whole.ok_or_else(|| cost.iter().position(|c| !(0.0..=LARGEST).contains(c)).unwrap_or(0))
}

/// Refuses masses that are no measure on `count` points.
fn check_masses(side: Side, masses: &[f64], count: usize) -> Result<()> {
    if masses.len() != count {
        return Err(TransportFault::Count { side, masses: masses.len(), costs: count }.into());
    }
    if let Some(index) = masses.iter().position(|x| !(x.is_finite() && *x >= 0.0)) {
        return Err(TransportFault::Mass { side, index, value: masses[index] }.into());
    }
    let total = sum(masses);
    if TOTALS.contains(&total) { Ok(()) } else { Err(TransportFault::Total { side, total }.into()) }
}

/// The sum, each number added to those before it.
pub(super) fn sum(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, x| sum + x)
}
