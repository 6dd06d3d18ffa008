//! Claims: published cells, how to compute them, and whether they hold.

mod outcome;

pub use outcome::{Cell, ClaimOutcome, Outcome, Verdict};
