//! The gradient of one step: of clean texts, and of shifted or perturbed ones.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::config::{Adversary, Method};
use super::objective::{Consistency, Objective, Target, Terms, probabilities};
use crate::Result;
use crate::encoder::{Batching, How, Located, Model, Recipe, Tokens, Wanted, WeightGradients};
use crate::kernel::random::Stream;

/// Texts that the student reads together, and which target each is to meet.
pub(super) struct Texts {
    pub(super) tokens: Tokens,
    /// Where each text's own tokens are among its tokens.
    own: Vec<Vec<usize>>,
    targets: Vec<usize>,
}

impl Texts {
    /// Texts with the places of their targets.
    pub(super) fn of(texts: impl Iterator<Item = (Located, usize)>) -> Self {
        let (located, targets): (Vec<Located>, Vec<usize>) = texts.unzip();
        Self { tokens: Tokens::from(&located[..]), own: located.iter().map(Located::own).collect(), targets }
    }

    /// Where each text's own tokens are among all tokens.
    fn rows(&self) -> Vec<Vec<usize>> {
        let starts = self.tokens.offsets();
        self.own.iter().zip(starts).map(|(own, start)| own.iter().map(|token| start + token).collect()).collect()
    }
}

/// What a step's gradient is made with.
pub(super) struct Pupil<'a> {
    pub(super) model: &'a Model,
    pub(super) recipe: &'a Recipe,
    pub(super) objective: &'a Objective,
    /// At which weights gradients are needed.
    pub(super) trained: Wanted,
    pub(super) targets: &'a [Arc<Target>],
}

/// What one way there and back gave.
pub(super) struct Pass {
    /// The mean over the texts.
    pub(super) terms: Terms,
    /// Each text's probabilities of all targets, if they were asked for.
    probabilities: Vec<Vec<f64>>,
    words: Array2<f32>,
    pub(super) weights: WeightGradients,
}

impl Pupil<'_> {
    /// `share` times the gradient of the texts' mean objective.
    pub(super) fn pass(&self, texts: &Texts, share: f64) -> Result<Pass> {
        self.shifted(texts, None, share, self.trained, None, None)
    }

    /// As [`Self::pass`], of what is `wanted`, at shifted word embeddings, with another term; and the texts' probabilities of all targets at a temperature, if there is one.
    fn shifted(
        &self,
        texts: &Texts,
        shift: Option<ArrayView2<'_, f32>>,
        share: f64,
        wanted: Wanted,
        consistent: Option<Consistency<'_>>,
        temperature: Option<f64>,
    ) -> Result<Pass> {
        let how = How { recipe: self.recipe, batching: Batching::default(), first: 0, done: &|_| () };
        let width = self.model.config().hidden;
        let share = share / texts.targets.len() as f64;
        let slope = |text: usize, states: &[f32], out: &mut [f32]| {
            let target = &self.targets[texts.targets[text]];
            let given = (states, &texts.own[text][..]);
            let terms = self.objective.slope(self.recipe, given, target, consistent.map(|c| (c, text)), share, out)?;
            let scored = temperature
                .map(|temperature| probabilities(&self.recipe.embedding(states, width), self.targets, temperature));
            Ok((terms, scored))
        };
        let (found, weights) = self.model.weight_gradients(&texts.tokens, &how, shift, wanted, slope)?;
        let given = found.given.into_iter().collect::<Result<Vec<_>>>()?;
        let mut terms = Terms::default();
        for (one, _) in &given {
            terms.add(one, 1.0 / given.len() as f64);
        }
        let probabilities = given.into_iter().filter_map(|(_, scored)| scored).collect();
        Ok(Pass { terms, probabilities, words: found.words, weights })
    }

    /// As [`Self::pass`], of the texts that `adversary` makes of these: clean ones count what it leaves. Returns what the clean ones gave, with the gradient of all, and the
    /// terms of the shifted ones. Starts are drawn with `seed` and the number of the step.
    pub(super) fn adversarial(
        &self,
        texts: &Texts,
        adversary: &Adversary,
        seed: u64,
        step: usize,
    ) -> Result<(Pass, Terms)> {
        let ball = adversary.ball(seed).expect("looked at when the configuration was read");
        let consistent = adversary.consistency > 0.0;
        let temperature = consistent.then_some(adversary.temperature);
        let from_middle = ball.start.is_none();
        // Where clean texts count nothing, there is nothing to go back for, and no direction in it.
        let counts = adversary.weight < 1.0;
        let trained = if counts { self.trained } else { Wanted::WORDS };
        let wanted = Wanted { words: counts && from_middle, ..trained };
        let mut clean = self.shifted(texts, None, 1.0 - adversary.weight, wanted, None, temperature)?;
        let expected = std::mem::take(&mut clean.probabilities);
        let wanted_consistency = consistent.then(|| Consistency {
            targets: self.targets,
            expected: &expected,
            temperature: adversary.temperature,
            weight: adversary.consistency,
        });

        let rows = texts.rows();
        let words = self.model.word_embeddings(texts.tokens.ids())?;
        let radii: Vec<f64> = rows.iter().map(|rows| ball.size(rows, &words)).collect();
        let mut shift = Array2::zeros(words.dim());
        if !from_middle {
            for (i, (rows, radius)) in rows.iter().zip(&radii).enumerate() {
                let mut stream = Stream::new(seed, "distill ball", format!("{step} {i}"));
                ball.scatter(&mut shift, rows, *radius, &mut stream);
            }
        }
        let climb = |shift: &mut Array2<f32>, slopes: &Array2<f32>| {
            rows.iter().zip(&radii).for_each(|(rows, radius)| ball.advance(shift, slopes, rows, *radius));
        };
        let look = |shift: &Array2<f32>, share: f64, wanted: Wanted| {
            self.shifted(texts, Some(shift.view()), share, wanted, wanted_consistency, None)
        };
        let mut terms = Terms::default();
        if adversary.method == Method::FreeLb {
            let share = 1.0 / ball.steps as f64;
            for step in 0..ball.steps {
                let last = step + 1 == ball.steps;
                let found = look(&shift, share * adversary.weight, Wanted { words: !last, ..self.trained })?;
                terms.add(&found.terms, share);
                clean.weights.add(found.weights);
                if !last {
                    climb(&mut shift, &found.words);
                }
            }
            return Ok((clean, terms));
        }
        let mut slopes = wanted.words.then(|| std::mem::take(&mut clean.words));
        for _ in 0..ball.steps {
            let found = match slopes.take() {
                Some(found) => found,
                None => look(&shift, 1.0, Wanted::WORDS)?.words,
            };
            climb(&mut shift, &found);
        }
        let found = look(&shift, adversary.weight, self.trained)?;
        clean.weights.add(found.weights);
        Ok((clean, found.terms))
    }
}

impl Terms {
    /// Adds a share of others.
    pub(super) fn add(&mut self, other: &Self, share: f64) {
        self.tokens += share * other.tokens;
        self.pooled += share * other.pooled;
        self.consistency += share * other.consistency;
        self.loss += share * other.loss;
    }
}
