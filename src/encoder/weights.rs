//! A checkpoint's tensors, memory-mapped: one safetensors file, or several with an index.

use std::collections::BTreeMap;
use std::ops::Range;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor};
use serde::Deserialize;

use super::{EncoderFault, config};
use crate::Result;
use crate::data::folder::{Bytes, Folder};

pub(super) const SINGLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// The tensors of a checkpoint, by name.
pub struct Weights {
    shards: Vec<Shard>,
    tensors: BTreeMap<String, TensorInfo>,
}

struct Shard {
    label: String,
    bytes: Bytes,
}

/// Where a tensor is and what it looks like.
#[derive(Clone, Debug)]
pub struct TensorInfo {
    shard: usize,
    range: Range<usize>,
    /// Its element type as safetensors names it.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// A matrix or vector of a checkpoint, read row by row.
pub(super) struct Tensor<'a> {
    dtype: Dtype,
    width: usize,
    bytes: &'a [u8],
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The files that hold the checkpoint's tensors, in a fixed order.
pub(super) fn files(folder: &Folder) -> Result<Vec<String>> {
    if folder.has(SINGLE) || !folder.has(INDEX) {
        return Ok(vec![SINGLE.to_owned()]);
    }
    let index: Index = config::json(folder, INDEX)?;
    let mut shards: Vec<String> = index.weight_map.into_values().collect();
    shards.sort();
    shards.dedup();
    let refuse = |what| Err(EncoderFault::Weights { file: folder.label(INDEX), what }.into());
    if shards.is_empty() {
        return refuse("it names no shard".to_owned());
    }
    match shards.iter().find(|name| name.contains(['/', '\\']) || name.starts_with('.')) {
        Some(name) => refuse(format!("shard {name} is not a file of this folder")),
        None => Ok(shards),
    }
}

/// The name of the index file, if the checkpoint is sharded.
pub(super) fn index(folder: &Folder) -> Option<&'static str> {
    (!folder.has(SINGLE) && folder.has(INDEX)).then_some(INDEX)
}

impl Weights {
    /// Maps a folder's checkpoint and reads its headers; no tensor is read yet.
    ///
    /// # Errors
    /// A file that is missing, truncated or not safetensors; a tensor in two shards.
    pub fn open(folder: &Folder) -> Result<Self> {
        let mut weights = Self { shards: Vec::new(), tensors: BTreeMap::new() };
        for name in files(folder)? {
            weights.add(Shard { label: folder.label(&name), bytes: folder.read(&name)? })?;
        }
        Ok(weights)
    }

    fn add(&mut self, shard: Shard) -> Result<()> {
        let refuse = |what: String| EncoderFault::Weights { file: shard.label.clone(), what };
        let (header, metadata) = SafeTensors::read_metadata(&shard.bytes)
            .map_err(|e| refuse(explain(&shard.bytes, &e).unwrap_or_else(|| format!("not a safetensors file: {e}"))))?;
        let start = header + 8;
        let sorted: BTreeMap<_, _> = metadata.tensors().into_iter().collect();
        for (name, info) in sorted {
            let range = start + info.data_offsets.0..start + info.data_offsets.1;
            let tensor = TensorInfo { shard: self.shards.len(), range, dtype: info.dtype, shape: info.shape.clone() };
            if self.tensors.insert(name.clone(), tensor).is_some() {
                return Err(refuse(format!("tensor {name} is in another shard too")).into());
            }
        }
        self.shards.push(shard);
        Ok(())
    }

    /// All tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// Whether there is a tensor of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensor `name`, which must have `shape` (one or two dimensions) and hold f32, f16 or bf16.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor<'_>> {
        let Some(info) = self.tensors.get(name) else {
            let file = self.shards.iter().map(|s| s.label.as_str()).collect::<Vec<_>>().join(", ");
            return Err(EncoderFault::Weights { file, what: format!("tensor {name} is missing") }.into());
        };
        let shard = &self.shards[info.shard];
        let refuse = |what: String| EncoderFault::Tensor { file: shard.label.clone(), tensor: name.to_owned(), what };
        if info.shape != shape {
            return Err(refuse(format!("its shape is {:?}, the configuration asks for {shape:?}", info.shape)).into());
        }
        if !is_float(info.dtype) {
            return Err(refuse(format!("its type is {:?}, not F32, F16 or BF16", info.dtype)).into());
        }
        let bytes = &shard.bytes[info.range.clone()];
        Ok(Tensor { dtype: info.dtype, width: shape[shape.len() - 1], bytes })
    }

    /// A whole tensor widened to f32, every value finite.
    pub(super) fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.tensor(name, shape)?;
        let mut values = vec![0.0; shape.iter().product()];
        for (i, row) in values.chunks_exact_mut(tensor.width).enumerate() {
            tensor.row(i, row);
        }
        self.check_finite(name, 0, &values)?;
        Ok(values)
    }

    /// Refuses values of the tensor `name`, from its value `first` on, of which one is not finite.
    pub(super) fn check_finite(&self, name: &str, first: usize, values: &[f32]) -> Result<()> {
        let Some(i) = values.iter().position(|x| !x.is_finite()) else { return Ok(()) };
        let file = self.shards[self.tensors[name].shard].label.clone();
        let what = format!("value {} is {}", first + i, values[i]);
        Err(EncoderFault::Tensor { file, tensor: name.to_owned(), what }.into())
    }
}

/// Whether values of this type are read.
pub(super) fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

/// What the safetensors crate leaves out: how many bytes are missing, or which tensor it is that does not fill its bytes.
fn explain(file: &[u8], error: &SafeTensorError) -> Option<String> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let (header, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    let mut tensors = header.into_iter().filter_map(|(name, entry)| Some((name, serde_json::from_value(entry).ok()?)));
    let fills = |tensor: &tensor::TensorInfo| {
        let bits = tensor.shape.iter().try_fold(tensor.dtype.bitsize(), |bits, n| bits.checked_mul(*n));
        let bytes = tensor.data_offsets.1.checked_sub(tensor.data_offsets.0);
        bits.is_some() && bits == bytes.and_then(|bytes| bytes.checked_mul(8))
    };
    match error {
        SafeTensorError::MetadataIncompleteBuffer => {
            let promised = tensors.map(|(_, tensor): (_, tensor::TensorInfo)| tensor.data_offsets.1).max()?;
            Some(format!("the header promises {promised} bytes of tensors, the file has {}", data.len()))
        }
        SafeTensorError::TensorInvalidInfo | SafeTensorError::ValidationOverflow => {
            let (name, _) = tensors.find(|(_, tensor)| !fills(tensor))?;
            Some(format!("tensor {name}: its type and shape do not make the bytes that it has"))
        }
        _ => None,
    }
}

impl Tensor<'_> {
    /// Row `i`, widened exactly to f32.
    pub(super) fn row(&self, i: usize, out: &mut [f32]) {
        let size = if self.dtype == Dtype::F32 { 4 } else { 2 };
        let bytes = &self.bytes[i * self.width * size..(i + 1) * self.width * size];
        match self.dtype {
            Dtype::F32 => {
                let (chunks, _) = bytes.as_chunks::<4>();
                out.iter_mut().zip(chunks).for_each(|(x, b)| *x = f32::from_le_bytes(*b));
            }
            Dtype::F16 => {
                let (chunks, _) = bytes.as_chunks::<2>();
                out.iter_mut().zip(chunks).for_each(|(x, b)| *x = f16::from_le_bytes(*b).to_f32());
            }
            _ => {
                let (chunks, _) = bytes.as_chunks::<2>();
                out.iter_mut().zip(chunks).for_each(|(x, b)| *x = bf16::from_le_bytes(*b).to_f32());
            }
        }
    }
}
