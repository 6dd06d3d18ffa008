//! What makes no sense in a configuration.

use super::{Config, Optimizer};

impl Config {
    /// What makes no sense in it.
    pub(super) fn check(&self) -> Result<(), String> {
        let positive = |name: &str, x: f64| {
            if x > 0.0 && x.is_finite() { Ok(()) } else { Err(format!("{name} = {x}: it must be above 0")) }
        };
        let share = |name: &str, x: f64| {
            if (0.0..=1.0).contains(&x) { Ok(()) } else { Err(format!("{name} = {x}: it must be from 0 to 1")) }
        };
        let at_least = |name: &str, x: f64| {
            if x >= 0.0 && x.is_finite() { Ok(()) } else { Err(format!("{name} = {x}: it must not be below 0")) }
        };
        let some =
            |name: &str, n: usize| if n > 0 { Ok(()) } else { Err(format!("{name} = 0: it must be at least 1")) };
        some("steps", self.steps)?;
        some("batch", self.batch)?;
        some("longest", self.longest)?;
        positive("temperature", self.temperature)?;
        if self.held_out.iter().any(|part| part.data.is_none() && part.files.is_empty()) {
            return Err("held_out without data or files: nothing is held out".to_owned());
        }
        if self.bitext.is_empty() {
            return Err("no [[bitext]]: there is nothing to learn from".to_owned());
        }
        at_least("objective.pooled", self.objective.pooled)?;
        match &self.objective.tokens {
            Some(tokens) => positive("objective.tokens.weight", tokens.weight).and(tokens.solver().map(drop))?,
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
            positive("adversary.radius", adversary.radius)?;
            share("adversary.weight", adversary.weight)?;
            at_least("adversary.consistency", adversary.consistency)?;
            positive("adversary.temperature", adversary.temperature)?;
            adversary.ball(0)?;
        }
        if let Some(noise) = &self.noise {
            share("noise.weight", noise.weight)?;
            noise.spec()?;
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
