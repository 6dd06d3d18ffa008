//! Files that have to stay as they are while they are in use.
//!
//! A checkpoint is mapped, not read: who writes into it meanwhile changes numbers whose key has the digest of what was there before.

use std::fs::Metadata;
use std::path::PathBuf;
use std::time::SystemTime;

use super::FileFault;
use super::folder::Folder;
use crate::Result;

/// How files were when they were first looked at.
#[derive(Debug, Default)]
pub(crate) struct Seen(Vec<(PathBuf, Option<Look>)>);

/// What of a file changes with its bytes.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    size: u64,
    modified: Option<SystemTime>,
    file: u64,
}

impl Look {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let file = 0;
        Self { size: metadata.len(), modified: metadata.modified().ok(), file }
    }
}

impl Seen {
    /// Looks at files of a folder; what is built in cannot change.
    pub(crate) fn of<'a>(folder: &Folder, names: impl IntoIterator<Item = &'a String>) -> Self {
        let Folder::Disk(folder) = folder else { return Self::default() };
        let paths = names.into_iter().map(|name| folder.join(name));
        Self(paths.map(|path| (path.clone(), look(&path))).collect())
    }

    /// What was `computed`, unless one of them was changed meanwhile.
    ///
    /// # Errors
    /// The first such file.
    pub(crate) fn vouch<T>(&self, computed: T) -> Result<T> {
        match self.0.iter().find(|(path, before)| look(path) != *before) {
            None => Ok(computed),
            Some((path, _)) => {
                let what = "it was changed while it was in use, and nothing computed with it counts: run again";
                Err(FileFault::content(path.display(), what).into())
            }
        }
    }
}

fn look(path: &std::path::Path) -> Option<Look> {
    std::fs::metadata(path).ok().as_ref().map(Look::of)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_is_changed_replaced_or_removed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "good").unwrap();
        let old = std::fs::metadata(&path).unwrap().modified().unwrap() - Duration::from_secs(3600);
        let age = || std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        age();
        let names = ["f".to_owned()];
        let seen = || Seen::of(&Folder::Disk(folder.path().to_owned()), &names);
        let before = seen();
        before.vouch(()).unwrap();
        std::fs::write(&path, "evil").unwrap();
        let message = before.vouch(()).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: it was changed while", path.display())), "{message}");
        age();
        let before = seen();
        std::fs::remove_file(&path).unwrap();
        assert!(before.vouch(()).is_err());
        std::fs::write(&path, "much longer").unwrap();
        age();
        assert!(before.vouch(()).is_err());
        assert!(Seen::of(&Folder::Builtin { name: "b", files: &[] }, &names).vouch(()).is_ok());
    }
}
