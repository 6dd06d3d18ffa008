//! The cache: where fetched sets lie, and whether they are what they should be.
//!
//! Layout: `data/NAME/PATH` are the files, `data/NAME/.verified` says what was checked when, `.digest` beside it remembers a model's
//! digest, `pins.toml` holds digests accepted on first use, `partial/` what is being fetched.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::catalogue::Catalogue;
use super::folder::Folder;
use super::manifest::{Item, Manifest};
use super::pins::Pins;
use super::place::{self, Expected, Found, PlaceFault};
use super::stamp::Stamp;
use super::{FileFault, atomic};
use crate::Result;

/// Fetched data and checkpoints.
#[derive(Debug)]
pub struct Store {
    cache: PathBuf,
    catalogue: Catalogue,
    pins: Pins,
}

/// How a file of a set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there and has the digest that it should have.
    Good,
    /// It is not there.
    Absent,
    /// It is there, and nobody has stated which digest it should have.
    Unpinned,
    /// It is there and is something else; the text says what was expected and what was found.
    Corrupt(String),
}

/// A set's files and how they are, in the manifest's order.
#[derive(Clone, Debug)]
pub struct Status {
    /// The manifest, with what is pinned filled in.
    pub manifest: Manifest,
    /// How each file of the manifest is.
    pub states: Vec<State>,
}

#[derive(Debug, thiserror::Error)]
enum StoreFault {
    #[error("{name} is not fetched ({what}): run `snellen data fetch {name}`")]
    NotFetched { name: String, what: String },
    #[error(
        "{}: {what}; the file was changed or damaged: run `snellen data fetch {name}` to replace it",
        path.display()
    )]
    Corrupt { name: String, path: PathBuf, what: String },
    #[error("{}: nobody has stated its digest: run `snellen data fetch --accept {name}` to trust it", path.display())]
    Unpinned { name: String, path: PathBuf },
    #[error("{name}: no digest is known for {path}: run `snellen data fetch --accept {name}`")]
    NoDigest { name: String, path: String },
}

impl crate::error::Fault for StoreFault {}

impl Store {
    /// The store in the folder `cache`, which need not exist.
    ///
    /// # Errors
    /// The pins of the cache cannot be read.
    pub fn new(cache: impl Into<PathBuf>, catalogue: Catalogue) -> Result<Self> {
        let cache = cache.into();
        let pins = Pins::read(&cache)?;
        Ok(Self { cache, catalogue, pins })
    }

    /// The manifests that the store knows.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The manifest of `name`, with what is pinned in this cache filled in.
    ///
    /// # Errors
    /// There is no such set.
    pub fn manifest(&self, name: &str) -> Result<Manifest> {
        Ok(self.pins.apply(self.catalogue.get(name)?))
    }

    /// The folder of the set `name`, whether it is fetched or not.
    ///
    /// # Errors
    /// There is no such set.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        Ok(self.folder(&self.catalogue.get(name)?.name))
    }

    /// The folder of the set `name`, all of whose files are there and have their digests. Files that nobody has touched since they
    /// were last hashed are not hashed again.
    ///
    /// # Errors
    /// There is no such set; it is not fetched; a file is not what it should be.
    pub fn open(&self, name: &str) -> Result<Folder> {
        let status = self.status(name, false)?;
        let folder = self.folder(name);
        let absent = status.count(&State::Absent);
        if absent > 0 {
            let what = match absent == status.states.len() {
                true => "none of its files is here".to_owned(),
                false => format!("{absent} of {} files are missing", status.states.len()),
            };
            return Err(StoreFault::NotFetched { name: name.to_owned(), what }.into());
        }
        for (item, state) in status.manifest.files.iter().zip(&status.states) {
            let (name, path) = (name.to_owned(), folder.join(&item.path));
            match state {
                State::Good | State::Absent => {}
                State::Corrupt(what) => return Err(StoreFault::Corrupt { name, path, what: what.clone() }.into()),
                State::Unpinned => return Err(StoreFault::Unpinned { name, path }.into()),
            }
        }
        Ok(Folder::Disk(folder))
    }

    /// The digest of the set `name`; see [`Manifest::digest`].
    ///
    /// # Errors
    /// There is no such set; the digest of one of its files is not known.
    pub fn digest(&self, name: &str) -> Result<String> {
        let manifest = self.manifest(name)?;
        if let Some(digest) = manifest.digest() {
            return Ok(digest);
        }
        let path = manifest.unpinned().next().map(|item| item.path.clone()).unwrap_or_default();
        Err(StoreFault::NoDigest { name: name.to_owned(), path }.into())
    }

    /// How each file of the set `name` is. With `fresh` every file is hashed; without, those that changed since they were last
    /// hashed.
    ///
    /// # Errors
    /// There is no such set; a file cannot be read.
    pub fn status(&self, name: &str, fresh: bool) -> Result<Status> {
        let manifest = self.manifest(name)?;
        let folder = self.folder(name);
        let mut stamp = Stamp::read(&folder);
        let states =
            manifest.files.iter().map(|item| state(item, &folder, &mut stamp, fresh)).collect::<Result<Vec<_>>>()?;
        stamp.save();
        Ok(Status { manifest, states })
    }

    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.cache.join("data").join(name)
    }

    /// Where files lie that are being fetched.
    pub(super) fn partial(&self) -> PathBuf {
        self.cache.join("partial")
    }

    pub(super) fn pin(&mut self, set: &str, file: &str, found: &Found) -> Result<()> {
        self.pins.add(&self.cache, set, file, found)
    }

    /// Makes this process the only one that fetches into the cache, waiting for another that does, and clears away what
    /// interrupted ones left behind.
    pub(super) fn lock(&mut self) -> Result<File> {
        let partial = self.partial();
        std::fs::create_dir_all(&partial).map_err(FileFault::io("make the folder", &partial))?;
        let path = partial.join(".lock");
        let file = File::create(&path).map_err(FileFault::io("write", &path))?;
        file.lock().map_err(FileFault::io("lock", &path))?;
        atomic::sweep(&partial);
        self.pins = Pins::read(&self.cache)?;
        Ok(file)
    }
}

impl Status {
    /// How many files are in that state.
    #[must_use]
    pub fn count(&self, state: &State) -> usize {
        self.states.iter().filter(|s| *s == state).count()
    }

    /// The files that are there and are something else than they should be: path, and what was expected and found.
    pub fn corrupt(&self) -> impl Iterator<Item = (&str, &str)> {
        self.manifest.files.iter().zip(&self.states).filter_map(|(item, state)| match state {
            State::Corrupt(what) => Some((item.path.as_str(), what.as_str())),
            _ => None,
        })
    }
}

/// How the file `item` of the set in `folder` is.
pub(super) fn state(item: &Item, folder: &Path, stamp: &mut Stamp, fresh: bool) -> Result<State> {
    let path = folder.join(&item.path);
    match std::fs::metadata(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(State::Absent),
        Err(e) => return Err(FileFault::io("read", &path)(e).into()),
        Ok(metadata) if !metadata.is_file() => return Ok(State::Corrupt("not a file".into())),
        // A wrong size needs no hashing.
        Ok(metadata) => {
            if let Some(size) = item.size.filter(|size| *size != metadata.len()) {
                return Ok(State::Corrupt(PlaceFault::Size { expected: size, found: metadata.len() }.to_string()));
            }
        }
    }
    let expected = Expected { size: item.size, sha256: item.sha256.as_deref(), md5: None };
    if expected.sha256.is_none() {
        return Ok(State::Unpinned);
    }
    Ok(match place::check(expected, &stamp.look(&item.path, &path, fresh)?) {
        Ok(()) => State::Good,
        Err(fault) => State::Corrupt(fault.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fetch;

    /// A store that knows one set of one file, and how to fetch it.
    fn store() -> (tempfile::TempDir, Store) {
        let cache = tempfile::tempdir().unwrap();
        let text = "name = \"set\"\nversion = \"1\"\ntitle = \"\"\nlicence = \"\"\ncitation = \"\"\nkind = \"data\"\n\
                    [[files]]\npath = \"a\"\nsource.inline.text = \"alpha\"\n";
        let mut catalogue = Catalogue::default();
        catalogue.insert(Manifest::parse("set.toml", text).unwrap());
        let store = Store::new(cache.path(), catalogue).unwrap();
        (cache, store)
    }

    #[test]
    fn what_is_not_fetched_is_said_with_what_to_do() {
        let (_cache, store) = store();
        let message = store.open("set").unwrap_err().to_string();
        assert_eq!(message, "set is not fetched (none of its files is here): run `snellen data fetch set`");
        assert!(!store.path("set").unwrap().exists(), "looking makes nothing");
    }

    #[test]
    fn a_fetched_set_opens_until_it_is_changed() {
        let (_cache, mut store) = store();
        fetch::fetch(&mut store, "set", &fetch::Options::default(), &mut ()).unwrap();
        assert_eq!(store.open("set").unwrap().text("a").unwrap(), "alpha");
        assert_eq!(store.digest("set").unwrap(), store.manifest("set").unwrap().digest().unwrap());
        let path = store.path("set").unwrap().join("a");
        std::fs::write(&path, "alphb").unwrap();
        let message = store.open("set").unwrap_err().to_string();
        let found = crate::data::digest::of_bytes(b"alphb");
        assert!(message.starts_with(&format!("{}: SHA-256 {found} instead of ", path.display())), "{message}");
        assert!(message.ends_with("run `snellen data fetch set` to replace it"), "{message}");
    }
}
