//! Snellen's transport solvers as a player: THREADS ISA.
//!
//! Requests: `sinkhorn COSTS.npy EPSILON TOLERANCE`, `exact COSTS.npy` give seconds and the costs of the plans; COSTS has the axes [problems, m, n]. Reading the file is no part of it.

use ndarray::{Array3, Axis, Ix3};
use peers::{Fault, seconds, serve};
use serde_json::json;
use snellen::data::matrix;
use snellen::transport::{Exact, Problem, Sinkhorn, Solver};

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [threads, isa] = &arguments[..] else { return Err("THREADS ISA".into()) };
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    peers::force(isa)?;
    let mut costs: Option<(String, Array3<f64>)> = None;
    serve(|words| {
        let (solver, file) = match words {
            ["sinkhorn", file, epsilon, tolerance] => {
                let (epsilon, tolerance) = (epsilon.parse()?, tolerance.parse()?);
                (Solver::Sinkhorn(Sinkhorn { epsilon, tolerance, ..Sinkhorn::default() }), *file)
            }
            ["exact", file] => (Solver::Exact(Exact::default()), *file),
            _ => return Err(format!("no solver {}", words.join(" ")).into()),
        };
        if costs.as_ref().is_none_or(|(name, _)| name != file) {
            let read = matrix::read(file.as_ref(), None)?.into_dimensionality::<Ix3>()?;
            costs = Some((file.to_owned(), read));
        }
        let (_, costs) = costs.as_ref().ok_or("no costs")?;
        let mut found = Vec::new();
        let taken = seconds(|| {
            let problems = costs.axis_iter(Axis(0)).map(Problem::uniform).collect::<Result<Vec<_>, _>>()?;
            found = solver.solve_each(&problems)?;
            Ok(())
        })?;
        let iterations: usize = found.iter().map(|one| one.iterations).sum();
        let reached = found.iter().all(|one| one.status.reached());
        let total = found.iter().map(|one| one.cost).sum::<f64>();
        Ok(json!({"seconds": taken, "cost": total, "iterations": iterations, "reached": reached}))
    })
}
