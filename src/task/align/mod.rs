//! Word alignment as optimal transport: a teacher encodes sentences, a student their translations, and the plan between the tokens of both is looked at as an alignment.

mod lexicon;

use std::collections::BTreeSet;

use ndarray::Array2;
use rayon::prelude::*;

pub use lexicon::{Entry, Lexicon};

use crate::Result;
use crate::data::bitext::Pair;
use crate::data::links::{Link, Links};
use crate::encoder::{Batching, How, Model, Recipe, Words};
use crate::transport::cost::{self, Distance, Rarity};
use crate::transport::{Problem, Solver, Transport, diagnosis};

/// Pairs whose token states are in memory together.
const PART: usize = 256;

/// What sums of masses may be off by rounding, and by the tolerance of a solver: no mass was left.
const ROUNDING: f64 = 1e-9;

/// How much mass a token has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Masses {
    /// As much as any other of its sentence.
    #[default]
    Uniform,
    /// In proportion to the length of its state.
    Norm,
    /// In proportion to its rarity in this bitext, on its side.
    Idf,
}

impl std::str::FromStr for Masses {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "uniform" => Ok(Self::Uniform),
            "norm" => Ok(Self::Norm),
            "idf" => Ok(Self::Idf),
            _ => Err(format!("no masses {name}: uniform, norm or idf")),
        }
    }
}

impl std::fmt::Display for Masses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Norm => "norm",
            Self::Idf => "idf",
        })
    }
}

/// How pairs are aligned.
pub struct Aligner<'a> {
    /// Encodes sentences.
    pub teacher: &'a Model,
    /// Encodes translations.
    pub student: &'a Model,
    /// Prefix and layer of either.
    pub recipes: [&'a Recipe; 2],
    /// Which texts are encoded together, which cannot change a bit.
    pub batching: Batching,
    /// From token states to costs.
    pub distance: Distance,
    /// What tokens weigh.
    pub masses: Masses,
    /// From costs to a plan.
    pub solver: &'a Solver,
    /// Hears how many more sentences are encoded, from any thread.
    pub done: &'a (dyn Fn(usize) + Sync),
}

/// A pair with its plan.
#[derive(Clone, Debug)]
pub struct Aligned {
    /// Its id.
    pub id: String,
    /// Its words, of sentence and translation.
    pub words: [Vec<String>; 2],
    /// The plan and what it says; none where a side has no words, or no tokens.
    pub found: Option<Found>,
}

/// What was found for a pair.
#[derive(Clone, Debug)]
pub struct Found {
    /// The plan between the tokens that belong to words.
    pub transport: Transport,
    /// The word of each of these tokens.
    pub word_of: [Vec<usize>; 2],
    /// Pairs of words of which a pair of tokens is mutually the likeliest.
    pub links: BTreeSet<Link>,
    /// Words of both sides that have no tokens: beyond what a model reads, or of characters that it leaves out.
    pub cut: usize,
    /// What the plan says of itself.
    pub measures: Measures,
}

/// What a plan says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// In nats.
    pub entropy: f64,
    /// The share of mass that goes where most of its row or column goes.
    pub sharpness: f64,
    /// Kendall's tau of the order of the linked tokens; none of fewer than two.
    pub monotonicity: Option<f64>,
    /// The share of words that are in a link, of sentence and translation.
    pub coverage: [f64; 2],
    /// The share of the lighter side's mass that is not transported.
    pub null_mass: f64,
    /// The mean distance between linked tokens, the student's and the teacher's; none without links.
    pub linked_distance: Option<f64>,
    /// The mean distance between all tokens.
    pub mean_distance: f64,
}

impl Aligned {
    /// The links that were found.
    #[must_use]
    pub fn links(&self) -> Links {
        let mut links = Links::default();
        self.found.iter().flat_map(|found| &found.links).for_each(|link| links.add(*link, true));
        links
    }
}

impl Found {
    /// The plan between words: the masses of their tokens' pairs together. `words` is how many there are on either side.
    #[must_use]
    pub fn word_plan(&self, words: [usize; 2]) -> Array2<f64> {
        let mut plan = Array2::zeros((words[0], words[1]));
        for ((i, j), mass) in self.transport.plan.indexed_iter() {
            plan[[self.word_of[0][i], self.word_of[1][j]]] += mass;
        }
        plan
    }
}

impl Aligner<'_> {
    /// Aligns pairs and gives each to `take`, in their order.
    ///
    /// # Errors
    /// A model that cannot be used, or models whose states cannot be compared; a problem that the solver refuses, named by the pair; what `take` says.
    pub fn each<E: From<crate::Error>>(
        &self,
        pairs: &[Pair],
        mut take: impl FnMut(Aligned) -> Result<(), E>,
    ) -> Result<(), E> {
        let split = |side: fn(&Pair) -> &str| {
            pairs.iter().map(|pair| side(pair).split_whitespace().collect()).collect::<Vec<Vec<&str>>>()
        };
        let sentences = [split(|pair| &pair.source), split(|pair| &pair.target)];
        let models = [self.teacher, self.student];
        let [teacher, student] =
            [0, 1].map(|side| models[side].tokenize_words(&self.recipes[side].prefix, &sentences[side]));
        let tokens = [teacher?, student?];
        let rarity = tokens.each_ref().map(|words| self.rarity(words, pairs.len()));
        for first in (0..pairs.len()).step_by(PART) {
            let range = first..pairs.len().min(first + PART);
            let parts = tokens.each_ref().map(|words| words.part(range.clone()));
            let [teacher, student] =
                [0, 1].map(|side| self.states(models[side], self.recipes[side], first, &parts[side]));
            let states = [teacher?, student?];
            let aligned: Vec<Result<Aligned>> = range
                .clone()
                .into_par_iter()
                .map(|k| {
                    let words =
                        sentences.each_ref().map(|side| side[k].iter().map(|word| (*word).to_owned()).collect());
                    let found = self.find(k - first, &parts, &states, &rarity, &words);
                    let found = found.map_err(|e| AlignFault { id: pairs[k].id.clone(), what: e.to_string() })?;
                    Ok(Aligned { id: pairs[k].id.clone(), words, found })
                })
                .collect();
            aligned.into_iter().try_for_each(|one| take(one?))?;
        }
        Ok(())
    }

    fn rarity(&self, words: &Words, sentences: usize) -> Rarity {
        let mut rarity = Rarity::default();
        if self.masses == Masses::Idf {
            (0..sentences).for_each(|sentence| rarity.add(&ids(words, &words.places(sentence))));
        }
        rarity
    }

    fn states(&self, model: &Model, recipe: &Recipe, first: usize, words: &Words) -> Result<Array2<f32>> {
        model.load(recipe.layer)?;
        model.embed_tokens(words.tokens(), &How { recipe, batching: self.batching, first, done: self.done })
    }

    /// What is found for sentence `k` of a part.
    fn find(
        &self,
        k: usize,
        parts: &[Words; 2],
        states: &[Array2<f32>; 2],
        rarity: &[Rarity; 2],
        words: &[Vec<String>; 2],
    ) -> Result<Option<Found>> {
        let places = parts.each_ref().map(|part| part.places(k));
        if places.iter().any(Vec::is_empty) {
            return Ok(None);
        }
        let side = |side: usize| {
            let rows: Vec<usize> = places[side].iter().map(|(place, _)| *place).collect();
            states[side].select(ndarray::Axis(0), &rows)
        };
        let tokens = [side(0), side(1)];
        let mass = |side: usize| -> Result<Vec<f64>> {
            match self.masses {
                Masses::Uniform => Ok(cost::uniform(places[side].len())),
                Masses::Norm => cost::norms(tokens[side].view()),
                Masses::Idf => Ok(rarity[side].masses(&ids(&parts[side], &places[side]))),
            }
        };
        let cost = self.distance.between(tokens[0].view(), tokens[1].view())?;
        let transport = self.solver.solve(&Problem::new(cost.view(), mass(0)?, mass(1)?)?)?;
        let word_of = places.map(|side| side.into_iter().map(|(_, word)| word).collect::<Vec<usize>>());
        Ok(Some(found(transport, &cost, word_of, words)))
    }
}

/// The token ids at some places.
fn ids(words: &Words, places: &[(usize, usize)]) -> Vec<u32> {
    places.iter().map(|(place, _)| words.tokens().ids()[*place]).collect()
}

fn found(transport: Transport, cost: &Array2<f64>, word_of: [Vec<usize>; 2], words: &[Vec<String>; 2]) -> Found {
    let plan = transport.plan.view();
    let linked = diagnosis::mutual_argmax(plan);
    let links: BTreeSet<Link> = linked.iter().map(|(i, j)| (word_of[0][*i], word_of[1][*j])).collect();
    let covered = |words: &[String], words_linked: BTreeSet<usize>| words_linked.len() as f64 / words.len() as f64;
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (count, sum) = values.fold((0usize, 0.0), |(count, sum), x| (count + 1, sum + x));
        (count > 0).then(|| sum / count as f64)
    };
    let left = 1.0 - transport.mass();
    let measures = Measures {
        entropy: diagnosis::entropy(plan),
        sharpness: diagnosis::sharpness(plan),
        monotonicity: diagnosis::monotonicity(&linked),
        coverage: [
            covered(&words[0], links.iter().map(|(i, _)| *i).collect()),
            covered(&words[1], links.iter().map(|(_, j)| *j).collect()),
        ],
        // Masses sum to 1 on either side.
        null_mass: if left > ROUNDING { left } else { 0.0 },
        linked_distance: mean(&mut linked.iter().map(|(i, j)| cost[[*i, *j]])),
        mean_distance: mean(&mut cost.iter().copied()).unwrap_or(0.0),
    };
    let with_tokens = |word_of: &[usize]| word_of.iter().collect::<BTreeSet<_>>().len();
    let cut = (0..2).map(|side| words[side].len() - with_tokens(&word_of[side])).sum();
    Found { transport, word_of, links, cut, measures }
}

#[derive(Debug, thiserror::Error)]
#[error("pair {id}: {what}")]
struct AlignFault {
    id: String,
    what: String,
}

impl crate::error::Fault for AlignFault {}
