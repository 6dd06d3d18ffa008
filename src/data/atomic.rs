//! Files that appear whole or not at all.

use std::io::{BufWriter, Write};
use std::path::Path;

use super::FileFault;
use crate::Result;

/// Writes `path` through `fill`: into a temporary file beside it, flushed to the disk, then renamed over it. Where `fill` or the
/// disk fails, `path` is as it was before and nothing is left behind. Missing parent folders are made.
///
/// # Errors
/// What `fill` returns, or an input/output error naming `path`.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let parent = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(FileFault::io("make the folder", parent))?;
    let mut temporary =
        tempfile::Builder::new().prefix(".snellen-").tempfile_in(parent).map_err(FileFault::io("write in", parent))?;
    {
        let mut out = BufWriter::with_capacity(1 << 16, temporary.as_file_mut());
        fill(&mut out)?;
        out.flush().map_err(FileFault::io("write", path))?;
    }
    temporary.as_file().sync_all().map_err(FileFault::io("write", path))?;
    temporary.persist(path).map_err(|e| FileFault::io("write", path)(e.error))?;
    Ok(())
}

/// Writes `bytes` to `path`, whole or not at all.
///
/// # Errors
/// An input/output error naming `path`.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |out| Ok(out.write_all(bytes).map_err(FileFault::io("write", path))?))
}
