//! (floor)
pub mod math;
