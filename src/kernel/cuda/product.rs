//! Exact products, and what follows them.

use super::call::Call;
use super::grids::Grids;
use super::{Buffer, Error};
use crate::kernel::product::Activation;

/// The outputs of a block of `product`, and its threads.
const TILE: (usize, usize) = (128, 64);
const THREADS: u32 = 256;
/// As many terms fit the int32 sums of digits; of longer rows sums are carried on in i64.
const BLOCK_TERMS: usize = 32_768;

/// With which instructions products are computed. The choice cannot change a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// int8 tensor cores: compute capability 8.0 and later.
    Tensor,
    /// Four products an instruction (dp4a): any.
    Dp4a,
}

/// What follows a product [m, n]: as [`crate::kernel::product::Epilogue`].
#[derive(Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Added to every row: n numbers.
    pub bias: Option<&'a Buffer<f32>>,
    /// Applied to every number.
    pub activation: Option<Activation>,
    /// Added: [m, n].
    pub residual: Option<&'a Buffer<f32>>,
}

impl Unit {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Tensor, Self::Dp4a];

    /// Whether a device of this compute capability (times ten) has it.
    #[must_use]
    pub fn present(self, capability: u32) -> bool {
        self == Self::Dp4a || capability >= 80
    }
}

/// The kernels' number of an activation.
pub(super) fn number(activation: Option<Activation>) -> usize {
    match activation {
        None => 0,
        Some(Activation::Gelu) => 1,
        Some(Activation::GeluNew) => 2,
        Some(Activation::Relu) => 3,
    }
}

/// [`crate::kernel::reference::product`] of rows `a` [m, k] and columns `b` [n, k], then the epilogue, into `out` [m, n].
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
pub fn product(a: &Grids, b: &Grids, epilogue: &Epilogue<'_>, out: &mut Buffer<f32>) -> Result<(), Error> {
    let tensor = Unit::Tensor.present(out.device().capability());
    product_by(if tensor { Unit::Tensor } else { Unit::Dp4a }, a, b, epilogue, out)
}

/// [`product`] with instructions of choice.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit; a unit that the device has not.
#[allow(unsafe_code)]
pub fn product_by(
    unit: Unit,
    a: &Grids,
    b: &Grids,
    epilogue: &Epilogue<'_>,
    out: &mut Buffer<f32>,
) -> Result<(), Error> {
    let (m, n) = (a.rows, b.rows);
    assert_eq!((a.k, out.len()), (b.k, m * n), "shapes of a product");
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == n), "a bias has a number for every column");
    assert!(epilogue.residual.is_none_or(|residual| residual.len() == m * n), "shape of a residual");
    let device = out.device().clone();
    assert!(unit.present(device.capability()), "a unit of the device");
    let carry = if a.stride > BLOCK_TERMS { Some(device.allocate::<i64>(m * n)?) } else { None };
    let kernel = match unit {
        Unit::Tensor => "product",
        Unit::Dp4a => "product_dp4a",
    };
    let call = Call::new(&device, kernel).buffer(&a.digits).buffer(&a.exponents).long(m);
    let call = call.buffer(&b.digits).buffer(&b.exponents).long(n).int(a.stride);
    let call = call.optional(epilogue.bias).int(number(epilogue.activation)).optional(epilogue.residual).long(n);
    let call = call.buffer(out).long(n).optional(carry.as_ref());
    // SAFETY: all shapes were compared above; digits and exponents have the sizes that their rows say.
    unsafe { call.launch([m.div_ceil(TILE.0) * n.div_ceil(TILE.1), 1, 1], THREADS, 0) }
}
