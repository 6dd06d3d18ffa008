//! The GPU's kernels on the emulator: every one of them has the bits of the reference, on awkward shapes, for both architectures that are
//! shipped and in three orders of blocks, warps and lanes. Needs a C++ compiler on Linux; elsewhere it says that it is skipped.
//!
//! `SNELLEN_TEST_CARD=0 cargo test --test cuda` does the same on the card of that number.
#![cfg(feature = "cuda")]

mod attention;
mod backward;
#[cfg(all(feature = "cli", target_arch = "x86_64"))]
mod command;
mod devices;
mod driver;
mod encoder;
mod faults;
mod numbers;
mod products;
mod retrieval;
mod rows;
mod selection;
