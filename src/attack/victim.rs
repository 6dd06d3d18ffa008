//! Who is attacked: an encoder that looks for the documents of queries.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::fault::AttackFault;
use crate::Result;
use crate::encoder::{Batching, Gradients, How, Located, Model, Recipe, Tokens};
use crate::kernel::product::{Columns, Form, Rows, product};
use crate::transport::cost::uniform;
use crate::transport::{Loss, Solver};

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
    objective: Objective<'a>,
}

/// Whose gradient proposes what is done to a query. What is done is judged by the margin in any case.
#[derive(Clone, Debug, Default)]
pub enum Objective<'a> {
    /// How far the best other document is ahead of the best relevant one.
    #[default]
    Margin,
    /// What it costs to bring the query's own tokens onto those of its best relevant document; the margin where that has no token.
    Transport {
        /// Makes the plans.
        solver: &'a Solver,
        /// The states of the documents' own tokens, by row.
        documents: BTreeMap<usize, Array2<f32>>,
    },
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

impl<'a> Objective<'a> {
    /// The OT loss against the rows `asked` of `documents`, which are encoded after `recipe`: their own tokens, not those of its prefix or of the tokeniser.
    ///
    /// # Errors
    /// As [`Model::locate`] and [`Model::embed_tokens`].
    pub fn transport(
        solver: &'a Solver,
        model: &Model,
        recipe: &Recipe,
        batching: Batching,
        documents: &[&str],
        asked: &BTreeSet<usize>,
    ) -> Result<Self> {
        let texts: Vec<&str> = asked.iter().map(|row| documents[*row]).collect();
        let located = model.locate(&recipe.prefix, &texts)?;
        let tokens = Tokens::from(&located[..]);
        let states = model.embed_tokens(&tokens, &How { recipe, batching, first: 0, done: &|_| () })?;
        let own = |(found, first): (&Located, &usize)| -> Array2<f32> {
            let rows: Vec<usize> = found.own().into_iter().map(|token| first + token).collect();
            states.select(Axis(0), &rows)
        };
        let documents = asked.iter().copied().zip(located.iter().zip(tokens.offsets()).map(own)).collect();
        Ok(Self::Transport { solver, documents })
    }

    /// Onto whose tokens a query's are to be brought, if they are.
    fn transported(&self, standing: &Standing) -> Option<(&Solver, &Array2<f32>)> {
        let Self::Transport { solver, documents } = self else { return None };
        let document = documents.get(&standing.relevant).expect("the states of every relevant document are there");
        (document.nrows() > 0).then_some((*solver, document))
    }
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
        Ok(Self { model, recipe, batching, documents, packed, objective: Objective::Margin })
    }

    /// With another objective.
    #[must_use]
    pub fn against(self, objective: Objective<'a>) -> Self {
        Self { objective, ..self }
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
        let chunks: Vec<_> = embeddings.axis_chunks_iter(Axis(0), TEXTS).collect();
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

    /// The gradient of the objective at every token's word embedding, with the documents that stand best; and each query's embedding. To word embeddings `shift`
    /// is added.
    ///
    /// # Errors
    /// As [`Model::gradients`] and [`Loss::of`].
    pub(super) fn slopes(
        &self,
        located: &[Located],
        tokens: &Tokens,
        standings: &[Standing],
        shift: Option<ArrayView2<'_, f32>>,
    ) -> Result<Gradients<Vec<f32>>> {
        let width = self.model.config().hidden;
        let found = self.model.gradients(tokens, &self.how(), shift, |text, states, out| {
            let embedding = self.recipe.embedding(states, width);
            if let Some((solver, document)) = self.objective.transported(&standings[text]) {
                return transported(states, &located[text], document, solver, out).map(|()| embedding);
            }
            let row = |row: usize| self.documents.row(row);
            let (wrong, right) = (row(standings[text].wrong), row(standings[text].relevant));
            self.recipe.back(states, (&wrong - &right).to_vec(), out);
            Ok(embedding)
        })?;
        Ok(Gradients { given: found.given.into_iter().collect::<Result<_>>()?, words: found.words })
    }

    /// Embeddings of texts to whose word embeddings `shift` is added.
    ///
    /// # Errors
    /// As [`Model::gradients`].
    pub(super) fn shifted(&self, tokens: &Tokens, shift: Option<ArrayView2<'_, f32>>) -> Result<Vec<Vec<f32>>> {
        let width = self.model.config().hidden;
        // Without slopes nothing goes back.
        let embedding = |_, states: &[f32], _: &mut [f32]| self.recipe.embedding(states, width);
        Ok(self.model.gradients(tokens, &self.how(), shift, embedding)?.given)
    }

    fn how(&self) -> How<'_> {
        How { recipe: self.recipe, batching: self.batching, first: 0, done: &|_| () }
    }
}

/// Rows of one width, under each other.
pub(super) fn rows(rows: Vec<Vec<f32>>, width: usize) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), width), rows.concat()).expect("rows of the width")
}

/// The gradient of the OT loss between a text's own tokens, among its `states`, and a document's.
fn transported(
    states: &[f32],
    located: &Located,
    document: &Array2<f32>,
    solver: &Solver,
    out: &mut [f32],
) -> Result<()> {
    let width = document.ncols();
    let states = ArrayView2::from_shape((located.ids.len(), width), states).expect("a row a token");
    let own = located.own();
    let masses = [uniform(own.len()), uniform(document.nrows())];
    let loss = Loss::of(states.select(Axis(0), &own).view(), document.view(), masses, solver)?;
    for (token, row) in own.into_iter().zip(loss.gradient.rows()) {
        out[token * width..][..width].copy_from_slice(row.as_slice().expect("contiguous"));
    }
    Ok(())
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
