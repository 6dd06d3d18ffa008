//! Where a name on the command line or in a claim leads: to what is built in, to a folder, or to a fetched set.

use std::path::{Path, PathBuf};

use super::builtin;
use super::digest::{self, Digest};
use super::folder::Folder;
use super::store::{State, Store};
use crate::Result;

/// A data set or model ready to be read, with what identifies it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name and version as keys show it, e.g. `tatoeba@74bc6ae7`.
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

    /// Looks `name` up: a built-in set, a folder (anything with a separator in it, or `.`), a set of the store.
    ///
    /// # Errors
    /// No such name or folder; a file that is not what it should be.
    pub fn look_up(&self, name: &str) -> Result<Lookup> {
        if let Some(found) = builtin::find(name)? {
            return Ok(Lookup::Found(found));
        }
        if name.contains(['/', '\\']) || name.starts_with('.') {
            return folder(Path::new(name)).map(Lookup::Found);
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
        let version = manifest.version.get(..8).unwrap_or(&manifest.version);
        Ok(Lookup::Found(Found { name: format!("{name}@{version}"), digest: self.store.digest(name)?, folder }))
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
