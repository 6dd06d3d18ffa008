//! Matrix scaling, which all entropic solvers share: T = diag(a·u) K diag(v·b) with K = exp((f + g − C)/ε).
//!
//! The potentials f and g are kept as logarithms and u and v beside them as factors, so that an iteration multiplies and adds where the log domain
//! would take a logarithm of exponentials of every cost. Factors that leave [1/`FAR`, `FAR`] are absorbed into the potentials and K is made anew (Schmitzer,
//! "Stabilized sparse scaling algorithms for entropy regularized transport problems", SIAM J. Sci. Comput. 41, 2019): what has vanished from K was below 10⁻²⁰⁰
//! and counts for less than 10⁻¹⁴⁰ by then, so that the bits are those of arithmetic without underflow.
//!
//! a and b are in K's measure, so that the sums that a factor is the inverse of are means of K, near 1 and never 0: potentials begin where every row and
//! column of K has a 1 in it.

use rayon::prelude::*;

use super::fault::TransportFault;
use super::outcome::{SMALL, Transport, feasible, strip_height};
use super::problem::Problem;
use crate::Result;
use crate::kernel::double;

/// Factors are absorbed beyond this and its inverse.
const FAR: f64 = 1e30;

/// Costs of a block of rows that is read twice in a row, the second time from a near cache.
const BLOCK: usize = 1 << 15;

/// The least ε relative to the largest cost: there a unit in a cost's last place already moves an entry of the plan by 10⁻⁶.
const LEAST: f64 = 2.220_446_049_250_313e-10;

/// One side: its masses, potentials (in units of cost) and factors.
pub(super) struct Side {
    mass: Vec<f64>,
    potential: Vec<f64>,
    factor: Vec<f64>,
    /// Mass times factor.
    weighted: Vec<f64>,
    give: f64,
}

impl Side {
    fn new(mass: &[f64], potential: Vec<f64>, give: f64) -> Self {
        Self { mass: mass.to_vec(), potential, factor: vec![1.0; mass.len()], weighted: mass.to_vec(), give }
    }

    /// Puts the factors into the potentials.
    fn absorb(&mut self, epsilon: f64) {
        double::ln(&mut self.factor);
        self.potential.iter_mut().zip(&self.factor).for_each(|(f, ln)| *f += epsilon * ln);
        self.factor.fill(1.0);
        self.weighted.copy_from_slice(&self.mass);
    }

    /// Mass times factor.
    fn weighted_factors(&self) -> Vec<f64> {
        self.factor.iter().zip(&self.mass).map(|(u, a)| u * a).collect()
    }

    /// Gives every factor the value that makes it, with its mass, the same for all.
    pub(super) fn level(&mut self) {
        let share = 1.0 / self.mass.len() as f64;
        self.factor.iter_mut().zip(&self.mass).for_each(|(v, b)| *v = share / b);
        self.weighted.fill(share);
    }

    fn is_far(&self) -> bool {
        !self.factor.iter().all(|x| (1.0 / FAR..=FAR).contains(x))
    }

    /// Potentials with their factors.
    fn duals(&self, epsilon: f64) -> Vec<f64> {
        let mut duals = self.factor.clone();
        double::ln(&mut duals);
        duals.iter_mut().zip(&self.potential).for_each(|(ln, f)| *ln = f + epsilon * *ln);
        duals
    }
}

/// How a side's factors follow from sums of K.
#[derive(Clone, Copy)]
struct Step {
    /// How much of the step to the exact marginal is aimed at: 1, or ρ/(ρ + ε) of marginals that give way.
    give: f64,
    /// How many times as far as the aim the factors go.
    omega: f64,
    inverse_epsilon: f64,
}

impl Step {
    /// New factors. `sums` become mass times factor. Returned is how far off the side was: Σ mass · |old/new − 1|, its marginal error where marginals are held, or, by way
    /// of logarithms, Σ mass · |ln(old/new)|, which is the same where little is left.
    fn take(self, mass: &[f64], potential: &[f64], factor: &mut [f64], sums: &mut [f64]) -> f64 {
        let mut off = 0.0;
        if self.give < 1.0 || self.omega != 1.0 {
            double::steps(factor, potential, self.inverse_epsilon, self.give, sums);
            sums.iter().zip(mass).for_each(|(step, a)| off += a * step.abs());
            double::relax(factor, sums, self.omega);
            sums.iter_mut().zip(factor).zip(mass).for_each(|((sum, u), a)| *sum = *u * a);
        } else {
            for ((sum, u), a) in sums.iter_mut().zip(factor).zip(mass) {
                off += a * (*u * *sum - 1.0).abs();
                *u = 1.0 / *sum;
                *sum = *u * a;
            }
        }
        off
    }
}

/// A part of the rows, whose columns are summed by themselves.
struct Strip {
    sums: Vec<f64>,
    columns: Vec<f64>,
    off: f64,
}

/// The state of a scaling.
pub(super) struct Scaling<'a> {
    pub(super) problem: &'a Problem<'a>,
    pub(super) epsilon: f64,
    /// ω of over-relaxed steps, 1 of plain ones.
    pub(super) omega: f64,
    mirrored: bool,
    kernel: Vec<f64>,
    rows: Side,
    pub(super) columns: Side,
    strips: Vec<Strip>,
    /// Rows of a strip, and of a block.
    height: usize,
    block: usize,
}

impl<'a> Scaling<'a> {
    /// The first state: the largest potentials with f + g ≤ C, row by row and then column by column. `gives` of rows and of columns are ρ/(ρ + ε), or 1.
    pub(super) fn new(problem: &'a Problem<'a>, epsilon: f64, gives: [f64; 2]) -> Self {
        let zeros = vec![0.0; problem.columns().len()];
        let least = |cost: &[f64]| double::least_difference(cost, &zeros);
        let rows = problem.cost().par_chunks(zeros.len()).with_min_len(SMALL / zeros.len() + 1).map(least).collect();
        let (potentials, _) = feasible(problem, rows);
        Self::from(problem, epsilon, gives, potentials)
    }

    /// The state with these potentials.
    pub(super) fn from(
        problem: &'a Problem<'a>,
        epsilon: f64,
        gives: [f64; 2],
        [rows, columns]: [Vec<f64>; 2],
    ) -> Self {
        let (m, n) = (problem.rows().len(), problem.columns().len());
        let height = strip_height(m, n);
        let strip = |_| Strip { sums: vec![0.0; height], columns: vec![0.0; n], off: 0.0 };
        let mut scaling = Self {
            problem,
            epsilon,
            omega: 1.0,
            mirrored: false,
            kernel: vec![0.0; m * n],
            rows: Side::new(problem.rows(), rows, gives[0]),
            columns: Side::new(problem.columns(), columns, gives[1]),
            strips: (0..m.div_ceil(height)).map(strip).collect(),
            height,
            block: (BLOCK / n).clamp(1, height),
        };
        scaling.make_kernel();
        scaling
    }

    /// K of the potentials.
    fn make_kernel(&mut self) {
        let n = self.columns.mass.len();
        let (cost, f, g, inverse) =
            (self.problem.cost(), &self.rows.potential, &self.columns.potential, 1.0 / self.epsilon);
        let row = |(i, out): (usize, &mut [f64])| double::gibbs(&cost[i * n..][..n], f[i], g, inverse, out);
        if self.kernel.len() < SMALL {
            self.kernel.chunks_mut(n).enumerate().for_each(row);
        } else {
            self.kernel.par_chunks_mut(n).enumerate().for_each(row);
        }
    }

    /// Makes the factors part of the potentials, for this ε or for another.
    pub(super) fn absorb(&mut self, epsilon: f64) {
        self.rows.absorb(self.epsilon);
        self.columns.absorb(self.epsilon);
        self.epsilon = epsilon;
        self.make_kernel();
    }

    /// Makes the factors with their masses part of the potentials and goes on with another ε, the columns' factors kept as well: IPOT's next step.
    pub(super) fn proceed(&mut self, epsilon: f64) {
        for side in [&mut self.rows, &mut self.columns] {
            side.factor.iter_mut().zip(&side.mass).for_each(|(u, a)| *u *= a);
            double::ln(&mut side.factor);
            let (before, after) = (1.0 / self.epsilon, epsilon);
            side.potential.iter_mut().zip(&side.factor).for_each(|(f, ln)| *f = (*f * before + ln) * after);
            // The next pass takes the columns' weighted ones, and makes both sides' anew.
            side.factor.fill(1.0);
        }
        self.epsilon = epsilon;
        self.make_kernel();
    }

    /// Rescales rows, then columns, and keeps factors from going far. Returned is as of [`Self::pass`].
    pub(super) fn iterate(&mut self) -> f64 {
        let off = if self.mirrored { self.pass_mirrored() } else { self.pass() };
        if self.rows.is_far() || self.columns.is_far() {
            self.absorb(self.epsilon);
        }
        off
    }

    /// Rescales rows, then columns. Returned is how far the columns were off before ([`Step::take`]): as the rows were not then, no farther are the rows afterwards. Of
    /// steps that do not meet the marginals, how far both sides were.
    pub(super) fn pass(&mut self) -> f64 {
        let rows_off = self.rescale_rows();
        let step = self.step(self.columns.give);
        let columns = &mut self.columns;
        let (first, rest) = self.strips.split_at(1);
        columns.weighted.copy_from_slice(&first[0].columns);
        for strip in rest {
            columns.weighted.iter_mut().zip(&strip.columns).for_each(|(sum, x)| *sum += x);
        }
        let columns_off = step.take(&columns.mass, &columns.potential, &mut columns.factor, &mut columns.weighted);
        if self.omega == 1.0 && step.give == 1.0 { columns_off } else { rows_off + columns_off }
    }

    fn step(&self, give: f64) -> Step {
        Step { give, omega: self.omega, inverse_epsilon: 1.0 / self.epsilon }
    }

    /// Rescales rows and sums the columns that come of it, strip by strip: a strip's rows are read a block at a time, for either purpose.
    fn rescale_rows(&mut self) -> f64 {
        let (n, height, block) = (self.columns.mass.len(), self.height, self.block);
        let step = self.step(self.rows.give);
        let (right, mass, potential) = (&self.columns.weighted, &self.rows.mass, &self.rows.potential);
        let kernel = &self.kernel;
        let work = |(number, (strip, factors)): (usize, (&mut Strip, &mut [f64]))| {
            strip.columns.fill(0.0);
            strip.off = 0.0;
            for (i, factors) in factors.chunks_mut(block).enumerate() {
                let first = number * height + i * block;
                let (kernel, rows) = (&kernel[first * n..][..factors.len() * n], first..first + factors.len());
                let sums = &mut strip.sums[..factors.len()];
                double::times_right(kernel, right, sums);
                strip.off += step.take(&mass[rows.clone()], &potential[rows], factors, sums);
                double::add_left_times(sums, kernel, &mut strip.columns);
            }
        };
        let factors = &mut self.rows.factor;
        if self.strips.len() == 1 {
            work((0, (&mut self.strips[0], factors)));
        } else {
            self.strips.par_iter_mut().zip(factors.par_chunks_mut(height)).enumerate().for_each(work);
        }
        self.strips.iter().fold(0.0, |sum, strip| sum + strip.off)
    }

    /// Of a problem that is its own mirror image: both sides are given the mean of the old factor and the new one, in the logarithm, which converges in a few
    /// iterations (Knight, Ruiz & Uçar, "A symmetry preserving algorithm for matrix scaling", SIAM J. Matrix Anal. 35, 2014). Returned is how
    /// far the rows were off.
    fn pass_mirrored(&mut self) -> f64 {
        let n = self.columns.mass.len();
        let mut sums = std::mem::take(&mut self.rows.weighted);
        let (kernel, right, rows) = (&self.kernel, &self.columns.weighted, self.block);
        let work = |(block, sums): (&[f64], &mut [f64])| double::times_right(block, right, sums);
        if kernel.len() < SMALL {
            work((kernel, &mut sums));
        } else {
            kernel.par_chunks(rows * n).zip(sums.par_chunks_mut(rows)).for_each(work);
        }
        let mut off = 0.0;
        for ((sum, u), a) in sums.iter_mut().zip(&mut self.rows.factor).zip(&self.rows.mass) {
            off += a * (*u * *sum - 1.0).abs();
            *u = (*u / *sum).sqrt();
            *sum = *u * a;
        }
        self.columns.factor.copy_from_slice(&self.rows.factor);
        self.columns.weighted.copy_from_slice(&sums);
        self.rows.weighted = sums;
        off
    }

    /// Of a problem that is its own mirror image: makes both sides' potentials their mean, and keeps them the same.
    pub(super) fn mirror(&mut self) {
        let mean = self.rows.potential.iter().zip(&self.columns.potential).map(|(f, g)| 0.5 * (f + g));
        self.rows.potential = mean.collect();
        self.columns.potential.clone_from(&self.rows.potential);
        self.mirrored = true;
        self.make_kernel();
    }

    /// Potentials with their factors, of rows and of columns.
    pub(super) fn duals(&self) -> [Vec<f64>; 2] {
        [self.rows.duals(self.epsilon), self.columns.duals(self.epsilon)]
    }

    /// Potentials without their factors, of rows and of columns.
    pub(super) fn potentials(&self) -> [Vec<f64>; 2] {
        [self.rows.potential.clone(), self.columns.potential.clone()]
    }

    /// Sets the potentials of a state without factors; of a mirror image to their mean.
    pub(super) fn set(&mut self, [rows, columns]: [Vec<f64>; 2]) {
        (self.rows.potential, self.columns.potential) = (rows, columns);
        if self.mirrored { self.mirror() } else { self.make_kernel() }
    }

    /// The plan. The kernel's place is taken by it.
    pub(super) fn into_plan(mut self) -> Vec<f64> {
        let mut plan = std::mem::take(&mut self.kernel);
        self.make_plan(&mut plan);
        plan
    }

    /// The plan, of a state that goes on.
    pub(super) fn plan(&self) -> Vec<f64> {
        let mut plan = self.kernel.clone();
        self.make_plan(&mut plan);
        plan
    }

    /// Multiplies K by the factors and masses.
    fn make_plan(&self, plan: &mut [f64]) {
        let (left, right) = (self.rows.weighted_factors(), self.columns.weighted_factors());
        let n = right.len();
        let row = |(row, left): (&mut [f64], &f64)| double::scale(row, *left, &right);
        if plan.len() < SMALL {
            plan.chunks_mut(n).zip(&left).for_each(row);
        } else {
            plan.par_chunks_mut(n).zip(&left).for_each(row);
        }
    }
}

/// Refuses an ε that is no regularisation, or one that f64 cannot serve.
pub(super) fn check_epsilon(problem: &Problem<'_>, epsilon: f64) -> Result<()> {
    positive("epsilon", epsilon)?;
    let largest = problem.largest();
    if epsilon < LEAST * largest {
        return Err(TransportFault::Epsilon { epsilon, largest, least: LEAST * largest }.into());
    }
    Ok(())
}

/// Refuses a parameter that is not positive and finite.
pub(super) fn positive(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(TransportFault::Parameter { name, value, expected: "expected a number above 0" }.into())
}

/// Solves the part of a problem that has mass, and puts the plan back into its place: elsewhere it is 0. Duals of rows and columns without mass are what the
/// costs allow.
pub(super) fn on_support(
    problem: &Problem<'_>,
    solve: impl FnOnce(&Problem<'_>) -> Result<Transport>,
) -> Result<Transport> {
    let Some((part, rows, columns)) = problem.support() else { return solve(problem) };
    let solved = solve(&part)?;
    let n = problem.columns().len();
    let mut plan = ndarray::Array2::zeros((problem.rows().len(), n));
    for (row, i) in solved.plan.rows().into_iter().zip(&rows) {
        row.iter().zip(&columns).for_each(|(x, j)| plan[[*i, *j]] = *x);
    }
    let free = |i: &usize, own: &[f64], others: &[usize], cost: &dyn Fn(usize, usize) -> f64| {
        others.iter().zip(own).fold(f64::INFINITY, |least, (j, g)| least.min(cost(*i, *j) - g))
    };
    let [f, g] = &solved.duals;
    let at = |i: usize, j: usize| problem.cost()[i * n + j];
    let spread = |count: usize, places: &[usize], own: &[f64], free: &dyn Fn(usize) -> f64| {
        let place = |i: usize| places.binary_search(&i).map_or_else(|_| free(i), |k| own[k]);
        (0..count).map(place).collect::<Vec<f64>>()
    };
    let full_rows = spread(problem.rows().len(), &rows, f, &|i| free(&i, g, &columns, &at));
    let full_columns = spread(n, &columns, g, &|j| free(&j, f, &rows, &|j, i| at(i, j)));
    Ok(Transport { plan, duals: [full_rows, full_columns], ..solved })
}
