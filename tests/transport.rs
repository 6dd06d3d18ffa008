//! Transport solvers through the library: certificates, limits, adversarial problems, the same bits on any number of threads.

use ndarray::{Array2, array};
use snellen::kernel::random::Stream;
use snellen::kernel::real;
use snellen::transport::{Exact, Ipot, Matching, Partial, Problem, Sinkhorn, Solver, Status, Transport, Unbalanced};

fn random(m: usize, n: usize, stream: &mut Stream) -> Array2<f64> {
    Array2::from_shape_fn((m, n), |_| stream.unit())
}

fn masses(count: usize, stream: &mut Stream) -> Vec<f64> {
    let weights: Vec<f64> = (0..count).map(|_| stream.unit() + 0.01).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|x| x / total).collect()
}

fn solvers(largest: f64) -> Vec<Solver> {
    let scale = if largest > 0.0 { largest.max(1e-290) } else { 1.0 };
    vec![
        Solver::Sinkhorn(Sinkhorn { epsilon: 0.05 * scale, ..Sinkhorn::default() }),
        Solver::Sinkhorn(Sinkhorn { epsilon: 0.001 * scale, ..Sinkhorn::default() }),
        Solver::Ipot(Ipot { beta: 0.5 * scale, ..Ipot::default() }),
        Solver::Exact(Exact::default()),
        Solver::Unbalanced(Unbalanced { epsilon: 0.05 * scale, rho: scale, ..Unbalanced::default() }),
        Solver::Partial(Partial::default()),
        Solver::Matching(Matching::Greedy),
        Solver::Matching(Matching::Hungarian),
    ]
}

fn exact(problem: &Problem<'_>) -> Transport {
    Solver::Exact(Exact::default()).solve(problem).unwrap()
}

/// The proof of optimality, computed from what is returned and nothing else: no reduced cost below 0, none above 0 where mass flows, marginals met. Tolerances are some roundings of sums of two duals, and of masses.
fn assert_certified(found: &Transport, problem: &Problem<'_>) {
    let n = found.plan.ncols();
    let [f, g] = &found.duals;
    let largest = problem.cost().iter().chain(f).chain(g).fold(0.0f64, |most, x| most.max(x.abs()));
    let total: f64 = problem.rows().iter().sum();
    for ((i, j), mass) in found.plan.indexed_iter() {
        let reduced = problem.cost()[i * n + j] - f[i] - g[j];
        assert!(reduced >= -4e-16 * largest, "({i}, {j}): {reduced} of {largest}");
        assert!(*mass >= 0.0);
        assert!(*mass == 0.0 || reduced <= 4e-16 * largest, "({i}, {j}): {reduced} of {largest}");
    }
    assert!(found.marginal_error <= 1e-14 * total, "{}", found.marginal_error);
    assert!(found.duality_gap.unwrap().abs() <= 1e-14 * largest * total, "{:?}", found.duality_gap);
}

#[test]
fn every_exact_plan_is_proved() {
    let mut stream = Stream::new(1, "exact", "");
    for k in 0..150 {
        let (m, n) = (1 + stream.index(60).unwrap(), 1 + stream.index(40).unwrap());
        let cost = random(m, n, &mut stream).mapv(|c| match k % 5 {
            0 => c,
            1 => (c * 3.0).floor(),               // ties
            2 => 0.0,                             // nothing but ties
            3 => real::exp(c * 138.0 - 69.0),     // sixty orders of magnitude
            _ => 1.0 + 1e-15 * (c * 4.0).floor(), // differences in the last places
        });
        let problem = if k % 2 == 0 {
            Problem::uniform(cost.view()).unwrap()
        } else {
            let mut rows = masses(m, &mut stream);
            // No mass at all, and hardly any.
            if m > 2 {
                rows[0] += rows[1] - 1e-25;
                (rows[1], rows[2]) = (1e-25, rows[2]);
            }
            Problem::new(cost.view(), rows, masses(n, &mut stream)).unwrap()
        };
        let found = exact(&problem);
        assert_certified(&found, &problem);
        // Of sixty orders of magnitude the lowest may be beneath the grid, and then it is said.
        assert!(found.status == Status::Optimal || k % 5 == 3 && found.status == Status::Imprecise, "{k}");
    }
}

/// Costs that forbid pairs: the plan is the best that avoids them, or is not called so.
#[test]
fn what_the_grid_does_not_hold_is_not_called_optimal() {
    let mut stream = Stream::new(6, "forbidden", "");
    let costs = random(6, 6, &mut stream);
    for (forbidden, status) in [(1e6, Status::Optimal), (1e9, Status::Optimal), (1e40, Status::Imprecise)] {
        let cost = Array2::from_shape_fn((6, 6), |(i, j)| if (i + j) % 3 == 0 { forbidden } else { costs[[i, j]] });
        let problem = Problem::uniform(cost.view()).unwrap();
        let (found, best) = (exact(&problem), Solver::Matching(Matching::Hungarian).solve(&problem).unwrap());
        assert_eq!((found.status, found.status.reached()), (status, status == Status::Optimal), "{forbidden:e}");
        assert!(status != Status::Optimal || (found.cost - best.cost).abs() < 1e-15, "{} {}", found.cost, best.cost);
    }
    // Nothing to pay, and a part of it.
    let nothing = Array2::zeros((3, 4));
    let part = Solver::Partial(Partial { share: 0.3, ..Partial::default() });
    let found = part.solve(&Problem::uniform(nothing.view()).unwrap()).unwrap();
    assert!((found.mass() - 0.3).abs() < 1e-15 && found.marginal_error < 1e-15);
}

#[test]
fn a_degenerate_assignment_ends() {
    // All masses alike and few costs: nearly every pivot moves nothing.
    let cost = Array2::from_shape_fn((120, 120), |(i, j)| ((i * 7 + j * 3) % 5) as f64);
    let problem = Problem::uniform(cost.view()).unwrap();
    let found = exact(&problem);
    assert_certified(&found, &problem);
    let assigned = Solver::Matching(Matching::Hungarian).solve(&problem).unwrap();
    assert!((found.cost - assigned.cost).abs() < 1e-14);
}

#[test]
fn plans_by_hand() {
    let cost = array![[0.0, 1.0], [1.0, 0.0]];
    let problem = Problem::new(cost.view(), vec![0.75, 0.25], vec![0.5, 0.5]).unwrap();
    assert_eq!(exact(&problem).plan, array![[0.5, 0.25], [0.0, 0.25]]);
    // A half of the mass goes where it costs nothing.
    let part = Solver::Partial(Partial { share: 0.5, ..Partial::default() });
    let found = part.solve(&Problem::uniform(cost.view()).unwrap()).unwrap();
    assert_eq!((found.cost, found.mass(), found.marginal_error), (0.0, 0.5, 0.0));
    // The cheapest pair first leaves the dearest.
    let cost = array![[1.0, 2.0], [2.0, 9.0]];
    let problem = Problem::uniform(cost.view()).unwrap();
    let greedy = Solver::Matching(Matching::Greedy).solve(&problem).unwrap();
    assert_eq!((greedy.plan, greedy.cost), (array![[0.5, 0.0], [0.0, 0.5]], 5.0));
    let best = Solver::Matching(Matching::Hungarian).solve(&problem).unwrap();
    assert_eq!((best.plan, best.cost, best.duality_gap), (array![[0.0, 0.5], [0.5, 0.0]], 2.0, Some(0.0)));
}

#[test]
fn entropic_plans_near_the_exact_one_as_epsilon_vanishes() {
    let mut stream = Stream::new(2, "limit", "");
    let cost = random(12, 9, &mut stream);
    let problem = Problem::new(cost.view(), masses(12, &mut stream), masses(9, &mut stream)).unwrap();
    let least = exact(&problem).cost;
    let mut before = f64::INFINITY;
    for epsilon in [1.0, 0.1, 0.01, 0.001] {
        let found = Solver::Sinkhorn(Sinkhorn { epsilon, ..Sinkhorn::default() }).solve(&problem).unwrap();
        assert_eq!(found.status, Status::Converged);
        let above = found.cost - least;
        // ε times the most that the entropy of a plan can be.
        assert!(above > -1e-9 && above < before && above < epsilon * real::ln(108.0), "{epsilon} {above}");
        assert!(found.marginal_error <= 2e-9 && found.duality_gap.unwrap() < 1e-9, "{found:?}");
        before = above;
    }
    let found = Solver::Ipot(Ipot { beta: 0.2, ..Ipot::default() }).solve(&problem).unwrap();
    assert!(found.status == Status::Converged && (found.cost - least).abs() < 2e-4, "{} {least}", found.cost);
    // Marginals that may hardly give way.
    let stiff = Unbalanced { epsilon: 0.1, rho: 1e4, ..Unbalanced::default() };
    let held = Solver::Sinkhorn(Sinkhorn { epsilon: 0.1, ..Sinkhorn::default() }).solve(&problem).unwrap();
    let stiff = Solver::Unbalanced(stiff).solve(&problem).unwrap();
    assert!((&stiff.plan - &held.plan).iter().all(|x| x.abs() < 1e-4), "{:?}", stiff.status);
}

/// Rows in two groups and columns in two groups whose masses differ a little, far from each other: what has to pass between them passes by entries of e⁻⁵⁰.
#[test]
fn masses_in_groups_do_not_keep_it_from_converging() {
    let cost = Array2::from_shape_fn((6, 4), |(i, j)| if (i < 3) == (j < 2) { 0.01 * (i + j) as f64 } else { 1.0 });
    let rows = vec![1.0 / 6.0; 6];
    let columns = vec![0.2501, 0.2501, 0.2499, 0.2499];
    let problem = Problem::new(cost.view(), rows, columns).unwrap();
    let found = Solver::Sinkhorn(Sinkhorn { epsilon: 0.02, ..Sinkhorn::default() }).solve(&problem).unwrap();
    assert!(found.status == Status::Converged && found.iterations < 1000, "{} {}", found.status, found.iterations);
    assert!(found.marginal_error < 1e-9, "{}", found.marginal_error);
    // And at an ε at which nothing of the way between is left without stages.
    let cost = Array2::from_shape_fn((60, 60), |(i, j)| {
        if (i < 30) == (j < 30) { ((i * 7 + j * 13) % 17) as f64 / 170.0 } else { 1.0 }
    });
    let rows = (0..60).map(|i| if i < 30 { 1.001 / 60.0 } else { 0.999 / 60.0 }).collect();
    let far = Problem::new(cost.view(), rows, vec![1.0 / 60.0; 60]).unwrap();
    let found = Solver::Sinkhorn(Sinkhorn { epsilon: 0.002, ..Sinkhorn::default() }).solve(&far).unwrap();
    assert!(found.status == Status::Converged, "{} {}", found.iterations, found.marginal_error);
    let short = Sinkhorn { epsilon: 0.02, iterations: 5, ..Sinkhorn::default() };
    let short = Solver::Sinkhorn(short).solve(&problem).unwrap();
    assert!(short.status == Status::IterationLimit && !short.status.reached() && short.iterations == 5);
}

#[test]
fn a_mirror_image_is_solved_as_any_other_problem() {
    let mut stream = Stream::new(3, "mirror", "");
    // Squared distances make a kernel without negative eigenvalues, of which the mean of two steps leaves nothing.
    let places: Vec<f64> = (0..20).map(|_| stream.unit()).collect();
    let cost = Array2::from_shape_fn((20, 20), |(i, j)| (places[i] - places[j]) * (places[i] - places[j]));
    let mass = masses(20, &mut stream);
    let solver = Solver::Sinkhorn(Sinkhorn { epsilon: 0.1, tolerance: 1e-13, ..Sinkhorn::default() });
    let mirrored = solver.solve(&Problem::new(cost.view(), mass.clone(), mass.clone()).unwrap()).unwrap();
    assert_eq!(mirrored.plan, mirrored.plan.t());
    // A column more, without mass, and it is no mirror image.
    let mut wide = Array2::zeros((20, 21));
    wide.slice_mut(ndarray::s![.., ..20]).assign(&cost);
    let other = [&mass[..], &[1e-30]].concat();
    let other = solver.solve(&Problem::new(wide.view(), mass, other).unwrap()).unwrap();
    let difference = &other.plan.slice(ndarray::s![.., ..20]) - &mirrored.plan;
    assert!(difference.iter().all(|x| x.abs() < 1e-12));
    assert!(mirrored.iterations < other.iterations);
}

/// No plan has a number that is none, whatever the costs.
#[test]
fn no_problem_makes_nonsense() {
    let mut stream = Stream::new(4, "nonsense", "");
    for k in 0..120 {
        let (m, n) = (1 + stream.index(12).unwrap(), 1 + stream.index(12).unwrap());
        let cost = random(m, n, &mut stream).mapv(|c| match k % 6 {
            0 => c * 1e300,
            1 => c * 1e-300,
            2 => real::exp(c * 1150.0 - 690.0),
            3 if c < 0.7 => 0.0,
            4 => f64::from_bits((c * 10.0) as u64), // subnormal
            _ => c,
        });
        let (mut rows, mut columns) = (masses(m, &mut stream), masses(n, &mut stream));
        if k % 3 == 0 && m > 1 && n > 1 {
            rows[0] += std::mem::take(&mut rows[1]);
            columns[0] += columns[1] - 1e-60;
            columns[1] = 1e-60;
        }
        let problem = Problem::new(cost.view(), rows, columns).unwrap();
        for solver in solvers(problem.largest()) {
            let found = match solver.solve(&problem) {
                Ok(found) => found,
                // A β that small is none.
                Err(_) if problem.largest() < 1e-290 && matches!(solver, Solver::Ipot(_)) => continue,
                Err(e) => panic!("{k} {solver:?} {e}"),
            };
            let numbers = [found.cost, found.marginal_error, found.duality_gap.unwrap_or(0.0)];
            assert!(numbers.iter().chain(&found.plan).all(|x| x.is_finite()), "{k} {solver:?} {numbers:?}");
            assert!(found.plan.iter().all(|x| *x >= 0.0), "{k} {solver:?}");
        }
    }
}

#[test]
fn one_digest_on_any_number_of_threads() {
    let mut stream = Stream::new(5, "threads", "");
    // Some small, and one that is cut into strips.
    let costs = [(1, 1), (7, 30), (32, 32), (301, 297)].map(|(m, n)| random(m, n, &mut stream));
    let problems: Vec<Problem<'_>> = costs.iter().map(|cost| Problem::uniform(cost.view()).unwrap()).collect();
    for solver in solvers(1.0) {
        // The large one would take IPOT and a small ε a minute.
        let small = matches!(&solver, Solver::Ipot(_)) || matches!(&solver, Solver::Sinkhorn(s) if s.epsilon < 0.01);
        let problems = if small { &problems[..3] } else { &problems[..] };
        let digests = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let solved = pool.install(|| solver.solve_each(problems)).unwrap();
            solved.iter().map(Transport::digest).collect::<Vec<_>>()
        });
        assert!(digests[0] == digests[1] && digests[1] == digests[2], "{solver:?}");
    }
}

#[test]
fn what_is_no_problem_is_refused() {
    let refused = |cost: &Array2<f64>, rows: &[f64], columns: &[f64]| {
        Problem::new(cost.view(), rows.to_vec(), columns.to_vec()).unwrap_err().to_string()
    };
    let cost = array![[0.0, 1.0], [1.0, 0.0]];
    for (cost, rows, columns, what) in [
        (
            &Array2::zeros((0, 3)),
            &[][..],
            &[1.0; 3][..],
            "a cost matrix of 0 rows and 3 columns has nothing to transport",
        ),
        (&array![[0.0, -1.0]], &[1.0], &[0.5; 2], "the cost in row 0, column 1 (from 0) is -1"),
        (&array![[0.0], [f64::NAN]], &[0.5; 2], &[1.0], "the cost in row 1, column 0 (from 0) is NaN"),
        (&array![[f64::INFINITY]], &[1.0], &[1.0], "the cost in row 0, column 0 (from 0) is inf"),
        (&cost, &[1.0], &[0.5; 2], "there are 1 row masses for 2 rows of costs"),
        (&cost, &[0.5; 2], &[1.5, -0.5], "the mass of column 1 (from 0) is -0.5"),
        (&cost, &[0.0; 2], &[0.5; 2], "the row masses sum to 0"),
    ] {
        let error = refused(cost, rows, columns);
        assert!(error.starts_with(what), "{error}");
    }
    let uneven = Problem::new(cost.view(), vec![0.5, 0.5], vec![0.5, 0.6]).unwrap();
    for solver in
        [Solver::Exact(Exact::default()), Solver::Sinkhorn(Sinkhorn::default()), Solver::Ipot(Ipot::default())]
    {
        let error = solver.solve(&uneven).unwrap_err().to_string();
        assert!(error.starts_with("row masses sum to 1, column masses to 1.1"), "{error}");
    }
    assert!(Solver::Unbalanced(Unbalanced::default()).solve(&uneven).is_ok());
    // Masses that were f32: their sums differ by roundings, and count as equal.
    let rounded = Problem::new(cost.view(), vec![0.1f32.into(), 0.9f32.into()], vec![0.3, 0.7]).unwrap();
    assert!(exact(&rounded).marginal_error < 1e-7);
    let even = Problem::uniform(cost.view()).unwrap();
    for (solver, what) in [
        (Solver::Sinkhorn(Sinkhorn { epsilon: 0.0, ..Sinkhorn::default() }), "epsilon is 0; expected a number above 0"),
        (Solver::Sinkhorn(Sinkhorn { epsilon: f64::NAN, ..Sinkhorn::default() }), "epsilon is NaN"),
        (Solver::Sinkhorn(Sinkhorn { epsilon: 1e-12, ..Sinkhorn::default() }), "ε = 1e-12 is too small"),
        (Solver::Sinkhorn(Sinkhorn { tolerance: -1.0, ..Sinkhorn::default() }), "tolerance is -1"),
        (Solver::Unbalanced(Unbalanced { rho: 0.0, ..Unbalanced::default() }), "rho is 0"),
        (Solver::Ipot(Ipot { beta: 1e-9, ..Ipot::default() }), "beta is 0.000000001; expected from a 200th"),
        (Solver::Partial(Partial { share: 1.5, ..Partial::default() }), "share is 1.5"),
    ] {
        let error = solver.solve(&even).unwrap_err().to_string();
        assert!(error.starts_with(what), "{error}");
    }
}
