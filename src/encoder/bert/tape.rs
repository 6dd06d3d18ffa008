//! What a forward pass keeps for its way back.

use crate::encoder::space::Buffer;

/// The inputs of everything that is not linear, and of the linear layers, of one batch.
#[derive(Default)]
pub(in crate::encoder) struct Tape {
    /// The sum of embeddings, before its norm: [T, H].
    pub(super) embedded: Buffer,
    layers: Vec<LayerTape>,
    /// How many layers of this batch are kept.
    used: usize,
}

/// Of one layer. The pass computes in these buffers, or leaves its own and takes the old one: nothing is copied.
#[derive(Default)]
pub(super) struct LayerTape {
    /// [T, H].
    pub(super) input: Buffer,
    /// Query, key and value: [T, 3H].
    pub(super) projected: Buffer,
    /// What attention gathered: [T, H].
    pub(super) context: Buffer,
    /// The output of the attention half before its norm, and after it: [T, H] both.
    pub(super) attended: Buffer,
    pub(super) normal: Buffer,
    /// The inner values before their activation, and after it.
    pub(super) inner: Buffer,
    pub(super) active: Buffer,
    /// The layer's output before its norm: [T, H].
    pub(super) output: Buffer,
}

impl Tape {
    /// Begins a new batch.
    pub(super) fn rewind(&mut self) {
        self.used = 0;
    }

    /// Where the next layer is to be kept.
    pub(super) fn layer(&mut self) -> &mut LayerTape {
        if self.used == self.layers.len() {
            self.layers.push(LayerTape::default());
        }
        self.used += 1;
        &mut self.layers[self.used - 1]
    }

    /// The layers of this batch, in the order of the forward pass.
    pub(super) fn layers(&self) -> &[LayerTape] {
        &self.layers[..self.used]
    }
}
