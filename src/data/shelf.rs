//! Where a name on the command line or in a claim leads: to what is built in, to a folder, or to a fetched set.

use std::path::{Path, PathBuf};

use super::builtin;
use super::digest::{self, Digest};
use super::folder::Folder;
use super::manifest::Manifest;
use super::store::{State, Store};
use crate::Result;

/// A data set or model ready to be read, with what identifies it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name and version as keys show it, e.g. `tatoeba@LASER v1`.
    pub name: String,
    /// SHA-256 over its files.
    pub digest: String,
    /// Where its files are.
    pub folder: Folder,
}

/// What came of looking for a name.
pub enum Lookup {
    /// It is here, and every file is what it should be.
    Found(Found),
    /// It is known and not here; the text says how to get it.
    Absent(String),
}

/// Everything that a name can lead to.
pub struct Shelf {
    store: Store,
}

#[derive(Debug, thiserror::Error)]
enum ShelfFault {
    #[error("{0}")]
    Absent(String),
    #[error("{}: no such folder", .0.display())]
    NoFolder(PathBuf),
}

impl crate::error::Fault for ShelfFault {}

impl Shelf {
    /// A shelf over a store; what is built in is on every shelf.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Looks `name` up: a built-in set, a set of the store, a folder. A known name comes first, so that a command means the same wherever
    /// it is given; `./NAME` is the folder.
    ///
    /// # Errors
    /// No such name or folder; a file that is not what it should be.
    pub fn look_up(&self, name: &str) -> Result<Lookup> {
        if let Some(found) = builtin::find(name)? {
            return Ok(Lookup::Found(found));
        }
        let path = Path::new(name);
        if self.store.catalogue().get(name).is_err() && (path.is_dir() || name.contains(['/', '\\'])) {
            return folder(path).map(Lookup::Found);
        }
        let status = self.store.status(name, false)?;
        let manifest = &status.manifest;
        let absent = status.count(&State::Absent);
        if absent > 0 {
            return Ok(Lookup::Absent(format!(
                "{name} ({}) is not here, {absent} of {} files are missing: run `snellen data fetch {name}`",
                manifest.licence,
                status.states.len()
            )));
        }
        let folder = self.store.open(name)?;
        let called = format!("{name}@{}", manifest.version);
        Ok(Lookup::Found(Found { name: called, digest: self.store.digest(name)?, folder }))
    }

    /// The manifest of that name, whether or not its files are here.
    #[must_use]
    pub fn manifest(&self, name: &str) -> Option<&Manifest> {
        self.store.catalogue().get(name).ok()
    }

    /// As [`Self::look_up`], for when it has to be here.
    ///
    /// # Errors
    /// As [`Self::look_up`]; it is not here.
    pub fn find(&self, name: &str) -> Result<Found> {
        match self.look_up(name)? {
            Lookup::Found(found) => Ok(found),
            Lookup::Absent(why) => Err(ShelfFault::Absent(why).into()),
        }
    }
}

/// A folder that no manifest describes: called by its own name, identified by all of its files.
fn folder(path: &Path) -> Result<Found> {
    if !path.is_dir() {
        return Err(ShelfFault::NoFolder(path.to_owned()).into());
    }
    let folder = Folder::Disk(path.to_owned());
    let mut all = Digest::new();
    for name in folder.names()? {
        all.field(&name).field(digest::of_file(&path.join(&name))?.0);
    }
    let name = path.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Found { name, digest: all.hex(), folder })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::catalogue::Catalogue;

    fn shelf(cache: &Path) -> Shelf {
        Shelf::new(Store::new(cache, Catalogue::built_in().unwrap()).unwrap())
    }

    #[test]
    fn a_name_leads_to_a_built_in_set_a_folder_or_nowhere() {
        let cache = tempfile::tempdir().unwrap();
        let shelf = shelf(cache.path());
        assert!(matches!(shelf.find("fixture-teacher").unwrap().folder, Folder::Builtin { .. }));
        let folder = cache.path().display().to_string();
        assert!(matches!(shelf.find(&folder).unwrap().folder, Folder::Disk(path) if path == cache.path()));
        let absent = shelf.find("tatoeba").unwrap_err().to_string();
        assert!(absent.ends_with("224 of 224 files are missing: run `snellen data fetch tatoeba`"), "{absent}");
        assert!(shelf.find("neither").unwrap_err().to_string().starts_with("no such data set or model: neither"));
        assert!(shelf.find("no/such/folder").unwrap_err().to_string().ends_with("no such folder"));
    }

    #[test]
    fn a_folders_digest_is_that_of_its_files() {
        let (cache, one) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let digest = || shelf(cache.path()).find(&one.path().display().to_string()).unwrap().digest;
        std::fs::write(one.path().join("a"), "x").unwrap();
        let before = digest();
        assert_eq!(digest(), before);
        std::fs::write(one.path().join("a"), "y").unwrap();
        assert_ne!(digest(), before);
    }
}
