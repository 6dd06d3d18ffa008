//! What a solver returns.

use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;

use super::problem::Problem;
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
    /// Of costs so far apart that the solver's grid does not hold the small ones: not proved to be optimal.
    Imprecise,
    /// Stopped after as many iterations as were allowed: the plan is what was reached, and passes for nothing.
    IterationLimit,
}

impl Status {
    /// Whether the solver reached what it was after.
    #[must_use]
    pub fn reached(self) -> bool {
        !matches!(self, Self::IterationLimit | Self::Imprecise)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Optimal => "optimal",
            Self::Converged => "converged",
            Self::Greedy => "greedy",
            Self::Imprecise => "imprecise",
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
    /// Puts together what every solver returns, of a plan and its sums.
    pub(super) fn of(problem: &Problem<'_>, plan: Vec<f64>, sums: &Sums, status: Status, iterations: usize) -> Self {
        let (m, n) = (problem.rows().len(), problem.columns().len());
        let error = distance(&sums.rows, problem.rows()) + distance(&sums.columns, problem.columns());
        Self {
            cost: sums.cost,
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

/// Of a plan: sums of rows and columns, and ⟨T, C⟩.
pub(super) struct Sums {
    pub(super) rows: Vec<f64>,
    pub(super) columns: Vec<f64>,
    pub(super) cost: f64,
}

impl Sums {
    pub(super) fn of(problem: &Problem<'_>, plan: &[f64]) -> Self {
        let (m, n) = (problem.rows().len(), problem.columns().len());
        let height = strip_height(m, n);
        let strip = |(plan, cost): (&[f64], &[f64])| {
            let ones = vec![1.0; n.max(height)];
            let mut sums = Self { rows: vec![0.0; plan.len() / n], columns: vec![0.0; n], cost: 0.0 };
            for ((t, c), sum) in plan.chunks(n).zip(cost.chunks(n)).zip(&mut sums.rows) {
                *sum = double::inner(t, &ones[..n]);
                sums.cost += double::inner(t, c);
                double::add_left_times(&ones[..1], t, &mut sums.columns);
            }
            sums
        };
        if height == m {
            return strip((plan, problem.cost()));
        }
        let strips: Vec<Self> =
            plan.par_chunks(height * n).zip(problem.cost().par_chunks(height * n)).map(strip).collect();
        let mut whole = Self { rows: Vec::with_capacity(m), columns: vec![0.0; n], cost: 0.0 };
        for strip in strips {
            whole.rows.extend(strip.rows);
            whole.columns.iter_mut().zip(&strip.columns).for_each(|(sum, x)| *sum += x);
            whole.cost += strip.cost;
        }
        whole
    }
}

/// Strips of rows at most, each summed by itself, side by side.
const STRIPS: usize = 16;

/// How many rows a strip has: all of a small matrix.
pub(super) fn strip_height(rows: usize, columns: usize) -> usize {
    rows.div_ceil((rows * columns).div_ceil(SMALL).clamp(1, STRIPS))
}

/// Σ |x − y|.
fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).fold(0.0, |sum, (x, y)| sum + (x - y).abs())
}

/// Duals of the linear programme that are feasible whatever `rows` are: each column's is as large as the costs allow. The second is the value of both.
pub(super) fn feasible(problem: &Problem<'_>, rows: Vec<f64>) -> ([Vec<f64>; 2], f64) {
    let (n, cost) = (problem.columns().len(), problem.cost());
    let mut columns = vec![f64::INFINITY; n];
    // Side by side are columns here, some at a time.
    let width = if cost.len() < SMALL { n } else { n.div_ceil(STRIPS) };
    columns.par_chunks_mut(width).enumerate().for_each(|(k, columns)| {
        for (cost, f) in cost.chunks(n).zip(&rows) {
            double::lower(&cost[k * width..][..columns.len()], *f, columns);
        }
    });
    let value = double::inner(problem.rows(), &rows) + double::inner(problem.columns(), &columns);
    ([rows, columns], value)
}
