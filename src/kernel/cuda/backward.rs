//! Derivatives of row operations: [`crate::kernel::backward`] on the device. Gradients are changed in place.

use super::call::Call;
use super::product::number;
use super::rows::{Pool, rows_of};
use super::texts::Texts;
use super::{Buffer, Error};
use crate::kernel::product::Activation;

/// Columns of a block of `column_sums`, and its threads: 32 lanes of each.
const COLUMNS: usize = 16;
const LANES: u32 = 32 * COLUMNS as u32;
/// Threads of a block that has a column each.
const THREADS: usize = 128;

/// [`crate::kernel::reference::backward::layer_norm`] of rows as long as `weight`: `x` is what the norm was given.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn layer_norm(
    x: &Buffer<f32>,
    gradient: &mut Buffer<f32>,
    weight: &Buffer<f32>,
    epsilon: f32,
) -> Result<(), Error> {
    let rows = rows_of(x, weight.len());
    assert_eq!(x.len(), gradient.len(), "shape of a gradient");
    let call = Call::new(x.device(), "backward_layer_norm").buffer(x).buffer(gradient).long(rows).int(weight.len());
    // SAFETY: shapes were compared.
    unsafe { call.buffer(weight).float(epsilon).launch_warps(rows) }
}

/// [`crate::kernel::reference::backward::softmax`] of rows of `width` probabilities `p`.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn softmax(p: &Buffer<f32>, gradient: &mut Buffer<f32>, width: usize, divisor: f32) -> Result<(), Error> {
    let rows = rows_of(p, width);
    assert_eq!(p.len(), gradient.len(), "shape of a gradient");
    let call = Call::new(p.device(), "backward_softmax").buffer(p).buffer(gradient).long(rows).int(width);
    // SAFETY: shapes were compared.
    unsafe { call.float(divisor).launch_warps(rows) }
}

/// [`crate::kernel::backward::activation`], whose inputs were `x`.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn activation(kind: Activation, x: &Buffer<f32>, gradient: &mut Buffer<f32>) -> Result<(), Error> {
    assert_eq!(x.len(), gradient.len(), "shape of a gradient");
    let call = Call::new(x.device(), "backward_activation").int(number(Some(kind))).buffer(x).buffer(gradient);
    // SAFETY: lengths were compared.
    unsafe { call.long(x.len()).launch_threads(x.len()) }
}

/// [`crate::kernel::reference::backward::normalize`] of rows of `width` numbers `x`.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn normalize(x: &Buffer<f32>, gradient: &mut Buffer<f32>, width: usize) -> Result<(), Error> {
    let rows = rows_of(x, width);
    assert_eq!(x.len(), gradient.len(), "shape of a gradient");
    let call = Call::new(x.device(), "backward_normalize").buffer(x).buffer(gradient).long(rows).int(width);
    // SAFETY: shapes were compared.
    unsafe { call.launch_warps(rows) }
}

/// [`crate::kernel::reference::backward::column_sums`] of `matrix`, as many columns as `out` has numbers.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn column_sums(matrix: &Buffer<f32>, out: &mut Buffer<f32>) -> Result<(), Error> {
    let (width, rows) = (out.len(), rows_of(matrix, out.len()));
    let call = Call::new(matrix.device(), "column_sums").buffer(matrix).long(rows).int(width).buffer(out);
    // SAFETY: the matrix has whole rows.
    unsafe { call.launch([width.div_ceil(COLUMNS), 1, 1], LANES, 0) }
}

/// Through [`super::rows::pool`]: from the gradient at what was pooled [texts, width] to that at the `states` [tokens, width], all of `out`.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit; a text without tokens.
#[allow(unsafe_code)]
pub fn pool(
    kind: Pool,
    states: &Buffer<f32>,
    texts: &Texts,
    gradient: &Buffer<f32>,
    out: &mut Buffer<f32>,
) -> Result<(), Error> {
    if texts.count == 0 {
        return Ok(());
    }
    let width = rows_of(gradient, texts.count);
    assert!(texts.each_has_one, "every text has a token");
    assert_eq!((states.len(), out.len()), (texts.tokens * width, states.len()), "shapes of pooling");
    let call = Call::new(states.device(), "backward_pool").int(kind as usize).buffer(states).buffer(&texts.starts);
    let call = call.int(width).buffer(gradient).buffer(out);
    // SAFETY: shapes were compared, and a text's rows are within the states.
    unsafe { call.launch([width.div_ceil(THREADS), texts.count, 1], THREADS as u32, 0) }
}
