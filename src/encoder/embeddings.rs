//! Files of embeddings: `encode`'s output, and parts of it that are put together.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

use super::Tokens;
use crate::Result;
use crate::data::FileFault;
use crate::data::digest::Digest;
use crate::data::folder;
use crate::data::spool::Spool;
use crate::data::tensors::Tensor;

/// What a file's rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// `embeddings` [texts, width].
    Texts,
    /// `tokens` [total, width], with `offsets` and `token_ids`.
    Tokens,
}

/// Which part of a whole a file is.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Its number, from 1.
    pub i: usize,
    /// How many there are.
    pub n: usize,
    /// SHA-256 over all texts of the whole.
    pub whole: String,
}

/// Numbers that parts are not asked to have in common, for they are each part's own.
const OWN: [&str; 4] = ["shard", "whole_sha256", "token_ids_sha256", "sha256"];

/// Writes a file of embeddings: the rows that were pushed, what `tokens` they are of, and `facts` for its header. A part of a whole says which it is, and has the token ids in any case:
/// the whole's digest is made of them.
///
/// # Errors
/// As [`Spool::finish`].
pub fn finish(
    spool: Spool,
    rows: Rows,
    width: usize,
    tokens: &Tokens,
    facts: &[(&str, String)],
    shard: Option<Shard>,
) -> Result<String> {
    let digest = spool.digest();
    let mut metadata = facts.to_vec();
    metadata.extend([("token_ids_sha256", tokens.digest()), ("sha256", digest.clone())]);
    if let Some(Shard { i, n, whole }) = &shard {
        metadata.extend([("shard", format!("{i}/{n}")), ("whole_sha256", whole.clone())]);
    }
    let others = if rows == Rows::Tokens || shard.is_some() {
        let offsets = Tensor::i64("offsets", &[tokens.offsets().len()], tokens.offsets().iter().map(|o| *o as i64));
        let ids = Tensor::i64("token_ids", &[tokens.ids().len()], tokens.ids().iter().map(|id| i64::from(*id)));
        vec![offsets, ids]
    } else {
        Vec::new()
    };
    let name = if rows == Rows::Tokens { "tokens" } else { "embeddings" };
    spool.finish(name, width, &others, &metadata)?;
    Ok(digest)
}

/// A part, mapped.
struct Part {
    label: String,
    bytes: folder::Bytes,
    shard: (usize, usize),
    whole: String,
    token_ids: String,
    facts: Vec<(String, String)>,
    sha256: String,
}

/// Puts the parts of `encode --shard` together, in whichever order they are named, to the file that one machine would have written. Returns how many texts it has, and the digest of its rows.
///
/// # Errors
/// A file that is no such part or is damaged; parts of different wholes; a part that is missing or named twice; what cannot be written.
pub fn merge(parts: &[PathBuf], output: &Path) -> Result<(usize, String)> {
    let mut parts = parts.iter().map(|path| Part::open(path)).collect::<Result<Vec<_>>>()?;
    parts.sort_by_key(|part| part.shard);
    check(&parts)?;
    let mut spool = Spool::beside(output)?;
    let (mut tokens, mut kind) = (Tokens::default(), None);
    for part in &parts {
        let (rows, width, values) = part.rows()?;
        if kind.is_some_and(|kind| kind != (rows, width)) {
            return Err(part.fault("its rows are not those of the parts before it").into());
        }
        kind = Some((rows, width));
        let values: Vec<f32> = values.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if Digest::new().f32s(&values).hex() != part.sha256 {
            return Err(part.fault("damaged: its rows have not the digest that its header states").into());
        }
        spool.push(&values)?;
        tokens.extend(&part.tokens(values.len() / width.max(1), rows)?);
    }
    let (rows, width) = kind.expect("there is a part");
    let facts: Vec<(&str, String)> = parts[0].facts.iter().map(|(name, fact)| (name.as_str(), fact.clone())).collect();
    Ok((tokens.texts(), finish(spool, rows, width, &tokens, &facts, None)?))
}

/// All parts of one whole, each once.
fn check(parts: &[Part]) -> Result<()> {
    let first = &parts[0];
    for (i, part) in (1..).zip(parts) {
        if part.facts != first.facts || part.whole != first.whole || part.shard.1 != first.shard.1 {
            let what = format!(
                "not a part of the same whole as {}: other texts, another model, prefix, pooling or number of shards",
                first.label
            );
            return Err(part.fault(&what).into());
        }
        if part.shard.0 != i {
            let (have, n) = part.shard;
            let what =
                if have < i { format!("shard {have}/{n} is named twice") } else { format!("shard {i}/{n} is missing") };
            return Err(part.fault(&what).into());
        }
    }
    match first.shard.1 - parts.len() {
        0 => Ok(()),
        missing => Err(first.fault(&format!("of its {} shards the last {missing} are missing", first.shard.1)).into()),
    }
}

impl Part {
    fn open(path: &Path) -> Result<Self> {
        let label = path.display().to_string();
        let bytes = folder::map(path)?;
        let wrong = |what: String| FileFault::content(&label, what);
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| wrong(format!("not safetensors: {e}")))?;
        let stated = header.metadata().clone().unwrap_or_default();
        let own = |name: &str| {
            stated
                .get(name)
                .cloned()
                .ok_or_else(|| wrong(format!("no part of `encode --shard`: its header has no {name}")))
        };
        let shard = own("shard")?;
        let numbers = shard.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let shard = numbers.filter(|(i, n)| 1 <= *i && i <= n).ok_or_else(|| wrong(format!("{shard} is no shard")))?;
        let (sha256, token_ids, whole) = (own("sha256")?, own("token_ids_sha256")?, own("whole_sha256")?);
        // In the order in which `encode` writes them; the crate's map has none.
        let facts = ["model_sha256", "arith", "pooling", "prefix"]
            .map(|name| Ok((name.to_owned(), own(name)?)))
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        if let Some(other) =
            stated.keys().find(|name| !OWN.contains(&name.as_str()) && facts.iter().all(|(fact, _)| fact != *name))
        {
            return Err(wrong(format!("its header has {other}, which this version does not know")).into());
        }
        Ok(Self { label, bytes, shard, whole, token_ids, facts, sha256 })
    }

    fn fault(&self, what: &str) -> FileFault {
        FileFault::content(&self.label, what)
    }

    /// What its rows are, how wide, and their bytes.
    fn rows(&self) -> Result<(Rows, usize, &[u8])> {
        for (name, rows) in [("embeddings", Rows::Texts), ("tokens", Rows::Tokens)] {
            if let Some((shape, bytes)) = self.tensor(name, Dtype::F32)? {
                let [_, width] = shape[..] else { return Err(self.fault("its rows are no matrix").into()) };
                return Ok((rows, width, bytes));
            }
        }
        Err(self.fault("it has neither embeddings nor tokens").into())
    }

    /// Its token ids, which belong to so many rows.
    fn tokens(&self, count: usize, rows: Rows) -> Result<Tokens> {
        let numbers = |name: &str| -> Result<Vec<i64>> {
            let (_, bytes) = self.tensor(name, Dtype::I64)?.ok_or_else(|| self.fault(&format!("it has no {name}")))?;
            Ok(bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect())
        };
        let wrong = || self.fault("its offsets and token ids do not fit its rows");
        let ids =
            numbers("token_ids")?.into_iter().map(u32::try_from).collect::<Result<Vec<_>, _>>().map_err(|_| wrong())?;
        let offsets =
            numbers("offsets")?.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>().map_err(|_| wrong())?;
        let tokens = Tokens::of(ids, offsets).ok_or_else(wrong)?;
        let expected = if rows == Rows::Tokens { tokens.ids().len() } else { tokens.texts() };
        if tokens.digest() != self.token_ids {
            return Err(self.fault("damaged: its token ids have not the digest that its header states").into());
        }
        if expected == count { Ok(tokens) } else { Err(wrong().into()) }
    }

    fn tensor(&self, name: &str, dtype: Dtype) -> Result<Option<(Vec<usize>, &[u8])>> {
        let tensors =
            SafeTensors::deserialize(&self.bytes).map_err(|e| self.fault(&format!("not safetensors: {e}")))?;
        let Ok(tensor) = tensors.tensor(name) else { return Ok(None) };
        if tensor.dtype() != dtype {
            return Err(self.fault(&format!("{name} is {:?}, not {dtype:?}", tensor.dtype())).into());
        }
        Ok(Some((tensor.shape().to_vec(), tensor.data())))
    }
}
