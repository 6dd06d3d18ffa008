//! Row operations: [`crate::kernel::rows`] on the device.

use super::call::Call;
use super::product::number;
use super::texts::Texts;
use super::{Buffer, Error};
use crate::kernel::math;
use crate::kernel::product::Activation;

/// Threads of a block that has a column each.
const THREADS: usize = 128;

/// How many rows of `width` numbers there are.
pub(super) fn rows_of(x: &Buffer<f32>, width: usize) -> usize {
    assert!(width > 0 && x.len().is_multiple_of(width), "whole rows");
    x.len() / width
}

/// [`crate::kernel::reference::layer_norm`] of each row of `x` into `out`, rows as long as `weight` and `bias`.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn layer_norm(
    x: &Buffer<f32>,
    weight: &Buffer<f32>,
    bias: &Buffer<f32>,
    epsilon: f32,
    out: &mut Buffer<f32>,
) -> Result<(), Error> {
    let rows = rows_of(x, weight.len());
    assert_eq!((bias.len(), out.len()), (weight.len(), x.len()), "shapes of a LayerNorm");
    let call = Call::new(x.device(), "layer_norm").buffer(x).long(rows).int(weight.len());
    // SAFETY: shapes were compared.
    unsafe { call.buffer(weight).buffer(bias).float(epsilon).buffer(out).launch_warps(rows) }
}

/// [`crate::kernel::rows::softmax`] of rows of `width` numbers, in place.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn softmax(x: &mut Buffer<f32>, width: usize, divisor: f32) -> Result<(), Error> {
    let rows = rows_of(x, width);
    let call = Call::new(x.device(), "softmax").buffer(x).long(rows).int(width).float(divisor);
    // SAFETY: the matrix has whole rows.
    unsafe { call.launch_warps(rows) }
}

/// An activation of every number, in place.
///
/// # Errors
/// As the device says.
#[allow(unsafe_code)]
pub fn activation(kind: Activation, x: &mut Buffer<f32>) -> Result<(), Error> {
    let call = Call::new(x.device(), "activation").int(number(Some(kind))).buffer(x).long(x.len());
    // SAFETY: as many numbers as there are.
    unsafe { call.launch_threads(x.len()) }
}

/// [`crate::kernel::reference::normalize`] of rows of `width` numbers, in place.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn normalize(x: &mut Buffer<f32>, width: usize) -> Result<(), Error> {
    let rows = rows_of(x, width);
    // SAFETY: the matrix has whole rows.
    unsafe { Call::new(x.device(), "normalize").buffer(x).long(rows).int(width).launch_warps(rows) }
}

/// A correctly rounded function: [`crate::kernel::math`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// [`crate::kernel::math::exp`].
    Exp,
    /// [`crate::kernel::math::tanh`].
    Tanh,
    /// [`crate::kernel::math::erf`].
    Erf,
    /// [`crate::kernel::math::log`].
    Log,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Exp, Self::Tanh, Self::Erf, Self::Log];

    /// The processor's.
    #[must_use]
    pub fn of(self, x: f32) -> f32 {
        match self {
            Self::Exp => math::exp(x),
            Self::Tanh => math::tanh(x),
            Self::Erf => math::erf(x),
            Self::Log => math::log(x),
        }
    }
}

/// A function of each number of `x` into `out`: to be held against the processor's.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Different lengths.
#[allow(unsafe_code)]
pub fn function(function: Function, x: &Buffer<f32>, out: &mut Buffer<f32>) -> Result<(), Error> {
    assert_eq!(x.len(), out.len(), "a result for each number");
    let call = Call::new(x.device(), "functions").int(function as usize).buffer(x).long(x.len()).buffer(out);
    // SAFETY: lengths were compared.
    unsafe { call.launch_threads(x.len()) }
}

/// How token states become a text's embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Their mean, added in ascending order and divided once.
    Mean,
    /// The first.
    First,
    /// The largest of each column.
    Largest,
}

/// Pools the `states` [tokens, width] of each text into `out` [texts, width]. Every text has a token.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit; a text without tokens.
#[allow(unsafe_code)]
pub fn pool(kind: Pool, states: &Buffer<f32>, texts: &Texts, width: usize, out: &mut Buffer<f32>) -> Result<(), Error> {
    assert!(texts.each_has_one, "every text has a token");
    assert_eq!((states.len(), out.len()), (texts.tokens * width, texts.count * width), "shapes of pooling");
    let call = Call::new(states.device(), "pool").int(kind as usize).buffer(states).buffer(&texts.starts);
    // SAFETY: shapes were compared, and a text's rows are within the states.
    unsafe { call.int(width).buffer(out).launch([width.div_ceil(THREADS), texts.count, 1], THREADS as u32, 0) }
}
