//! From texts to rankings: encoder and retrieval together, the corpus part by part.

use ndarray::Array2;

use crate::Result;
use crate::encoder::{Batching, Cache, How, LateHead, Model, PART, Recipe, Side, TokenEmbeddings, Towers, Work};
use crate::retrieval::late::Ragged;
use crate::retrieval::{Hit, dense, late};

/// Documents whose token embeddings are in memory together.
const PASSAGES: usize = 512;

/// Searches with an encoder.
pub struct Searcher<'a> {
    /// The encoders.
    pub models: Towers<'a>,
    /// How queries are encoded.
    pub queries: &'a Recipe,
    /// How documents are.
    pub documents: &'a Recipe,
    /// Which texts are encoded together, which cannot change a bit.
    pub batching: Batching,
    /// Hears how many more texts are encoded, from any thread.
    pub done: &'a (dyn Fn(usize) + Sync),
    /// Embeddings that were computed before. Those of tokens are not kept: they are too many.
    pub cache: &'a Cache,
    /// How many documents are kept for each query.
    pub depth: usize,
}

impl Searcher<'_> {
    /// Rankings by the inner product of one embedding a text. Documents are known by their places in `corpus`, of equal scores the
    /// lower is the better.
    ///
    /// # Errors
    /// As [`Cache::embed`].
    pub fn dense<T: AsRef<str> + Sync>(&self, queries: &[T], corpus: &[T]) -> Result<Vec<Vec<Hit>>> {
        let embed = |model, recipe, first, texts: &[T]| -> Result<Array2<f32>> {
            self.cache.embed(model, &self.how(recipe, first), texts)
        };
        let asked = embed(self.models.queries(), self.queries, 0, queries)?;
        let mut search = dense::Search::on(self.models.devices(), asked.view(), self.depth)?;
        for (part, first) in corpus.chunks(PART).zip((0..).step_by(PART)) {
            search.add(embed(self.models.documents(), self.documents, first, part)?.view())?;
        }
        Ok(search.finish())
    }

    /// What is encoded for [`Self::dense`].
    #[must_use]
    pub fn work<'a>(&self, queries: Vec<&'a str>, corpus: Vec<&'a str>) -> [Work<'a>; 2]
    where
        Self: 'a,
    {
        [
            Work { model: self.models.queries(), recipe: self.queries.clone(), texts: queries },
            Work { model: self.models.documents(), recipe: self.documents.clone(), texts: corpus },
        ]
    }

    /// Rankings by late interaction.
    ///
    /// # Errors
    /// As [`LateHead::embed`].
    pub fn late<T: AsRef<str> + Sync>(&self, head: &LateHead, queries: &[T], corpus: &[T]) -> Result<Vec<Vec<Hit>>> {
        let embed = |side, first, texts: &[T]| -> Result<TokenEmbeddings> {
            let (model, recipe): (&Model, _) = match side {
                Side::Query => (self.models.queries(), self.queries),
                Side::Document => (self.models.documents(), self.documents),
            };
            head.embed(model, side, texts, &self.how(recipe, first))
        };
        let asked = embed(Side::Query, 0, queries)?;
        let mut search =
            late::Search::on(self.models.devices(), Ragged::of(asked.tokens.view(), &asked.offsets)?, self.depth)?;
        for (part, first) in corpus.chunks(PASSAGES).zip((0..).step_by(PASSAGES)) {
            let part = embed(Side::Document, first, part)?;
            search.add(Ragged::of(part.tokens.view(), &part.offsets)?)?;
        }
        Ok(search.finish())
    }

    fn how<'a>(&'a self, recipe: &'a Recipe, first: usize) -> How<'a> {
        How { recipe, batching: self.batching, first, done: self.done }
    }
}
