//! A text in pieces that are edited one by one.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// No piece: what is before the first and after the last.
const NONE: usize = usize::MAX;

/// Pieces of a text, each of whole graphemes. Empty pieces are taken out, so that every piece knows its neighbours.
pub(super) struct Chain<'a> {
    pieces: Vec<Cow<'a, str>>,
    before: Vec<usize>,
    after: Vec<usize>,
    edited: Vec<bool>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(pieces: &[&'a str]) -> Self {
        let n = pieces.len();
        let mut chain = Self {
            pieces: pieces.iter().map(|piece| Cow::Borrowed(*piece)).collect(),
            before: (0..n).map(|i| i.checked_sub(1).unwrap_or(NONE)).collect(),
            after: (0..n).map(|i| if i + 1 < n { i + 1 } else { NONE }).collect(),
            edited: vec![false; n],
        };
        (0..n).filter(|i| pieces[*i].is_empty()).for_each(|i| chain.unlink(i));
        chain
    }

    pub(super) fn piece(&self, i: usize) -> &str {
        &self.pieces[i]
    }

    /// The piece before `i` that is still there.
    pub(super) fn before(&self, i: usize) -> Option<usize> {
        Some(self.before[i]).filter(|j| *j != NONE)
    }

    /// The piece after `i` that is still there.
    pub(super) fn after(&self, i: usize) -> Option<usize> {
        Some(self.after[i]).filter(|j| *j != NONE)
    }

    /// Whether an edit has been here.
    pub(super) fn edited(&self, i: usize) -> bool {
        self.edited[i]
    }

    /// Replaces the pieces from `first` to `last`; false, and nothing is done, where a grapheme would be split, or two would melt into one.
    pub(super) fn replace(&mut self, first: usize, last: usize, new: &[&str]) -> bool {
        let before = self.before(first).and_then(|i| self.pieces[i].graphemes(true).next_back());
        let after = self.after(last).and_then(|i| self.pieces[i].graphemes(true).next());
        let window: Vec<&str> = before.into_iter().chain(new.iter().copied()).chain(after).collect();
        if !apart(&window) {
            return false;
        }
        let mut i = first;
        for text in new {
            let next = self.after[i];
            self.edited[i] = true;
            self.pieces[i] = Cow::Owned((*text).to_owned());
            if text.is_empty() {
                self.unlink(i);
            }
            i = next;
        }
        true
    }

    /// Puts graphemes after those of a piece; false, and nothing is done, where they would not stay apart.
    pub(super) fn append(&mut self, i: usize, more: &str) -> bool {
        let after = self.after(i).and_then(|i| self.pieces[i].graphemes(true).next());
        let window: Vec<&str> = [self.piece(i), more].into_iter().chain(after).collect();
        let fits = apart(&window);
        if fits {
            self.pieces[i].to_mut().push_str(more);
            self.edited[i] = true;
        }
        fits
    }

    fn unlink(&mut self, i: usize) {
        let (before, after) = (self.before[i], self.after[i]);
        if before != NONE {
            self.after[before] = after;
        }
        if after != NONE {
            self.before[after] = before;
        }
    }

    pub(super) fn text(&self) -> String {
        self.pieces.concat()
    }
}

/// Whether pieces that are put together keep their graphemes, and none composes with another.
///
/// What stands before a piece and after it is known by one grapheme each: a boundary between graphemes depends on nothing that is before the
/// grapheme to its left (flags are pairs counted from their first, which begins a grapheme).
fn apart(pieces: &[&str]) -> bool {
    if pieces.iter().all(|piece| piece.is_ascii() && !piece.contains('\r')) {
        return true;
    }
    let whole = pieces.concat();
    whole.graphemes(true).eq(pieces.iter().flat_map(|piece| piece.graphemes(true)))
        && whole.nfc().eq(pieces.iter().flat_map(|piece| piece.nfc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_replaced_and_removed() {
        let mut chain = Chain::new(&["a", "b", "c", "d"]);
        assert!(chain.replace(1, 2, &["x", ""]));
        assert_eq!((chain.after(1), chain.before(3), chain.text()), (Some(3), Some(1), "axd".to_owned()));
        assert!(chain.replace(1, 3, &["", ""]));
        assert_eq!((chain.after(0), chain.text()), (None, "a".to_owned()));
    }

    #[test]
    fn graphemes_neither_split_nor_melt() {
        // A mark would fall to the letter before it; two flags' halves would be one flag; CR and LF are one.
        for pieces in [["a", "x", "\u{301}"], ["\u{1f1e9}", "x", "\u{1f1ea}"], ["\r", "x", "\n"]] {
            let mut chain = Chain::new(&pieces);
            assert!(!chain.replace(1, 1, &[""]));
            assert_eq!(chain.text(), pieces.concat());
        }
        let mut chain = Chain::new(&["👩", "x", "👩"]);
        assert!(!chain.replace(1, 1, &["\u{200d}"]));
        assert!(chain.replace(1, 1, &["é"]));
    }
}
