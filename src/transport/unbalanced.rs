//! Unbalanced transport: min ⟨T, C⟩ + ε KL(T | a ⊗ b) + ρ KL(T1 | a) + ρ KL(Tᵀ1 | b), where mass may be left or made at a price (Chizat et al.,
//! "Scaling algorithms for unbalanced optimal transport problems", Math. Comp. 87, 2018).

use super::fault::TransportFault;
use super::outcome::{Sums, Transport};
use super::problem::{Problem, sum};
use super::relaxation::converge;
use super::scaling::{Scaling, check_epsilon, on_support, positive};
use crate::Result;
use crate::kernel::real;

/// The entropic problem with marginals that give way.
#[derive(Clone, Debug, PartialEq)]
pub struct Unbalanced {
    /// Weight of the entropy, in units of cost.
    pub epsilon: f64,
    /// Weight of both marginals' divergence, in units of cost: what leaving a unit of mass is worth.
    pub rho: f64,
    /// The mean relative change of factors in an iteration at which it ends.
    pub tolerance: f64,
    /// Iterations at most.
    pub iterations: usize,
}

impl Default for Unbalanced {
    fn default() -> Self {
        Self { epsilon: 0.05, rho: 1.0, tolerance: 1e-12, iterations: 10_000 }
    }
}

/// ρ/ε: below, next to nothing is transported; above, marginals give way by less than rounding, and the balanced problem is meant.
const LEAST: f64 = 1e-3;
const MOST: f64 = 1e9;

impl Unbalanced {
    pub(super) fn solve(&self, problem: &Problem<'_>) -> Result<Transport> {
        check_epsilon(problem, self.epsilon)?;
        positive("rho", self.rho)?;
        if !(LEAST..=MOST).contains(&(self.rho / self.epsilon)) {
            let expected = "expected from a thousandth of epsilon to 1e9 times that";
            return Err(TransportFault::Parameter { name: "rho", value: self.rho, expected }.into());
        }
        positive("tolerance", self.tolerance)?;
        on_support(problem, |problem| Ok(self.scale(problem)))
    }

    fn scale(&self, problem: &Problem<'_>) -> Transport {
        let give = self.rho / (self.rho + self.epsilon);
        let enough = self.tolerance * sum(problem.rows());
        let mut scaling = Scaling::new(problem, self.epsilon, [give, give]);
        let (done, status) = converge(&mut scaling, enough, self.iterations);
        let duals = scaling.duals();
        let plan = scaling.into_plan();
        let sums = Sums::of(problem, &plan);
        let gap = self.gap(problem, &sums, &duals);
        Transport::of(problem, plan, &sums, status, done).with(duals, gap)
    }

    /// Value of the problem at T less that of its dual, −ρ Σ a (e^(−f/ρ) − 1) − ρ Σ b (e^(−g/ρ) − 1) − ε (ΣT − Σa Σb). Both have ε (Σa Σb − ΣT).
    fn gap(&self, problem: &Problem<'_>, sums: &Sums, [f, g]: &[Vec<f64>; 2]) -> f64 {
        let side = |duals: &[f64], found: &[f64], asked: &[f64]| {
            duals.iter().zip(found.iter().zip(asked)).fold(0.0, |sum, (f, (x, a))| {
                // ε KL(T | a ⊗ b) has the f of every unit of mass; KL(x | a) = x ln(x/a) − x + a.
                let divergence = if *x > 0.0 { x * real::ln(x / a) - x + a } else { *a };
                sum + (x * f + self.rho * (divergence + a * (real::exp(-f / self.rho) - 1.0)))
            })
        };
        // ⟨T, C⟩ + ε KL(T | a ⊗ b) is Σ T (f + g) and the terms in common, whatever C is.
        (side(f, &sums.rows, problem.rows()) + side(g, &sums.columns, problem.columns())).abs()
    }
}
