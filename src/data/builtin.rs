//! Data sets and models that are built into the program: our own fixtures, for which nothing has to be fetched.

use serde::Deserialize;

use super::FileFault;
use super::digest::{self, Digest};
use super::folder::Folder;
use super::manifest::Kind;
use super::shelf::Found;
use crate::Result;

/// A set of files built in from `fixtures/`.
struct Builtin {
    name: &'static str,
    /// Its folder in `fixtures/`.
    folder: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

macro_rules! built_in {
    ($($name:literal, $folder:literal => [$($file:literal),* $(,)?];)*) => {
        &[$(Builtin {
            name: $name,
            folder: concat!("fixtures/", $folder),
            files: &[$(($file, include_bytes!(concat!("../../fixtures/", $folder, "/", $file)))),*],
        }),*]
    };
}

const SETS: &[Builtin] = built_in! {
    "fixture-bitext", "bitext" => [
        "v1/tatoeba.deu-eng.deu",
        "v1/tatoeba.deu-eng.eng",
        "v1/tatoeba.rus-eng.eng",
        "v1/tatoeba.rus-eng.rus",
        "v1/tatoeba.spa-eng.eng",
        "v1/tatoeba.spa-eng.spa",
        "v1/tatoeba.swh-eng.eng",
        "v1/tatoeba.swh-eng.swh",
        "v1/tatoeba.tur-eng.eng",
        "v1/tatoeba.tur-eng.tur",
    ];
    "fixture-student", "student" => [
        "1_Pooling/config.json",
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
    ];
    "fixture-teacher", "teacher" => [
        "1_Pooling/config.json",
        "config.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
    ];
};

const MANIFEST: &str = include_str!("../../fixtures/manifest.toml");

/// What `fixtures/manifest.toml` says of each file.
#[derive(Deserialize)]
struct Manifest {
    file: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    size: u64,
    sha256: String,
}

/// The built-in set `name`, every file of which has the digest that `fixtures/manifest.toml` states.
///
/// # Errors
/// A file that has not, or that the manifest does not know.
pub(super) fn find(name: &str) -> Result<Option<Found>> {
    let Some(set) = SETS.iter().find(|set| set.name == name) else { return Ok(None) };
    let manifest: Manifest =
        toml::from_str(MANIFEST).map_err(|e| FileFault::content("fixtures/manifest.toml", e.message()))?;
    let mut all = Digest::new();
    for (file, bytes) in set.files {
        let label = format!("{}/{file}", set.folder);
        let path = label.trim_start_matches("fixtures/");
        let stated = manifest.file.iter().find(|entry| entry.path == path);
        let stated = stated.ok_or_else(|| FileFault::content(&label, "fixtures/manifest.toml does not know it"))?;
        let found = digest::of_bytes(bytes);
        if (&found, bytes.len() as u64) != (&stated.sha256, stated.size) {
            let what = format!(
                "{} bytes with SHA-256 {found}, fixtures/manifest.toml states {} with {}; `cargo run --release --example \
                 make_fixtures -- --check` names the byte",
                bytes.len(),
                stated.size,
                stated.sha256
            );
            return Err(FileFault::content(label, what).into());
        }
        all.field(file).field(found);
    }
    let folder = Folder::Builtin { name: set.folder, files: set.files };
    Ok(Some(Found { name: name.to_owned(), digest: all.hex(), folder }))
}

/// A built-in set for those who look for what there is.
pub struct Summary {
    /// Its name.
    pub name: &'static str,
    /// A model, or data.
    pub kind: Kind,
    /// How many files it has.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
}

/// All built-in sets.
pub fn all() -> impl Iterator<Item = Summary> {
    SETS.iter().map(|set| Summary {
        name: set.name,
        kind: if set.files.iter().any(|(file, _)| *file == "config.json") { Kind::Model } else { Kind::Data },
        files: set.files.len(),
        bytes: set.files.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_built_in_set_is_what_its_manifest_says() {
        for name in super::SETS.iter().map(|set| set.name) {
            assert_eq!(super::find(name).unwrap().unwrap().name, name);
        }
        assert!(super::find("fixture-nothing").unwrap().is_none());
    }
}
