//! Texts as token ids, without padding.

use rayon::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use super::{Config, EncoderFault};
use crate::Result;
use crate::data::digest::Digest;
use crate::data::folder::Folder;

/// Token ids of several texts, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Ids of all texts.
    pub ids: Vec<u32>,
    /// Text i is `ids[offsets[i]..offsets[i + 1]]`; one longer than there are texts.
    pub offsets: Vec<usize>,
}

impl Tokens {
    /// How many texts there are.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The ids of text `i`.
    #[must_use]
    pub fn text(&self, i: usize) -> &[u32] {
        &self.ids[self.offsets[i]..self.offsets[i + 1]]
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
pub(super) fn read_tokenizer(folder: &Folder, config: &Config, rows: usize) -> Result<Tokenizer> {
    let name = "tokenizer.json";
    let refuse = |what: String| EncoderFault::Tokenizer { file: folder.label(name), what };
    let bytes = folder.read(name)?;
    let mut tokenizer = Tokenizer::from_bytes(&bytes[..]).map_err(|e| refuse(e.to_string()))?;
    let largest = tokenizer.get_vocab(true).into_values().max();
    if let Some(id) = largest.filter(|id| *id as usize >= rows) {
        return Err(refuse(format!("token id {id} has no row in the word embedding, which has {rows}")).into());
    }
    let truncation = TruncationParams { max_length: config.max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|e| refuse(e.to_string()))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// Tokenises `prefix + text` for each text, in parallel.
pub(super) fn tokenize<T: AsRef<str> + Sync>(tokenizer: &Tokenizer, prefix: &str, texts: &[T]) -> Result<Tokens> {
    let encoded: Vec<Vec<u32>> = texts
        .par_iter()
        .enumerate()
        .map(|(text, t)| {
            let encoding = tokenizer.encode_fast(format!("{prefix}{}", t.as_ref()), true);
            let ids = encoding.map_err(|e| EncoderFault::Text { text, what: e.to_string() })?.get_ids().to_vec();
            if ids.is_empty() {
                return Err(EncoderFault::Text { text, what: "the tokenizer makes no token of it".to_owned() });
            }
            Ok(ids)
        })
        .collect::<Result<_, EncoderFault>>()?;
    let mut tokens = Tokens { ids: Vec::new(), offsets: vec![0] };
    for ids in encoded {
        tokens.ids.extend(ids);
        tokens.offsets.push(tokens.ids.len());
    }
    Ok(tokens)
}
