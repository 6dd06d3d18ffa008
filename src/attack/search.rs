//! The search that attacks by text share: candidates are made of every query, all are looked at, and each query keeps the one that hurts it most.

use std::collections::BTreeSet;
use std::fmt;

use super::flips::Flips;
use super::text::{Amount, Kind, Options, Spec, perturb};
use super::victim::{Query, Standing, Victim};
use crate::Result;

/// How candidates are made.
#[derive(Clone, Copy)]
pub enum Method<'a> {
    /// One perturbation, whatever it does: what the others are measured by.
    Random,
    /// The worst of so many perturbations, each with as many edits as the budget allows.
    Worst(usize),
    /// One edit after the other, each the worst of so many that are drawn.
    Greedy(usize),
    /// HotFlip: one token after the other exchanged for another of the vocabulary, each the worst of so many that gradients propose (Ebrahimi et al., ACL
    /// 2018, arXiv 1712.06751). Only flips that a text shows count: written out and read again it has just these tokens.
    HotFlip(&'a Flips, usize),
}

/// An attack on queries by their texts.
pub struct Search<'a> {
    /// Who is attacked.
    pub victim: &'a Victim<'a>,
    /// How.
    pub method: Method<'a>,
    /// The perturbation whose edits are made, but by HotFlip.
    pub kind: Kind,
    /// Its options.
    pub options: Options<'a>,
    /// How many edits, or tokens, at most.
    pub budget: usize,
    /// An attack ends when the best relevant document ranks below this.
    pub until: usize,
    /// Decides what is drawn.
    pub seed: u64,
}

/// A query after so many steps.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Its text.
    pub text: String,
    /// How many edits, or tokens, were spent on it.
    pub edits: usize,
    /// How it does.
    pub standing: Standing,
}

/// What became of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its state at each budget, from 0, as it was, to the whole.
    pub states: Vec<State>,
    /// How many candidates were looked at.
    pub tried: usize,
}

impl Search<'_> {
    /// Attacks queries that suit the victim. What becomes of one depends on no other.
    ///
    /// # Errors
    /// As [`Victim::look`].
    pub fn run(&self, queries: &[Query]) -> Result<Vec<Outcome>> {
        let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
        let relevant: Vec<&[usize]> = queries.iter().map(|query| query.relevant.as_slice()).collect();
        let clean = self.victim.look(&texts, &relevant)?;
        let start = |(text, standing): (&&str, Standing)| Outcome {
            states: vec![State { text: (*text).to_owned(), edits: 0, standing }],
            tried: 0,
        };
        let mut outcomes: Vec<Outcome> = texts.iter().zip(clean).map(start).collect();
        for budget in 1..=self.budget {
            self.spend(budget, queries, &mut outcomes)?;
        }
        Ok(outcomes)
    }

    /// Adds the states at this budget.
    fn spend(&self, budget: usize, queries: &[Query], outcomes: &mut [Outcome]) -> Result<()> {
        let lost = |outcome: &Outcome| outcome.last().standing.rank > self.until;
        let open: Vec<usize> = (0..queries.len()).filter(|i| !self.chooses() || !lost(&outcomes[*i])).collect();
        let candidates: Vec<Vec<State>> = match self.method {
            Method::HotFlip(flips, most) => {
                let states: Vec<&State> = open.iter().map(|i| outcomes[*i].last()).collect();
                flips.candidates(self.victim, &states, most)?
            }
            _ => open.iter().map(|i| self.edited(budget, &queries[*i], &outcomes[*i])).collect(),
        };
        let texts: Vec<&str> = candidates.iter().flatten().map(|state| state.text.as_str()).collect();
        let of_query = |(i, candidates): (&usize, &Vec<State>)| vec![queries[*i].relevant.as_slice(); candidates.len()];
        let relevant: Vec<&[usize]> = open.iter().zip(&candidates).flat_map(of_query).collect();
        let mut standings = self.victim.look(&texts, &relevant)?.into_iter();
        for (i, candidates) in open.iter().zip(candidates) {
            let outcome = &mut outcomes[*i];
            outcome.tried += candidates.len();
            let looked_at = candidates.into_iter().zip(standings.by_ref());
            let mut looked_at = looked_at.map(|(state, standing)| State { standing, ..state });
            let next = if self.chooses() {
                // The first of the worst, if it is worse than what there is.
                let worse = |worst: State, state: State| if hurts(&state, &worst) { state } else { worst };
                Some(looked_at.fold(outcome.last().clone(), worse))
            } else {
                looked_at.next()
            };
            outcome.states.extend(next);
        }
        // Queries that are lost, and those that nothing could be done about, stay as they are.
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.states.len() == budget) {
            outcome.states.push(outcome.last().clone());
        }
        Ok(())
    }

    /// Whether it keeps what hurts most, rather than whatever comes.
    fn chooses(&self) -> bool {
        !matches!(self.method, Method::Random)
    }

    /// Candidates by edits, no two the same and none the text itself. Their standing is still that of the text.
    fn edited(&self, budget: usize, query: &Query, outcome: &Outcome) -> Vec<State> {
        let (from, edits, draws) = match self.method {
            Method::Greedy(draws) => (outcome.last(), 1, draws),
            Method::Worst(draws) => (&outcome.states[0], budget, draws),
            Method::Random | Method::HotFlip(..) => (&outcome.states[0], budget, 1),
        };
        let spec = Spec::of(self.kind, Amount::Edits(edits));
        let mut seen = BTreeSet::from([from.text.clone()]);
        let draw = |draw: usize| {
            let id =
                if draw == 0 && edits == budget { query.id.clone() } else { format!("{} {budget} {draw}", query.id) };
            let perturbed = perturb(&spec, self.seed, &id, &from.text, &self.options);
            State { text: perturbed.text, edits: from.edits + perturbed.edits, standing: from.standing }
        };
        (0..draws).map(draw).filter(|state| seen.insert(state.text.clone())).collect()
    }
}

/// Whether a state is worse for its query than another: its relevant document is further behind, or less ahead.
fn hurts(state: &State, other: &State) -> bool {
    state.standing.margin < other.standing.margin
}

impl Outcome {
    /// The state at the whole budget so far.
    #[must_use]
    pub fn last(&self) -> &State {
        &self.states[self.states.len() - 1]
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Worst(draws) => write!(f, "worst-of-{draws}"),
            Self::Greedy(draws) => write!(f, "greedy-{draws}"),
            Self::HotFlip(_, most) => write!(f, "hotflip-{most}"),
        }
    }
}

impl fmt::Display for Search<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, kind, budget, until, seed, .. } = self;
        match method {
            Method::HotFlip(..) => write!(f, "{method}(budget={budget},until={until})"),
            _ => write!(f, "{method}({kind},budget={budget},until={until},seed={seed})"),
        }
    }
}
