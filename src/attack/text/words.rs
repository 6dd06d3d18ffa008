//! Where the words of a text are.

use unicode_segmentation::UnicodeSegmentation as _;

use super::letters::{is_blank, is_digit, is_letter};

/// A word: what stands between blanks, from its first letter or digit to its last. Scripts without blanks have words as long as a clause.
pub(super) struct Word {
    /// Its first grapheme.
    pub(super) first: usize,
    /// The grapheme after its last.
    pub(super) end: usize,
    /// Whether a digit is in it.
    pub(super) digits: bool,
}

/// A text in graphemes, and its words.
pub(super) struct Words<'a> {
    pub(super) graphemes: Vec<&'a str>,
    pub(super) words: Vec<Word>,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        // Of ASCII every byte is a grapheme but CR LF, and most of the time goes into finding graphemes.
        let plain = text.is_ascii() && !text.contains('\r');
        let graphemes: Vec<&str> =
            if plain { (0..text.len()).map(|i| &text[i..=i]).collect() } else { text.graphemes(true).collect() };
        let mut words = Vec::new();
        let mut start = 0;
        while start < graphemes.len() {
            if is_blank(graphemes[start]) {
                start += 1;
                continue;
            }
            let length = graphemes[start..].iter().take_while(|g| !is_blank(g)).count();
            let token = &graphemes[start..start + length];
            let counts = |g: &&str| is_letter(g) || is_digit(g);
            if let (Some(first), Some(last)) = (token.iter().position(counts), token.iter().rposition(counts)) {
                let digits = token[first..=last].iter().any(|g| is_digit(g));
                words.push(Word { first: start + first, end: start + last + 1, digits });
            }
            start += length;
        }
        Self { graphemes, words }
    }

    /// Pieces of the text: each word is one, and so is what stands before the first, between two and after the last. Word k is piece 2k + 1.
    /// The first and the last piece may be empty.
    pub(super) fn pieces(&self, text: &'a str) -> Vec<&'a str> {
        let mut starts = Vec::with_capacity(self.graphemes.len() + 1);
        let mut at = 0;
        for grapheme in &self.graphemes {
            starts.push(at);
            at += grapheme.len();
        }
        starts.push(at);
        let mut pieces = Vec::with_capacity(2 * self.words.len() + 1);
        let mut from = 0;
        for word in &self.words {
            pieces.extend([&text[starts[from]..starts[word.first]], &text[starts[word.first]..starts[word.end]]]);
            from = word.end;
        }
        pieces.push(&text[starts[from]..]);
        pieces
    }

    /// Whether words k and k + 1 have nothing but blanks between them, and no end of a line.
    pub(super) fn blanks(&self, k: usize) -> bool {
        let Some(next) = self.words.get(k + 1) else { return false };
        let gap = &self.graphemes[self.words[k].end..next.first];
        gap.iter().all(|g| is_blank(g) && !g.contains(char::is_control))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_without_the_marks_around_them() {
        let text = " “Don't, a-b!” — 3rd\tकि।";
        let words = Words::of(text);
        let pieces = words.pieces(text);
        assert_eq!(pieces, [" “", "Don't", ", ", "a-b", "!” — ", "3rd", "\t", "कि", "।"]);
        let digits: Vec<bool> = words.words.iter().map(|word| word.digits).collect();
        assert_eq!(digits, [false, false, true, false]);
        assert!(!(0..5).any(|k| words.blanks(k)));
        assert!(Words::of("a  b").blanks(0));
        assert_eq!(Words::of("…").pieces("…"), ["…"]);
    }
}
