//! From texts to rankings: encoder and retrieval together, the corpus part by part.

use ndarray::Array2;

use crate::Result;
use crate::encoder::{Batching, Cache, How, LateHead, Model, Recipe, Side, TokenEmbeddings};
use crate::retrieval::late::Ragged;
use crate::retrieval::{Hit, dense, late};

/// Documents whose embeddings are in memory together; each part is in the cache for itself.
const DOCUMENTS: usize = 4096;

/// Documents whose token embeddings are in memory together.
const PASSAGES: usize = 512;

/// Searches with an encoder.
pub struct Searcher<'a> {
    /// The encoder.
    pub model: &'a Model,
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
        let embed = |recipe, first, texts: &[T]| -> Result<Array2<f32>> {
            self.cache.embed(self.model, &self.how(recipe, first), texts)
        };
        let mut search = dense::Search::on(self.model.devices(), embed(self.queries, 0, queries)?.view(), self.depth)?;
        for (part, first) in corpus.chunks(DOCUMENTS).zip((0..).step_by(DOCUMENTS)) {
            search.add(embed(self.documents, first, part)?.view())?;
        }
        Ok(search.finish())
    }

    /// Rankings by late interaction.
    ///
    /// # Errors
    /// As [`LateHead::embed`].
    pub fn late<T: AsRef<str> + Sync>(&self, head: &LateHead, queries: &[T], corpus: &[T]) -> Result<Vec<Vec<Hit>>> {
        let embed = |side, recipe, first, texts: &[T]| -> Result<TokenEmbeddings> {
            head.embed(self.model, side, texts, &self.how(recipe, first))
        };
        let asked = embed(Side::Query, self.queries, 0, queries)?;
        let mut search =
            late::Search::on(self.model.devices(), Ragged::of(asked.tokens.view(), &asked.offsets)?, self.depth)?;
        for (part, first) in corpus.chunks(PASSAGES).zip((0..).step_by(PASSAGES)) {
            let part = embed(Side::Document, self.documents, first, part)?;
            search.add(Ragged::of(part.tokens.view(), &part.offsets)?)?;
        }
        Ok(search.finish())
    }

    fn how<'a>(&'a self, recipe: &'a Recipe, first: usize) -> How<'a> {
        How { recipe, batching: self.batching, first, done: self.done }
    }
}
