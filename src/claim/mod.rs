//! Claims: published cells, how to compute them, and whether they hold.

pub mod catalogue;
mod check;
mod comparison;
mod decimal;
mod file;
pub mod invariance;
mod outcome;
mod property;
mod recipe;
mod verdict;

pub use check::{Checker, Progress};
pub use comparison::{Comparison, Pair, Runs};
pub use file::{ClaimFile, Content, Kind, Numbers, Printed, Published, Source, Tolerance, Written};
pub use outcome::{Cell, ClaimOutcome, Outcome, Verdict};
pub use property::{Part, Property};
pub use recipe::{Recipe, Task};
pub use verdict::judge;
