//! Writing safetensors with one possible byte sequence: tensors and metadata in the order given.
//!
//! The safetensors crate keeps metadata in a hash map, so that two runs may write two different files; a digest of a file would
//! then mean nothing. Layout: <https://huggingface.co/docs/safetensors> (eight bytes of header length, JSON header padded
//! with spaces to a multiple of eight, data).

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{FileFault, atomic};
use crate::Result;

/// The element type of a tensor to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE binary16.
    F16,
    /// bfloat16.
    BF16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
    /// 64-bit signed integer.
    I64,
}

impl Dtype {
    fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::I64 => "I64",
        }
    }

    fn size(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }
}

/// A tensor to be written: name, element type, shape, and its elements little-endian.
pub struct Tensor<'a> {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements, row-major, little-endian.
    pub bytes: std::borrow::Cow<'a, [u8]>,
}

impl Tensor<'static> {
    /// A tensor of f32.
    #[must_use]
    pub fn f32(name: impl Into<String>, shape: &[usize], values: impl IntoIterator<Item = f32>) -> Self {
        let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        Self { name: name.into(), dtype: Dtype::F32, shape: shape.to_vec(), bytes: bytes.into() }
    }

    /// A tensor of f64.
    #[must_use]
    pub fn f64(name: impl Into<String>, shape: &[usize], values: impl IntoIterator<Item = f64>) -> Self {
        let bytes = values.into_iter().flat_map(f64::to_le_bytes).collect::<Vec<u8>>();
        Self { name: name.into(), dtype: Dtype::F64, shape: shape.to_vec(), bytes: bytes.into() }
    }

    /// A tensor of i64.
    #[must_use]
    pub fn i64(name: impl Into<String>, shape: &[usize], values: impl IntoIterator<Item = i64>) -> Self {
        let bytes = values.into_iter().flat_map(i64::to_le_bytes).collect::<Vec<u8>>();
        Self { name: name.into(), dtype: Dtype::I64, shape: shape.to_vec(), bytes: bytes.into() }
    }
}

/// Writes `tensors` and `metadata` to `path`, whole or not at all.
///
/// # Errors
/// A tensor whose bytes do not fill its shape; an input/output error naming `path`.
pub fn write(path: &Path, tensors: &[Tensor<'_>], metadata: &[(&str, String)]) -> Result<()> {
    let label = path.display().to_string();
    for tensor in tensors {
        if tensor.shape.iter().product::<usize>() * tensor.dtype.size() != tensor.bytes.len() {
            let what = format!("tensor {} of shape {:?} has {} bytes", tensor.name, tensor.shape, tensor.bytes.len());
            return Err(FileFault::content(label, what).into());
        }
    }
    let layout = tensors.iter().map(|t| Layout { name: &t.name, dtype: t.dtype, shape: &t.shape }).collect::<Vec<_>>();
    atomic::write_with(path, |out| {
        stream(out, &layout, metadata, |i, out| {
            Ok(out.write_all(&tensors[i].bytes).map_err(FileFault::io("write", path))?)
        })
    })
}

/// Name, element type and shape of a tensor whose elements come later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    pub(crate) name: &'a str,
    pub(crate) dtype: Dtype,
    pub(crate) shape: &'a [usize],
}

/// Writes to `out` a file of tensors of which only one need be in memory: `fill` is called with the number of each in turn and
/// writes exactly its bytes.
pub(crate) fn stream(
    out: &mut dyn Write,
    layout: &[Layout<'_>],
    metadata: &[(&str, String)],
    mut fill: impl FnMut(usize, &mut dyn Write) -> Result<()>,
) -> Result<()> {
    let header = header(layout, metadata);
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|e| FileFault::content("tensors", e));
    put(&(header.len() as u64).to_le_bytes())?;
    put(header.as_bytes())?;
    (0..layout.len()).try_for_each(|i| fill(i, out))
}

fn header(layout: &[Layout<'_>], metadata: &[(&str, String)]) -> String {
    let mut header = Map::new();
    if !metadata.is_empty() {
        let entries = metadata.iter().map(|(k, v)| ((*k).to_owned(), Value::String(v.clone()))).collect::<Map<_, _>>();
        header.insert("__metadata__".to_owned(), Value::Object(entries));
    }
    let mut start = 0;
    for Layout { name, dtype, shape } in layout {
        let end = start + shape.iter().product::<usize>() * dtype.size();
        let entry = json!({"dtype": dtype.name(), "shape": shape, "data_offsets": [start, end]});
        header.insert((*name).to_owned(), entry);
        start = end;
    }
    let mut text = Value::Object(header).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safetensors_crate_reads_what_we_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        let tensors = [Tensor::f32("a", &[2, 1], [1.5, -2.0]), Tensor::i64("b", &[1], [7])];
        write(&path, &tensors, &[("z", "1".into()), ("y", "2".into())]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.tensor("a").unwrap().shape(), [2, 1]);
        assert_eq!(read.tensor("a").unwrap().data(), [1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat());
        assert_eq!(read.tensor("b").unwrap().data(), 7i64.to_le_bytes());
    }

    #[test]
    fn bytes_that_do_not_fill_the_shape_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        assert!(write(&path, &[Tensor::f32("a", &[3], [0.0])], &[]).is_err());
        assert!(!path.exists());
    }
}
