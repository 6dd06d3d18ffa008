//! What makes no sense in a configuration.

use std::path::{Component, Path};

use super::{Config, Optimizer, Source};

/// Pairs of a step: no memory takes the gradients of more.
const LARGEST_BATCH: usize = 1 << 20;

impl Config {
    /// What makes no sense in it.
    pub(super) fn check(&self) -> Result<(), String> {
        let positive = |name: &str, x: f64| {
            if x > 0.0 && x.is_finite() { Ok(()) } else { Err(format!("{name} = {x}: it must be above 0, and finite")) }
        };
        let share = |name: &str, x: f64| {
            if (0.0..=1.0).contains(&x) { Ok(()) } else { Err(format!("{name} = {x}: it must be from 0 to 1")) }
        };
        let at_least = |name: &str, x: f64| {
            if x >= 0.0 && x.is_finite() {
                Ok(())
            } else {
                Err(format!("{name} = {x}: it must be finite and not below 0"))
            }
        };
        let some =
            |name: &str, n: usize| if n > 0 { Ok(()) } else { Err(format!("{name} = 0: it must be at least 1")) };
        some("steps", self.steps)?;
        some("batch", self.batch)?;
        if self.batch > LARGEST_BATCH {
            return Err(format!("batch = {}: at most {LARGEST_BATCH} pairs", self.batch));
        }
        some("longest", self.longest)?;
        some("layer", self.layer.unwrap_or(1))?;
        positive("temperature", self.temperature)?;
        if self.held_out.iter().any(|part| part.data.is_none() && part.files.is_empty()) {
            return Err("held_out without data or files: nothing is held out".to_owned());
        }
        let validation = self.validation.iter().flat_map(|validation| &validation.bitext);
        self.bitext.iter().chain(validation).try_for_each(Source::check)?;
        if self.bitext.is_empty() {
            return Err("no [[bitext]]: there is nothing to learn from".to_owned());
        }
        at_least("objective.pooled", self.objective.pooled)?;
        match &self.objective.tokens {
            Some(tokens) => {
                positive("objective.tokens.weight", tokens.weight)?;
                for (name, x) in [("epsilon", tokens.epsilon), ("beta", tokens.beta), ("tolerance", tokens.tolerance)] {
                    positive(&format!("objective.tokens.{name}"), x.unwrap_or(1.0))?;
                }
                some("objective.tokens.iterations", tokens.iterations.unwrap_or(1))?;
                tokens.solver()?;
            }
            None if self.objective.pooled == 0.0 => return Err("objective: neither tokens nor pooled".to_owned()),
            None => {}
        }
        let Optimizer { learning_rate, weight_decay, clip, beta1, beta2, epsilon, .. } = &self.optimizer;
        positive("optimizer.learning_rate", *learning_rate)?;
        at_least("optimizer.weight_decay", *weight_decay)?;
        at_least("optimizer.clip", *clip)?;
        positive("optimizer.epsilon", *epsilon)?;
        for (name, beta) in [("beta1", *beta1), ("beta2", *beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(format!("optimizer.{name} = {beta}: it must be from 0 to below 1"));
            }
        }
        if self.adversary.is_some() && self.noise.is_some() {
            return Err("both [adversary] and [noise]: one of them".to_owned());
        }
        if let Some(adversary) = &self.adversary {
            // Below, shifts are lost in f32; above, squares of it are.
            if !(1e-6..=1000.0).contains(&adversary.radius) {
                return Err(format!("adversary.radius = {}: it must be from 0.000001 to 1000", adversary.radius));
            }
            share("adversary.weight", adversary.weight)?;
            at_least("adversary.consistency", adversary.consistency)?;
            positive("adversary.temperature", adversary.temperature)?;
            adversary.ball(0)?;
        }
        if let Some(noise) = &self.noise {
            share("noise.weight", noise.weight)?;
            noise.spec()?;
            if noise.kind.contains("code-switch") {
                return Err("noise.kind: code-switch needs a lexicon, which there is none of here".to_owned());
            }
        }
        if let Some(validation) = &self.validation {
            some("validation.every", validation.every)?;
            if validation.bitext.is_empty() {
                return Err("no [[validation.bitext]]: there is nothing to look for".to_owned());
            }
        }
        Ok(())
    }
}

impl Source {
    /// Logs have a column for the language; a file of fetched data lies within them.
    fn check(&self) -> Result<(), String> {
        let Self { language, data, file, .. } = self;
        if language.is_empty() || !language.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
            return Err(format!("bitext: language = {language:?}: expected letters, digits, - and _"));
        }
        let leaves = |part: Component<'_>| !matches!(part, Component::Normal(_) | Component::CurDir);
        match data {
            Some(data) if Path::new(file).components().any(leaves) => {
                Err(format!("bitext: file = {file:?} is not within {data}"))
            }
            _ => Ok(()),
        }
    }
}
