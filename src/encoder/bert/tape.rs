//! What a forward pass keeps for its way back.

/// The inputs of everything that is not linear, and of the linear layers, of one batch.
#[derive(Default)]
pub(in crate::encoder) struct Tape {
    /// The sum of embeddings, before its norm: [T, H].
    pub(super) embedded: Kept,
    layers: Vec<LayerTape>,
    /// How many layers of this batch are kept.
    used: usize,
}

/// Of one layer.
#[derive(Default)]
pub(super) struct LayerTape {
    /// [T, H].
    pub(super) input: Kept,
    /// Query, key and value: [T, 3H].
    pub(super) projected: Kept,
    /// What attention gathered: [T, H].
    pub(super) context: Kept,
    /// The output of the attention half before its norm: [T, H].
    pub(super) attended: Kept,
    /// The inner values before their activation.
    pub(super) inner: Kept,
    /// The layer's output before its norm: [T, H].
    pub(super) output: Kept,
}

/// A copy of a matrix, row by row.
#[derive(Default)]
pub(super) struct Kept(Vec<f32>);

impl Kept {
    pub(super) fn keep(&mut self, values: &[f32]) {
        self.0.clear();
        self.0.extend_from_slice(values);
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.0
    }
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
