//! Attacks: what is done to inputs to see how much of a result survives it.

mod fault;
pub mod text;
