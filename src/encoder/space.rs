//! The memory of forward passes, kept from one to the next.

use std::sync::{Mutex, PoisonError};

use ndarray::ArrayViewMut2;

use crate::kernel::product::{Columns, Form, Rows};

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
    /// Empty, its operands in this form.
    fn new(form: Form) -> Self {
        Self {
            states: Buffer::default(),
            projected: Buffer::default(),
            context: Buffer::default(),
            attended: Buffer::default(),
            wide: Buffer::default(),
            rows: Rows::new(form),
            head: HeadSpace::new(form),
        }
    }
}

impl HeadSpace {
    /// Empty, its operands in this form.
    pub(super) fn new(form: Form) -> Self {
        Self { scores: Buffer::default(), rows: Rows::new(form), columns: Columns::new(form) }
    }

    /// The form of its operands.
    pub(super) fn form(&self) -> Form {
        self.columns.form()
    }
}

impl Spaces {
    /// One that is free, or a new one in this form: always the same.
    pub(super) fn take(&self, form: Form) -> Space {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Space::new(form))
    }

    /// Keeps a space for the next pass.
    pub(super) fn give_back(&self, space: Space) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(space);
    }
}
