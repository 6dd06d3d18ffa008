//! A text in pieces that are edited one by one.

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use super::letters::alone;
use super::words::{Part, is_plain};

/// Pieces of a text, each of whole graphemes.
pub(super) struct Chain<'a> {
    text: &'a str,
    /// What edits put in. A piece that begins after the text's end lies here.
    new: String,
    pieces: Vec<Part>,
    /// Whether no piece joins with another of its kind.
    plain: bool,
}

impl<'a> Chain<'a> {
    pub(super) fn new(text: &'a str, pieces: Vec<Part>) -> Self {
        Self { text, new: String::new(), pieces, plain: is_plain(text) }
    }

    pub(super) fn piece(&self, i: usize) -> &str {
        self.part(self.pieces[i])
    }

    pub(super) fn is_empty(&self, i: usize) -> bool {
        self.pieces[i].start == self.pieces[i].end
    }

    fn part(&self, Part { start, end }: Part) -> &str {
        let n = self.text.len();
        if start < n { &self.text[start..end] } else { &self.new[start - n..end - n] }
    }

    /// A piece where no edit has been.
    #[inline]
    pub(super) fn kept(&self, i: usize) -> Option<&'a str> {
        let Part { start, end } = self.pieces[i];
        (start < end && end <= self.text.len()).then(|| &self.text[start..end])
    }

    /// The piece before `i` that is not empty. Pieces are emptied in a random order, so that it is never far.
    pub(super) fn before(&self, i: usize) -> Option<usize> {
        (0..i).rev().find(|i| !self.is_empty(*i))
    }

    /// The piece after `i` that is not empty.
    pub(super) fn after(&self, i: usize) -> Option<usize> {
        (i + 1..self.pieces.len()).find(|i| !self.is_empty(*i))
    }

    /// Replaces the pieces from `first` on; false, and nothing is done, where a grapheme would be split, or two would melt into one.
    pub(super) fn replace(&mut self, first: usize, new: &[&str]) -> bool {
        let fits = self.fit(first, first + new.len() - 1, new);
        if fits {
            for (i, text) in new.iter().enumerate() {
                self.pieces[first + i] = self.add(&[text]);
            }
        }
        fits
    }

    /// Exchanges two pieces; what is between them stays. False, and nothing is done, as for [`Self::replace`].
    pub(super) fn exchange(&mut self, first: usize, last: usize) -> bool {
        let (Some(a), Some(b)) = (self.kept(first), self.kept(last)) else { return false };
        let fits = match last - first {
            1 => self.fit(first, last, &[b, a]),
            _ => self.fit(first, last, &[b, &self.between(first, last), a]),
        };
        if fits {
            (self.pieces[first], self.pieces[last]) = (self.add(&[b]), self.add(&[a]));
        }
        fits
    }

    fn between(&self, first: usize, last: usize) -> String {
        (first + 1..last).map(|i| self.piece(i)).collect()
    }

    /// Puts graphemes after those of a piece; false, and nothing is done, where they would not stay apart.
    pub(super) fn append(&mut self, i: usize, more: &str) -> bool {
        let piece = self.kept(i);
        let fits =
            piece.is_some_and(|piece| self.plain && is_plain(more) || self.apart(None, &[piece, more], self.after(i)));
        if let Some(piece) = piece.filter(|_| fits) {
            self.pieces[i] = self.add(&[piece, more]);
        }
        fits
    }

    fn add(&mut self, new: &[&str]) -> Part {
        let start = self.text.len() + self.new.len();
        new.iter().for_each(|text| self.new.push_str(text));
        Part { start, end: self.text.len() + self.new.len() }
    }

    /// Whether graphemes stay apart if other pieces are put in the place of those from `first` to `last`.
    fn fit(&self, first: usize, last: usize, new: &[&str]) -> bool {
        self.plain && new.iter().all(|text| is_plain(text)) || self.apart(self.before(first), new, self.after(last))
    }

    /// Whether pieces that are put between two others keep their graphemes, and none composes with another.
    ///
    /// What stands before a piece and after it is known by one grapheme each: a boundary between graphemes depends on nothing that is before the
    /// grapheme to its left (flags are pairs counted from their first, which begins a grapheme).
    fn apart(&self, before: Option<usize>, new: &[&str], after: Option<usize>) -> bool {
        let (before, after) = (before.map_or("", |i| self.piece(i)), after.map_or("", |i| self.piece(i)));
        if new.iter().all(|text| text.chars().all(alone))
            && before.chars().next_back().is_none_or(alone)
            && after.chars().next().is_none_or(alone)
        {
            return true;
        }
        let (before, after) = (before.graphemes(true).next_back(), after.graphemes(true).next());
        let pieces: Vec<&str> = before.into_iter().chain(new.iter().copied()).chain(after).collect();
        let whole = pieces.concat();
        whole.graphemes(true).eq(pieces.iter().flat_map(|piece| piece.graphemes(true)))
            && whole.nfc().eq(pieces.iter().flat_map(|piece| piece.nfc()))
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.text.len() + self.new.len());
        let mut run = Part { start: 0, end: 0 };
        for piece in &self.pieces {
            // What lies side by side is copied at once, but not across the text's end.
            if piece.start == run.end && piece.start != self.text.len() {
                run.end = piece.end;
            } else {
                text.push_str(self.part(run));
                run = *piece;
            }
        }
        text.push_str(self.part(run));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::text::words::Words;

    fn chain(text: &str) -> Chain<'_> {
        Chain::new(text, Words::of(text).graphemes)
    }

    #[test]
    fn pieces_are_replaced_and_removed() {
        let mut chain = chain("abcd");
        assert!(chain.replace(1, &["x", ""]));
        assert_eq!((chain.after(1), chain.before(3), chain.text()), (Some(3), Some(1), "axd".to_owned()));
        assert!(chain.replace(1, &["", "", ""]));
        assert_eq!((chain.after(0), chain.text()), (None, "a".to_owned()));
        assert_eq!((chain.kept(0), chain.kept(3)), (Some("a"), None));
    }

    #[test]
    fn pieces_are_exchanged_and_grow() {
        let mut chain = chain("abcd");
        assert!(chain.exchange(1, 3) && !chain.exchange(0, 1) && chain.append(0, "x"));
        assert_eq!(chain.text(), "axdcb");
        assert!(!chain.append(1, "y"));
    }

    #[test]
    fn graphemes_neither_split_nor_melt() {
        // A mark would fall to the letter before it; two flags' halves would be one flag; CR and LF are one.
        for pieces in [["a", "x", "\u{301}"], ["\u{1f1e9}", "x", "\u{1f1ea}"], ["\r", "x", "\n"]] {
            let text = pieces.concat();
            let mut start = 0;
            let parts = pieces.map(|piece| {
                start += piece.len();
                Part { start: start - piece.len(), end: start }
            });
            let mut chain = Chain::new(&text, parts.to_vec());
            assert!(!chain.replace(1, &[""]));
            assert_eq!(chain.text(), text);
        }
        let mut chain = chain("👩x👩");
        assert!(!chain.replace(1, &["\u{200d}"]));
        assert!(chain.replace(1, &["é"]));
    }
}
