//! What is made small, and its gradient at a text's states.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2, Axis};

use super::config::{self, Masses};
use crate::Result;
use crate::encoder::Recipe;
use crate::kernel::double;
use crate::transport::cost::{norms, uniform};
use crate::transport::{Loss, Solver};

/// A weighted sum of terms.
pub(super) struct Objective {
    tokens: Option<Tokens>,
    pooled: f64,
}

struct Tokens {
    weight: f64,
    solver: Solver,
    masses: Masses,
}

/// What the teacher makes of a sentence.
pub(super) struct Target {
    /// The states of its own tokens, [n, d].
    pub(super) tokens: Array2<f32>,
    /// Its embedding.
    pub(super) embedding: Vec<f32>,
}

/// How a text's scores of all targets are to be: those of another text, over all.
#[derive(Clone, Copy)]
pub(super) struct Consistency<'a> {
    pub(super) targets: &'a [Arc<Target>],
    /// A text's probability of each target.
    pub(super) expected: &'a [Vec<f64>],
    pub(super) temperature: f64,
    pub(super) weight: f64,
}

/// The terms of a text, before they are weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Terms {
    pub(super) tokens: f64,
    pub(super) pooled: f64,
    pub(super) consistency: f64,
    /// Their weighted sum.
    pub(super) loss: f64,
}

impl Objective {
    /// As the configuration has it.
    pub(super) fn of(config: &config::Objective) -> Result<Self, String> {
        let tokens = |tokens: &config::Tokens| {
            Ok::<_, String>(Tokens { weight: tokens.weight, solver: tokens.solver()?, masses: tokens.masses })
        };
        Ok(Self { tokens: config.tokens.as_ref().map(tokens).transpose()?, pooled: config.pooled })
    }

    /// The terms of a text with these `states`, of which the rows `own` are its own tokens', and `share` times their gradient at the states, into `out`, which is 0 when it
    /// comes.
    pub(super) fn slope(
        &self,
        recipe: &Recipe,
        (states, own): (&[f32], &[usize]),
        target: &Target,
        consistent: Option<(Consistency<'_>, usize)>,
        share: f64,
        out: &mut [f32],
    ) -> Result<Terms> {
        let width = target.embedding.len();
        let mut terms = Terms::default();
        if self.pooled > 0.0 || consistent.is_some() {
            let embedding = recipe.embedding(states, width);
            let mut gradient = vec![0.0; width];
            let differences = || embedding.iter().zip(&target.embedding).map(|(x, y)| f64::from(*x) - f64::from(*y));
            terms.pooled = differences().fold(0.0, |sum, x| sum + x * x);
            gradient.iter_mut().zip(differences()).for_each(|(g, x): (&mut f64, _)| *g = 2.0 * self.pooled * x);
            if let Some((wanted, text)) = consistent {
                terms.consistency = wanted.slope(&embedding, text, &mut gradient);
                terms.loss += wanted.weight * terms.consistency;
            }
            let gradient = gradient.into_iter().map(|g| (share * g) as f32).collect();
            recipe.back(states, gradient, out);
            terms.loss += self.pooled * terms.pooled;
        }
        if let Some(Tokens { weight, solver, masses }) = &self.tokens {
            let states = ArrayView2::from_shape((states.len() / width, width), states).expect("a row a token");
            let student = states.select(Axis(0), own);
            let masses = match masses {
                _ if own.is_empty() || target.tokens.is_empty() => [Vec::new(), Vec::new()],
                Masses::Uniform => [uniform(own.len()), uniform(target.tokens.nrows())],
                Masses::Norm => [norms(student.view())?, norms(target.tokens.view())?],
            };
            let loss = Loss::of(student.view(), target.tokens.view(), masses, solver)?;
            for (token, row) in own.iter().zip(loss.gradient.rows()) {
                let out = out[token * width..][..width].iter_mut();
                out.zip(row).for_each(|(out, g)| *out += (share * weight * f64::from(*g)) as f32);
            }
            terms.tokens = loss.cost;
            terms.loss += weight * loss.cost;
        }
        Ok(terms)
    }
}

impl Consistency<'_> {
    /// KL(expected ‖ found) of text `text`, whose gradient at its embedding is added.
    fn slope(&self, embedding: &[f32], text: usize, gradient: &mut [f64]) -> f64 {
        let (expected, found) = (&self.expected[text], probabilities(embedding, self.targets, self.temperature));
        let mut logs = [expected.clone(), found.clone()];
        // Nothing comes of what has no probability; of what should have some and has none, as much as of the least that there is.
        logs.iter_mut().for_each(|row| row.iter_mut().for_each(|p| *p = p.max(f64::MIN_POSITIVE)));
        logs.iter_mut().for_each(|row| double::ln(row));
        for ((target, p), q) in self.targets.iter().zip(expected).zip(&found) {
            let pull = self.weight * (q - p) / self.temperature;
            gradient.iter_mut().zip(&target.embedding).for_each(|(g, x)| *g += pull * f64::from(*x));
        }
        expected.iter().zip(&logs[0]).zip(&logs[1]).map(|((p, of), found)| p * (of - found)).sum()
    }
}

/// Softmax of an embedding's inner products with all targets', divided by a temperature.
pub(super) fn probabilities(embedding: &[f32], targets: &[Arc<Target>], temperature: f64) -> Vec<f64> {
    let own: Vec<f64> = embedding.iter().map(|x| f64::from(*x)).collect();
    let score = |target: &Arc<Target>| {
        let other: Vec<f64> = target.embedding.iter().map(|x| f64::from(*x)).collect();
        double::inner(&own, &other) / temperature
    };
    let mut scores: Vec<f64> = targets.iter().map(score).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|x| *x -= largest);
    double::exp(&mut scores);
    let sum = double::sum(&scores);
    scores.iter_mut().for_each(|x| *x /= sum);
    scores
}
