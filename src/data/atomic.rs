//! Files that appear whole or not at all.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use super::FileFault;
use crate::Result;

/// What the names of temporary files and folders start with.
pub(crate) const TEMPORARY: &str = ".snellen-";

/// Folders from which this process has cleared away what killed ones left.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Writes `path` through `fill`: into a temporary file beside it, flushed to the disk, then renamed over it. Where `fill` or the
/// disk fails, `path` is as it was before and nothing is left behind. Missing parent folders are made. What a killed program left in
/// that folder goes when the next one writes there.
///
/// # Errors
/// What `fill` returns, or an input/output error naming `path`.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let parent = folder_of(path);
    check(path)?;
    std::fs::create_dir_all(parent).map_err(FileFault::io("make the folder", parent))?;
    let mut temporary = temporary(parent).map_err(FileFault::io("write in", parent))?;
    {
        let mut out = BufWriter::with_capacity(1 << 16, temporary.as_file_mut());
        fill(&mut out)?;
        out.flush().map_err(FileFault::io("write", path))?;
    }
    temporary.as_file().sync_all().map_err(FileFault::io("write", path))?;
    temporary.persist(path).map_err(|e| FileFault::io("write", path)(e.error))?;
    Ok(())
}

/// A temporary file in `folder`, locked for as long as it is open: that tells it from one whose program was killed.
fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    // Temporary files are for their owner only; what becomes of this one is for whom the user's mask lets in.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    if SWEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned()) {
        sweep_unlocked(folder);
    }
    loop {
        let temporary = builder.tempfile_in(folder)?;
        // Before it is locked another process may have taken it for what a killed one left.
        if temporary.as_file().lock().is_err() || temporary.path().exists() {
            return Ok(temporary);
        }
    }
}

/// Removes the temporary files of `folder` that no program has locked. Where files cannot be locked they stay.
fn sweep_unlocked(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        if ours && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) && entry.path().is_file() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Refuses a path where no file can be put.
///
/// # Errors
/// What stands in the way.
pub fn check(path: &Path) -> Result<()> {
    // Renaming over a device would put a file in its place.
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(FileFault::content(path.display(), "cannot be written: it is there and not a file").into());
    }
    Ok(())
}

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes `bytes` to `path`, whole or not at all.
///
/// # Errors
/// An input/output error naming `path`.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |out| Ok(out.write_all(bytes).map_err(FileFault::io("write", path))?))
}

/// Removes from `folder` and the folders in it the temporary files and folders of programs that were killed. To be called only where
/// no other program can be at work.
pub(crate) fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, is_folder) = (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let ours = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        // What cannot be removed stays; it is in nobody's way.
        match (ours, is_folder) {
            (true, true) => drop(std::fs::remove_dir_all(&path)),
            (true, false) => drop(std::fs::remove_file(&path)),
            (false, true) => sweep(&path),
            (false, false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_killed_programs_left_goes_and_what_others_write_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let alive = temporary(folder.path()).unwrap();
        for name in [".snellen-dead", ".snellen-folder/x", ".other"] {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), "half").unwrap();
        }
        // As if by another process: this one has swept the folder.
        SWEPT.lock().unwrap().clear();
        write(&at("f"), b"whole").unwrap();
        assert!(alive.path().exists() && at(".other").exists() && at(".snellen-folder/x").exists());
        assert!(!at(".snellen-dead").exists());
        assert_eq!(std::fs::read(at("f")).unwrap(), b"whole");
        std::fs::write(at(".snellen-dead"), "half").unwrap();
        write(&at("f"), b"whole").unwrap();
        assert!(at(".snellen-dead").exists(), "a folder is swept once");
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::write(at("a/b/.snellen-dead"), "half").unwrap();
        sweep(folder.path());
        let left = |name: &str| at(name).exists();
        assert!(left("a/b") && left("f") && left(".other"));
        assert!(!left("a/b/.snellen-dead") && !left(".snellen-dead") && !left(".snellen-folder"));
    }
}
