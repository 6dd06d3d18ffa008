//! Tokens of texts on their grids, and the largest products of query tokens with them.

use std::ops::Range;

use ndarray::ArrayViewMut2;

use super::Ragged;
use crate::kernel::product::{Columns, Form, Rows, product};
use crate::kernel::{rows, select};
use crate::retrieval::fault::RetrievalFault;

/// Passage tokens of a block of scores: whole tiles of every product kernel.
pub(super) const BLOCK: usize = 192;

/// Some queries' tokens, on their grids.
pub(super) struct Queries {
    tokens: Columns,
    /// The number of the first query.
    first: usize,
    /// Where each query's tokens are among the group's.
    ranges: Vec<Range<usize>>,
}

/// Room to work in, kept from block to block.
#[derive(Default)]
pub(super) struct Room {
    products: Vec<f32>,
    maxima: Vec<f32>,
    pub(super) scores: Vec<f32>,
}

/// Some passages' tokens, on their grids, in blocks of [`BLOCK`].
pub(super) struct Passages {
    blocks: Vec<Rows>,
    /// Where each passage's tokens are among these.
    ranges: Vec<Range<usize>>,
}

impl Passages {
    /// Puts some of `passages` on their grids; the first of all has row `seen` in the corpus.
    pub(super) fn of(
        passages: &Ragged<'_>,
        texts: Range<usize>,
        seen: usize,
        form: Form,
    ) -> Result<Self, RetrievalFault> {
        let all = passages.rows(texts.clone());
        let block = |start: usize| {
            Rows::of(passages.tokens(start..all.end.min(start + BLOCK)), form).map_err(|e| {
                let (text, token) = passages.place(start + e.row);
                RetrievalFault::Token { side: "passage", text: seen + text, token }
            })
        };
        let blocks = all.clone().step_by(BLOCK).map(block).collect::<Result<_, _>>()?;
        Ok(Self { blocks, ranges: ranges(passages, texts) })
    }
}

impl Queries {
    /// Puts some of `queries` on their grids.
    pub(super) fn of(queries: &Ragged<'_>, texts: Range<usize>, form: Form) -> Result<Self, RetrievalFault> {
        let rows = queries.rows(texts.clone());
        let tokens = Columns::of(queries.tokens(rows.clone()), form).map_err(|e| {
            let (text, token) = queries.place(rows.start + e.row);
            RetrievalFault::Token { side: "query", text, token }
        })?;
        Ok(Self { tokens, first: texts.start, ranges: ranges(queries, texts) })
    }

    /// Scores `passages`, the first of which has row `first` in the corpus, into `room.scores` [passages, queries].
    pub(super) fn score(&self, passages: &Passages, first: usize, room: &mut Room) -> Result<(), RetrievalFault> {
        self.maxima(passages, room);
        room.scores.clear();
        let width = self.tokens.count();
        for passage in 0..passages.ranges.len() {
            let maxima = &room.maxima[passage * width..][..width];
            for (query, tokens) in self.ranges.iter().enumerate() {
                let score = rows::sum(&maxima[tokens.clone()]);
                if score.is_nan() {
                    return Err(RetrievalFault::Score { passage: first + passage, query: self.first + query });
                }
                room.scores.push(score);
            }
        }
        Ok(())
    }

    /// The largest product of each query token with a token of each passage, into `room.maxima` [passages, query tokens].
    fn maxima(&self, passages: &Passages, room: &mut Room) {
        let width = self.tokens.count();
        room.maxima.clear();
        room.maxima.resize(passages.ranges.len() * width, f32::NEG_INFINITY);
        let mut passage = 0;
        for (i, block) in passages.blocks.iter().enumerate() {
            let (start, end) = (i * BLOCK, i * BLOCK + block.count());
            room.products.resize(block.count() * width, 0.0);
            let out = ArrayViewMut2::from_shape((block.count(), width), room.products.as_mut_slice());
            product(block, &self.tokens, out.expect("resized to this shape"));
            // The passages that begin before the block ends; one that goes on in the next block is met again there.
            while let Some(tokens) = passages.ranges.get(passage).filter(|tokens| tokens.start < end) {
                let here = tokens.start.max(start) - start..tokens.end.min(end) - start;
                let maxima = &mut room.maxima[passage * width..][..width];
                select::raise_maxima(&room.products[here.start * width..here.end * width], maxima);
                if tokens.end > end {
                    break;
                }
                passage += 1;
            }
        }
    }
}

/// Where each text's tokens are among those of `texts`.
fn ranges(all: &Ragged<'_>, texts: Range<usize>) -> Vec<Range<usize>> {
    let start = all.rows(texts.clone()).start;
    texts.map(|text| all.rows(text..text + 1)).map(|rows| rows.start - start..rows.end - start).collect()
}
