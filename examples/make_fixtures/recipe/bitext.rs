//! The sentences: hand-written, one a line with its translations, the first [`INDEXED`] of them known to the checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use snellen::data::bitext::Pair;

use super::{Files, Result};

/// How many sentences, from the first, the checkpoints learn from. The others are new to them, of mostly known words.
pub(crate) const INDEXED: usize = 48;

/// The same sentences in several languages, the first of which is English.
pub(crate) struct Bitext {
    languages: Vec<&'static str>,
    /// A sentence in every language.
    rows: Vec<Vec<&'static str>>,
}

/// How often a piece of text occurs, and in which sentences, in whichever language.
#[derive(Default)]
pub(crate) struct Occurrences {
    pub(crate) count: u32,
    pub(crate) sentences: BTreeSet<usize>,
}

impl Bitext {
    /// Reads a table of tab-separated columns: the languages' names, then a sentence a line.
    pub(crate) fn parse(table: &'static str) -> Result<Self> {
        let mut rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
        if rows.len() <= INDEXED {
            return Err(format!("sentences.tsv: {} lines do not hold {INDEXED} sentences", rows.len()).into());
        }
        let languages = rows.remove(0);
        for (i, row) in rows.iter().enumerate() {
            if row.len() != languages.len() || row.iter().any(|text| text.trim() != *text || text.is_empty()) {
                return Err(format!("sentences.tsv, line {}: not {} tidy sentences", i + 2, languages.len()).into());
            }
        }
        Ok(Self { languages, rows })
    }

    /// Two files a language, as LASER lays Tatoeba out: line by line the sentence and its English translation.
    pub(crate) fn write(&self, files: &mut Files) {
        let side = |column: usize| self.rows.iter().map(|row| format!("{}\n", row[column])).collect::<String>();
        for (column, language) in self.languages.iter().enumerate().skip(1) {
            let stem = format!("bitext/v1/tatoeba.{language}-eng");
            files.insert(format!("{stem}.{language}"), side(column).into_bytes());
            files.insert(format!("{stem}.eng"), side(0).into_bytes());
        }
    }

    /// The indexed sentences of a language, each with its English, to train with.
    pub(crate) fn indexed(&self, column: usize) -> snellen::distill::Bitext {
        let pair = |(i, row): (usize, &Vec<&str>)| Pair {
            id: i.to_string(),
            source: row[0].to_owned(),
            target: row[column].to_owned(),
        };
        snellen::distill::Bitext {
            language: self.languages[column].to_owned(),
            pairs: self.rows.iter().take(INDEXED).enumerate().map(pair).collect(),
        }
    }

    /// The columns of the languages, English first.
    pub(crate) fn columns(&self) -> std::ops::Range<usize> {
        0..self.languages.len()
    }

    /// The pieces that `split` makes of the indexed sentences, in English only or in every language.
    pub(crate) fn pieces(&self, english_only: bool, split: fn(&str) -> Vec<String>) -> BTreeMap<String, Occurrences> {
        let columns = if english_only { 1 } else { self.languages.len() };
        let mut pieces = BTreeMap::<String, Occurrences>::new();
        for (sentence, row) in self.rows.iter().take(INDEXED).enumerate() {
            for piece in row.iter().take(columns).flat_map(|text| split(text)) {
                let seen = pieces.entry(piece).or_default();
                seen.count += 1;
                seen.sentences.insert(sentence);
            }
        }
        pieces
    }

    /// Every character but the space, in every language, new sentences included.
    pub(crate) fn characters(&self) -> BTreeSet<char> {
        self.rows.iter().flatten().flat_map(|text| text.chars()).filter(|c| !c.is_whitespace()).collect()
    }
}

/// Pieces by falling frequency, equals by their bytes: the order of a vocabulary.
pub(crate) fn by_frequency(pieces: BTreeMap<String, Occurrences>) -> Vec<(String, Occurrences)> {
    let mut pieces: Vec<_> = pieces.into_iter().collect();
    pieces.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.count));
    pieces
}

/// A text between two spaces as runs of letters and digits, and single other characters.
pub(crate) fn runs(word: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut start = 0;
    for (at, c) in word.char_indices() {
        if !c.is_alphanumeric() {
            runs.extend([&word[start..at], &word[at..at + c.len_utf8()]]);
            start = at + c.len_utf8();
        }
    }
    runs.push(&word[start..]);
    runs.retain(|run| !run.is_empty());
    runs
}
