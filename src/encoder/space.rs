//! The memory of forward passes, kept from one to the next.

use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayView2, ArrayViewMut2};

use super::bert::Tape;
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
    /// On the way back, the gradient at the output and the input of a layer: [T, H]. The others hold gradients then, too.
    pub(super) gradient: Buffer,
    /// The left operand of the product at hand.
    pub(super) rows: Rows,
    /// On the way back, both operands of the product that gives a weight's gradient.
    pub(super) across: (Rows, Columns),
}

/// What one attention head writes to.
pub(super) struct HeadSpace {
    /// [L, L].
    pub(super) scores: Buffer,
    /// On the way back, their gradient: [L, L].
    pub(super) slopes: Buffer,
    pub(super) rows: Rows,
    pub(super) columns: Columns,
}

/// Spaces that nobody is using.
pub(super) struct Spaces {
    /// In which form their operands are.
    form: Form,
    passes: Mutex<Vec<Space>>,
    heads: Mutex<Vec<HeadSpace>>,
    tapes: Mutex<Vec<Tape>>,
}

impl Buffer {
    /// A matrix of this shape, of which every number is still to be written.
    pub(super) fn sized(&mut self, rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
        let size = rows * columns;
        if self.0.len() < size {
            self.0.resize(size, 0.0);
        }
        ArrayViewMut2::from_shape((rows, columns), &mut self.0[..size]).expect("as many numbers as the shape has")
    }

    /// The matrix of this shape that was written last.
    pub(super) fn held(&self, rows: usize, columns: usize) -> ArrayView2<'_, f32> {
        ArrayView2::from_shape((rows, columns), &self.0[..rows * columns]).expect("as many numbers as the shape has")
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
            gradient: Buffer::default(),
            rows: Rows::new(form),
            across: (Rows::new(form), Columns::new(form)),
        }
    }
}

impl HeadSpace {
    /// Empty, its operands in this form.
    fn new(form: Form) -> Self {
        let (scores, slopes) = (Buffer::default(), Buffer::default());
        Self { scores, slopes, rows: Rows::new(form), columns: Columns::new(form) }
    }
}

impl Spaces {
    /// None yet, to be in this form.
    pub(super) fn new(form: Form) -> Self {
        Self { form, passes: Mutex::default(), heads: Mutex::default(), tapes: Mutex::default() }
    }

    /// Lends a space to a forward pass.
    pub(super) fn pass<T>(&self, work: impl FnOnce(&mut Space) -> T) -> T {
        lend(&self.passes, || Space::new(self.form), work)
    }

    /// Lends a space to attention heads.
    pub(super) fn heads<T>(&self, work: impl FnOnce(&mut HeadSpace) -> T) -> T {
        lend(&self.heads, || HeadSpace::new(self.form), work)
    }

    /// Lends a tape to a pass that goes back.
    pub(super) fn tape<T>(&self, work: impl FnOnce(&mut Tape) -> T) -> T {
        lend(&self.tapes, Tape::default, work)
    }
}

fn lend<S, T>(free: &Mutex<Vec<S>>, new: impl FnOnce() -> S, work: impl FnOnce(&mut S) -> T) -> T {
    let found = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut space = found.unwrap_or_else(new);
    let done = work(&mut space);
    free.lock().unwrap_or_else(PoisonError::into_inner).push(space);
    done
}
