//! Gradients of scalars of a model's output: at the word embeddings of every token, and at every weight.

use ndarray::{Array2, ArrayView2};

use super::bert::Text;
use super::{Batching, How, Model, Tokens, Wanted, WeightGradients};
use crate::Result;

/// What a way back gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients<T> {
    /// What the slope of each text gave besides, in the order of the texts.
    pub given: Vec<T>,
    /// The gradient at the word embedding of every token, [total tokens, hidden].
    pub words: Array2<f32>,
}

impl Model {
    /// Gradients of one scalar a text. `slope` gets a text's number and its states (tokens × hidden) and writes the scalar's gradient at these states, which
    /// is 0 when it comes. To the word embeddings `shift` is added, [total tokens, hidden]. A text's gradient depends on no other text, nor on batches.
    ///
    /// # Errors
    /// As [`Model::embed`]; a gradient that is not finite.
    ///
    /// # Panics
    /// A shift of another shape.
    pub fn gradients<T: Send>(
        &self,
        tokens: &Tokens,
        how: &How<'_>,
        shift: Option<ArrayView2<'_, f32>>,
        slope: impl Fn(usize, &[f32], &mut [f32]) -> T + Sync,
    ) -> Result<Gradients<T>> {
        let width = self.config().hidden;
        self.check_shift(tokens, shift);
        self.ready(how.recipe.layer)?.prepare_backward(Wanted::WORDS);
        let batches = self.each_batch(tokens, how, |bert, texts, given, team| {
            let shift = shift.map(|shift| rows_of(shift, tokens, texts));
            let slopes =
                |states: &[f32], gradient: &mut [f32]| each_slope(texts, given, width, states, gradient, &slope);
            let layer = how.recipe.layer;
            let (given, words, _) = bert.gradient(given, shift.as_deref(), layer, team, Wanted::WORDS, slopes)?;
            Ok((texts.to_vec(), given, words))
        })?;
        let mut words = Array2::zeros((tokens.ids.len(), width));
        let mut given: Vec<Option<T>> = (0..tokens.texts()).map(|_| None).collect();
        for (texts, batch, gradient) in batches {
            let mut rows = gradient.chunks_exact(width);
            for (text, value) in texts.into_iter().zip(batch) {
                given[text] = Some(value);
                for token in tokens.offsets[text]..tokens.offsets[text + 1] {
                    let row = rows.next().expect("a row a token");
                    words.row_mut(token).as_slice_mut().expect("contiguous").copy_from_slice(row);
                }
            }
        }
        Ok(Gradients { given: given.into_iter().flatten().collect(), words })
    }

    /// Gradients of one scalar a text that is a function of its embedding: `slope` gets a text's number and embedding and writes the scalar's gradient at it.
    ///
    /// # Errors
    /// As [`Self::gradients`]; pooling `none`.
    ///
    /// # Panics
    /// As [`Self::gradients`].
    pub fn embedding_gradients<T: Send>(
        &self,
        tokens: &Tokens,
        how: &How<'_>,
        shift: Option<ArrayView2<'_, f32>>,
        slope: impl Fn(usize, &[f32], &mut [f32]) -> T + Sync,
    ) -> Result<Gradients<T>> {
        self.check_pooling(how.recipe)?;
        let width = self.config().hidden;
        self.gradients(tokens, how, shift, |text, states, out| {
            let mut gradient = vec![0.0; width];
            let given = slope(text, &how.recipe.embedding(states, width), &mut gradient);
            how.recipe.back(states, gradient, out);
            given
        })
    }

    /// As [`Self::gradients`], of what is `wanted`: `words` is empty unless that is, and at weights the gradient of the texts' sum, which sums over all tokens
    /// of all texts in the order given. Those are computed together, whatever `how` says of batches.
    ///
    /// # Errors
    /// As [`Self::gradients`].
    ///
    /// # Panics
    /// As [`Self::gradients`].
    pub fn weight_gradients<T: Send>(
        &self,
        tokens: &Tokens,
        how: &How<'_>,
        shift: Option<ArrayView2<'_, f32>>,
        wanted: Wanted,
        slope: impl Fn(usize, &[f32], &mut [f32]) -> T + Sync,
    ) -> Result<(Gradients<T>, WeightGradients)> {
        let width = self.config().hidden;
        self.check_shift(tokens, shift);
        self.ready(how.recipe.layer)?.prepare_backward(wanted);
        let together = How { batching: Batching { tokens: usize::MAX, ..Batching::default() }, ..*how };
        let all = shift.map(|shift| shift.iter().copied().collect::<Vec<f32>>());
        let batches = self.each_batch(tokens, &together, |bert, texts, given, team| {
            let slopes =
                |states: &[f32], gradient: &mut [f32]| each_slope(texts, given, width, states, gradient, &slope);
            bert.gradient(given, all.as_deref(), how.recipe.layer, team, wanted, slopes)
        })?;
        let none = || (Vec::new(), Vec::new(), WeightGradients::default());
        let (given, words, weights) = batches.into_iter().next().unwrap_or_else(none);
        let words = Array2::from_shape_vec((words.len() / width, width), words).expect("a row a token");
        Ok((Gradients { given, words }, weights))
    }

    fn check_shift(&self, tokens: &Tokens, shift: Option<ArrayView2<'_, f32>>) {
        let shape = (tokens.ids.len(), self.config().hidden);
        assert!(shift.is_none_or(|shift| shift.dim() == shape), "a row of the shift a token");
    }
}

/// The rows of a matrix that belong to some texts, one after the other.
fn rows_of(matrix: ArrayView2<'_, f32>, tokens: &Tokens, texts: &[usize]) -> Vec<f32> {
    let of_text = |text: &usize| tokens.offsets[*text]..tokens.offsets[*text + 1];
    texts.iter().flat_map(of_text).flat_map(|token| matrix.row(token).to_vec()).collect()
}

/// Gives each text of a batch to `slope`.
fn each_slope<T>(
    texts: &[usize],
    given: &[Text<'_>],
    width: usize,
    mut states: &[f32],
    mut gradient: &mut [f32],
    slope: impl Fn(usize, &[f32], &mut [f32]) -> T,
) -> Vec<T> {
    let each = texts.iter().zip(given).map(|(text, given)| {
        let (of_text, after) = states.split_at(given.ids.len() * width);
        let (slopes, rest) = std::mem::take(&mut gradient).split_at_mut(of_text.len());
        (states, gradient) = (after, rest);
        slope(*text, of_text, slopes)
    });
    each.collect()
}
