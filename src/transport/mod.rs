//! Optimal transport in f64, under the arithmetic contract: how the tokens of one sentence are best brought onto those of another.
//!
//! A [`Problem`] is a cost matrix with the masses of both sides; [`Solver`] says how it is solved; a [`Transport`] is the plan with what can be
//! said for it: cost, marginal error, duality gap, status. [`cost`] makes costs and masses of token embeddings, and a [`Loss`] has a gradient at them.
//!
//! | solver | solves | certificate |
//! |---|---|---|
//! | [`Exact`] | the linear programme, by the network simplex in exact arithmetic | feasible duals that meet the plan's cost |
//! | [`Sinkhorn`] | the entropic problem | duality gap of the entropic problem |
//! | [`Ipot`] | the linear programme, by proximal steps | duality gap of the linear programme |
//! | [`Unbalanced`] | the entropic problem with marginals held by a divergence | its duality gap |
//! | [`Partial`] | the linear programme that transports a part of the mass | as `Exact` |
//! | [`Matching::Hungarian`] | the one-to-one assignment | duality gap of the assignment |
//! | [`Matching::Greedy`] | nothing: the cheapest pair first | none |

pub mod cost;
pub mod diagnosis;
mod exact;
mod fault;
mod ipot;
mod loss;
mod matching;
mod newton;
mod outcome;
mod partial;
mod problem;
mod relaxation;
mod scaling;
mod sinkhorn;
mod unbalanced;

pub use exact::Exact;
pub use ipot::Ipot;
pub use loss::Loss;
pub use matching::Matching;
pub use outcome::{Status, Transport};
pub use partial::Partial;
pub use problem::{IMBALANCE, Problem};
pub use sinkhorn::Sinkhorn;
pub use unbalanced::Unbalanced;

use rayon::prelude::*;

use crate::Result;
use fault::TransportFault;

/// How a problem is solved.
#[derive(Clone, Debug, PartialEq)]
pub enum Solver {
    /// Entropic.
    Sinkhorn(Sinkhorn),
    /// By proximal steps.
    Ipot(Ipot),
    /// By the network simplex.
    Exact(Exact),
    /// Entropic, with marginals that give way.
    Unbalanced(Unbalanced),
    /// A part of the mass.
    Partial(Partial),
    /// One to one.
    Matching(Matching),
}

impl Solver {
    /// Solves a problem.
    ///
    /// # Errors
    /// Masses whose sums differ, of solvers that need equal ones; a parameter that makes no sense; numbers that leave the range of f64 on the way.
    pub fn solve(&self, problem: &Problem<'_>) -> Result<Transport> {
        let found = match self {
            Self::Sinkhorn(solver) => solver.solve(problem),
            Self::Ipot(solver) => solver.solve(problem),
            Self::Exact(solver) => solver.solve(problem),
            Self::Unbalanced(solver) => solver.solve(problem),
            Self::Partial(solver) => solver.solve(problem),
            Self::Matching(solver) => Ok(solver.solve(problem)),
        }?;
        if [found.cost, found.marginal_error, found.duality_gap.unwrap_or(0.0)].iter().all(|x| x.is_finite()) {
            Ok(found)
        } else {
            Err(TransportFault::Range.into())
        }
    }

    /// Solves many problems, side by side.
    ///
    /// # Errors
    /// That of the first problem that has one.
    pub fn solve_each(&self, problems: &[Problem<'_>]) -> Result<Vec<Transport>> {
        let solved: Vec<Result<Transport>> = problems.par_iter().map(|problem| self.solve(problem)).collect();
        solved.into_iter().collect()
    }
}
