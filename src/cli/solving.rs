//! Options of every command that solves transport problems.

use snellen::transport::{Exact, Ipot, Matching, Partial, Sinkhorn, Solver, Unbalanced};

use super::Failure;

/// A solver's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// The entropic problem.
    Sinkhorn,
    /// The linear programme, by proximal steps.
    Ipot,
    /// The linear programme, by the network simplex, with a proof.
    Exact,
    /// Entropic, with marginals that give way at a price.
    Unbalanced,
    /// The linear programme that transports a part of the mass.
    Partial,
    /// The cheapest pair of what is left, again and again (DR.DECR).
    Greedy,
    /// The cheapest one-to-one assignment.
    Hungarian,
}

/// How a transport problem is solved.
#[derive(clap::Args)]
pub(crate) struct Solving {
    /// How the plan is found.
    #[arg(long, value_enum, default_value = "sinkhorn", hide_possible_values = false)]
    solver: Name,
    /// Weight of the entropy, in units of cost (sinkhorn, unbalanced). Default: 0.05.
    #[arg(long, value_name = "E", allow_hyphen_values = true)]
    epsilon: Option<f64>,
    /// What a unit of mass that is left costs (unbalanced). Default: 1.
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    rho: Option<f64>,
    /// Weight of the proximal term, in units of cost (ipot). Default: 0.5.
    #[arg(long, value_name = "B", allow_hyphen_values = true)]
    beta: Option<f64>,
    /// Rescalings in a proximal step (ipot). Default: 1.
    #[arg(long, value_name = "L")]
    inner: Option<std::num::NonZeroUsize>,
    /// How much is transported, as a share of the lighter side (partial). Default: 0.9.
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    share: Option<f64>,
    /// When an iterative solver ends: the marginal error relative to the mass (sinkhorn: 1e-9), that and the duality gap (ipot: 1e-4), the change of factors
    /// (unbalanced: 1e-12).
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    tolerance: Option<f64>,
    /// Iterations at most. Default: 10000; exact and partial end without.
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
}

impl Solving {
    pub(crate) fn name(&self) -> String {
        format!("{:?}", self.solver).to_lowercase()
    }

    /// Whether it looks at no masses.
    pub(crate) fn is_matching(&self) -> bool {
        matches!(self.solver, Name::Greedy | Name::Hungarian)
    }

    /// The solver with its parameters, as keys of numbers name it.
    pub(crate) fn described(&self) -> String {
        let described = match self.solver() {
            Ok(Solver::Sinkhorn(Sinkhorn { epsilon, .. })) => format!("(epsilon={epsilon})"),
            Ok(Solver::Ipot(Ipot { beta, inner, .. })) => format!("(beta={beta},inner={inner})"),
            Ok(Solver::Unbalanced(Unbalanced { epsilon, rho, .. })) => format!("(epsilon={epsilon},rho={rho})"),
            Ok(Solver::Partial(Partial { share, .. })) => format!("(share={share})"),
            _ => String::new(),
        };
        self.name() + &described
    }

    /// The solver with what the options say of it. Options of another are refused.
    pub(crate) fn solver(&self) -> Result<Solver, Failure> {
        let given = [
            ("epsilon", self.epsilon.is_some(), &[Name::Sinkhorn, Name::Unbalanced][..]),
            ("rho", self.rho.is_some(), &[Name::Unbalanced]),
            ("beta", self.beta.is_some(), &[Name::Ipot]),
            ("inner", self.inner.is_some(), &[Name::Ipot]),
            ("share", self.share.is_some(), &[Name::Partial]),
            ("tolerance", self.tolerance.is_some(), &[Name::Sinkhorn, Name::Ipot, Name::Unbalanced]),
            (
                "iterations",
                self.iterations.is_some(),
                &[Name::Sinkhorn, Name::Ipot, Name::Unbalanced, Name::Exact, Name::Partial],
            ),
        ];
        if let Some((option, _, solvers)) =
            given.iter().find(|(_, given, solvers)| *given && !solvers.contains(&self.solver))
        {
            let solvers: Vec<String> = solvers.iter().map(|name| format!("{name:?}").to_lowercase()).collect();
            let what = format!("--{option} is for --solver {}, not {}", solvers.join(" or "), self.name());
            return Err(Failure::Usage(what));
        }
        Ok(match self.solver {
            Name::Sinkhorn => {
                let Sinkhorn { epsilon, tolerance, iterations } = Sinkhorn::default();
                Solver::Sinkhorn(Sinkhorn {
                    epsilon: self.epsilon.unwrap_or(epsilon),
                    tolerance: self.tolerance.unwrap_or(tolerance),
                    iterations: self.iterations.unwrap_or(iterations),
                })
            }
            Name::Ipot => {
                let Ipot { beta, inner, tolerance, iterations } = Ipot::default();
                Solver::Ipot(Ipot {
                    beta: self.beta.unwrap_or(beta),
                    inner: self.inner.map_or(inner, std::num::NonZeroUsize::get),
                    tolerance: self.tolerance.unwrap_or(tolerance),
                    iterations: self.iterations.unwrap_or(iterations),
                })
            }
            Name::Exact => Solver::Exact(Exact { iterations: self.iterations.unwrap_or(usize::MAX) }),
            Name::Unbalanced => {
                let Unbalanced { epsilon, rho, tolerance, iterations } = Unbalanced::default();
                Solver::Unbalanced(Unbalanced {
                    epsilon: self.epsilon.unwrap_or(epsilon),
                    rho: self.rho.unwrap_or(rho),
                    tolerance: self.tolerance.unwrap_or(tolerance),
                    iterations: self.iterations.unwrap_or(iterations),
                })
            }
            Name::Partial => {
                let Partial { share, iterations } = Partial::default();
                Solver::Partial(Partial {
                    share: self.share.unwrap_or(share),
                    iterations: self.iterations.unwrap_or(iterations),
                })
            }
            Name::Greedy => Solver::Matching(Matching::Greedy),
            Name::Hungarian => Solver::Matching(Matching::Hungarian),
        })
    }
}
