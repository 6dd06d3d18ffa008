//! Measures, in f64 and in a fixed order.

mod bitext;

pub use bitext::{Bitext, bitext};
