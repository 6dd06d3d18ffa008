//! The memory of forward passes, kept from one to the next.

use std::sync::{Mutex, PoisonError};

use ndarray::ArrayViewMut2;

use crate::kernel::product::{Columns, Rows};

/// A matrix whose memory grows with the largest that it held.
#[derive(Default)]
pub(super) struct Buffer(Vec<f32>);

/// What one forward pass writes to. Shapes are those of [`super::bert`].
pub(super) struct Space {
    /// The input and the output of a layer: [T, H].
    pub(super) states: Buffer,
    /// Query, key and value: [T, 3H].
    pub(super) projected: Buffer,
    /// What attention gathered: [T, H].
    pub(super) context: Buffer,
    /// The output of the attention half of a layer: [T, H].
    pub(super) attended: Buffer,
    /// The inner activations of the feed-forward half.
    pub(super) wide: Buffer,
    /// The left operand of the product at hand.
    pub(super) rows: Rows,
    pub(super) head: HeadSpace,
}

/// What one attention head writes to.
pub(super) struct HeadSpace {
    /// [L, L].
    pub(super) scores: Buffer,
    pub(super) rows: Rows,
    pub(super) columns: Columns,
}

/// Spaces that no pass is using.
#[derive(Default)]
pub(super) struct Spaces(Mutex<Vec<Space>>);

impl Buffer {
    /// A matrix of this shape, of which every number is still to be written.
    pub(super) fn sized(&mut self, rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
        let size = rows * columns;
        if self.0.len() < size {
            self.0.resize(size, 0.0);
        }
        ArrayViewMut2::from_shape((rows, columns), &mut self.0[..size]).expect("as many numbers as the shape has")
    }
}

impl Space {
    /// Empty, its operands in the form of `weight`.
    fn like(weight: &Columns) -> Self {
        Self {
            states: Buffer::default(),
            projected: Buffer::default(),
            context: Buffer::default(),
            attended: Buffer::default(),
            wide: Buffer::default(),
            rows: Rows::like(weight),
            head: HeadSpace::like(weight),
        }
    }
}

impl HeadSpace {
    /// Empty, its operands in the form of `columns`.
    pub(super) fn like(columns: &Columns) -> Self {
        Self { scores: Buffer::default(), rows: Rows::like(columns), columns: Columns::like(columns) }
    }
}

impl Spaces {
    /// One that is free, or a new one in the form of `weight`.
    pub(super) fn take(&self, weight: &Columns) -> Space {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Space::like(weight))
    }

    /// Keeps a space for the next pass.
    pub(super) fn give_back(&self, space: Space) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(space);
    }
}
