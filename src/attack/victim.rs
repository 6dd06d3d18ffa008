//! Who is attacked: an encoder that looks for the documents of queries.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::fault::AttackFault;
use crate::Result;
use crate::encoder::{Batching, Gradients, How, Model, Recipe, Tokens};
use crate::kernel::product::{Columns, Form, Rows, product};

/// Texts that are scored together: their scores stay in the cache.
const TEXTS: usize = 32;

/// A query, and the rows of the documents that answer it, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// The documents.
    pub relevant: Vec<usize>,
}

/// An encoder and a corpus. Scores are inner products of embeddings.
pub struct Victim<'a> {
    model: &'a Model,
    /// How queries become embeddings.
    recipe: &'a Recipe,
    batching: Batching,
    documents: Array2<f32>,
    packed: Columns,
}

/// How a query does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The score of its best relevant document minus that of its best other one: what an attack makes small.
    pub margin: f32,
    /// Where its best relevant document ranks, from 1; of equal scores the document of the lower row comes first.
    pub rank: usize,
    /// The best relevant document.
    pub relevant: usize,
    /// The best other document.
    pub wrong: usize,
}

impl Query {
    /// Whether it can be attacked among so many documents: it has a relevant one and one that is not.
    #[must_use]
    pub fn suits(&self, documents: usize) -> bool {
        !self.relevant.is_empty() && self.relevant.len() < documents
    }
}

impl<'a> Victim<'a> {
    /// Queries encoded by `model` after `recipe`, `documents` [N, hidden] encoded in whatever way.
    ///
    /// # Errors
    /// A document that is not finite.
    pub fn new(model: &'a Model, recipe: &'a Recipe, batching: Batching, documents: Array2<f32>) -> Result<Self> {
        let packed = Columns::of(documents.view(), Form::active()).map_err(|e| AttackFault::Document(e.row))?;
        Ok(Self { model, recipe, batching, documents, packed })
    }

    /// The encoder.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.model
    }

    /// How queries become embeddings.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        self.recipe
    }

    /// How many documents there are.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.documents.nrows()
    }

    /// How texts do, each with the relevant documents of its query.
    ///
    /// # Errors
    /// As [`Model::embed`].
    pub fn look<T: AsRef<str> + Sync>(&self, texts: &[T], relevant: &[&[usize]]) -> Result<Vec<Standing>> {
        let tokens = self.model.tokenize(&self.recipe.prefix, texts)?;
        let embeddings = self.model.embed(&tokens, &self.how())?;
        self.standings(embeddings.view(), relevant)
    }

    /// How embeddings [n, hidden] do.
    pub(super) fn standings(&self, embeddings: ArrayView2<'_, f32>, relevant: &[&[usize]]) -> Result<Vec<Standing>> {
        let chunks: Vec<_> = embeddings.axis_chunks_iter(ndarray::Axis(0), TEXTS).collect();
        let score = |(chunk, relevant): (ArrayView2<'_, f32>, &[&[usize]])| {
            let rows = Rows::of(chunk, self.packed.form()).map_err(|_| AttackFault::Embedding)?;
            let mut scores = Array2::zeros((chunk.nrows(), self.documents()));
            product(&rows, &self.packed, scores.view_mut());
            let each = scores.rows().into_iter().zip(relevant);
            Ok(each.map(|(scores, relevant)| standing(scores.as_slice().expect("contiguous"), relevant)).collect())
        };
        let scored: Vec<Result<Vec<Standing>>> =
            chunks.into_par_iter().zip(relevant.par_chunks(TEXTS)).map(score).collect();
        Ok(scored.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    /// The gradient, at every token's word embedding, of what a query loses: the score of the best other document minus that of the best relevant one, as
    /// they stand; and each query's embedding. To word embeddings `shift` is added.
    ///
    /// # Errors
    /// As [`Model::gradients`].
    pub(super) fn slopes(
        &self,
        tokens: &Tokens,
        standings: &[Standing],
        shift: Option<ArrayView2<'_, f32>>,
    ) -> Result<Gradients<Vec<f32>>> {
        self.model.embedding_gradients(tokens, &self.how(), shift, |text, embedding, out| {
            let [wrong, right] = [standings[text].wrong, standings[text].relevant].map(|row| self.documents.row(row));
            out.iter_mut().zip(wrong.iter().zip(right)).for_each(|(out, (wrong, right))| *out = wrong - right);
            embedding.to_vec()
        })
    }

    fn how(&self) -> How<'_> {
        How { recipe: self.recipe, batching: self.batching, first: 0, done: &|_| () }
    }
}

/// How a query with these scores does.
fn standing(scores: &[f32], relevant: &[usize]) -> Standing {
    // Ascending rows: of equal scores the first stays.
    let better = |best: Option<usize>, row: usize| match best {
        Some(best) if scores[row] <= scores[best] => Some(best),
        _ => Some(row),
    };
    let right = relevant.iter().copied().fold(None, better).expect("a query has a relevant document");
    let mut others = relevant.iter().copied().peekable();
    let (mut wrong, mut rank) = (None, 1);
    for row in 0..scores.len() {
        if others.next_if_eq(&row).is_some() {
            continue;
        }
        wrong = better(wrong, row);
        rank += usize::from(scores[row] > scores[right] || scores[row] == scores[right] && row < right);
    }
    let wrong = wrong.expect("a query has a document that is not relevant");
    Standing { margin: scores[right] - scores[wrong], rank, relevant: right, wrong }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_is_that_of_the_best_relevant_document() {
        let found = standing(&[0.5, 0.75, 0.25, 0.75, 0.0], &[2, 3]);
        assert_eq!(found, Standing { margin: 0.0, rank: 2, relevant: 3, wrong: 1 });
        let found = standing(&[0.5, 0.25, 0.125], &[0, 2]);
        assert_eq!(found, Standing { margin: 0.25, rank: 1, relevant: 0, wrong: 1 });
    }
}
