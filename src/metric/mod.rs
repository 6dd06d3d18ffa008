//! Measures, in f64 and in a fixed order.

pub mod agreement;
pub mod alignment;
mod bitext;
mod dialect;
mod discount;
pub mod evaluate;
pub mod fairness;
mod measure;
pub mod ranked;
pub mod representation;
pub mod robustness;
pub mod significance;

pub use bitext::{Bitext, bitext};
pub use dialect::Dialect;
pub use evaluate::evaluate;
pub use measure::{Kind, Measure};
pub use ranked::{average_precision, mean_reciprocal_rank};
