//! Sinkhorn's algorithm: the entropic problem min ⟨T, C⟩ + ε KL(T | a ⊗ b) over plans with the marginals a and b (Cuturi, NIPS 2013).

use super::Status;
use super::outcome::{Sums, Transport};
use super::problem::{Problem, sum};
use super::scaling::{Scaling, check_epsilon, on_support, positive};
use crate::Result;

/// Iterations between two values of ε.
const STAGE: usize = 8;

/// How much of its value ε keeps from one stage to the next.
const SHRINK: f64 = 0.25;

/// Below this share of the largest cost, ε is come to in stages.
const SMALL_EPSILON: f64 = 1e-2;

/// The entropic problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Sinkhorn {
    /// Weight of the entropy, in units of cost.
    pub epsilon: f64,
    /// The marginal error, relative to the mass, at which it ends.
    pub tolerance: f64,
    /// Iterations at most.
    pub iterations: usize,
}

impl Default for Sinkhorn {
    fn default() -> Self {
        Self { epsilon: 0.05, tolerance: 1e-9, iterations: 10_000 }
    }
}

impl Sinkhorn {
    pub(super) fn solve(&self, problem: &Problem<'_>) -> Result<Transport> {
        check_epsilon(problem, self.epsilon)?;
        positive("tolerance", self.tolerance)?;
        on_support(&*problem.balanced()?, |problem| Ok(self.scale(problem)))
    }

    fn scale(&self, problem: &Problem<'_>) -> Transport {
        let enough = self.tolerance * sum(problem.rows());
        let mirrored = is_mirrored(problem);
        let mut scaling = Scaling::new(problem, self.first_epsilon(problem), [1.0, 1.0]);
        if mirrored {
            scaling.mirror();
        }
        let mut done = 0;
        let mut since = 0;
        let mut status = Status::IterationLimit;
        while done < self.iterations {
            let off = if mirrored { scaling.iterate_mirrored() } else { scaling.iterate() };
            (done, since) = (done + 1, since + 1);
            if scaling.epsilon > self.epsilon {
                if since == STAGE {
                    scaling.absorb((scaling.epsilon * SHRINK).max(self.epsilon));
                    since = 0;
                }
            } else if off <= enough {
                status = Status::Converged;
                break;
            }
        }
        // Where iterations end within a schedule, the plan is still that of the ε asked for.
        if scaling.epsilon > self.epsilon {
            scaling.absorb(self.epsilon);
        }
        let duals = scaling.duals();
        let plan = scaling.into_plan();
        let sums = Sums::of(problem, &plan);
        let gap = gap(problem, &sums, &duals);
        Transport::of(problem, plan, &sums, status, done).with(duals, gap)
    }

    /// Where the schedule begins: at the ε asked for, unless it is small.
    fn first_epsilon(&self, problem: &Problem<'_>) -> f64 {
        let largest = problem.largest();
        if self.epsilon < SMALL_EPSILON * largest { largest } else { self.epsilon }
    }
}

/// Value of the entropic problem at T less that of its dual. With T = a e^((f + g − C)/ε) b both have ⟨T, C⟩'s and the entropy's terms in common, and what remains is
/// Σ f (T1 − a) + Σ g (Tᵀ1 − b).
fn gap(problem: &Problem<'_>, sums: &Sums, [f, g]: &[Vec<f64>; 2]) -> f64 {
    let side = |duals: &[f64], found: &[f64], asked: &[f64]| {
        duals.iter().zip(found.iter().zip(asked)).fold(0.0, |sum, (f, (x, a))| sum + f * (x - a))
    };
    (side(f, &sums.rows, problem.rows()) + side(g, &sums.columns, problem.columns())).abs()
}

/// Whether rows and columns are the same, so that one of them is enough.
fn is_mirrored(problem: &Problem<'_>) -> bool {
    let (n, cost) = (problem.columns().len(), problem.cost());
    problem.rows() == problem.columns() && (0..n).all(|i| (0..i).all(|j| cost[i * n + j] == cost[j * n + i]))
}
