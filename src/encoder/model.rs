//! A model: a folder whose configuration was read, and what it computes.

use std::ops::Range;
use std::sync::OnceLock;

use ndarray::{Array2, ArrayViewMut1, Axis};
use rayon::prelude::*;
use tokenizers::Tokenizer;

use super::bert::{Bert, Stopped};
use super::{Config, EncoderFault, Pooling, Tokens, Weights, tokens, weights};
use crate::Result;
use crate::data::digest::Digest;
use crate::data::folder::Folder;
use crate::kernel::rows;

/// About how many tokens are computed at once on one thread: enough to reuse the weights, few enough for the states to stay in the cache.
const CHUNK_TOKENS: usize = 256;

/// Files that decide an embedding, besides the weights.
const DECIDING: [&str; 6] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
];

/// How texts become embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Put before every text.
    pub prefix: String,
    /// From token states to one embedding.
    pub pooling: Pooling,
    /// Whether embeddings are divided by their L2 norm.
    pub normalize: bool,
    /// After how many layers the states are taken.
    pub layer: usize,
}

impl Recipe {
    /// Pooling, normalisation and layer as keys of numbers name them: `mean+l2`, `mean@7`.
    #[must_use]
    pub fn name(&self, config: &Config) -> String {
        let layer = if self.layer == config.layers { String::new() } else { format!("@{}", self.layer) };
        let l2 = if self.normalize { "+l2" } else { "" };
        format!("{}{layer}{l2}", self.pooling)
    }
}

/// An encoder in a folder. Its tokeniser and weights are loaded when they are first needed.
pub struct Model {
    name: String,
    folder: Folder,
    config: Config,
    digest: String,
    tokenizer: OnceLock<Tokenizer>,
    bert: OnceLock<Bert>,
}

impl Model {
    /// Reads a folder's configuration and the digest of everything in it that decides an embedding.
    ///
    /// # Errors
    /// A file is missing or says something that this encoder does not do.
    pub fn open(name: impl Into<String>, folder: Folder) -> Result<Self> {
        let config = Config::read(&folder)?;
        let digest = digest(&folder)?;
        Ok(Self { name: name.into(), folder, config, digest, tokenizer: OnceLock::new(), bert: OnceLock::new() })
    }

    /// The name that it was opened under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// SHA-256 over the name and content of every file that decides an embedding.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The recipe that the model's own folder asks for.
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        let config = &self.config;
        Recipe {
            prefix: String::new(),
            pooling: config.pooling,
            normalize: config.normalize,
            layer: config.layers,
        }
    }

    /// The checkpoint's tensors.
    ///
    /// # Errors
    /// As [`Weights::open`].
    pub fn weights(&self) -> Result<Weights> {
        Weights::open(&self.folder)
    }

    /// Token ids of `prefix + text` for each text.
    ///
    /// # Errors
    /// A tokeniser that cannot be read or does not fit the model.
    pub fn tokenize<T: AsRef<str> + Sync>(&self, prefix: &str, texts: &[T]) -> Result<Tokens> {
        let tokenizer = match self.tokenizer.get() {
            Some(tokenizer) => tokenizer,
            None => {
                let read = tokens::read_tokenizer(&self.folder, &self.config, self.config.vocabulary)?;
                self.tokenizer.get_or_init(|| read)
            }
        };
        tokens::tokenize(tokenizer, prefix, texts)
    }

    /// One embedding a text, [texts, hidden]. `done` hears how many more texts are finished, from any thread.
    ///
    /// # Errors
    /// A checkpoint that cannot be used; pooling `none`; a layer that the model has not; a value that is not finite.
    pub fn embed(&self, tokens: &Tokens, recipe: &Recipe, done: &(dyn Fn(usize) + Sync)) -> Result<Array2<f32>> {
        if recipe.pooling == Pooling::None {
            let what = "pooling none gives no embedding of a text; ask for token embeddings".to_owned();
            return Err(EncoderFault::Config { file: self.name.clone(), what }.into());
        }
        let mut out = Array2::zeros((tokens.texts(), self.config.hidden));
        let (bert, chunks) = (self.ready(recipe.layer)?, chunks(tokens));
        let lengths: Vec<usize> = chunks.iter().map(ExactSizeIterator::len).collect();
        let parts: Vec<_> = split_rows(&mut out, &lengths);
        parts.into_par_iter().zip(chunks).try_for_each(|(mut part, texts)| {
            let states = self.states(bert, tokens, texts.clone(), recipe.layer)?;
            let width = self.config.hidden;
            let mut start = 0;
            for (text, row) in texts.clone().zip(part.rows_mut()) {
                let length = tokens.text(text).len() * width;
                let states = states.as_slice().expect("contiguous");
                pool(&states[start..start + length], row, recipe);
                start += length;
            }
            done(texts.len());
            Ok::<(), crate::Error>(())
        })?;
        Ok(out)
    }

    /// The state of every token, [total tokens, hidden], divided by its L2 norm if the recipe says so.
    ///
    /// # Errors
    /// As [`Self::embed`].
    pub fn embed_tokens(&self, tokens: &Tokens, recipe: &Recipe, done: &(dyn Fn(usize) + Sync)) -> Result<Array2<f32>> {
        let mut out = Array2::zeros((tokens.ids.len(), self.config.hidden));
        let (bert, chunks) = (self.ready(recipe.layer)?, chunks(tokens));
        let lengths: Vec<usize> = chunks.iter().map(|c| tokens.offsets[c.end] - tokens.offsets[c.start]).collect();
        let parts = split_rows(&mut out, &lengths);
        parts.into_par_iter().zip(chunks).try_for_each(|(mut part, texts)| {
            part.assign(&self.states(bert, tokens, texts.clone(), recipe.layer)?);
            if recipe.normalize {
                part.rows_mut().into_iter().for_each(|mut row| rows::normalize(row.as_slice_mut().expect("contiguous")));
            }
            done(texts.len());
            Ok::<(), crate::Error>(())
        })?;
        Ok(out)
    }

    fn states(&self, bert: &Bert, tokens: &Tokens, texts: Range<usize>, layer: usize) -> Result<Array2<f32>> {
        let ids: Vec<&[u32]> = texts.clone().map(|text| tokens.text(text)).collect();
        bert.forward(&ids, layer).map_err(|Stopped { stage, text }| {
            EncoderFault::NotFinite { model: self.name.clone(), stage, text: texts.start + text }.into()
        })
    }

    /// The weights, loaded, of a model that has this hidden layer.
    fn ready(&self, layer: usize) -> Result<&Bert> {
        let layers = self.config.layers;
        if layer > layers {
            return Err(EncoderFault::Layer { model: self.name.clone(), layer, layers }.into());
        }
        if let Some(bert) = self.bert.get() {
            return Ok(bert);
        }
        let bert = Bert::load(self.config.clone(), self.weights()?)?;
        Ok(self.bert.get_or_init(|| bert))
    }
}

fn pool(states: &[f32], mut row: ArrayViewMut1<'_, f32>, recipe: &Recipe) {
    let row = row.as_slice_mut().expect("contiguous");
    recipe.pooling.pool(states, row);
    if recipe.normalize {
        rows::normalize(row);
    }
}

/// Consecutive texts of about [`CHUNK_TOKENS`] tokens. What is computed together cannot change a result.
fn chunks(tokens: &Tokens) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let (mut start, mut length) = (0, 0);
    for text in 0..tokens.texts() {
        length += tokens.text(text).len();
        if length >= CHUNK_TOKENS {
            chunks.push(start..text + 1);
            (start, length) = (text + 1, 0);
        }
    }
    if start < tokens.texts() {
        chunks.push(start..tokens.texts());
    }
    chunks
}

/// `matrix` cut into consecutive groups of rows.
fn split_rows<'a>(matrix: &'a mut Array2<f32>, lengths: &[usize]) -> Vec<ndarray::ArrayViewMut2<'a, f32>> {
    let mut parts = Vec::with_capacity(lengths.len());
    let mut rest = matrix.view_mut();
    for length in lengths {
        let (part, after) = rest.split_at(Axis(0), *length);
        parts.push(part);
        rest = after;
    }
    parts
}

fn digest(folder: &Folder) -> Result<String> {
    let mut digest = Digest::new();
    let deciding = DECIDING.iter().filter(|name| folder.has(name)).map(|name| (*name).to_owned());
    let index = weights::index(folder).map(str::to_owned);
    for name in deciding.chain(index).chain(weights::files(folder)?) {
        digest.field(&name).field(&folder.read(&name)?[..]);
    }
    Ok(digest.hex())
}
