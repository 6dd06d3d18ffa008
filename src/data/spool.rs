//! Numbers that wait on the disk until the file that they belong to can be written: its header has their count and digest.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::FileFault;
use super::atomic;
use super::digest::Digest;
use super::tensors::{Dtype, Layout, Tensor, stream};
use crate::Result;

/// The rows of a matrix of f32 on their way into a safetensors file, in a nameless file beside it.
pub struct Spool {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Digest,
    count: usize,
}

impl Spool {
    /// An empty one for the file `path`.
    ///
    /// # Errors
    /// Something else than a file is there, or an input/output error naming `path`'s folder.
    pub fn beside(path: &Path) -> Result<Self> {
        atomic::check(path)?;
        let parent = atomic::folder_of(path);
        std::fs::create_dir_all(parent).map_err(FileFault::io("make the folder", parent))?;
        let file = tempfile::tempfile_in(parent).map_err(FileFault::io("write in", parent))?;
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(Self { path: path.to_owned(), file, digest: Digest::new(), count: 0 })
    }

    /// Adds numbers.
    ///
    /// # Errors
    /// An input/output error naming the file.
    pub fn push(&mut self, values: &[f32]) -> Result<()> {
        self.digest.f32s(values);
        self.count += values.len();
        for value in values {
            self.file.write_all(&value.to_le_bytes()).map_err(FileFault::io("write", &self.path))?;
        }
        Ok(())
    }

    /// SHA-256 over the bit patterns of all numbers.
    #[must_use]
    pub fn digest(&self) -> String {
        self.digest.hex()
    }

    /// Writes the file, whole or not at all: the tensor `name` [rows, width] of the numbers pushed, then `others`.
    ///
    /// # Errors
    /// An input/output error naming the file.
    pub fn finish(self, name: &str, width: usize, others: &[Tensor<'_>], metadata: &[(&str, String)]) -> Result<()> {
        let path = self.path;
        let fault = FileFault::io("write", &path);
        let mut file = self.file.into_inner().map_err(|e| fault(e.into_error()))?;
        let shape = [self.count / width, width];
        let mut layout = vec![Layout { name, dtype: Dtype::F32, shape: &shape }];
        layout.extend(others.iter().map(|t| Layout { name: &t.name, dtype: t.dtype, shape: &t.shape }));
        atomic::write_with(&path, |out| {
            stream(out, &layout, metadata, |i, out| {
                let written = match i {
                    0 => file.rewind().and_then(|()| std::io::copy(&mut file, out)).map(drop),
                    _ => out.write_all(&others[i - 1].bytes),
                };
                Ok(written.map_err(FileFault::io("write", &path))?)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tensors;

    #[test]
    fn pushed_in_pieces_it_is_the_file_that_a_single_write_makes() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, pieces) = (folder.path().join("whole"), folder.path().join("pieces"));
        let values: Vec<f32> = (0..60).map(|i| i as f32 / 7.0).collect();
        let offsets = || Tensor::i64("offsets", &[2], [0, 20]);
        let metadata = [("sha256", Digest::new().f32s(&values).hex())];
        tensors::write(&whole, &[Tensor::f32("tokens", &[20, 3], values.iter().copied()), offsets()], &metadata)
            .unwrap();
        let mut spool = Spool::beside(&pieces).unwrap();
        values.chunks(21).for_each(|part| spool.push(part).unwrap());
        assert_eq!(spool.digest(), metadata[0].1);
        spool.finish("tokens", 3, &[offsets()], &metadata).unwrap();
        assert_eq!(std::fs::read(whole).unwrap(), std::fs::read(pieces).unwrap());
    }
}
