//! Whether a difference between two systems, measured on the same queries, is more than chance.
//!
//! Everything is computed from the differences d₁ … dₙ, one a query, in the order of the queries, with random streams and functions that are the same on
//! every machine, so that a p-value can be compared to its last bit.

mod many;
mod paired;
mod resample;
mod student;

pub use many::{bonferroni, holm};
pub use paired::{Comparison, Method, compare};
pub use resample::{bootstrap, randomization};
pub use student::{TTest, power, t_test};

/// The mean of the differences and its standard error. NaN error of fewer than two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// How many there are.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (n − 1).
    pub deviation: f64,
}

impl Mean {
    /// Of these differences, added in their order; two passes.
    #[must_use]
    pub fn of(differences: &[f64]) -> Self {
        let count = differences.len() as f64;
        let mean = differences.iter().fold(0.0, |sum, d| sum + d) / count;
        let squares = differences.iter().fold(0.0, |sum, d| sum + (d - mean) * (d - mean));
        Self { count: differences.len(), mean, deviation: (squares / (count - 1.0)).sqrt() }
    }

    /// The standard error of the mean.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.deviation / (self.count as f64).sqrt()
    }

    /// The effect size d_z: the mean in standard deviations (Cohen 1988, 2.3.5). 0 where all differences are 0.
    #[must_use]
    pub fn effect(&self) -> f64 {
        if self.mean == 0.0 { 0.0 } else { self.mean / self.deviation }
    }
}
