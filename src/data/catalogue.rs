//! The manifests that are known: those built into the program and those of a folder.

use std::collections::BTreeMap;
use std::path::Path;

use super::FileFault;
use super::manifest::Manifest;
use crate::Result;

/// The manifests of `data-manifests/`, by file name.
const BUILT_IN: &[(&str, &str)] = &[
    ("LaBSE.toml", include_str!("../../data-manifests/LaBSE.toml")),
    ("africlirmatrix.toml", include_str!("../../data-manifests/africlirmatrix.toml")),
    ("afriqa-questions.toml", include_str!("../../data-manifests/afriqa-questions.toml")),
    ("afriqa.toml", include_str!("../../data-manifests/afriqa.toml")),
    ("all-MiniLM-L6-v2.toml", include_str!("../../data-manifests/all-MiniLM-L6-v2.toml")),
    ("bert-base-multilingual-cased.toml", include_str!("../../data-manifests/bert-base-multilingual-cased.toml")),
    ("ciral.toml", include_str!("../../data-manifests/ciral.toml")),
    ("clirmatrix.toml", include_str!("../../data-manifests/clirmatrix.toml")),
    ("hornmt.toml", include_str!("../../data-manifests/hornmt.toml")),
    ("mewsli-x.toml", include_str!("../../data-manifests/mewsli-x.toml")),
    ("miracl.toml", include_str!("../../data-manifests/miracl.toml")),
    ("mmarco.toml", include_str!("../../data-manifests/mmarco.toml")),
    ("msmarco-passage.toml", include_str!("../../data-manifests/msmarco-passage.toml")),
    ("multilingual-e5-base.toml", include_str!("../../data-manifests/multilingual-e5-base.toml")),
    ("multilingual-e5-small-q4.toml", include_str!("../../data-manifests/multilingual-e5-small-q4.toml")),
    ("neuclir.toml", include_str!("../../data-manifests/neuclir.toml")),
    ("ntrex.toml", include_str!("../../data-manifests/ntrex.toml")),
    ("tatoeba.toml", include_str!("../../data-manifests/tatoeba.toml")),
    ("tico19.toml", include_str!("../../data-manifests/tico19.toml")),
    ("wikiclir.toml", include_str!("../../data-manifests/wikiclir.toml")),
    ("xlm-roberta-base.toml", include_str!("../../data-manifests/xlm-roberta-base.toml")),
    ("xlm-roberta-large.toml", include_str!("../../data-manifests/xlm-roberta-large.toml")),
    ("xquad-r.toml", include_str!("../../data-manifests/xquad-r.toml")),
];

/// The manifests that are known, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    manifests: BTreeMap<String, Manifest>,
}

#[derive(Debug, thiserror::Error)]
#[error("no such data set or model: {name}; known: {known}")]
struct Unknown {
    name: String,
    known: String,
}

impl crate::error::Fault for Unknown {}

impl Catalogue {
    /// The manifests built into the program.
    ///
    /// # Errors
    /// A manifest that is not well-formed (a test sees to it that all are).
    pub fn built_in() -> Result<Self> {
        let mut catalogue = Self::default();
        for (file, text) in BUILT_IN {
            catalogue.insert(Manifest::parse(&format!("data-manifests/{file}"), text)?);
        }
        Ok(catalogue)
    }

    /// Adds `manifest`, in place of one of the same name.
    pub fn insert(&mut self, manifest: Manifest) {
        self.manifests.insert(manifest.name.clone(), manifest);
    }

    /// Adds every `*.toml` of a folder, in place of those of the same name.
    ///
    /// # Errors
    /// The folder cannot be read; a manifest in it is not well-formed; two of them have the same name.
    pub fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(FileFault::io("read the folder", folder))? {
            let path = entry.map_err(FileFault::io("read the folder", folder))?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut added = BTreeMap::new();
        for path in paths {
            let manifest = Manifest::read(&path)?;
            let name = manifest.name.clone();
            if added.insert(name.clone(), manifest).is_some() {
                let what = format!("another manifest of this folder has the name {name} too");
                return Err(FileFault::content(path.display(), what).into());
            }
        }
        self.manifests.append(&mut added);
        Ok(())
    }

    /// The manifest of that name.
    ///
    /// # Errors
    /// There is none; the message lists the names there are.
    pub fn get(&self, name: &str) -> Result<&Manifest> {
        self.manifests.get(name).ok_or_else(|| {
            let known = self.manifests.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Unknown { name: name.to_owned(), known }.into()
        })
    }

    /// All manifests, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_of_the_repository_is_built_in_and_well_formed() {
        let mut on_disk = Catalogue::default();
        on_disk.add_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data-manifests")).unwrap();
        let names = |c: &Catalogue| c.iter().map(|m| m.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&Catalogue::built_in().unwrap()), names(&on_disk));
    }

    #[test]
    fn what_needs_no_trust_on_first_use_has_a_digest() {
        let catalogue = Catalogue::built_in().unwrap();
        for name in ["tatoeba", "xquad-r", "all-MiniLM-L6-v2", "multilingual-e5-small-q4"] {
            assert!(catalogue.get(name).unwrap().digest().is_some(), "{name}");
        }
        assert_eq!(catalogue.get("tatoeba").unwrap().files.len(), 224);
        assert_eq!(catalogue.get("xquad-r").unwrap().files.len(), 11);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let message = Catalogue::built_in().unwrap().get("tatoba").unwrap_err().to_string();
        assert!(message.starts_with("no such data set or model: tatoba; known: LaBSE, "), "{message}");
    }
}
