//! Kinds that are about two things side by side: something put between two letters, two words exchanged, a word left out with the blanks beside it.

use unicode_segmentation::UnicodeSegmentation as _;

use super::Kind;
use super::chain::Chain;
use super::editor::{Editor, first_fit};
use super::letters::{Class, is_blank};
use super::words::{Word, Words};
use crate::kernel::random::Stream;

/// Zero-width space, non-joiner, joiner, word joiner.
const ZERO_WIDTH: [&str; 4] = ["\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}"];

/// Something between two letters of a word.
pub(super) struct Between<'a> {
    kind: Kind,
    chain: Chain<'a>,
    classes: Vec<Class>,
    words: Vec<Word>,
    /// Words that can be parted, or graphemes after which something may be put.
    units: Vec<usize>,
}

impl<'a> Between<'a> {
    pub(super) fn new(kind: Kind, text: &'a str) -> Self {
        let Words { text, graphemes, classes, words } = Words::of(text);
        let mut between = Self { kind, chain: Chain::new(text, graphemes), classes, words, units: Vec::new() };
        let whole = (0..between.words.len()).filter(|word| !between.words[*word].digits);
        between.units = match kind {
            Kind::Split => whole.filter(|word| between.places(*word).next().is_some()).collect(),
            _ => whole.flat_map(|word| between.places(word)).collect(),
        };
        between
    }

    /// The letters of a word that have a letter after them.
    fn places(&self, word: usize) -> impl Iterator<Item = usize> {
        let letters = |i: &usize| self.classes[*i..=*i + 1] == [Class::Letter; 2];
        (self.words[word].first..self.words[word].end - 1).filter(letters)
    }
}

impl Editor for Between<'_> {
    fn units(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.units)
    }

    fn edit(&mut self, unit: usize, stream: &mut Stream) -> bool {
        if self.kind == Kind::Split {
            let places: Vec<usize> = self.places(unit).collect();
            return first_fit(stream, &places, |place| self.chain.append(*place, " "));
        }
        let here = self.chain.piece(unit).to_owned();
        // Joiners become part of the letter before them.
        first_fit(stream, &ZERO_WIDTH, |mark| self.chain.replace(unit, &[&format!("{here}{mark}")]))
    }

    fn text(&self) -> String {
        self.chain.text()
    }
}

/// Two neighbouring words exchanged; what is between them stays.
pub(super) struct Exchanging<'a> {
    chain: Chain<'a>,
    /// The piece of the first word of each pair.
    units: Vec<usize>,
}

impl<'a> Exchanging<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let words = Words::of(text);
        let chain = Chain::new(text, words.pieces());
        let differ = |k: &usize| words.blanks(*k) && chain.piece(2 * k + 1) != chain.piece(2 * k + 3);
        let units = (0..words.words.len()).filter(differ).map(|k| 2 * k + 1).collect();
        Self { chain, units }
    }
}

impl Editor for Exchanging<'_> {
    fn units(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.units)
    }

    fn edit(&mut self, unit: usize, _: &mut Stream) -> bool {
        self.chain.exchange(unit, unit + 2)
    }

    fn text(&self) -> String {
        self.chain.text()
    }
}

/// A word left out, and blanks on one of its sides.
pub(super) struct Dropping<'a> {
    chain: Chain<'a>,
    /// The piece of each word.
    units: Vec<usize>,
    left: usize,
}

impl<'a> Dropping<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let words = Words::of(text);
        let n = words.words.len();
        let units = if n > 1 { (0..n).map(|k| 2 * k + 1).collect() } else { Vec::new() };
        Self { chain: Chain::new(text, words.pieces()), units, left: n }
    }

    /// Drops the word, and the blanks at the end of what is before it or at the beginning of what is after it. Where marks stand on both sides, the word alone.
    fn drop(&mut self, word: usize) -> bool {
        let (before, after) = (self.chain.before(word), self.chain.after(word));
        let [left, right] = [before, after].map(|i| i.map_or_else(String::new, |i| self.chain.piece(i).to_owned()));
        let blanks =
            |graphemes: &mut dyn Iterator<Item = &str>| graphemes.take_while(|g| is_blank(g)).map(str::len).sum();
        let (end, start): (usize, usize) =
            (blanks(&mut left.graphemes(true).rev()), blanks(&mut right.graphemes(true)));
        let (mut tight, mut loose) = (&left[..left.len() - end], &right[start..]);
        // The blanks before the first word and after the last are not between words, and stay.
        if tight.len() < left.len() && before.is_some_and(|i| self.chain.before(i).is_some()) {
            loose = &right;
        } else if loose.len() < right.len() && after.is_some_and(|i| self.chain.after(i).is_some()) {
            tight = &left;
        } else {
            (tight, loose) = (&left, &right);
        }
        // What lies between them is empty already.
        let mut new = vec![""; after.unwrap_or(word) - before.unwrap_or(word) + 1];
        if before.is_some() {
            new[0] = tight;
        }
        if let (Some(_), Some(last)) = (after, new.last_mut()) {
            *last = loose;
        }
        self.chain.replace(before.unwrap_or(word), &new)
    }
}

impl Editor for Dropping<'_> {
    fn units(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.units)
    }

    fn edit(&mut self, unit: usize, _: &mut Stream) -> bool {
        let done = self.left > 1 && self.drop(unit);
        self.left -= usize::from(done);
        done
    }

    fn text(&self) -> String {
        self.chain.text()
    }
}
