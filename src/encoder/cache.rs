//! Embeddings that were computed before, keyed by everything that decides them; and those that are computed ahead, by several machines for one.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors};

use super::{Batching, How, Model, Recipe};
use crate::Result;
use crate::data::digest::Digest;
use crate::data::folder;
use crate::data::tensors::{self, Tensor};
use crate::kernel::ARITH;

/// Texts that are kept together, in one file: what is lost when a long computation is interrupted, and what shards are dealt.
pub const PART: usize = 4096;

/// Texts that a model is going to encode in one way.
pub struct Work<'a> {
    /// The encoder.
    pub model: &'a Model,
    /// How the texts become embeddings.
    pub recipe: Recipe,
    /// The texts.
    pub texts: Vec<&'a str>,
}

/// What was computed ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Texts of this shard.
    pub texts: usize,
    /// How many of them were there already.
    pub kept: usize,
}

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

    /// Embeddings of `texts`, [texts, hidden]: from the cache if they are there, computed and kept if not, each [`PART`] for itself.
    ///
    /// # Errors
    /// As [`Model::tokenize`] and [`Model::embed`]; a cache that cannot be written.
    pub fn embed<T: AsRef<str> + Sync>(&self, model: &Model, how: &How<'_>, texts: &[T]) -> Result<Array2<f32>> {
        if texts.len() <= PART {
            return Ok(self.part(model, how, texts)?.0);
        }
        let mut embeddings = Vec::with_capacity(texts.len() * model.config().hidden);
        for (part, first) in texts.chunks(PART).zip((how.first..).step_by(PART)) {
            let (part, _) = self.part(model, &How { first, ..*how }, part)?;
            embeddings.extend_from_slice(part.as_slice().expect("embeddings are contiguous"));
        }
        Ok(Array2::from_shape_vec((texts.len(), model.config().hidden), embeddings).expect("a row a text"))
    }

    /// Computes and keeps what is the share of shard `i` of `n` (from 1) of all `work`. Whoever embeds the same texts later finds them here.
    ///
    /// # Errors
    /// As [`Self::embed`].
    pub fn ahead(
        &self,
        work: &[Work<'_>],
        (i, n): (usize, usize),
        batching: Batching,
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<Ahead> {
        let parts: Vec<_> =
            work.iter().flat_map(|work| work.texts.chunks(PART).map(move |texts| (work, texts))).collect();
        let sizes: Vec<usize> = parts.iter().map(|(_, texts)| texts.iter().map(|text| text.len()).sum()).collect();
        let mut ahead = Ahead::default();
        for ((work, texts), _) in parts.into_iter().zip(shares(&sizes, n)).filter(|(_, shard)| *shard == i - 1) {
            let how = How { recipe: &work.recipe, batching, first: 0, done };
            let (_, kept) = self.part(work.model, &how, texts)?;
            ahead.texts += texts.len();
            ahead.kept += if kept { texts.len() } else { 0 };
        }
        Ok(ahead)
    }

    /// Embeddings of a part, and whether they were there.
    fn part<T: AsRef<str> + Sync>(&self, model: &Model, how: &How<'_>, texts: &[T]) -> Result<(Array2<f32>, bool)> {
        let key = key(model, how.recipe, texts);
        let path = self.folder.as_ref().map(|folder| folder.join(format!("{key}.safetensors")));
        let shape = (texts.len(), model.config().hidden);
        if let Some(kept) = path.as_deref().and_then(|path| read(path, &key, shape)) {
            (how.done)(texts.len());
            return Ok((kept, true));
        }
        let embeddings = model.embed_texts(how, texts)?;
        if let Some(path) = path {
            keep(&path, &key, &embeddings)?;
        }
        Ok((embeddings, false))
    }
}

/// Which of `n` shards has which part: the largest first, each to the shard that has least.
fn shares(sizes: &[usize], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|part| std::cmp::Reverse(sizes[*part]));
    let (mut loads, mut shares) = (vec![0; n.min(sizes.len())], vec![0; sizes.len()]);
    for part in order {
        let least = (0..loads.len()).min_by_key(|shard| loads[*shard]).expect("there is a part, so there is a shard");
        // A part counts, however short its texts are.
        loads[least] += sizes[part] + 1;
        shares[part] = least;
    }
    shares
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

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shards_have_about_as_much_to_do_and_every_part_has_one() {
        // Short questions and long candidates by turns.
        let sizes: Vec<usize> = (0..22).map(|i| if i % 2 == 0 { 60 } else { 1000 }).collect();
        for n in [1, 2, 3, 8] {
            let shares = shares(&sizes, n);
            let load = |shard| (0..22).filter(|part| shares[*part] == shard).map(|part| sizes[part]).sum::<usize>();
            let loads: Vec<usize> = (0..n).map(load).collect();
            assert_eq!(loads.iter().sum::<usize>(), sizes.iter().sum::<usize>());
            assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1000, "{loads:?}");
        }
        assert_eq!(shares(&[5, 5], 4), [0, 1]);
        assert!(shares(&[], 3).is_empty());
    }
}
