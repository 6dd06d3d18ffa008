//! Texts as token ids, without padding.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;
use tokenizers::{PostProcessor as _, TruncationParams};

use super::pieces::Tokenizer;
use super::{Config, EncoderFault};
use crate::Result;
use crate::data::digest::Digest;
use crate::data::folder::Folder;

/// Token ids of several texts, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub(super) ids: Vec<u32>,
    /// Text i is `ids[offsets[i]..offsets[i + 1]]`; one longer than there are texts.
    pub(super) offsets: Vec<usize>,
    /// How many of each text's first tokens are looked at by attention; empty: all.
    pub(super) attended: Vec<usize>,
}

impl Tokens {
    /// Texts of which these are the ids; none if the offsets are not those of texts.
    pub(super) fn of(ids: Vec<u32>, offsets: Vec<usize>) -> Option<Self> {
        let fit = offsets.first().is_none_or(|first| *first == 0)
            && offsets.last().copied().unwrap_or_default() == ids.len()
            && offsets.is_sorted();
        fit.then_some(Self { ids, offsets, attended: Vec::new() })
    }

    /// Ids of all texts.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Text i has the tokens `offsets[i]..offsets[i + 1]`; one longer than there are texts.
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// How many of text `i`'s first tokens attention looks at.
    pub(super) fn attended(&self, i: usize) -> usize {
        self.attended.get(i).copied().unwrap_or_else(|| self.text(i).len())
    }

    /// How many texts there are.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Adds the texts of `more` behind these.
    pub fn extend(&mut self, more: &Self) {
        if !(self.attended.is_empty() && more.attended.is_empty()) {
            let attended = |tokens: &Self| (0..tokens.texts()).map(|i| tokens.attended(i)).collect::<Vec<_>>();
            self.attended = [attended(self), attended(more)].concat();
        }
        let before = self.ids.len();
        self.ids.extend_from_slice(&more.ids);
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        self.offsets.extend(more.offsets.iter().skip(1).map(|offset| before + offset));
    }

    /// The ids of text `i`.
    #[must_use]
    pub fn text(&self, i: usize) -> &[u32] {
        &self.ids[self.offsets[i]..self.offsets[i + 1]]
    }

    /// Refuses what a model has no rows for: the first such text, and why.
    pub(super) fn check(&self, config: &Config) -> Result<(), (usize, String)> {
        let longest = config.positions - config.first_position;
        for text in 0..self.texts() {
            let ids = self.text(text);
            let refuse = |what| Err((text, what));
            if ids.is_empty() {
                return refuse("no token is made of it".to_owned());
            }
            if ids.len() > longest {
                return refuse(format!("{} tokens are made of it, but there are {longest} positions", ids.len()));
            }
            if let Some(id) = ids.iter().find(|id| **id as usize >= config.vocabulary) {
                return refuse(format!(
                    "token id {id} has no row in the word embedding, which has {}",
                    config.vocabulary
                ));
            }
        }
        Ok(())
    }

    /// SHA-256 over the texts' lengths and ids.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Digest::new();
        for i in 0..self.texts() {
            let bytes: Vec<u8> = self.text(i).iter().flat_map(|id| id.to_le_bytes()).collect();
            digest.field(bytes);
        }
        digest.hex()
    }
}

/// Reads tokenizer.json and sets truncation and padding to the model's own: what the file has baked in is overridden.
pub(super) fn read_tokenizer(folder: &Folder, config: &Config) -> Result<Tokenizer> {
    let name = "tokenizer.json";
    let refuse = |what: String| EncoderFault::Tokenizer { file: folder.label(name), what };
    let bytes = folder.read(name)?;
    let mut tokenizer = guarded(|| Ok(serde_json::from_slice::<Tokenizer>(&bytes)?)).map_err(refuse)?;
    let rows = config.vocabulary;
    let added = tokenizer.get_added_tokens_decoder().into_keys().max();
    let largest = tokenizer.get_model().largest_id().max(added);
    if let Some(id) = largest.filter(|id| *id as usize >= rows) {
        return Err(refuse(format!("token id {id} has no row in the word embedding, which has {rows}")).into());
    }
    if let Some(processor) = tokenizer.get_post_processor() {
        let (added, most) = (processor.added_tokens(false), config.max_tokens);
        if added > most {
            return Err(refuse(format!("it adds {added} tokens to every text, but texts are cut to {most}")).into());
        }
    }
    let truncation = TruncationParams { max_length: config.max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|e| refuse(e.to_string()))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

thread_local! {
    static IN_TOKENIZER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside the tokenizer library, whose panics become errors: a panic hook need not report them.
#[must_use]
pub fn in_tokenizer() -> bool {
    IN_TOKENIZER.get()
}

/// Runs the tokenizer library, which panics over some files that it should refuse.
pub(super) fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    IN_TOKENIZER.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IN_TOKENIZER.set(false);
    done.map(|result| result.map_err(|e| e.to_string())).unwrap_or_else(|panic| {
        let message =
            panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("the tokenizer library stumbles over it: {}", message.unwrap_or("it does not say why")))
    })
}

/// Tokenises `prefix + text` for each text, in parallel.
pub(super) fn tokenize<T: AsRef<str> + Sync>(
    tokenizer: &Tokenizer,
    prefix: &str,
    texts: &[T],
) -> Result<Tokens, (usize, String)> {
    let encoded: Vec<Result<Vec<u32>, String>> = texts
        .par_iter()
        .map(|text| {
            let text = format!("{prefix}{}", text.as_ref());
            guarded(|| Ok(tokenizer.encode_fast(text, true)?.get_ids().to_vec()))
        })
        .collect();
    let mut tokens = Tokens { offsets: vec![0], ..Tokens::default() };
    for (text, ids) in encoded.into_iter().enumerate() {
        tokens.ids.extend(ids.map_err(|what| (text, what))?);
        tokens.offsets.push(tokens.ids.len());
    }
    Ok(tokens)
}
