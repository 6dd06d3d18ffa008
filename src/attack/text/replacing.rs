//! Kinds that put something else in the place of one piece: a grapheme, a word, or what stands between two words.

use unicode_normalization::UnicodeNormalization as _;

use super::chain::Chain;
use super::confusable::look_alikes;
use super::editor::Editor;
use super::letters::{Class, blank, is_punctuation, lowercase, other_case, uppercase, without_marks};
use super::romanise::romanise;
use super::words::{Part, Words};
use super::{Kind, Options};
use crate::kernel::random::Stream;

/// What stands for a piece, and how often it is drawn.
type Choices = Vec<(String, usize)>;

pub(super) struct Replacing<'a, 'o> {
    kind: Kind,
    options: &'o Options<'o>,
    chain: Chain<'a>,
    units: Vec<usize>,
}

impl<'a, 'o> Replacing<'a, 'o> {
    pub(super) fn new(kind: Kind, text: &'a str, options: &'o Options<'o>) -> Self {
        let words = Words::of(text);
        let (pieces, units): (Vec<Part>, Vec<usize>) = match kind {
            Kind::Romanise | Kind::Upper | Kind::Lower | Kind::RepeatWord | Kind::CodeSwitch => {
                let pieces = words.pieces();
                // A blank that bears a mark is in the word, and would part it without the mark.
                let whole = |i: &usize| !text[pieces[*i].start..pieces[*i].end].contains(blank);
                let units = (0..words.words.len()).map(|k| 2 * k + 1).filter(whole).collect();
                (pieces, units)
            }
            Kind::Unspace | Kind::DoubleSpace => {
                (words.pieces(), (0..words.words.len()).filter(|k| words.blanks(*k)).map(|k| 2 * k + 2).collect())
            }
            _ => {
                let units = graphemes(kind, &words);
                (words.graphemes, units)
            }
        };
        let mut replacing = Self { kind, options, chain: Chain::new(text, pieces), units: Vec::new() };
        replacing.units = units.into_iter().filter(|i| replacing.has_choices(*i)).collect();
        replacing
    }

    /// Whether there are [`Self::choices`]: told without making them where that is easy, as most pieces are asked for and few are edited.
    fn has_choices(&self, i: usize) -> bool {
        let piece = self.chain.piece(i);
        match self.kind {
            Kind::Punctuation | Kind::Unspace | Kind::DoubleSpace | Kind::RepeatWord => true,
            Kind::Diacritics | Kind::Nfd | Kind::Romanise if piece.is_ascii() => false,
            Kind::FlipCase if piece.is_ascii() => true,
            Kind::Upper if piece.is_ascii() => piece.contains(|c: char| c.is_ascii_lowercase()),
            Kind::Lower if piece.is_ascii() => piece.contains(|c: char| c.is_ascii_uppercase()),
            _ => !self.choices(i).is_empty(),
        }
    }

    /// What the piece may become; nothing that it is already.
    fn choices(&self, i: usize) -> Choices {
        let piece = self.chain.piece(i);
        let turkic = self.options.language.turkic();
        let found = match self.kind {
            Kind::Diacritics => without_marks(piece).into_iter().map(|text| (text, 1)).collect(),
            Kind::Confusable => look_alikes(piece).into_iter().map(|text| (text, 1)).collect(),
            Kind::Nfd => vec![(piece.nfd().collect(), 1)],
            Kind::FlipCase => flipped(piece, turkic).into_iter().map(|text| (text, 1)).collect(),
            Kind::Romanise => vec![(romanise(piece), 1)],
            Kind::Upper => vec![(uppercase(piece, turkic), 1)],
            Kind::Lower => vec![(lowercase(piece, turkic), 1)],
            Kind::RepeatWord => vec![(format!("{piece} {piece}"), 1)],
            Kind::CodeSwitch => self.options.lexicon.map_or_else(Vec::new, |lexicon| lexicon.translations(piece)),
            Kind::DoubleSpace => vec![(format!("{piece} "), 1)],
            // Unspace, punctuation.
            _ => return vec![(String::new(), 1)],
        };
        found.into_iter().filter(|(text, _)| !text.is_empty() && text != piece).collect()
    }
}

/// The graphemes that a kind may edit, as far as their place decides.
fn graphemes(kind: Kind, words: &Words<'_>) -> Vec<usize> {
    let mut protected = vec![false; words.graphemes.len()];
    for word in words.words.iter().filter(|word| word.digits) {
        protected[word.first..word.end].fill(true);
    }
    let is_unit = |i: usize| match kind {
        Kind::Punctuation => is_punctuation(words.grapheme(i)),
        _ => words.classes[i] == Class::Letter,
    };
    // Where there are no words, nothing would be left without punctuation.
    let any = !words.words.is_empty();
    (0..protected.len()).filter(|i| any && !protected[*i] && is_unit(*i)).collect()
}

/// A grapheme in its other case.
fn flipped(grapheme: &str, turkic: bool) -> Option<String> {
    let first = grapheme.chars().next()?;
    let other = other_case(first, turkic)?;
    Some(std::iter::once(other).chain(grapheme.chars().skip(1)).nfc().collect())
}

impl Editor for Replacing<'_, '_> {
    fn units(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.units)
    }

    fn edit(&mut self, i: usize, stream: &mut Stream) -> bool {
        let mut choices = self.choices(i);
        while let Some(mut drawn) = stream.index(choices.iter().map(|(_, weight)| weight).sum()) {
            let heavier = |(_, weight): &(String, usize)| {
                let here = drawn < *weight;
                drawn = drawn.wrapping_sub(*weight);
                here
            };
            let Some(place) = choices.iter().position(heavier) else { return false };
            let (text, _) = choices.swap_remove(place);
            if self.chain.replace(i, &[&text]) {
                return true;
            }
        }
        false
    }

    fn text(&self) -> String {
        self.chain.text()
    }
}
