//! AdamW: Loshchilov & Hutter, ICLR 2019, arXiv 1711.05101, algorithm 2, in the order of operations of PyTorch's. Of word embeddings only those move
//! that have a gradient, and so do their means (as in PyTorch's SparseAdam).

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::config::{Decay, Optimizer};
use crate::encoder::{Parameters, WeightGradients};

/// Weights, and what is known of their gradients so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Weights {
    pub(super) values: Parameters,
    /// Means of gradients.
    pub(super) first: Parameters,
    /// Means of their squares.
    pub(super) second: Parameters,
}

/// The numbers of one step.
struct Step {
    rate: f32,
    shrink: f32,
    beta2: f32,
    /// 1 − β₁ and 1 − β₂.
    left1: f32,
    left2: f32,
    /// 1 − β₁ᵗ, and the root of 1 − β₂ᵗ.
    correction1: f32,
    correction2: f32,
    epsilon: f32,
    /// What gradients are multiplied by.
    clip: f32,
}

impl Optimizer {
    /// The learning rate of a step, from 0, of so many.
    pub(super) fn rate(&self, step: usize, steps: usize) -> f64 {
        if step < self.warmup {
            return self.learning_rate * (step + 1) as f64 / self.warmup as f64;
        }
        match self.decay {
            Decay::Constant => self.learning_rate,
            Decay::Linear => {
                self.learning_rate * (steps - step) as f64 / steps.saturating_sub(self.warmup).max(1) as f64
            }
        }
    }

    /// Moves the weights a step, from 0, of so many. Every word that has a gradient has values. Returns the gradient's length before it was shortened.
    pub(super) fn advance(
        &self,
        weights: &mut Weights,
        gradients: &WeightGradients,
        (step, steps): (usize, usize),
    ) -> f64 {
        let length = length(gradients);
        let clip = if self.clip > 0.0 && length > self.clip { self.clip / length } else { 1.0 };
        // Multiplied out: powers are not the same everywhere.
        let power = |beta: f64| (0..=step).fold(1.0, |power, _| power * beta);
        let rate = self.rate(step, steps);
        let step = |decay: f64| Step {
            rate: rate as f32,
            shrink: (1.0 - rate * decay) as f32,
            beta2: self.beta2 as f32,
            left1: (1.0 - self.beta1) as f32,
            left2: (1.0 - self.beta2) as f32,
            correction1: (1.0 - power(self.beta1)) as f32,
            correction2: (1.0 - power(self.beta2)).sqrt() as f32,
            epsilon: self.epsilon as f32,
            clip: clip as f32,
        };
        let (matrix, other) = (step(self.weight_decay), step(0.0));
        let Weights { values, first, second } = weights;
        each(&mut values.tensors, &mut first.tensors, &mut second.tensors, |name, values, means| {
            let Some(gradient) = gradients.tensors.get(name) else { return };
            let step = if decays(name) { &matrix } else { &other };
            step.advance(values, means, gradient.as_slice().expect("contiguous"));
        });
        for (id, gradient) in &gradients.words {
            let values = values.words.get_mut(id).expect("a word with a gradient has values");
            let [first, second] = [&mut *first, &mut *second]
                .map(|means| means.words.entry(*id).or_insert_with(|| vec![0.0; gradient.len()]));
            other.advance(values, [first, second], gradient);
        }
        length
    }
}

/// Whether a tensor is a matrix of a layer.
fn decays(name: &str) -> bool {
    name.ends_with(".weight") && !name.contains("LayerNorm") && !name.contains("embeddings")
}

/// Gives `advance` each tensor with its means, in parallel.
fn each(
    values: &mut BTreeMap<String, Vec<f32>>,
    first: &mut BTreeMap<String, Vec<f32>>,
    second: &mut BTreeMap<String, Vec<f32>>,
    advance: impl Fn(&str, &mut [f32], [&mut [f32]; 2]) + Sync,
) {
    for means in [&mut *first, &mut *second] {
        for (name, values) in &*values {
            means.entry(name.clone()).or_insert_with(|| vec![0.0; values.len()]);
        }
    }
    let all: Vec<_> = values.iter_mut().zip(first.values_mut()).zip(second.values_mut()).collect();
    all.into_par_iter().for_each(|(((name, values), first), second)| advance(name, values, [first, second]));
}

impl Step {
    fn advance(&self, values: &mut [f32], [first, second]: [&mut [f32]; 2], gradient: &[f32]) {
        let step = self.rate / self.correction1;
        for (((x, m), v), g) in values.iter_mut().zip(first).zip(second).zip(gradient) {
            let g = g * self.clip;
            *x *= self.shrink;
            *m += self.left1 * (g - *m);
            *v = *v * self.beta2 + self.left2 * (g * g);
            *x -= step * (*m / (v.sqrt() / self.correction2 + self.epsilon));
        }
    }
}

/// The length of a gradient, over all weights: squares in f64, tensor by tensor.
fn length(gradients: &WeightGradients) -> f64 {
    let squares = |values: &[f32]| values.iter().fold(0.0, |sum, x| sum + f64::from(*x) * f64::from(*x));
    let tensors: Vec<_> = gradients.tensors.values().collect();
    let of_tensors: Vec<f64> =
        tensors.into_par_iter().map(|tensor| squares(tensor.as_slice().expect("contiguous"))).collect();
    let words = gradients.words.values().map(|row| squares(row));
    of_tensors.into_iter().chain(words).fold(0.0, |sum, x| sum + x).sqrt()
}
