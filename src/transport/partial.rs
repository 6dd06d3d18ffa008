//! Partial transport: the cheapest way to transport a part of the mass, T1 ≤ a, Tᵀ1 ≤ b, ΣT = s, as a linear programme with a row and a column for
//! what is left (Chapel, Alaya & Gasso, "Partial optimal transport with applications on positive-unlabeled learning", NeurIPS 2020, proposition 1).

use ndarray::s;

use super::Exact;
use super::fault::TransportFault;
use super::outcome::{Sums, Transport};
use super::problem::{Problem, sum};
use crate::Result;

/// Transports a part of the mass.
#[derive(Clone, Debug, PartialEq)]
pub struct Partial {
    /// How much is transported, as a share of the lighter side's mass: from 1e-6 to 1.
    pub share: f64,
    /// Pivots at most.
    pub iterations: usize,
}

impl Default for Partial {
    fn default() -> Self {
        Self { share: 0.9, iterations: usize::MAX }
    }
}

/// Below so small a share, what is left of the masses is known to too few digits.
const LEAST: f64 = 1e-6;

impl Partial {
    pub(super) fn solve(&self, problem: &Problem<'_>) -> Result<Transport> {
        if !(LEAST..=1.0).contains(&self.share) {
            let expected = "expected a number from 1e-6 to 1";
            return Err(TransportFault::Parameter { name: "share", value: self.share, expected }.into());
        }
        let (m, n) = (problem.rows().len(), problem.columns().len());
        let (left, right) = (sum(problem.rows()), sum(problem.columns()));
        let moved = self.share * left.min(right);
        // What is left costs nothing, and from nowhere to nowhere costs so much that nothing goes there: more than any path that would save it.
        let mut cost = vec![0.0; (m + 1) * (n + 1)];
        for (to, from) in cost.chunks_mut(n + 1).zip(problem.cost().chunks(n)) {
            to[..n].copy_from_slice(from);
        }
        cost[(m + 1) * (n + 1) - 1] = if problem.largest() > 0.0 { 3.0 * problem.largest() } else { 1.0 };
        let with = |masses: &[f64], left: f64| masses.iter().copied().chain([left.max(0.0)]).collect();
        let whole = Problem::of(cost, with(problem.rows(), right - moved), with(problem.columns(), left - moved));
        let solved = Exact { iterations: self.iterations }.solve(&whole)?;
        let plan: Vec<f64> = solved.plan.slice(s![..m, ..n]).iter().copied().collect();
        let [mut f, mut g] = solved.duals;
        f.truncate(m);
        g.truncate(n);
        let sums = Sums::of(problem, &plan);
        let error = error(problem, &sums, moved);
        Ok(Transport {
            marginal_error: error,
            duality_gap: solved.duality_gap,
            duals: [f, g],
            ..Transport::of(problem, plan, &sums, solved.status, solved.iterations)
        })
    }
}

/// What is beyond a marginal, or short of what is to be transported or beyond that.
fn error(problem: &Problem<'_>, found: &Sums, moved: f64) -> f64 {
    let beyond = |sums: &[f64], masses: &[f64]| {
        sums.iter().zip(masses).fold(0.0, |off, (x, a)| if x > a { off + (x - a) } else { off })
    };
    let off = beyond(&found.rows, problem.rows()) + beyond(&found.columns, problem.columns());
    off + (sum(&found.rows) - moved).abs()
}
