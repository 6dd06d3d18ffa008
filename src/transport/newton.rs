//! Newton's method on the dual of the entropic problem, for what matrix scaling is too slow for: masses that nearly fall into groups, between which little has to pass, so
//! that a rescaling in one is hardly felt in another. Each step costs min(m, n)³ operations, and a dozen steps are enough.
//!
//! With T = a e^((f + g − C)/ε) b and its marginals r and c, a step solves (diag(r), T; Tᵀ, diag(c)) (x; y) = (a − r; b − c) and adds ε x to f and ε y to g. Without x
//! that is the Laplacian S = diag(c) − Tᵀ diag(1/r) T of a graph of the columns, and S y = (b − c) − Tᵀ((a − r)/r).

use super::outcome::Sums;
use super::problem::{Problem, sum};
use super::scaling::Scaling;

/// The shorter side of the largest problems that it is worth it for.
const SIZE: usize = 512;

/// The most that a logarithm of the plan changes on either side in a step: far from the solution a step goes as if exponentials were lines.
const FARTHEST: f64 = 4.0;

/// An error that may be added, relative to the mass: where little passes between groups, the first steps multiply it without the error showing it.
const NOISE: f64 = 1e-15;

/// Halvings of a step that does not reduce the error before it is given up.
const HALVINGS: usize = 40;

/// Whether a problem is small enough.
pub(super) fn suits(problem: &Problem<'_>) -> bool {
    problem.rows().len().min(problem.columns().len()) <= SIZE
}

/// Takes a step, if one is found that reduces the error Σ |r − a| + Σ |c − b|. Returns whether there was one.
pub(super) fn step(scaling: &mut Scaling<'_>) -> bool {
    scaling.absorb(scaling.epsilon);
    let (before, gradients, plan) = look(scaling);
    let Some(directions) = direction(scaling, &gradients, &plan) else { return false };
    let start = scaling.potentials();
    let longest = directions.iter().flatten().fold(0.0, |most: f64, x| most.max(x.abs()));
    let mut share = if longest > FARTHEST { FARTHEST / longest } else { 1.0 };
    let noise = NOISE * sum(scaling.problem.rows());
    for _ in 0..HALVINGS {
        let moved = |side: usize| {
            start[side]
                .iter()
                .zip(&directions[side])
                .map(|(f, x)| f + share * scaling.epsilon * x)
                .collect::<Vec<f64>>()
        };
        let potentials = [moved(0), moved(1)];
        scaling.set(potentials);
        let (after, ..) = look(scaling);
        if after <= (1.0 - share / 4.0) * before + noise {
            return true;
        }
        share *= 0.5;
    }
    scaling.set(start);
    false
}

/// The error, what both sides lack, and the plan.
fn look(scaling: &Scaling<'_>) -> (f64, [Vec<f64>; 2], Vec<f64>) {
    let plan = scaling.plan();
    let sums = Sums::of(scaling.problem, &plan);
    let lack = |asked: &[f64], found: &[f64]| asked.iter().zip(found).map(|(a, r)| a - r).collect::<Vec<f64>>();
    let gradients = [lack(scaling.problem.rows(), &sums.rows), lack(scaling.problem.columns(), &sums.columns)];
    let error = gradients.iter().flatten().fold(0.0, |sum, x| sum + x.abs());
    (error, gradients, plan)
}

/// x and y of the step; none where they are no numbers.
fn direction(scaling: &Scaling<'_>, [rows, columns]: &[Vec<f64>; 2], plan: &[f64]) -> Option<[Vec<f64>; 2]> {
    let (m, n) = (rows.len(), columns.len());
    if m < n {
        let turned: Vec<f64> = (0..n * m).map(|at| plan[at % m * n + at / m]).collect();
        let [y, x] = solve(&turned, scaling.problem.columns(), [columns, rows])?;
        return Some([x, y]);
    }
    solve(plan, scaling.problem.rows(), [rows, columns])
}

/// As [`direction`], of a plan that is no wider than high. `masses` are those of its rows.
fn solve(plan: &[f64], masses: &[f64], [rows, columns]: [&[f64]; 2]) -> Option<[Vec<f64>; 2]> {
    let n = columns.len();
    let mut weights = vec![0.0; n * n];
    let mut right = columns.to_vec();
    for ((row, a), lack) in plan.chunks(n).zip(masses).zip(rows) {
        let sum = a - lack;
        if sum <= 0.0 {
            continue;
        }
        for (j, t) in row.iter().enumerate() {
            right[j] -= t * (lack / sum);
            let share = t / sum;
            weights[j * n..][..j].iter_mut().zip(row).for_each(|(w, other)| *w += share * other);
        }
    }
    laplacian(&mut weights, &mut right, n);
    let x = plan.chunks(n).zip(masses).zip(rows).map(|((row, a), lack)| {
        let sum = a - lack;
        let inner = row.iter().zip(&right).fold(0.0, |sum, (t, y)| sum + t * y);
        if sum > 0.0 { (lack - inner) / sum } else { 0.0 }
    });
    let x: Vec<f64> = x.collect();
    x.iter().chain(&right).all(|x| x.is_finite()).then_some([x, right])
}

/// Solves the Laplacian of a graph on n nodes whose edges j > l weigh `weights`\[j, l\]: `right` becomes the solution that is 0 at node 0. Nodes are eliminated as Grassmann, Taksar & Heyman
/// do (Operations Research 33, 1985): weights are only added, so that the lightest keep their digits.
fn laplacian(weights: &mut [f64], right: &mut [f64], n: usize) {
    let mut totals = vec![0.0; n];
    for p in (1..n).rev() {
        let (above, own) = weights.split_at_mut(p * n);
        let own = &own[..p];
        let total = own.iter().fold(0.0, |sum, w| sum + w);
        totals[p] = total;
        if total <= 0.0 {
            continue;
        }
        for j in 0..p {
            let share = own[j] / total;
            right[j] += share * right[p];
            above[j * n..][..j].iter_mut().zip(own).for_each(|(w, other)| *w += share * other);
        }
    }
    right[0] = 0.0;
    for p in 1..n {
        let known = weights[p * n..][..p].iter().zip(&*right).fold(0.0, |sum, (w, x)| sum + w * x);
        right[p] = if totals[p] > 0.0 { (right[p] + known) / totals[p] } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_with_a_weak_edge_is_solved_to_its_last_digits() {
        // A path 0 – 1 – 2 with weights 1 and 2⁻⁶⁰, and a unit sent from 2 to 0: x1 = 1, x2 = 1 + 2⁶⁰.
        let weak = 1.0 / (1u64 << 60) as f64;
        let mut weights = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, weak, 0.0];
        let mut right = [-1.0, 0.0, 1.0];
        laplacian(&mut weights, &mut right, 3);
        assert_eq!(right, [0.0, 1.0, 1.0 + 1.0 / weak]);
    }
}
