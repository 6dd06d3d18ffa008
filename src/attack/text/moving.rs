//! Kinds that are about two things side by side: something put between two letters, two words exchanged, a word left out with the blanks beside it.

use unicode_segmentation::UnicodeSegmentation as _;

use super::Kind;
use super::chain::Chain;
use super::editor::Editor;
use super::letters::{is_blank, is_letter};
use super::typing::first_fit;
use super::words::Words;
use crate::kernel::random::Stream;

/// Zero-width space, non-joiner, joiner, word joiner.
const ZERO_WIDTH: [&str; 4] = ["\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}"];

/// Something between two letters of a word.
pub(super) struct Between<'a> {
    kind: Kind,
    chain: Chain<'a>,
    /// Of each unit the graphemes after which something may be put.
    units: Vec<Vec<usize>>,
}

impl<'a> Between<'a> {
    pub(super) fn new(kind: Kind, text: &'a str) -> Self {
        let Words { graphemes, words } = Words::of(text);
        let inside = |i: &usize| is_letter(graphemes[*i]) && is_letter(graphemes[*i + 1]);
        let places = words.iter().filter(|word| !word.digits).map(|word| (word.first..word.end - 1).filter(inside));
        let units = match kind {
            Kind::Split => places.map(Iterator::collect).filter(|places: &Vec<usize>| !places.is_empty()).collect(),
            _ => places.flatten().map(|place| vec![place]).collect(),
        };
        Self { kind, chain: Chain::new(&graphemes), units }
    }
}

impl Editor for Between<'_> {
    fn units(&self) -> usize {
        self.units.len()
    }

    fn edit(&mut self, unit: usize, stream: &mut Stream) -> bool {
        let places = std::mem::take(&mut self.units[unit]);
        let chain = &mut self.chain;
        if self.kind == Kind::Split {
            return first_fit(stream, places, |place| chain.append(place, " "));
        }
        let [place] = places[..] else { return false };
        let here = chain.piece(place).to_owned();
        // Joiners become part of the letter before them.
        first_fit(stream, ZERO_WIDTH.to_vec(), |mark| chain.replace(place, place, &[&format!("{here}{mark}")]))
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
        let pieces = words.pieces(text);
        let differ = |k: &usize| words.blanks(*k) && pieces[2 * k + 1] != pieces[2 * k + 3];
        let units = (0..words.words.len()).filter(differ).map(|k| 2 * k + 1).collect();
        Self { chain: Chain::new(&pieces), units }
    }
}

impl Editor for Exchanging<'_> {
    fn units(&self) -> usize {
        self.units.len()
    }

    fn edit(&mut self, unit: usize, _: &mut Stream) -> bool {
        let first = self.units[unit];
        if self.chain.edited(first) || self.chain.edited(first + 2) {
            return false;
        }
        let [a, gap, b] = [0, 1, 2].map(|k| self.chain.piece(first + k).to_owned());
        self.chain.replace(first, first + 2, &[&b, &gap, &a])
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
        Self { chain: Chain::new(&words.pieces(text)), units, left: n }
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
        let pieces = [before.map(|i| (i, tight)), Some((word, "")), after.map(|i| (i, loose))];
        let (places, new): (Vec<usize>, Vec<&str>) = pieces.into_iter().flatten().unzip();
        self.chain.replace(places[0], places[places.len() - 1], &new)
    }
}

impl Editor for Dropping<'_> {
    fn units(&self) -> usize {
        self.units.len()
    }

    fn edit(&mut self, unit: usize, _: &mut Stream) -> bool {
        let done = self.left > 1 && self.drop(self.units[unit]);
        self.left -= usize::from(done);
        done
    }

    fn text(&self) -> String {
        self.chain.text()
    }
}
