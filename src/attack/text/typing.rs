//! Slips of typing: letters beside, exchanged, left out, added, doubled.

use super::chain::Chain;
use super::editor::{Editor, first_fit};
use super::keyboard::Keyboard;
use super::letters::Class;
use super::words::{Word, Words};
use super::{Kind, Options};
use crate::kernel::random::Stream;

/// What `typo` draws from.
const SLIPS: [Kind; 5] = [Kind::Neighbour, Kind::Swap, Kind::Delete, Kind::Insert, Kind::Duplicate];

pub(super) struct Typing<'a> {
    kind: Kind,
    keyboard: &'a Keyboard,
    chain: Chain<'a>,
    classes: Vec<Class>,
    words: Vec<Word>,
    units: Vec<usize>,
}

impl<'a> Typing<'a> {
    pub(super) fn new(kind: Kind, text: &'a str, keyboard: &'a Keyboard, options: &Options<'_>) -> Self {
        let Words { text, graphemes, classes, words } = Words::of(text);
        let chain = Chain::new(text, graphemes);
        let mut typing = Self { kind, keyboard, chain, classes, words, units: Vec::new() };
        let mut units = Vec::with_capacity(typing.classes.len());
        for (k, word) in typing.words.iter().enumerate().filter(|(_, word)| !word.digits) {
            let first = word.first.saturating_add(options.protect).min(word.end);
            units.extend((first..word.end).filter(|i| typing.eligible(kind, *i, k)));
        }
        typing.units = units;
        typing
    }

    /// Whether there is something to edit in a grapheme of a word, if no edit has been there.
    #[inline]
    fn eligible(&self, kind: Kind, i: usize, word: usize) -> bool {
        if self.classes[i] != Class::Letter {
            return false;
        }
        let Some(here) = self.chain.kept(i) else { return false };
        match kind {
            Kind::Neighbour => self.keyboard.has_substitutes(here),
            // Mostly of one byte: no call is made to compare them.
            Kind::Swap => self.next(i, word).is_some_and(|next| !next.bytes().eq(here.bytes())),
            Kind::Delete => self.others(i, word),
            Kind::Insert => self.keyboard.has_keys(here),
            _ => true,
        }
    }

    /// The letter after `i` in its word, if no edit has been there.
    #[inline]
    fn next(&self, i: usize, word: usize) -> Option<&'a str> {
        let next = i + 1;
        if next < self.words[word].end && self.classes[next] == Class::Letter { self.chain.kept(next) } else { None }
    }

    /// Whether a word has another grapheme left. Letters are left out in a random order, so that one is never far.
    fn others(&self, i: usize, word: usize) -> bool {
        let Word { first, end, .. } = self.words[word];
        (first..end).any(|other| other != i && !self.chain.is_empty(other))
    }

    fn slip(&mut self, kind: Kind, i: usize, stream: &mut Stream) -> bool {
        let word = self.words.partition_point(|word| word.end <= i);
        if !self.eligible(kind, i, word) {
            return false;
        }
        let Some(here) = self.chain.kept(i) else { return false };
        let (keyboard, chain) = (self.keyboard, &mut self.chain);
        match kind {
            Kind::Neighbour => match keyboard.plain(here) {
                Some(keys) => first_fit(stream, keys, |key| chain.replace(i, &[key.encode_utf8(&mut [0; 4])])),
                None => first_fit(stream, &keyboard.substitutes(here), |other| chain.replace(i, &[other])),
            },
            Kind::Insert => {
                let fits = |key: &char| chain.append(i, key.encode_utf8(&mut [0; 4]));
                match keyboard.plain(here) {
                    Some(keys) => first_fit(stream, keys, fits),
                    None => first_fit(stream, &keyboard.keys(here), fits),
                }
            }
            Kind::Swap => chain.exchange(i, i + 1),
            Kind::Delete => chain.replace(i, &[""]),
            Kind::Duplicate => chain.append(i, here),
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

impl Editor for Typing<'_> {
    fn units(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.units)
    }

    fn edit(&mut self, unit: usize, stream: &mut Stream) -> bool {
        self.slip(self.kind, unit, stream)
    }

    fn text(&self) -> String {
        self.chain.text()
    }
}
