//! Sinkhorn's algorithm: the entropic problem min ⟨T, C⟩ + ε KL(T | a ⊗ b) over plans with the marginals a and b (Cuturi, NIPS 2013).

use super::Status;
use super::newton;
use super::outcome::{Sums, Transport};
use super::problem::{Problem, sum};
use super::relaxation::converge;
use super::scaling::{Scaling, check_epsilon, on_support, positive};
use crate::Result;

/// Iterations between two values of ε.
const STAGE: usize = 8;

/// How much of its value ε keeps from one stage to the next.
const SHRINK: f64 = 0.25;

/// Iterations after which Newton's method takes over, where the problem is small enough for it.
const PATIENCE: usize = 400;

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
        let mut scaling = Scaling::new(problem, self.first_epsilon(problem), [1.0, 1.0]);
        if is_mirrored(problem) {
            scaling.mirror();
        }
        let small = newton::suits(problem);
        let mut done = 0;
        while scaling.epsilon > self.epsilon && done < self.iterations {
            let left = self.iterations - done;
            // Of small problems every stage is solved: what has to pass between groups is then never out of sight.
            let (more, _) = if small {
                settle(&mut scaling, enough, left.min(2 * PATIENCE))
            } else {
                converge(&mut scaling, enough, left.min(STAGE))
            };
            done += more;
            scaling.absorb((scaling.epsilon * SHRINK).max(self.epsilon));
        }
        // Where iterations end within the schedule, the plan is still one of the ε asked for.
        if scaling.epsilon > self.epsilon {
            scaling.absorb(self.epsilon);
        }
        let mut status = Status::IterationLimit;
        if small {
            let (more, now) = settle(&mut scaling, enough, self.iterations - done);
            (done, status) = (done + more, now);
        }
        if status == Status::IterationLimit && done < self.iterations {
            let (more, now) = converge(&mut scaling, enough, self.iterations - done);
            (done, status) = (done + more, now);
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

/// Iterates, and where that is slow takes Newton's steps. Returns how many of both, and how it ended.
fn settle(scaling: &mut Scaling<'_>, enough: f64, limit: usize) -> (usize, Status) {
    let (mut done, mut status) = converge(scaling, enough, limit.min(PATIENCE));
    while status == Status::IterationLimit && done + 1 < limit && newton::step(scaling) {
        // A plain step at the end, as everywhere, and it finds what the error was.
        let (more, now) = converge(scaling, enough, 1);
        (done, status) = (done + more + 1, now);
    }
    (done, status)
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
