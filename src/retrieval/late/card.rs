//! Late interaction on a card: the queries stay there, passages pass through, and of each part only the best come back.

use std::ops::Range;

use super::Ragged;
use crate::kernel::cuda::grids::Grids;
use crate::kernel::cuda::select::{MAX_QUERY, MAX_WIDTH, best, max_sim};
use crate::kernel::cuda::texts::{Length, Texts};
use crate::kernel::cuda::{Device, Error, Faults};
use crate::retrieval::Hit;
use crate::retrieval::best::Best;
use crate::retrieval::fault::RetrievalFault;

/// Tokens that pass through at once, if the memory has room for them.
const TOKENS: usize = 1 << 17;

/// Texts at once, of queries and of passages: 64 MB of scores.
const TEXTS: usize = 4096;

/// A search on a card.
pub(super) struct Card {
    device: Device,
    k: usize,
    groups: Vec<Group>,
}

/// Some of the queries, and what they found.
struct Group {
    queries: Placed,
    /// The number of the first one.
    first: usize,
    best: Best,
}

/// Some texts' tokens on the card, on their grids.
struct Placed {
    tokens: Grids,
    texts: Texts,
}

impl Card {
    /// As [`super::Search::of`].
    pub(super) fn of(device: &Device, queries: &Ragged<'_>, k: usize) -> Result<Self, RetrievalFault> {
        let longest = (0..queries.texts()).map(|text| queries.rows(text..text + 1).len()).max().unwrap_or(0);
        if longest > MAX_QUERY || queries.width() > MAX_WIDTH {
            return Err(Error::TooLarge(format!("queries of {longest} tokens, {} wide", queries.width())).into());
        }
        let group = |texts: Range<usize>| {
            let (first, best) = (texts.start, Best::new(texts.len(), k));
            Ok(Group { queries: Placed::of(device, queries, texts, ("query", 0))?, first, best })
        };
        let groups = queries.runs(TOKENS, TEXTS).into_iter().map(group).collect::<Result<_, RetrievalFault>>()?;
        Ok(Self { device: device.clone(), k, groups })
    }

    /// As [`super::Search::add`]; the first of `passages` has row `seen` in the corpus.
    pub(super) fn add(&mut self, passages: &Ragged<'_>, seen: usize) -> Result<(), RetrievalFault> {
        // The first last.
        let mut open = passages.runs(TOKENS, TEXTS);
        open.reverse();
        while let Some(texts) = open.pop() {
            match self.search(passages, texts.clone(), seen) {
                Err(RetrievalFault::Card(Error::Memory { .. })) if texts.len() > 1 => {
                    let middle = texts.start + texts.len() / 2;
                    open.extend([middle..texts.end, texts.start..middle]);
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// Offers every query some of `passages`; none of them where it fails.
    fn search(&self, passages: &Ragged<'_>, texts: Range<usize>, seen: usize) -> Result<(), RetrievalFault> {
        let (first, count) = (seen + texts.start, texts.len());
        let passages = Placed::of(&self.device, passages, texts, ("passage", seen))?;
        let k = self.k.min(count);
        let found = |group: &Group| -> Result<_, RetrievalFault> {
            let scores = max_sim(&group.queries.tokens, &group.queries.texts, &passages.tokens, &passages.texts)?;
            let (places, scores) = best(&scores, count, k)?;
            let (places, scores) = (places.download()?, scores.download()?);
            // What is no number comes first.
            let bad = (0..scores.len()).step_by(k).filter(|i| scores[*i].is_nan());
            match bad.map(|i| (places[i], i / k)).min() {
                Some((passage, query)) => {
                    Err(RetrievalFault::Score { passage: first + passage as usize, query: group.first + query })
                }
                None => Ok((places, scores)),
            }
        };
        // Offered once all of them are found: what is searched for again after a failure would otherwise be kept twice.
        let all = self.groups.iter().map(found).collect::<Result<Vec<_>, _>>()?;
        for (group, (places, scores)) in self.groups.iter().zip(all) {
            group.best.offer_some(&places, &scores, first);
        }
        Ok(())
    }

    /// As [`super::Search::finish`].
    pub(super) fn finish(self) -> Vec<Vec<Hit>> {
        self.groups.into_iter().flat_map(|group| group.best.finish()).collect()
    }
}

impl Placed {
    /// Some of `all`; a token that is not finite is named by what they are and by how many came before the first.
    fn of(
        device: &Device,
        all: &Ragged<'_>,
        texts: Range<usize>,
        (side, seen): (&'static str, usize),
    ) -> Result<Self, RetrievalFault> {
        let rows = all.rows(texts.clone());
        let given = all.tokens(rows.clone());
        let faults = Faults::new(device, 1)?;
        let values = match given.as_slice() {
            Some(values) => device.upload(values)?,
            None => device.upload(&given.iter().copied().collect::<Vec<f32>>())?,
        };
        let tokens = Grids::of(&values, rows.len(), all.width(), faults.stage(0))?;
        if let Some(fault) = faults.first()? {
            let (text, token) = all.place(rows.start + fault.row);
            return Err(RetrievalFault::Token { side, text: seen + text, token });
        }
        let lengths: Vec<Length> = texts.map(|text| all.rows(text..text + 1).len().into()).collect();
        Ok(Self { tokens, texts: Texts::new(device, &lengths)? })
    }
}
