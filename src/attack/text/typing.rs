//! Slips of typing: letters beside, exchanged, left out, added, doubled.

use super::chain::Chain;
use super::editor::Editor;
use super::keyboard::Keyboard;
use super::letters::is_letter;
use super::words::Words;
use super::{Kind, Options};
use crate::kernel::random::Stream;

/// What `typo` draws from.
const SLIPS: [Kind; 5] = [Kind::Neighbour, Kind::Swap, Kind::Delete, Kind::Insert, Kind::Duplicate];

pub(super) struct Typing<'a> {
    kind: Kind,
    keyboard: Keyboard,
    chain: Chain<'a>,
    /// The word of each grapheme that may be edited.
    word: Vec<Option<usize>>,
    /// How many graphemes each word has left.
    left: Vec<usize>,
    units: Vec<usize>,
}

impl<'a> Typing<'a> {
    pub(super) fn new(kind: Kind, text: &'a str, options: &Options<'_>) -> Self {
        let Words { graphemes, words } = Words::of(text);
        let mut word = vec![None; graphemes.len()];
        for (k, one) in words.iter().enumerate().filter(|(_, one)| !one.digits) {
            for i in (one.first + options.protect).min(one.end)..one.end {
                word[i] = Some(k).filter(|_| is_letter(graphemes[i]));
            }
        }
        let left = words.iter().map(|one| one.end - one.first).collect();
        let chain = Chain::new(&graphemes);
        let mut typing = Self { kind, keyboard: Keyboard::of(&options.language), chain, word, left, units: Vec::new() };
        typing.units = (0..graphemes.len()).filter(|i| typing.eligible(kind, *i)).collect();
        typing
    }

    fn eligible(&self, kind: Kind, i: usize) -> bool {
        let Some(word) = self.word[i] else { return false };
        let here = self.chain.piece(i);
        match kind {
            Kind::Neighbour => self.keyboard.has_substitutes(here),
            Kind::Swap => self.next(i).is_some_and(|next| self.chain.piece(next) != here),
            Kind::Delete => self.left[word] > 1,
            Kind::Insert => self.keyboard.has_keys(here),
            _ => true,
        }
    }

    /// The letter after `i` in its word, if it may be edited and none has been.
    fn next(&self, i: usize) -> Option<usize> {
        let next = i + 1;
        (next < self.word.len() && self.word[next] == self.word[i] && !self.chain.edited(next)).then_some(next)
    }

    fn slip(&mut self, kind: Kind, i: usize, stream: &mut Stream) -> bool {
        if self.chain.edited(i) || !self.eligible(kind, i) {
            return false;
        }
        let here = self.chain.piece(i).to_owned();
        match kind {
            Kind::Neighbour => {
                let others = self.keyboard.substitutes(&here);
                first_fit(stream, others, |other| self.chain.replace(i, i, &[&other]))
            }
            Kind::Insert => {
                let keys = self.keyboard.keys(&here);
                first_fit(stream, keys, |key| self.chain.append(i, key.encode_utf8(&mut [0; 4])))
            }
            Kind::Swap => {
                let next = self.chain.piece(i + 1).to_owned();
                self.chain.replace(i, i + 1, &[&next, &here])
            }
            Kind::Delete => {
                let done = self.chain.replace(i, i, &[""]);
                if let Some(word) = self.word[i].filter(|_| done) {
                    self.left[word] -= 1;
                }
                done
            }
            Kind::Duplicate => self.chain.append(i, &here),
            _ => {
                let mut slips = SLIPS.to_vec();
                while let Some(drawn) = stream.index(slips.len()) {
                    if self.slip(slips.swap_remove(drawn), i, stream) {
                        return true;
                    }
                }
                false
            }
        }
    }
}

/// Draws from what there is, again and again without what was drawn, until one fits.
pub(super) fn first_fit<T>(stream: &mut Stream, mut of: Vec<T>, mut fits: impl FnMut(T) -> bool) -> bool {
    while let Some(drawn) = stream.index(of.len()) {
        if fits(of.swap_remove(drawn)) {
            return true;
        }
    }
    false
}

impl Editor for Typing<'_> {
    fn units(&self) -> usize {
        self.units.len()
    }

    fn edit(&mut self, unit: usize, stream: &mut Stream) -> bool {
        self.slip(self.kind, self.units[unit], stream)
    }

    fn text(&self) -> String {
        self.chain.text()
    }
}
