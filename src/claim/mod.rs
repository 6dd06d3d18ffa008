//! Claims: published cells, how to compute them, and whether they hold.

pub mod catalogue;
mod decimal;
mod file;
mod outcome;
mod recipe;
mod verdict;

pub use file::{ClaimFile, Kind, Published, Source, Tolerance};
pub use outcome::{Cell, ClaimOutcome, Outcome, Verdict};
pub use recipe::{Convention, Direction, Pooling, Recipe, Task};
pub use verdict::judge;
