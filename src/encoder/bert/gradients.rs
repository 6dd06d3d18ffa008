//! Gradients at weights: sums over all tokens of a batch.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ndarray::{Array2, ArrayD, ArrayView2, IxDyn};

use super::{Bert, LayerNorm, Linear, Text};
use crate::kernel::product::{Columns, Epilogue, Rows, product_then};
use crate::kernel::team::Team;
use crate::kernel::{backward, rows};

/// The gradient of a scalar at every weight that it depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeightGradients {
    /// By the names that the tensors have in the checkpoint; all but the word embeddings.
    pub tensors: BTreeMap<String, ArrayD<f32>>,
    /// Rows of the word embeddings, by token id: those of the tokens that occur.
    pub words: BTreeMap<u32, Vec<f32>>,
}

/// Which gradients a way back is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Those at the weights of the layers from this one on.
    pub from: usize,
    /// Those at the embeddings and the weights of their norm.
    pub embeddings: bool,
    /// That at the word embedding of every token.
    pub words: bool,
}

impl Wanted {
    /// All there are.
    pub const ALL: Self = Self { from: 0, embeddings: true, words: true };

    /// That at the word embedding of every token, and nothing else.
    pub const WORDS: Self = Self { from: usize::MAX, embeddings: false, words: true };

    /// Whether a way back ends before this layer.
    pub(super) fn ends_before(self, layer: usize) -> bool {
        layer < self.from && !self.embeddings && !self.words
    }
}

impl WeightGradients {
    /// At W and b, from a linear layer's input `x` [T, k] and the gradient at its output [T, n]: gradientᵀ·x, an exact product over T whose operands are put `across`, and
    /// column sums.
    pub(super) fn linear(
        &mut self,
        linear: &Linear,
        x: ArrayView2<'_, f32>,
        gradient: ArrayView2<'_, f32>,
        (left, right): &mut (Rows, Columns),
        team: &Team<'_>,
    ) {
        let (rows, width) = linear.shape;
        let n = gradient.ncols();
        left.fill_with(team, gradient.t()).expect("put on its own rows' grids before");
        right.fill_with(team, x.t()).expect("put on its own rows' grids on the way there");
        let mut out = Array2::zeros((n, width));
        product_then(team, left, right, &Epilogue::default(), out.view_mut());
        let mut bias = vec![0.0; n];
        backward::column_sums(gradient.as_slice().expect("contiguous"), &mut bias);
        let mut weights = out.into_raw_vec_and_offset().0;
        for (i, (name, bias)) in linear.names.iter().zip(bias.chunks_exact(rows)).enumerate().rev() {
            let weight = if i == 0 { std::mem::take(&mut weights) } else { weights.split_off(i * rows * width) };
            self.put(format!("{name}.weight"), &[rows, width], weight);
            self.put(format!("{name}.bias"), &[rows], bias.to_vec());
        }
    }

    /// At a norm's weight and bias, from its input and the gradient at its output.
    pub(super) fn norm(&mut self, norm: &LayerNorm, x: &[f32], gradient: &[f32], team: &Team<'_>) {
        let width = norm.weight.len();
        let mut normal = vec![0.0; x.len()];
        team.rows(&mut normal, width, |first, rows| {
            rows.copy_from_slice(&x[first * width..][..rows.len()]);
            backward::normalized(rows, width, norm.epsilon);
            rows.iter_mut().zip(&gradient[first * width..]).for_each(|(x, g)| *x *= g);
        });
        for (name, values) in norm.names.iter().zip([&normal[..], gradient]) {
            let mut sums = vec![0.0; width];
            backward::column_sums(values, &mut sums);
            self.put(name.clone(), &[width], sums);
        }
    }

    /// At the three embeddings, from the gradient at their sum [T, H]: rows are added in the order of the tokens.
    pub(super) fn embeddings(&mut self, bert: &Bert, texts: &[Text<'_>], gradient: &[f32]) {
        let config = &bert.config;
        let h = config.hidden;
        let mut positions = vec![0.0; config.positions * h];
        let mut types = vec![0.0; config.types * h];
        backward::column_sums(gradient, &mut types[..h]);
        let mut left = gradient.chunks_exact(h);
        for text in texts {
            for ((position, id), row) in text.ids.iter().enumerate().zip(left.by_ref()) {
                rows::add(&mut positions[(config.first_position + position) * h..][..h], row);
                rows::add(self.words.entry(*id).or_insert_with(|| vec![0.0; h]), row);
            }
        }
        self.put(bert.beside_words("position_embeddings"), &[config.positions, h], positions);
        self.put(bert.beside_words("token_type_embeddings"), &[config.types, h], types);
    }

    /// Adds those of another scalar.
    pub(crate) fn add(&mut self, other: Self) {
        for (name, values) in other.tensors {
            match self.tensors.entry(name) {
                Entry::Vacant(free) => drop(free.insert(values)),
                Entry::Occupied(mut there) => *there.get_mut() += &values,
            }
        }
        for (id, row) in other.words {
            match self.words.entry(id) {
                Entry::Vacant(free) => drop(free.insert(row)),
                Entry::Occupied(mut there) => rows::add(there.get_mut(), &row),
            }
        }
    }

    fn put(&mut self, name: String, shape: &[usize], values: Vec<f32>) {
        let tensor = ArrayD::from_shape_vec(IxDyn(shape), values).expect("as many values as the shape has");
        self.tensors.insert(name, tensor);
    }
}
