//! (floor)

pub mod random;
