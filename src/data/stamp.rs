//! What has been checked already: digests of files that nobody has touched since.
//!
//! Hashing half a gigabyte at each use would be noticed; not hashing at all would let a changed file through. A stamp keeps, for
//! each file, the digest together with the size and the times of change that the file had when it was hashed: that of its bytes, which
//! anybody may set, and on Unix that of its entry, which only the system's clock does. A stamp is only an aid: where it is missing, stale or
//! unreadable, files are hashed again.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use super::folder::Folder;
use super::place::Found;
use super::{atomic, digest};
use crate::Result;

/// The name of a stamp in the folder of a set; no file of a manifest may start with a dot.
const NAME: &str = ".verified";
/// The name of a digest that was made of several files of a set.
const MADE: &str = ".digest";
/// Its first line.
const FORMAT: &str = "snellen stamp 1";

#[derive(Debug)]
pub(crate) struct Stamp {
    path: PathBuf,
    /// When the stamp itself was written.
    written: Option<SystemTime>,
    entries: BTreeMap<String, Entry>,
    changed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    found: Found,
    times: String,
}

impl Stamp {
    /// The stamp of the set in `folder`; an empty one where there is none that can be read.
    pub(crate) fn read(folder: &Path) -> Self {
        let path = folder.join(NAME);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let written = std::fs::metadata(&path).and_then(|m| m.modified()).ok();
        let mut lines = text.lines();
        let entries = if lines.next() == Some(FORMAT) { lines.filter_map(parse).collect() } else { BTreeMap::new() };
        Self { path, written, entries, changed: false }
    }

    /// Size and digest of the file `name` at `path`: remembered where the file is as it was when it was hashed, and `fresh` does
    /// not ask for another look.
    pub(crate) fn look(&mut self, name: &str, path: &Path, fresh: bool) -> Result<Found> {
        let before = std::fs::metadata(path).map_err(super::FileFault::io("read", path))?;
        if !fresh && let Some(found) = self.remembered(name, &before) {
            return Ok(found);
        }
        let (sha256, size) = digest::of_file(path)?;
        let found = Found { size, sha256 };
        self.keep(name, &before, &found);
        Ok(found)
    }

    /// Remembers a file that was hashed while it was written.
    pub(crate) fn note(&mut self, name: &str, path: &Path, found: &Found) {
        if let Ok(metadata) = std::fs::metadata(path) {
            self.keep(name, &metadata, found);
        }
    }

    fn remembered(&self, name: &str, metadata: &Metadata) -> Option<Found> {
        let entry = self.entries.get(name)?;
        // A file system's clock is coarse: a file that changed in the tick in which the stamp was written could change again
        // and still show the same time.
        let [modified, changed] = times(metadata)?;
        let settled = modified.max(changed) < self.written?;
        let same = entry.found.size == metadata.len() && entry.times == written_out([modified, changed]);
        (settled && same).then(|| entry.found.clone())
    }

    fn keep(&mut self, name: &str, metadata: &Metadata, found: &Found) {
        let Some(times) = times(metadata).map(written_out) else { return };
        self.entries.insert(name.to_owned(), Entry { found: found.clone(), times });
        self.changed = true;
    }

    /// Writes the stamp, if it has anything new. A cache that cannot be written to is used without.
    pub(crate) fn save(&mut self) {
        if !self.changed {
            return;
        }
        let mut text = format!("{FORMAT}\n");
        for (name, Entry { found, times }) in &self.entries {
            text.push_str(&format!("{} {} {times} {name}\n", found.sha256, found.size));
        }
        if atomic::write(&self.path, text.as_bytes()).is_ok() {
            self.changed = false;
        }
    }
}

/// A digest that `make` computes from the content of the files `names` of `folder`. Where all of them are stamped it is remembered, under
/// their own digests, and not computed again.
pub(crate) fn remember(folder: &Folder, names: &[String], make: impl FnOnce() -> Result<String>) -> Result<String> {
    let Folder::Disk(path) = folder else { return make() };
    let Some(key) = key(path, names) else { return make() };
    let kept = path.join(MADE);
    let text = std::fs::read_to_string(&kept).unwrap_or_default();
    if let Some((_, digest)) = text.trim_end().split_once(' ').filter(|(of, digest)| *of == key && digest.len() == 64) {
        return Ok(digest.to_owned());
    }
    let digest = make()?;
    // A cache that cannot be written to is used without.
    let _ = atomic::write(&kept, format!("{key} {digest}\n").as_bytes());
    Ok(digest)
}

/// SHA-256 over names and digests of files, if all of them are stamped and nobody has touched them since.
fn key(folder: &Path, names: &[String]) -> Option<String> {
    let stamp = Stamp::read(folder);
    let mut key = digest::Digest::new();
    for name in names {
        let metadata = std::fs::metadata(folder.join(name)).ok()?;
        key.field(name).field(stamp.remembered(name, &metadata)?.sha256);
    }
    Some(key.hex())
}

fn parse(line: &str) -> Option<(String, Entry)> {
    let mut fields = line.splitn(4, ' ');
    let sha256 = fields.next()?.to_owned();
    let size = fields.next()?.parse().ok()?;
    let times = fields.next()?.to_owned();
    Some((fields.next()?.to_owned(), Entry { found: Found { size, sha256 }, times }))
}

/// When the file's bytes were changed last, and its entry.
fn times(metadata: &Metadata) -> Option<[SystemTime; 2]> {
    let modified = metadata.modified().ok()?;
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt as _;
        let nanoseconds = Duration::from_nanos(metadata.ctime_nsec().try_into().ok()?);
        UNIX_EPOCH + Duration::from_secs(metadata.ctime().try_into().ok()?) + nanoseconds
    };
    #[cfg(not(unix))]
    let changed = modified;
    Some([modified, changed])
}

/// Times in nanoseconds since 1970, with their signs.
fn written_out(times: [SystemTime; 2]) -> String {
    let text = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos().to_string(),
        Err(before) => format!("-{}", before.duration().as_nanos()),
    };
    times.map(text).join("/")
}

#[cfg(test)]
mod tests {
    #[cfg(not(unix))]
    use std::time::Duration;

    use super::*;

    /// A file, last changed an hour ago, with a saved stamp.
    fn stamped() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        write_as_of(&path, b"good", 3600);
        let mut stamp = Stamp::read(folder.path());
        assert_eq!(stamp.look("f", &path, false).unwrap().sha256, digest::of_bytes(b"good"));
        // Longer than the tick of any file system's clock here.
        std::thread::sleep(Duration::from_millis(30));
        stamp.save();
        (folder, path)
    }

    fn write_as_of(path: &Path, bytes: &[u8], age: u64) {
        std::fs::write(path, bytes).unwrap();
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let now = std::fs::metadata(path).unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_secs(age)).unwrap();
    }

    #[test]
    fn an_untouched_file_is_not_hashed_again() {
        let (folder, path) = stamped();
        // The stamp is believed: proof is that a digest planted in it comes back.
        let stamp = folder.path().join(NAME);
        let text = std::fs::read_to_string(&stamp).unwrap().replace(&digest::of_bytes(b"good"), "planted");
        std::fs::write(&stamp, text).unwrap();
        assert_eq!(Stamp::read(folder.path()).look("f", &path, false).unwrap().sha256, "planted");
        assert_eq!(Stamp::read(folder.path()).look("f", &path, true).unwrap().sha256, digest::of_bytes(b"good"));
    }

    #[test]
    fn a_changed_file_of_the_same_size_is_noticed() {
        let (folder, path) = stamped();
        write_as_of(&path, b"evil", 1800);
        assert_eq!(Stamp::read(folder.path()).look("f", &path, false).unwrap().sha256, digest::of_bytes(b"evil"));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_was_given_its_old_time_back_is_noticed() {
        let (folder, path) = stamped();
        let old = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, b"evil").unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), old);
        assert_eq!(Stamp::read(folder.path()).look("f", &path, false).unwrap().sha256, digest::of_bytes(b"evil"));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_files_be_hashed_again() {
        let (folder, path) = stamped();
        // The stamp is from before its file: whatever it says is not believed.
        let stamp = folder.path().join(NAME);
        let text = std::fs::read_to_string(&stamp).unwrap().replace(&digest::of_bytes(b"good"), "planted");
        std::fs::write(&stamp, text).unwrap();
        let day = Duration::from_secs(86400);
        let before = std::fs::metadata(&path).unwrap().modified().unwrap() - day;
        std::fs::File::options().write(true).open(&stamp).unwrap().set_modified(before).unwrap();
        assert_eq!(Stamp::read(folder.path()).look("f", &path, false).unwrap().sha256, digest::of_bytes(b"good"));
    }

    #[test]
    fn a_file_as_young_as_the_stamp_is_hashed_again() {
        let (folder, path) = stamped();
        let old = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, b"evil").unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(old).unwrap();
        std::fs::File::options().write(true).open(folder.path().join(NAME)).unwrap().set_modified(old).unwrap();
        assert_eq!(Stamp::read(folder.path()).look("f", &path, false).unwrap().sha256, digest::of_bytes(b"evil"));
    }

    #[test]
    fn a_digest_of_stamped_files_is_made_once() {
        let (folder, path) = stamped();
        let disk = Folder::Disk(folder.path().to_owned());
        let ask = |made: &str| remember(&disk, &["f".to_owned()], || Ok(made.to_owned())).unwrap();
        let (first, second) = (digest::of_bytes(b"1"), digest::of_bytes(b"2"));
        assert_eq!(ask(&first), first);
        assert_eq!(ask(&second), first, "the file is as it was");
        write_as_of(&path, b"evil", 1800);
        assert_eq!(ask(&second), second, "the file was changed since it was stamped");
        std::fs::remove_file(folder.path().join(NAME)).unwrap();
        assert_eq!(ask(&second), second, "without a stamp nothing is remembered");
        std::fs::write(folder.path().join(MADE), "nonsense").unwrap();
        assert_eq!(ask(&second), second);
    }

    #[test]
    fn a_stamp_that_makes_no_sense_is_no_stamp() {
        let (folder, path) = stamped();
        std::fs::write(folder.path().join(NAME), "snellen stamp 1\nx y z\n\n1 2\n").unwrap();
        assert_eq!(Stamp::read(folder.path()).look("f", &path, false).unwrap().sha256, digest::of_bytes(b"good"));
    }
}
