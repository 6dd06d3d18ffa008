//! A read-only folder of files: on disk, mapped into memory, or built into the program.

use std::fs::File;
use std::io::Read as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::FileFault;
use super::allowance::Allowance;
use crate::Result;

/// A folder of files that are read by name ("config.json", "1_Pooling/config.json").
#[derive(Clone, Debug)]
pub enum Folder {
    /// A folder on disk.
    Disk(PathBuf),
    /// Files built into the program.
    Builtin {
        /// How error messages call the folder.
        name: &'static str,
        /// Name and content of each file.
        files: &'static [(&'static str, &'static [u8])],
    },
}

/// The bytes of one file.
#[derive(Debug)]
pub enum Bytes {
    /// Mapped from disk.
    Mapped(memmap2::Mmap),
    /// Built into the program.
    Builtin(&'static [u8]),
    /// In memory: unpacked, or read from a pipe.
    Read(Vec<u8>),
    /// An empty file, which cannot be mapped.
    Empty,
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Builtin(bytes) => bytes,
            Self::Read(bytes) => bytes,
            Self::Empty => &[],
        }
    }
}

impl Folder {
    /// How messages call the file `name` of this folder.
    #[must_use]
    pub fn label(&self, name: &str) -> String {
        match self {
            Self::Disk(path) => path.join(name).display().to_string(),
            Self::Builtin { name: folder, .. } => format!("{folder}/{name}"),
        }
    }

    /// Whether the folder has a file of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Disk(path) => path.join(name).is_file(),
            Self::Builtin { files, .. } => files.iter().any(|(n, _)| *n == name),
        }
    }

    /// The names of all files, in folders within it too, sorted by their bytes.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = match self {
            Self::Disk(path) => {
                let mut names = Vec::new();
                list(path, "", &mut names)?;
                names
            }
            Self::Builtin { files, .. } => files.iter().map(|(name, _)| (*name).to_owned()).collect(),
        };
        names.sort();
        Ok(names)
    }

    /// The bytes of the file `name`.
    ///
    /// # Errors
    /// The file is missing or cannot be read.
    pub fn read(&self, name: &str) -> Result<Bytes> {
        match self {
            Self::Disk(path) => map(&path.join(name)),
            Self::Builtin { files, .. } => match files.iter().find(|(n, _)| *n == name) {
                Some((_, bytes)) => Ok(Bytes::Builtin(bytes)),
                None => Err(FileFault::content(self.label(name), "no such file").into()),
            },
        }
    }

    /// As [`Self::read`], unpacked if it is called `.gz`.
    ///
    /// # Errors
    /// As [`Self::read`], or it cannot be unpacked.
    pub fn unpacked(&self, name: &str) -> Result<Bytes> {
        let bytes = self.read(name)?;
        if name.ends_with(".gz") { unpack(Path::new(&self.label(name)), &bytes) } else { Ok(bytes) }
    }

    /// The file `name` as UTF-8 text.
    ///
    /// # Errors
    /// As [`Self::read`]; text that is not UTF-8, with the byte where it stops being so.
    pub fn text(&self, name: &str) -> Result<String> {
        let bytes = self.read(name)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(e) => {
                Err(FileFault::content(self.label(name), format!("not UTF-8 at byte {}", e.valid_up_to())).into())
            }
        }
    }
}

/// Adds the files below `path` to `names`, each with `prefix` before it; names that are not UTF-8 are not ours and are passed over.
fn list(path: &Path, prefix: &str, names: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(path).map_err(FileFault::io("read the folder", path))? {
        let entry = entry.map_err(FileFault::io("read the folder", path))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type().map_err(FileFault::io("read the folder", path))?;
        // Links to files are files (hubs lay out checkpoints so); links to folders may lead in circles, and pipes wait for ever.
        if kind.is_dir() {
            list(&entry.path(), &format!("{prefix}{name}/"), names)?;
        } else if entry.path().is_file() {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// As [`map`], unpacked if it is called `.gz`.
///
/// # Errors
/// As [`map`], or it cannot be unpacked.
pub fn map_unpacked(path: &Path) -> Result<Bytes> {
    let bytes = map(path)?;
    if path.extension().is_none_or(|extension| extension != "gz") { Ok(bytes) } else { unpack(path, &bytes) }
}

/// Unpacks the bytes of a file.
fn unpack(path: &Path, bytes: &[u8]) -> Result<Bytes> {
    let mut unpacked = Vec::new();
    let mut allowance = Allowance::of(bytes.len());
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(allowance.left() + 1);
    reader.read_to_end(&mut unpacked).map_err(FileFault::io("unpack", path))?;
    allowance.take(unpacked.len()).map_err(|what| FileFault::content(path.display(), what))?;
    Ok(Bytes::Read(unpacked))
}

/// Maps a file into memory.
///
/// # Errors
/// The file is missing or cannot be read.
pub fn map(path: &Path) -> Result<Bytes> {
    let file = File::open(path).map_err(FileFault::io("open", path))?;
    let meta = file.metadata().map_err(FileFault::io("read", path))?;
    if !meta.is_file() {
        return Err(FileFault::content(path.display(), "not a file").into());
    }
    if meta.len() == 0 {
        return Ok(Bytes::Empty);
    }
    // SAFETY: the map is read-only and private to this process; as with every memory-mapped reader, a file that another program
    // truncates while it is mapped is outside what can be defended against. Fetched files are renamed into place, never rewritten.
    #[allow(unsafe_code)]
    let map = unsafe { memmap2::Mmap::map(&file) };
    Ok(Bytes::Mapped(map.map_err(FileFault::io("map", path))?))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_bomb_is_refused() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![0; (64 << 20) + 1]).unwrap();
        let packed = packer.finish().unwrap();
        let error = unpack(Path::new("x.tsv.gz"), &packed).unwrap_err().to_string();
        assert!(error.starts_with("x.tsv.gz: ") && error.ends_with("make more than 67108864 of memory"), "{error}");
        let two = [packed.clone(), packed].concat();
        assert!(unpack(Path::new("x.tsv.gz"), &two).is_err(), "members are counted together");
    }
}
