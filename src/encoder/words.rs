//! Tokens of sentences whose words are given: which token belongs to which word.

use rayon::prelude::*;
use tokenizers::InputSequence;

use super::tokens::guarded;
use super::{Model, Tokens};
use crate::Result;

/// Sentences as tokens that know their words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    tokens: Tokens,
    /// The word of every token; none of what is not the sentence's: the prefix and the tokeniser's own.
    words: Vec<Option<usize>>,
}

impl Words {
    /// The tokens, for an encoder.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Of a sentence, each of its tokens that belongs to a word: its place among all tokens, and the word.
    #[must_use]
    pub fn places(&self, sentence: usize) -> Vec<(usize, usize)> {
        let range = self.tokens.offsets[sentence]..self.tokens.offsets[sentence + 1];
        range.filter_map(|place| Some((place, self.words[place]?))).collect()
    }

    /// The sentences `range`, by themselves.
    #[must_use]
    pub fn part(&self, range: std::ops::Range<usize>) -> Self {
        let offsets = &self.tokens.offsets[range.start..=range.end];
        let tokens = offsets[0]..offsets[offsets.len() - 1];
        Self {
            words: self.words[tokens.clone()].to_vec(),
            tokens: Tokens {
                offsets: offsets.iter().map(|offset| offset - tokens.start).collect(),
                ids: self.tokens.ids[tokens].to_vec(),
                attended: Vec::new(),
            },
        }
    }
}

impl Model {
    /// Token ids of sentences of which each word is split by itself, after those of `prefix`, as word aligners do it. What is beyond the model's length has no tokens.
    ///
    /// # Errors
    /// As [`Model::tokenize`].
    pub fn tokenize_words<T: AsRef<str> + Sync>(&self, prefix: &str, sentences: &[Vec<T>]) -> Result<Words> {
        let tokenizer = self.tokenizer()?;
        let before: Vec<&str> = prefix.split_whitespace().collect();
        let encoded: Vec<Result<_, String>> = sentences
            .par_iter()
            .map(|sentence| {
                let words: Vec<&str> = before.iter().copied().chain(sentence.iter().map(AsRef::as_ref)).collect();
                let encoding = guarded(|| tokenizer.encode(InputSequence::from(words), true))?;
                let word = |word: &Option<u32>| word.and_then(|word| (word as usize).checked_sub(before.len()));
                Ok((encoding.get_ids().to_vec(), encoding.get_word_ids().iter().map(word).collect::<Vec<_>>()))
            })
            .collect();
        let mut all = Words { tokens: Tokens { offsets: vec![0], ..Tokens::default() }, words: Vec::new() };
        for (sentence, encoded) in encoded.into_iter().enumerate() {
            let (ids, words) = encoded.map_err(|what| self.refused((sentence, what), 0))?;
            all.tokens.ids.extend(ids);
            all.words.extend(words);
            all.tokens.offsets.push(all.tokens.ids.len());
        }
        Ok(all)
    }
}
