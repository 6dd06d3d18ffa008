//! The linear programme min ⟨T, C⟩ over plans with the marginals a and b, exactly: the network simplex (Ahuja, Magnanti & Orlin, "Network Flows", 1993, chapter 11).
//!
//! Masses are integers and potentials sums of two f64 on a grid, so that no pivot rounds: trees stay strongly feasible, no basis comes twice, whatever ties
//! there are, and it ends when every reduced cost has been found to be at least 0.

mod grid;
mod price;
mod tree;

use super::Status;
use super::fault::{Side, TransportFault};
use super::outcome::{Sums, Transport, feasible};
use super::problem::Problem;
use crate::Result;
use grid::{Costs, Masses};
use price::Prices;
use tree::Tree;

/// The linear programme.
#[derive(Clone, Debug, PartialEq)]
pub struct Exact {
    /// Pivots at most; it ends without.
    pub iterations: usize,
}

impl Default for Exact {
    fn default() -> Self {
        Self { iterations: usize::MAX }
    }
}

/// Units in the last place that costs and duals may be off by: each is rounded once, and their difference twice.
const ROUNDINGS: f64 = 8.0 * f64::EPSILON;

/// A gap that is this share of the cost, or rounding, proves it.
const DIGITS: f64 = 1e-12;

/// Σ T (C − f − g), which is the duality gap where the marginals are met, and what rounding may leave of it.
fn slack(problem: &Problem<'_>, found: &Transport, [f, g]: &[Vec<f64>; 2]) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for (((i, j), mass), c) in found.plan.indexed_iter().zip(problem.cost()).filter(|((_, mass), _)| **mass > 0.0) {
        sums.0 += mass * ((c - f[i]) - g[j]);
        sums.1 += mass * (c.abs() + f[i].abs() + g[j].abs());
    }
    (sums.0, ROUNDINGS * sums.1)
}

/// Rows and columns together: the potentials' grid has room for paths through so many.
const NODES: usize = 1 << 20;

impl Exact {
    pub(super) fn solve(&self, problem: &Problem<'_>) -> Result<Transport> {
        let problem = &*problem.balanced()?;
        let (m, n) = (problem.rows().len(), problem.columns().len());
        if m + n > NODES {
            let side = if m > n { Side::Rows } else { Side::Columns };
            return Err(TransportFault::Count { side, masses: m.max(n), costs: NODES / 2 }.into());
        }
        let masses = Masses::of(problem);
        let costs = Costs::of(problem);
        let mut tree = Tree::first(&costs, &masses);
        let mut prices = Prices::new(m, n);
        let (mut pivots, mut status) = (0, Status::Optimal);
        while let Some((row, column, reduced)) = prices.entering(&costs, &tree) {
            if pivots == self.iterations {
                status = Status::IterationLimit;
                break;
            }
            tree.pivot(row, column, reduced);
            pivots += 1;
        }
        let mut plan = vec![0.0; m * n];
        tree.flows().for_each(|(row, column, flow)| plan[row * n + column] = masses.mass(flow));
        let sums = Sums::of(problem, &plan);
        let found = Transport::of(problem, plan, &sums, status, pivots);
        let rows = (0..m).map(|i| costs.cost(tree.potential(i))).collect();
        let (duals, _) = feasible(problem, rows);
        let (gap, rounding) = slack(problem, &found, &duals);
        let proved = gap <= rounding || gap <= DIGITS * found.cost;
        let status = if status == Status::Optimal && !proved { Status::Imprecise } else { status };
        Ok(Transport { status, ..found.with(duals, gap) })
    }
}
