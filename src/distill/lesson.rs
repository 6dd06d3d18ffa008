//! What is learned from: pairs, tokenised for both models, by language.

use std::collections::BTreeSet;

use super::Bitext;
use super::fault::DistillFault;
use crate::Result;
use crate::data::bitext::Pair;
use crate::encoder::{Located, Model};

/// Leaves out the pairs of which a side is among these texts; returns how many they were.
pub(super) fn leave_out(bitext: &mut [Bitext], texts: &[String]) -> usize {
    let texts: BTreeSet<String> = texts.iter().map(|text| letters(text)).collect();
    let count = |bitext: &[Bitext]| bitext.iter().map(|part| part.pairs.len()).sum::<usize>();
    let before = count(bitext);
    for part in &mut *bitext {
        part.pairs.retain(|pair| ![&pair.source, &pair.target].iter().any(|side| texts.contains(&letters(side))));
    }
    before - count(bitext)
}

/// A text's letters and digits, small.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The pairs of a language.
pub(super) struct Language {
    pub(super) name: String,
    pub(super) pairs: Vec<Lesson>,
    /// Pairs that were left out: too long, or without tokens on a side.
    pub(super) unusable: usize,
}

/// A pair.
pub(super) struct Lesson {
    /// The translation.
    pub(super) text: String,
    /// The sentence as the teacher reads it.
    pub(super) taught: Located,
    /// The sentence as the student reads it, if it is to.
    pub(super) sentence: Option<Located>,
    /// The translation as the student reads it.
    pub(super) translation: Located,
}

/// How pairs become lessons.
pub(super) struct Reader<'a> {
    pub(super) teacher: &'a Model,
    pub(super) student: &'a Model,
    pub(super) prefixes: [&'a str; 2],
    pub(super) both_sides: bool,
    pub(super) longest: usize,
}

impl Reader<'_> {
    /// The pairs of a language that both sides have tokens of, and neither more than the longest.
    ///
    /// # Errors
    /// As [`Model::locate`]; no such pair.
    pub(super) fn language(&self, name: &str, pairs: &[Pair]) -> Result<Language> {
        let [sentences, translations] = [0, 1].map(|side| {
            let text = |pair: &Pair| if side == 0 { pair.source.clone() } else { pair.target.clone() };
            pairs.iter().map(text).collect::<Vec<String>>()
        });
        let [before, after] = self.prefixes;
        let taught = self.teacher.locate(before, &sentences)?;
        let mut own = Vec::new();
        if self.both_sides {
            own = self.student.locate(after, &sentences)?;
        }
        let mut own = own.into_iter();
        let read = self.student.locate(after, &translations)?;
        let fits = |found: &Located| found.ids.len() <= self.longest && found.places.iter().any(Option::is_some);
        let lessons: Vec<Lesson> = translations
            .into_iter()
            .zip(taught)
            .zip(read)
            .map(|((text, taught), translation)| Lesson { text, taught, sentence: own.next(), translation })
            .filter(|lesson| {
                fits(&lesson.taught) && fits(&lesson.translation) && lesson.sentence.as_ref().is_none_or(fits)
            })
            .collect();
        if lessons.is_empty() {
            let (language, longest) = (name.to_owned(), self.longest);
            return Err(DistillFault::NoPairs { language, longest, pairs: pairs.len() }.into());
        }
        Ok(Language { name: name.to_owned(), unusable: pairs.len() - lessons.len(), pairs: lessons })
    }
}
