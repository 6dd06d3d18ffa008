//! What the teacher makes of sentences, remembered: it does not change, and sentences come again with every epoch and in every language of a multi-way bitext.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Axis, s};

use super::objective::Target;
use crate::Result;
use crate::encoder::{Batching, How, Located, Model, Recipe, Tokens};

/// Bytes of states that are remembered at most; sentences beyond them are computed anew.
const ROOM: usize = 1 << 29;

/// Targets by the tokens of their sentences.
#[derive(Default)]
pub(super) struct Taught {
    known: BTreeMap<Vec<u32>, Arc<Target>>,
    bytes: usize,
}

impl Taught {
    /// What the teacher makes of each of these sentences.
    ///
    /// # Errors
    /// As [`Model::embed_tokens`].
    pub(super) fn targets(
        &mut self,
        teacher: &Model,
        recipe: &Recipe,
        sentences: &[&Located],
    ) -> Result<Vec<Arc<Target>>> {
        let mut new: Vec<&Located> =
            sentences.iter().copied().filter(|sentence| !self.known.contains_key(&sentence.ids)).collect();
        new.sort_by(|a, b| a.ids.cmp(&b.ids));
        new.dedup_by(|a, b| a.ids == b.ids);
        let mut computed: BTreeMap<&[u32], Arc<Target>> = BTreeMap::new();
        for (sentence, target) in new.iter().zip(compute(teacher, recipe, &new)?) {
            computed.insert(&sentence.ids, Arc::new(target));
        }
        let of = |sentence: &&Located| {
            let known = self.known.get(&sentence.ids).or_else(|| computed.get(&sentence.ids[..]));
            known.expect("known or just computed").clone()
        };
        let targets = sentences.iter().map(of).collect();
        for (ids, target) in computed {
            let bytes = 4 * (target.tokens.len() + target.embedding.len() + ids.len());
            if self.bytes + bytes <= ROOM {
                self.bytes += bytes;
                self.known.insert(ids.to_vec(), target);
            }
        }
        Ok(targets)
    }
}

fn compute(teacher: &Model, recipe: &Recipe, sentences: &[&Located]) -> Result<Vec<Target>> {
    let located: Vec<Located> = sentences.iter().map(|sentence| (*sentence).clone()).collect();
    let tokens = Tokens::from(&located[..]);
    let how = How { recipe, batching: Batching::default(), first: 0, done: &|_| () };
    let states = teacher.embed_tokens(&tokens, &how)?;
    let width = states.ncols();
    let target = |(located, range): (&Located, &[usize])| {
        let states = states.slice(s![range[0]..range[1], ..]);
        let embedding = recipe.embedding(states.as_slice().expect("contiguous"), width);
        Target { tokens: states.select(Axis(0), &located.own()), embedding }
    };
    Ok(located.iter().zip(tokens.offsets().windows(2)).map(target).collect())
}
