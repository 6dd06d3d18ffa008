//! `src/kernel` as a crate of its own.
#![allow(dead_code)]

#[path = "../../src/kernel/mod.rs"]
pub mod kernel;
