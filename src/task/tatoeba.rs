//! Tatoeba: a sentence's translation among the sentences of the other side (Artetxe and Schwenk, arXiv 1812.10464).
//!
//! A language is a pair of files `tatoeba.LANG-eng.LANG` and `tatoeba.LANG-eng.eng`, in the folder itself or in its `v1` as LASER has
//! them, a sentence a line, line i of one the translation of line i of the other. Sentences are stripped of outer white space, as every published evaluation does; cosine; the best
//! candidate is the prediction.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::Key;
use crate::Result;
use crate::data::FileFault;
use crate::data::digest::Digest;
use crate::data::shelf::Found;
use crate::encoder::{Cache, How, Recipe, Towers, Work};
use crate::kernel::ARITH;
use crate::metric;
use crate::retrieval::dense::rank_on;
use crate::retrieval::{self, Hit};

/// How deep rankings are kept and digested; measures look at the first only.
const DEPTH: usize = 10;

/// Which side asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Direction {
    /// The foreign sentence is the query, English the corpus.
    #[serde(rename = "xx-en")]
    ForeignToEnglish,
    /// The English sentence is the query.
    #[serde(rename = "en-xx")]
    EnglishToForeign,
}

/// Whose measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// Accuracy, precision, recall and F1 in [0, 1], as MTEB prints them.
    Mteb,
    /// Accuracy in per cent, as XTREME prints it.
    Xtreme,
}

/// A language's sentences: line i of one side is the translation of line i of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The language's code in the file names.
    pub language: String,
    /// The foreign side.
    pub foreign: Vec<String>,
    /// The English side.
    pub english: Vec<String>,
}

/// What decides a table besides data and model.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Which side asks.
    pub direction: Direction,
    /// Whose measures.
    pub convention: Convention,
    /// How queries become embeddings; they are normalised in any case, for scores are cosines.
    pub queries: Recipe,
    /// How the sentences do that are searched.
    pub corpus: Recipe,
    /// What was done to the queries, for the key.
    pub perturbation: Option<String>,
}

/// A language, evaluated.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The measures with their keys.
    pub cells: Vec<(Key, f64)>,
    /// The best documents of every query.
    pub rankings: Vec<Vec<Hit>>,
    /// SHA-256 over rankings and scores.
    pub digest: String,
    /// SHA-256 over the embeddings of queries and corpus.
    pub embeddings: String,
}

/// The languages of a data set, sorted.
///
/// # Errors
/// A folder that cannot be read or has no pair of files.
pub fn languages(data: &Found) -> Result<Vec<String>> {
    let names = data.folder.names()?;
    let language = |name: &String| {
        let name = name.strip_prefix("v1/").unwrap_or(name);
        let (language, side) = name.strip_prefix("tatoeba.")?.split_once("-eng.")?;
        (language == side).then(|| language.to_owned())
    };
    let mut languages: Vec<String> = names.iter().filter_map(language).collect();
    languages.sort();
    languages.dedup();
    if languages.is_empty() {
        return Err(FileFault::content(data.folder.label(""), "no file tatoeba.LANG-eng.LANG, nor in v1").into());
    }
    Ok(languages)
}

impl Pair {
    /// Reads one language.
    ///
    /// # Errors
    /// A file that is missing or not UTF-8; sides of unequal length; no sentence at all.
    pub fn read(data: &Found, language: &str) -> Result<Self> {
        let file = |side: &str| {
            let name = format!("tatoeba.{language}-eng.{side}");
            let below = format!("v1/{name}");
            if data.folder.has(&below) { below } else { name }
        };
        let side = |side: &str| -> Result<Vec<String>> {
            let text = data.folder.text(&file(side))?;
            // Only a line feed ends a line: some sentences hold other characters that count as line ends elsewhere.
            let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
            Ok(if text.is_empty() { Vec::new() } else { lines.map(|line| line.trim().to_owned()).collect() })
        };
        let (foreign, english) = (side(language)?, side("eng")?);
        let file = data.folder.label(&file(language));
        if foreign.len() != english.len() {
            let what = format!("{} lines, but its English side has {}", foreign.len(), english.len());
            return Err(FileFault::content(file, what).into());
        }
        if foreign.is_empty() {
            return Err(FileFault::content(file, "no sentence").into());
        }
        Ok(Self { language: language.to_owned(), foreign, english })
    }
}

impl Setup {
    /// Evaluates one language. `how.recipe` is not looked at: the setup has the recipes.
    ///
    /// # Errors
    /// As [`Cache::embed`].
    pub fn score(&self, data: &Found, pair: &Pair, models: Towers<'_>, how: &How<'_>, cache: &Cache) -> Result<Scored> {
        let embed = |work: Work<'_>| cache.embed(work.model, &How { recipe: &work.recipe, ..*how }, &work.texts);
        let [queries, corpus] = self.work(pair, models).map(embed);
        let (queries, corpus) = (queries?, corpus?);
        let rankings = rank_on(models.devices(), queries.view(), corpus.view(), DEPTH)?;
        let predictions: Vec<usize> = rankings.iter().map(|ranking| ranking[0].document).collect();
        let key = self.key(data, &pair.language, models);
        let cells = self
            .convention
            .measures(&predictions)
            .into_iter()
            .map(|(measure, aggregation, value)| {
                (Key { measure: measure.to_owned(), aggregation: aggregation.to_owned(), ..key.clone() }, value)
            })
            .collect();
        let mut embeddings = Digest::new();
        for side in [&queries, &corpus] {
            embeddings.f32s(side.as_slice().expect("embeddings are contiguous"));
        }
        Ok(Scored { cells, digest: retrieval::digest(&rankings), rankings, embeddings: embeddings.hex() })
    }

    /// What is encoded for one language: queries, and what is searched.
    #[must_use]
    pub fn work<'a>(&self, pair: &'a Pair, models: Towers<'a>) -> [Work<'a>; 2] {
        let (queries, corpus) = match self.direction {
            Direction::ForeignToEnglish => (&pair.foreign, &pair.english),
            Direction::EnglishToForeign => (&pair.english, &pair.foreign),
        };
        let side = |model, recipe: &Recipe, texts: &'a [String]| {
            let texts = texts.iter().map(String::as_str).collect();
            Work { model, recipe: recipe.cosine(), texts }
        };
        [side(models.queries(), &self.queries, queries), side(models.documents(), &self.corpus, corpus)]
    }

    /// What all cells of a language have in common.
    #[must_use]
    pub fn key(&self, data: &Found, language: &str, models: Towers<'_>) -> Key {
        Key {
            task: "tatoeba".to_owned(),
            data: data.name.clone(),
            data_sha256: data.digest.clone(),
            language: format!("{language}-eng"),
            direction: self.direction.to_string(),
            measure: String::new(),
            aggregation: String::new(),
            model: models.name(),
            model_sha256: models.digest(),
            system: "dense".to_owned(),
            pooling: self.queries.cosine().name(models.queries().config()),
            prefix: super::prefixes(&self.queries.prefix, &self.corpus.prefix),
            perturbation: self.perturbation.clone(),
            ties: "line ascending".to_owned(),
            arith: ARITH,
        }
    }
}

impl Convention {
    /// Name, aggregation and value of each measure.
    fn measures(self, predictions: &[usize]) -> Vec<(&'static str, &'static str, f64)> {
        /// scikit-learn's name for the mean over labels, each counted as often as it is true (here: once).
        const WEIGHTED: &str = "weighted";
        let m = metric::bitext(predictions);
        match self {
            Self::Mteb => vec![
                ("accuracy", "mean", m.accuracy),
                ("precision", WEIGHTED, m.precision),
                ("recall", WEIGHTED, m.recall),
                ("f1", WEIGHTED, m.f1),
            ],
            Self::Xtreme => vec![("accuracy", "per cent", m.accuracy * 100.0)],
        }
    }

    /// The direction in which the convention's own evaluation searches.
    #[must_use]
    pub fn direction(self) -> Direction {
        match self {
            Self::Mteb => Direction::ForeignToEnglish,
            Self::Xtreme => Direction::EnglishToForeign,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForeignToEnglish => "xx-en",
            Self::EnglishToForeign => "en-xx",
        })
    }
}

impl FromStr for Direction {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "xx-en" => Ok(Self::ForeignToEnglish),
            "en-xx" => Ok(Self::EnglishToForeign),
            other => Err(format!("no direction {other}: xx-en or en-xx")),
        }
    }
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mteb => "mteb",
            Self::Xtreme => "xtreme",
        })
    }
}

impl FromStr for Convention {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "mteb" => Ok(Self::Mteb),
            "xtreme" => Ok(Self::Xtreme),
            other => Err(format!("no convention {other}: mteb or xtreme")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::folder::Folder;

    fn data(files: &'static [(&'static str, &'static [u8])]) -> Found {
        Found { name: "t".into(), digest: "0".into(), folder: Folder::Builtin { name: "t", files } }
    }

    #[test]
    fn lines_are_stripped_and_only_line_feeds_end_them() {
        let data = data(&[
            ("v1/tatoeba.deu-eng.deu", b" eins \r\nzwei\xe2\x80\xa8drei\n"),
            ("v1/tatoeba.deu-eng.eng", b"one\ntwo three"),
        ]);
        assert_eq!(languages(&data).unwrap(), ["deu"]);
        let pair = Pair::read(&data, "deu").unwrap();
        assert_eq!(pair.foreign, ["eins", "zwei\u{2028}drei"]);
        assert_eq!(pair.english, ["one", "two three"]);
    }

    #[test]
    fn a_bitext_with_unequal_sides_is_refused() {
        let data = data(&[("v1/tatoeba.deu-eng.deu", b"eins\nzwei\n"), ("v1/tatoeba.deu-eng.eng", b"one\n")]);
        let error = Pair::read(&data, "deu").unwrap_err().to_string();
        assert_eq!(error, "t/v1/tatoeba.deu-eng.deu: 2 lines, but its English side has 1");
    }

    #[test]
    fn no_sentence_is_refused_and_no_language_too() {
        let empty = data(&[("v1/tatoeba.deu-eng.deu", b""), ("v1/tatoeba.deu-eng.eng", b"")]);
        assert!(Pair::read(&empty, "deu").is_err());
        assert!(languages(&data(&[])).is_err());
    }
}
