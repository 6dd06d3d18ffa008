//! Digests of files whose manifest states none, pinned when somebody accepted them first.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::place::Found;
use super::{FileFault, atomic};
use crate::Result;

/// The name of the file in the cache.
const NAME: &str = "pins.toml";

/// By set and by path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pins(BTreeMap<String, BTreeMap<String, Pin>>);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    size: u64,
    sha256: String,
}

impl Pins {
    /// The pins of a cache. A file that cannot be understood is an error: without it unpinned files would be trusted anew.
    pub(crate) fn read(cache: &Path) -> Result<Self> {
        let path = cache.join(NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(toml::from_str(&text)
                .map_err(|e| FileFault::content(path.display(), e.message().replace('\n', "; ")))?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(FileFault::io("read", &path)(e).into()),
        }
    }

    /// Pins a file and saves all pins.
    pub(crate) fn add(&mut self, cache: &Path, set: &str, file: &str, found: &Found) -> Result<()> {
        let pin = Pin { size: found.size, sha256: found.sha256.clone() };
        self.0.entry(set.to_owned()).or_default().insert(file.to_owned(), pin);
        let path = cache.join(NAME);
        let text = toml::to_string(self).map_err(|e| FileFault::content(path.display(), e))?;
        atomic::write(&path, text.as_bytes())
    }

    /// `manifest` with what is pinned filled in. What the manifest itself states stays.
    pub(crate) fn apply(&self, manifest: &Manifest) -> Manifest {
        let mut manifest = manifest.clone();
        if let Some(pins) = self.0.get(&manifest.name) {
            for item in manifest.files.iter_mut().filter(|item| item.sha256.is_none()) {
                if let Some(pin) = pins.get(&item.path) {
                    item.size.get_or_insert(pin.size);
                    item.sha256 = Some(pin.sha256.clone());
                }
            }
        }
        manifest
    }
}
