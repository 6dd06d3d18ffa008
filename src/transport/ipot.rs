//! IPOT: the linear programme by inexact proximal steps (Xie, Wang, Wang & Zha, "A fast proximal point method for computing exact Wasserstein distance", UAI 2019,
//! algorithm 1): T ← the plan that is cheapest but for β KL(T | the last T), each found by L rescalings.
//!
//! After t steps T = diag(U) exp(−tC/β) diag(V), so that a step is one of Sinkhorn's at ε = β/t with the factors kept: T is made of logarithms of U and V each time.

use super::Status;
use super::fault::TransportFault;
use super::outcome::{Sums, Transport, feasible};
use super::problem::{Problem, sum};
use super::scaling::{Scaling, on_support, positive};
use crate::Result;

/// Steps between two looks at the gap.
const LOOK: usize = 10;

/// Proximal steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Ipot {
    /// Weight of the proximal term, in units of cost.
    pub beta: f64,
    /// Rescalings of both sides in a step: L.
    pub inner: usize,
    /// It ends where the marginal error, relative to the mass, and the duality gap, relative to the mass and the largest cost, are no more.
    pub tolerance: f64,
    /// Steps at most.
    pub iterations: usize,
}

impl Default for Ipot {
    fn default() -> Self {
        Self { beta: 0.5, inner: 1, tolerance: 1e-4, iterations: 10_000 }
    }
}

/// The least β relative to the largest cost: e⁻²⁰⁰ is still far from the smallest f64.
const LEAST: f64 = 1.0 / 200.0;

/// The largest: beyond it, steps are so short that their rounding hides them.
const MOST: f64 = 1e6;

impl Ipot {
    pub(super) fn solve(&self, problem: &Problem<'_>) -> Result<Transport> {
        positive("tolerance", self.tolerance)?;
        positive("beta", self.beta)?;
        let largest = problem.largest();
        if largest > 0.0 && !(LEAST..=MOST).contains(&(self.beta / largest)) {
            let expected = "expected from a 200th of the largest cost to a million times that";
            return Err(TransportFault::Parameter { name: "beta", value: self.beta, expected }.into());
        }
        on_support(&*problem.balanced()?, |problem| Ok(self.step(problem)))
    }

    fn step(&self, problem: &Problem<'_>) -> Transport {
        let mass = sum(problem.rows());
        let (enough, worth) = (self.tolerance * mass, self.tolerance * mass * problem.largest());
        let zeros = [problem.rows(), problem.columns()].map(|side| vec![0.0; side.len()]);
        let mut scaling = Scaling::from(problem, self.beta, [1.0, 1.0], zeros);
        scaling.columns.level();
        let mut found = Self::look(problem, &scaling, 0);
        for step in 1..=self.iterations {
            if step > 1 {
                scaling.proceed(self.beta / step as f64);
            }
            (0..self.inner.max(1)).for_each(|_| _ = scaling.pass());
            if step % LOOK == 0 || step == self.iterations {
                found = Self::look(problem, &scaling, step);
                if found.marginal_error <= enough && found.duality_gap.is_some_and(|gap| gap.abs() <= worth) {
                    found.status = Status::Converged;
                    break;
                }
            }
        }
        found
    }

    /// The plan and its gap to the dual of the linear programme.
    fn look(problem: &Problem<'_>, scaling: &Scaling<'_>, step: usize) -> Transport {
        let plan = scaling.plan();
        let sums = Sums::of(problem, &plan);
        let found = Transport::of(problem, plan, &sums, Status::IterationLimit, step);
        let [rows, _] = scaling.duals();
        let (duals, value) = feasible(problem, rows);
        let gap = found.cost - value;
        found.with(duals, gap)
    }
}
