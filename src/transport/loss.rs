//! What it costs to bring a sentence's tokens onto another's, as a loss: its gradient at the tokens.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::cost::Distance;
use super::{Problem, Solver};
use crate::Result;
use crate::kernel::double;

/// The OT loss of two sentences.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// ⟨P, C⟩: the inner product of the plan and the costs.
    pub cost: f64,
    /// Its gradient at the tokens of the first sentence, [m, d].
    pub gradient: Array2<f32>,
}

impl Loss {
    /// Of tokens `student` [m, d] and `teacher` [n, d], of these masses, at distances 1 − cos. The plan that `solver` finds is held fixed, as OPTICAL does (Huang
    /// et al., WSDM 2023, arXiv 2301.12566): of a plan that is the best one this is the gradient of the least cost. A sentence without tokens
    /// costs nothing.
    ///
    /// # Errors
    /// As [`Distance::between`], [`Problem::new`] and [`Solver::solve`].
    pub fn of(
        student: ArrayView2<'_, f32>,
        teacher: ArrayView2<'_, f32>,
        [own, others]: [Vec<f64>; 2],
        solver: &Solver,
    ) -> Result<Self> {
        let mut gradient = Array2::zeros(student.dim());
        if student.is_empty() || teacher.is_empty() {
            return Ok(Self { cost: 0.0, gradient });
        }
        let costs = Distance::Cosine.between(student, teacher)?;
        let solved = solver.solve(&Problem::new(costs.view(), own, others)?)?;
        let directions: Vec<Vec<f64>> = teacher.rows().into_iter().map(|row| unit(row).0).collect();
        for (i, mut out) in gradient.rows_mut().into_iter().enumerate() {
            let (own, length) = unit(student.row(i));
            // −Σⱼ Pᵢⱼ·(b̂ⱼ − cos·âᵢ)/|aᵢ|
            let mut pull = vec![0.0; own.len()];
            for (mass, direction) in solved.plan.row(i).iter().zip(&directions) {
                pull.iter_mut().zip(direction).for_each(|(pull, x)| *pull += mass * x);
            }
            let along = double::inner(&pull, &own);
            for ((out, pull), own) in out.iter_mut().zip(&pull).zip(&own) {
                *out = ((along * own - pull) / length) as f32;
            }
        }
        Ok(Self { cost: solved.cost, gradient })
    }
}

/// A row's direction, and its length, which is not 0.
fn unit(row: ArrayView1<'_, f32>) -> (Vec<f64>, f64) {
    let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
    let length = double::inner(&row, &row).sqrt();
    (row.iter().map(|x| x / length).collect(), length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::cost::uniform;
    use crate::transport::{Exact, Sinkhorn};

    fn loss(student: &Array2<f32>, teacher: &Array2<f32>, solver: &Solver) -> Result<Loss> {
        let masses = [student, teacher].map(|tokens| uniform(tokens.nrows()));
        Loss::of(student.view(), teacher.view(), masses, solver)
    }

    fn tokens(rows: usize, salt: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, 5), |(i, j)| (((i * 7 + j * 3 + salt) * 7919) % 101) as f32 / 25.0 - 2.0)
    }

    #[test]
    fn the_gradient_is_that_of_the_least_cost() {
        let solver = Solver::Exact(Exact::default());
        let (student, teacher) = (tokens(4, 1), tokens(6, 50));
        let loss = loss(&student, &teacher, &solver).unwrap();
        let cost = |student: &Array2<f32>| self::loss(student, &teacher, &solver).unwrap().cost;
        for i in 0..4 {
            for j in 0..5 {
                // A power of two: what is added is what was meant.
                let step = 1.0 / 1024.0;
                let [mut up, mut down] = [student.clone(), student.clone()];
                up[[i, j]] += step;
                down[[i, j]] -= step;
                let slope = (cost(&up) - cost(&down)) / (2.0 * f64::from(step));
                let found = f64::from(loss.gradient[[i, j]]);
                // The error of a central difference is of the order of step²; the plan, a vertex, stays the same over so short a way.
                assert!((slope - found).abs() < 1e-5, "{i} {j}: {slope} {found}");
            }
        }
    }

    #[test]
    fn tokens_that_are_met_cost_nothing_and_none_cost_nothing() {
        let teacher = tokens(3, 2);
        for solver in [Solver::Exact(Exact::default()), Solver::Sinkhorn(Sinkhorn::default())] {
            let none = loss(&Array2::zeros((0, 5)), &teacher, &solver).unwrap();
            assert_eq!((none.cost, none.gradient.dim()), (0.0, (0, 5)));
        }
        let met = loss(&teacher, &teacher, &Solver::Exact(Exact::default())).unwrap();
        assert!(met.cost < 1e-15, "{}", met.cost);
        assert!(met.gradient.iter().all(|x| x.abs() < 1e-7), "{:?}", met.gradient);
    }

    #[test]
    fn a_row_of_zeros_has_no_direction() {
        let zero = Array2::zeros((2, 5));
        let found = loss(&zero, &tokens(3, 2), &Solver::Exact(Exact::default()));
        assert_eq!(found.unwrap_err().to_string(), "row 0 is zero: it has no direction, and no cosine distance");
    }
}
