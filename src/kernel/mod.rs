//! The arithmetic contract, version 1.
//!
//! [`mod@reference`] is the contract as plain loops that a reader checks by eye. Everything else computes the same bits faster:
//! [`product`] the exact matrix products, [`rows`] sums, LayerNorm, softmax and activations, [`backward`] their derivatives, [`select`] comparisons and maxima; [`real`] exp and logarithms in f64 for statistics,
//! [`double`] row operations in f64, [`matrix`] and [`svd`] products and singular values made of them.
//! [`isa`] chooses, at run time, for which instruction set their loops were compiled; the choice cannot change a result. [`peak`]
//! measures what the processor could do at most; `cuda` is the contract on a GPU, and [`devices`] says whether one is used; [`team`] keeps threads awake through short steps.

#[cfg(target_arch = "x86_64")]
mod amx;
pub mod backward;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod devices;
pub mod double;
pub mod isa;
pub mod math;
pub mod matrix;
pub(crate) mod pair;
pub mod peak;
pub mod product;
pub mod random;
pub mod real;
pub mod reference;
pub mod rows;
pub mod select;
pub mod self_test;
pub mod svd;
pub mod team;

/// The version of the contract. Changing any bit of any result bumps it.
pub const ARITH: u32 = 1;

/// A value that is not finite turned up where the contract has no meaning for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row} has a value that is not finite")]
pub struct NotFinite {
    /// The row, counted from 0.
    pub row: usize,
}
