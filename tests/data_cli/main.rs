//! `snellen data`, driven as a user drives it.
// Tests say what they skip.
#![allow(clippy::print_stderr)]

mod mirror;
mod real;
mod sources;
mod world;
