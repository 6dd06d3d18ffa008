//! Attacks: what is done to inputs to see how much of a result survives it.

pub mod ball;
mod fault;
mod flips;
pub mod search;
pub mod text;
pub mod victim;

pub use flips::Flips;
