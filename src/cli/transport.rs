//! `snellen transport`: a cost matrix in, a transport plan out.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis, IxDyn};
use serde_json::{Value, json};
use snellen::data::digest::Digest;
use snellen::data::matrix;
use snellen::kernel::ARITH;
use snellen::transport::{Problem, Transport, cost};

use super::solving::Solving;
use super::{Context, Ending, Failure, Machine, same_file};

/// Solve a transport problem, or many.
///
/// Exit status 1 where a solver did not reach what it was after.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Costs: .csv (a row a line, no heading), .npy or .safetensors; of shape [m, n], or [problems, m, n].
    #[arg(long, value_name = "FILE")]
    cost: PathBuf,
    /// The tensor of a .safetensors of costs that has several.
    #[arg(long, value_name = "NAME")]
    tensor: Option<String>,
    /// Masses of the rows, likewise, m numbers for all problems. Default: 1/m each.
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Masses of the columns, likewise, n numbers. Default: 1/n each.
    #[arg(long, value_name = "FILE")]
    columns: Option<PathBuf>,
    #[command(flatten)]
    solving: Solving,
    /// Where the plan goes, .csv, .npy or .safetensors (tensor `plan`), of the costs' shape.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// table or json.
    #[arg(long, default_value = "table")]
    format: Machine,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let solver = args.solving.solver()?;
    if args.solving.is_matching() && (args.rows.is_some() || args.columns.is_some()) {
        let what = format!("--solver {} pairs rows with columns: it has no use for masses", args.solving.name());
        return Err(Failure::Usage(what));
    }
    let costs = matrix::read(&args.cost, args.tensor.as_deref())?;
    let (axes, shape) = (costs.ndim(), costs.shape().to_vec());
    if let Some(output) = &args.output {
        if [Some(&args.cost), args.rows.as_ref(), args.columns.as_ref()]
            .into_iter()
            .flatten()
            .any(|f| same_file(f, output))
        {
            return Err(Failure::Usage(format!("{}: the output would replace an input", output.display())));
        }
        matrix::check(output, axes)?;
    }
    if axes != 2 && axes != 3 {
        let what = format!("{}: costs have the axes [m, n] or [problems, m, n], not {shape:?}", args.cost.display());
        return Err(Failure::Usage(what));
    }
    let whole = if axes == 2 { costs.insert_axis(Axis(0)) } else { costs };
    let whole = whole.into_dimensionality::<ndarray::Ix3>().expect("three axes");
    let (m, n) = (whole.len_of(Axis(1)), whole.len_of(Axis(2)));
    let (rows, columns) = (masses(args.rows.as_deref(), m)?, masses(args.columns.as_deref(), n)?);
    let problems = whole
        .axis_iter(Axis(0))
        .enumerate()
        .map(|(k, cost)| Problem::new(cost, rows.clone(), columns.clone()).map_err(|e| named(args, axes, k, &e)));
    let problems = problems.collect::<Result<Vec<Problem<'_>>, Failure>>()?;
    if problems.is_empty() {
        return Err(Failure::Usage(format!("{}: no problems", args.cost.display())));
    }
    let solved = solver.solve_each(&problems)?;
    if let Some(output) = &args.output {
        let values: Vec<f64> = solved.iter().flat_map(|one| one.plan.iter().copied()).collect();
        let plan = ArrayD::from_shape_vec(IxDyn(&shape), values).expect("plans have the shape of their costs");
        let metadata = [("solver", args.solving.name()), ("arith", ARITH.to_string()), ("sha256", digest(&solved))];
        matrix::write(output, &plan, "plan", &metadata)?;
    }
    print(args, &solved, axes)?;
    let failed = solved.iter().filter(|one| !one.status.reached()).count();
    if failed > 0 {
        context.note(&format!("{failed} of {} problems were not solved: no plan to rely on", solved.len()));
    }
    Ok(if failed == 0 { Ending::Holds } else { Ending::Fails })
}

/// An error of one of several problems.
fn named(args: &Args, axes: usize, k: usize, error: &snellen::Error) -> Failure {
    let problem = if axes == 3 { format!("problem {k} (from 0): ") } else { String::new() };
    Failure::Usage(format!("{}: {problem}{error}", args.cost.display()))
}

/// `count` masses.
fn masses(file: Option<&Path>, count: usize) -> Result<Vec<f64>, Failure> {
    match file {
        // A file of another length is refused with the problem.
        Some(file) => Ok(matrix::read(file, None)?.iter().copied().collect()),
        None => Ok(cost::uniform(count)),
    }
}

/// The digest of a plan, or of the digests of several.
fn digest(solved: &[Transport]) -> String {
    if let [one] = solved {
        return one.digest();
    }
    let mut digest = Digest::new();
    solved.iter().for_each(|one| _ = digest.field(one.digest()));
    digest.hex()
}

fn facts(args: &Args, one: &Transport) -> Value {
    json!({
        "solver": args.solving.name(),
        "cost": one.cost,
        "mass": one.mass(),
        "iterations": one.iterations,
        "marginal_error": one.marginal_error,
        "duality_gap": one.duality_gap,
        "status": one.status.to_string(),
        "digest": one.digest(),
    })
}

fn print(args: &Args, solved: &[Transport], axes: usize) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let facts: Vec<Value> = solved.iter().map(|one| facts(args, one)).collect();
    match (args.format, &facts[..]) {
        (Machine::Json, [one]) if axes == 2 => {
            let mut all = json!({"schema": 1});
            one.as_object().into_iter().flatten().for_each(|(name, value)| all[name] = value.clone());
            writeln!(out, "{all:#}")?;
        }
        (Machine::Json, _) => {
            writeln!(out, "{:#}", json!({"schema": 1, "problems": facts, "digest": digest(solved)}))?;
        }
        (Machine::Table, _) => {
            for (k, one) in facts.iter().enumerate() {
                for (name, value) in one.as_object().into_iter().flatten() {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let problem = if axes == 3 { format!("{k}\t") } else { String::new() };
                    writeln!(out, "{problem}{name:<16}{value}")?;
                }
            }
            if axes == 3 {
                writeln!(out, "all\t{:<16}{}", "digest", digest(solved))?;
            }
        }
    }
    Ok(())
}
