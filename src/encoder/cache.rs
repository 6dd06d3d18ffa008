//! Embeddings that were computed before, keyed by everything that decides them.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors};

use super::{How, Model, Recipe};
use crate::Result;
use crate::data::digest::Digest;
use crate::data::folder;
use crate::data::tensors::{self, Tensor};
use crate::kernel::ARITH;

/// A folder of embeddings. A file that is damaged or is not what its name says is computed anew, never believed.
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// A cache in `folder`, which need not exist yet.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// A cache that keeps nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// Embeddings of `texts`, [texts, hidden]: from the cache if they are there, computed and kept if not.
    ///
    /// # Errors
    /// As [`Model::tokenize`] and [`Model::embed`]; a cache that cannot be written.
    pub fn embed<T: AsRef<str> + Sync>(&self, model: &Model, how: &How<'_>, texts: &[T]) -> Result<Array2<f32>> {
        let key = key(model, how.recipe, texts);
        let path = self.folder.as_ref().map(|folder| folder.join(format!("{key}.safetensors")));
        let shape = (texts.len(), model.config().hidden);
        if let Some(kept) = path.as_deref().and_then(|path| read(path, &key, shape)) {
            (how.done)(texts.len());
            return Ok(kept);
        }
        let embeddings = model.embed_texts(how, texts)?;
        if let Some(path) = path {
            keep(&path, &key, &embeddings)?;
        }
        Ok(embeddings)
    }
}

/// SHA-256 over all that decides the embeddings of `texts`.
fn key<T: AsRef<str>>(model: &Model, recipe: &Recipe, texts: &[T]) -> String {
    let mut digest = Digest::new();
    digest.field("embeddings").field(ARITH.to_le_bytes()).field(model.digest());
    digest.field(&recipe.prefix).field(recipe.name(model.config()));
    // Tokenisers are code: another release may split a text otherwise.
    digest.field(env!("CARGO_PKG_VERSION"));
    texts.iter().for_each(|text| {
        digest.field(text.as_ref());
    });
    digest.hex()
}

/// SHA-256 over the bit patterns of a matrix.
fn content(values: &[f32]) -> String {
    Digest::new().f32s(values).hex()
}

fn keep(path: &Path, key: &str, embeddings: &Array2<f32>) -> Result<()> {
    let values = embeddings.as_slice().expect("embeddings are contiguous");
    let tensor = Tensor::f32("embeddings", embeddings.shape(), values.iter().copied());
    tensors::write(path, &[tensor], &[("key", key.to_owned()), ("sha256", content(values))])
}

/// What the cache holds at `path`; none unless key, shape and content are what was kept.
fn read(path: &Path, key: &str, shape: (usize, usize)) -> Option<Array2<f32>> {
    let bytes = folder::map(path).ok()?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).ok()?;
    let stated = metadata.metadata().as_ref()?;
    let expected = stated.get("sha256").filter(|_| stated.get("key").is_some_and(|k| k == key))?.clone();
    let tensors = SafeTensors::deserialize(&bytes).ok()?;
    let tensor =
        tensors.tensor("embeddings").ok().filter(|t| t.shape() == [shape.0, shape.1] && t.dtype() == Dtype::F32)?;
    let (chunks, _) = tensor.data().as_chunks::<4>();
    let values: Vec<f32> = chunks.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (content(&values) == expected).then(|| Array2::from_shape_vec(shape, values).ok()).flatten()
}
