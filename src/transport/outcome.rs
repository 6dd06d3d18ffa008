//! What a solver returns.

use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;

use super::problem::{Problem, sum};
use crate::data::digest::Digest;
use crate::kernel::double;

/// Below so many costs, threads cost more than they give.
pub(super) const SMALL: usize = 1 << 16;

/// How a solver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Proved to be optimal.
    Optimal,
    /// Within the tolerance that was asked for.
    Converged,
    /// A matching that claims nothing.
    Greedy,
    /// Stopped after as many iterations as were allowed: the plan is what was reached, and passes for nothing.
    IterationLimit,
}

impl Status {
    /// Whether the solver reached what it was after.
    #[must_use]
    pub fn reached(self) -> bool {
        self != Self::IterationLimit
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Optimal => "optimal",
            Self::Converged => "converged",
            Self::Greedy => "greedy",
            Self::IterationLimit => "iteration-limit",
        })
    }
}

/// A transport plan, and what can be said for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// How much goes from row i to column j, [m, n].
    pub plan: Array2<f64>,
    /// ⟨T, C⟩, what it costs, without entropy.
    pub cost: f64,
    /// Iterations: rescalings of both sides; proximal steps; pivots; pairs.
    pub iterations: usize,
    /// Σ |T1 − a| + Σ |Tᵀ1 − b|. Of unbalanced plans what was given up, of partial ones what is beyond a marginal or short of the mass asked for, of one-to-one
    /// plans the distance from the masses 1/min(m, n) of the pairs.
    pub marginal_error: f64,
    /// Value of the plan less that of the duals, of the problem that the solver solves; none of the greedy matching.
    pub duality_gap: Option<f64>,
    /// How it ended.
    pub status: Status,
    /// Dual variables of rows and of columns; empty of the greedy matching.
    pub duals: [Vec<f64>; 2],
}

impl Transport {
    /// Puts together what every solver returns; `gap` may look at the marginals.
    pub(super) fn of(problem: &Problem<'_>, plan: Vec<f64>, status: Status, iterations: usize) -> Self {
        let (m, n) = (problem.rows().len(), problem.columns().len());
        let marginals = Marginals::of(&plan, n);
        let error = distance(&marginals.rows, problem.rows()) + distance(&marginals.columns, problem.columns());
        Self {
            cost: product(&plan, problem.cost(), n),
            plan: Array2::from_shape_vec((m, n), plan).expect("a plan has the shape of its costs"),
            iterations,
            marginal_error: error,
            duality_gap: None,
            status,
            duals: [Vec::new(), Vec::new()],
        }
    }

    /// With duals and gap.
    pub(super) fn with(self, duals: [Vec<f64>; 2], gap: f64) -> Self {
        Self { duals, duality_gap: Some(gap), ..self }
    }

    /// SHA-256 over shape and bits of the plan.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Digest::new();
        self.plan.shape().iter().for_each(|n| _ = digest.bytes(&(*n as u64).to_le_bytes()));
        self.plan.iter().for_each(|x| _ = digest.bytes(&x.to_le_bytes()));
        digest.hex()
    }

    /// Σ T.
    #[must_use]
    pub fn mass(&self) -> f64 {
        let row = |row: ArrayView1<'_, f64>| row.iter().fold(0.0, |sum, x| sum + x);
        self.plan.rows().into_iter().fold(0.0, |sum, r| sum + row(r))
    }
}

/// Sums of a plan's rows and columns.
pub(super) struct Marginals {
    pub(super) rows: Vec<f64>,
    pub(super) columns: Vec<f64>,
}

impl Marginals {
    pub(super) fn of(plan: &[f64], width: usize) -> Self {
        let mut marginals = Self { rows: vec![0.0; plan.len() / width], columns: vec![0.0; width] };
        double::times_right(plan, &vec![1.0; width], &mut marginals.rows);
        double::add_left_times(&vec![1.0; marginals.rows.len()], plan, &mut marginals.columns);
        marginals
    }
}

/// Σ |x − y|.
fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).fold(0.0, |sum, (x, y)| sum + (x - y).abs())
}

/// ⟨T, C⟩: sums of rows, added in their order.
pub(super) fn product(plan: &[f64], cost: &[f64], width: usize) -> f64 {
    let row = |(t, c): (&[f64], &[f64])| double::inner(t, c);
    if plan.len() < SMALL {
        return plan.chunks(width).zip(cost.chunks(width)).fold(0.0, |sum, rows| sum + row(rows));
    }
    let rows: Vec<f64> = plan.par_chunks(width).zip(cost.par_chunks(width)).map(row).collect();
    sum(&rows)
}

/// Duals of the linear programme that are feasible whatever `rows` are: each column's is as large as the costs allow. The second is the value of both.
pub(super) fn feasible(problem: &Problem<'_>, rows: Vec<f64>) -> ([Vec<f64>; 2], f64) {
    let mut columns = vec![f64::INFINITY; problem.columns().len()];
    for (cost, f) in problem.cost().chunks(columns.len()).zip(&rows) {
        double::lower(cost, *f, &mut columns);
    }
    let value = double::inner(problem.rows(), &rows) + double::inner(problem.columns(), &columns);
    ([rows, columns], value)
}
