//! Claim files: what is claimed, where it was read and how to compute it (TOML), and the published cells (CSV).

mod cells;
mod head;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::head::Head;
use super::{Comparison, Property, Recipe};
use crate::Result;
use crate::data::text;

/// A claim as its author wrote it down.
///
/// It is two files: `ID.toml`, and the CSV that its `cells` names, with the columns `language,measure,value,digest`; or one, where it says how two systems
/// compare, what has to be so, or why it cannot be checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimFile {
    /// The claim's name.
    pub id: String,
    /// What it says, in a line.
    pub title: String,
    /// What has to hold between our numbers and the published ones.
    pub kind: Kind,
    /// Where the numbers were read.
    pub source: Source,
    /// What is checked.
    pub content: Content,
    /// Its own files, as they were read.
    pub written: Vec<Written>,
}

/// A file of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it was read; of what is built in, where it is in the repository.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// What a claim is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Published numbers.
    Numbers(Numbers),
    /// Two systems.
    Comparison {
        /// Which, and how it is decided.
        comparison: Comparison,
        /// Where its files are.
        folder: PathBuf,
    },
    /// Something that has to be so.
    Property {
        /// What.
        property: Property,
        /// Where its files are.
        folder: PathBuf,
    },
    /// Nothing that could be checked: what is missing.
    Blocked(String),
}

/// Published numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// How to compute them.
    pub recipe: Recipe,
    /// How far off a number may be; none: it has to be equal at the printed precision.
    pub tolerance: Option<Tolerance>,
    /// The published numbers in the file's order; never empty, no two of the same language and measure.
    pub cells: Vec<Published>,
}

/// What kind of claim it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Kind {
    /// Each cell equals the published one.
    Equals,
    /// One system is better than another.
    Greater,
    /// One system is no worse than another by a margin.
    NonInferior,
    /// Something is so.
    Property,
    /// It cannot be checked.
    Blocked,
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(kind: String) -> Result<Self, String> {
        match kind.as_str() {
            "equals" => Ok(Self::Equals),
            "greater" => Ok(Self::Greater),
            "non-inferior" => Ok(Self::NonInferior),
            "property" => Ok(Self::Property),
            "blocked" => Ok(Self::Blocked),
            _ => {
                Err(format!("no kind `{kind}` of claims: `equals`, `greater`, `non-inferior`, `property` or `blocked`"))
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equals => "equals",
            Self::Greater => "greater",
            Self::NonInferior => "non-inferior",
            Self::Property => "property",
            Self::Blocked => "blocked",
        })
    }
}

/// Where published numbers were read. [`fmt::Display`] gives it in a line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The paper, table or result file.
    pub title: String,
    /// Where it can be read; only our own recorded numbers may do without.
    pub url: Option<String>,
    /// The snapshot that was read and the versions that it was made with.
    pub revision: Option<String>,
    /// How the source prints its numbers.
    #[serde(default)]
    pub printed: Printed,
    /// Whether the numbers are our own, recorded to notice change, and published by nobody else.
    #[serde(default)]
    pub recorded: bool,
}

/// How a source prints its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Printed {
    /// To some decimals: 0.08 stands for everything that rounds to it.
    #[default]
    Rounded,
    /// As short as reads back to the same f64, as Python and JSON writers do: 0.08 stands for 0.08 alone.
    Shortest,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        if let Some(revision) = &self.revision {
            write!(f, "; {revision}")?;
        }
        if let Some(url) = &self.url {
            write!(f, "; {url}")?;
        }
        Ok(())
    }
}

/// How far off a number may be.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// The largest difference that passes, in the measure's own unit.
    pub value: f64,
    /// Why equality cannot be asked for.
    pub reason: String,
}

/// One published number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The language or language pair as the source spells it, e.g. `afr-eng`.
    pub language: String,
    /// The measure, e.g. `f1`.
    pub measure: String,
    /// The number as printed, always a finite decimal number.
    pub value: String,
    /// How many decimals are printed, those of an exponent included: 5 for `1e-05`.
    pub digits: usize,
    /// How the source prints.
    pub printed: Printed,
    /// The digest of the ranking and scores that we recorded with it, if any.
    pub digest: Option<String>,
}

impl ClaimFile {
    /// Reads a claim from the text of its two files, whose names are used in errors.
    ///
    /// # Errors
    /// Names file and line: broken TOML or CSV, a field that is missing, unknown or empty, a kind of claim that cannot be
    /// checked, a number that is none, a cell given twice.
    pub fn parse(toml_name: &str, toml_text: &str, csv_name: &str, csv_text: &str) -> Result<Self> {
        let head = Head::parse(toml_name, toml_text)?;
        let own = Written { path: toml_name.into(), text: toml_text.to_owned() };
        head.content(own, |_| Ok(Written { path: csv_name.into(), text: csv_text.to_owned() }))
    }

    /// Reads a claim from disk; its cells, or its runs and judgements, are looked for relative to the TOML file.
    ///
    /// # Errors
    /// As [`Self::parse`], and where one of the two files cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self> {
        let own = Written { path: path.to_owned(), text: text::whole(path)? };
        let head = Head::parse(&path.display().to_string(), &own.text)?;
        let read = |cells: &str| {
            let path = path.with_file_name(cells);
            Ok(Written { text: text::whole(&path)?, path })
        };
        head.content(own, read)
    }

    /// Files besides its own that it is checked with: runs and judgements, a configuration.
    #[must_use]
    pub fn others(&self) -> Vec<PathBuf> {
        let folder = match &self.content {
            Content::Comparison { folder, .. } | Content::Property { folder, .. } => folder,
            Content::Numbers(_) | Content::Blocked(_) => return Vec::new(),
        };
        let mut files: Vec<PathBuf> = self.named().iter().map(|file| folder.join(file)).collect();
        files.sort();
        files.dedup();
        files
    }

    /// A file that it names by an absolute path, if there is one.
    #[must_use]
    pub fn absolute(&self) -> Option<PathBuf> {
        self.named().into_iter().find(|path| path.is_absolute())
    }

    /// Files besides its own, as it names them.
    fn named(&self) -> Vec<PathBuf> {
        match &self.content {
            Content::Comparison { comparison, .. } => comparison.files().collect(),
            Content::Property { property, .. } => property.config().map(Path::to_owned).into_iter().collect(),
            Content::Numbers(_) | Content::Blocked(_) => Vec::new(),
        }
    }

    /// Names of the data sets and models that it is checked with.
    #[must_use]
    pub fn needs(&self) -> Vec<String> {
        match &self.content {
            Content::Numbers(Numbers { recipe, .. }) => {
                [&recipe.data, &recipe.model].into_iter().chain(&recipe.document_model).cloned().collect()
            }
            Content::Property { property, folder } => property.needs(folder),
            Content::Comparison { .. } | Content::Blocked(_) => Vec::new(),
        }
    }

    /// The published numbers; none where it compares systems.
    #[must_use]
    pub fn numbers(&self) -> Option<&Numbers> {
        match &self.content {
            Content::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// How many cells it has.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        match &self.content {
            Content::Numbers(numbers) => numbers.cells.len(),
            Content::Comparison { comparison, .. } => comparison.pairs.len() * comparison.measures.len(),
            Content::Property { property, .. } => property.cell_count(),
            Content::Blocked(_) => 1,
        }
    }

    /// Whether it has cells of a language.
    #[must_use]
    pub fn has(&self, language: &str) -> bool {
        match &self.content {
            Content::Numbers(numbers) => numbers.cells.iter().any(|cell| cell.language == language),
            Content::Comparison { comparison, .. } => comparison.pairs.iter().any(|pair| pair.language == language),
            Content::Property { .. } | Content::Blocked(_) => false,
        }
    }

    /// Leaves only the cells of some languages.
    pub fn retain(&mut self, languages: &[String]) {
        match &mut self.content {
            Content::Numbers(numbers) => numbers.cells.retain(|cell| languages.contains(&cell.language)),
            Content::Comparison { comparison, .. } => {
                comparison.pairs.retain(|pair| languages.contains(&pair.language))
            }
            Content::Property { .. } | Content::Blocked(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
