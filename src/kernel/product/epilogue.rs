//! What follows a product while its results are at hand, and where they go.

use std::marker::PhantomData;

use ndarray::{ArrayView2, ArrayViewMut2};
use serde::Deserialize;

use super::PANEL;
use crate::kernel::rows;

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Activation {
    /// GELU with erf: [`crate::kernel::reference::gelu`].
    #[serde(rename = "gelu")]
    Gelu,
    /// GELU with tanh: [`crate::kernel::reference::gelu_new`].
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh")]
    GeluNew,
    /// max(x, 0): [`crate::kernel::reference::relu`].
    #[serde(rename = "relu")]
    Relu,
}

/// What follows a product [m, n]: bias, activation, residual, each rounded separately and in this order.
#[derive(Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Added to every row: n numbers.
    pub bias: Option<&'a [f32]>,
    /// Applied to every number.
    pub activation: Option<Activation>,
    /// Added: [m, n], rows contiguous.
    pub residual: Option<ArrayView2<'a, f32>>,
}

/// The output of a product, whose columns several threads may write at once.
pub(super) struct Out<'a> {
    first: *mut f32,
    stride: usize,
    columns: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: threads write columns of their own, as `store` asks.
#[allow(unsafe_code)]
unsafe impl Sync for Out<'_> {}

impl Epilogue<'_> {
    /// Panics where a part does not fit an output [m, n].
    pub(super) fn check(&self, m: usize, n: usize) {
        assert!(self.bias.is_none_or(|bias| bias.len() == n), "a bias has a number for every column");
        let Some(residual) = &self.residual else { return };
        assert_eq!(residual.dim(), (m, n), "shape of a residual");
        assert!(m == 0 || n < 2 || residual.strides()[1] == 1, "rows of a residual lie contiguously");
        assert!(m < 2 || residual.strides()[0] >= 0, "rows of a residual ascend");
    }
}

impl<'a> Out<'a> {
    pub(super) fn new(mut out: ArrayViewMut2<'a, f32>) -> Self {
        let (rows, columns) = out.dim();
        assert!(rows == 0 || columns < 2 || out.strides()[1] == 1, "rows of a product's output lie contiguously");
        let stride = if rows < 2 { columns } else { usize::try_from(out.strides()[0]).expect("rows ascend") };
        Self { first: out.as_mut_ptr(), stride, columns, lifetime: PhantomData }
    }

    /// Applies the epilogue to a tile of products, whose first is at (`row`, `column`), and stores what lies within the output.
    ///
    /// # Safety
    /// The rows exist, `column` is below their length, and no other thread writes these columns of these rows.
    // Inlined so that it is compiled for the instruction set of its caller.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) unsafe fn store(&self, tile: &mut [[f32; PANEL]], row: usize, column: usize, epilogue: &Epilogue<'_>) {
        let width = PANEL.min(self.columns - column);
        if let Some(bias) = epilogue.bias {
            let mut padded = [0.0; PANEL];
            let bias = first_of(&bias[column..], &mut padded);
            for values in tile.iter_mut() {
                add(values, bias);
            }
        }
        if let Some(activation) = epilogue.activation {
            for values in tile.iter_mut() {
                activation.apply(values);
            }
        }
        for (i, values) in tile.iter_mut().enumerate() {
            if let Some(residual) = &epilogue.residual {
                // SAFETY: within the residual, whose shape is that of the output and whose rows are contiguous.
                let residual = unsafe {
                    let stride = residual.strides()[0] as usize;
                    std::slice::from_raw_parts(residual.as_ptr().add((row + i) * stride + column), width)
                };
                add(values, first_of(residual, &mut [0.0; PANEL]));
            }
            // SAFETY: within the output, and the caller's alone.
            let out =
                unsafe { std::slice::from_raw_parts_mut(self.first.add((row + i) * self.stride + column), width) };
            if let Some(out) = out.first_chunk_mut() {
                *out = *values;
            } else {
                out.copy_from_slice(&values[..width]);
            }
        }
    }
}

/// The first numbers of a row; where there are fewer than a panel has, padded with zeros.
#[inline(always)]
fn first_of<'a>(row: &'a [f32], padded: &'a mut [f32; PANEL]) -> &'a [f32; PANEL] {
    if let Some(whole) = row.first_chunk() {
        return whole;
    }
    padded[..row.len()].copy_from_slice(row);
    padded
}

/// Adds one row of a tile to another.
// Not inlined into a loop over rows, which the compiler would turn around and gather.
#[inline(always)]
fn add(values: &mut [f32; PANEL], other: &[f32; PANEL]) {
    let (mut sums, other) = (*values, *other);
    for (x, y) in sums.iter_mut().zip(other) {
        *x += y;
    }
    *values = sums;
}

impl Activation {
    /// Applies it to every number.
    pub fn apply_to(self, values: &mut [f32]) {
        match self {
            Self::Gelu => rows::gelu(values),
            Self::GeluNew => rows::gelu_new(values),
            Self::Relu => rows::relu(values),
        }
    }

    #[inline(always)]
    fn apply(self, values: &mut [f32; PANEL]) {
        match self {
            Self::Gelu => rows::gelu_block(values),
            Self::GeluNew => rows::gelu_new_block(values),
            Self::Relu => rows::relu_block(values),
        }
    }
}
