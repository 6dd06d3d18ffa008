//! Where the graphemes and the words of a text are.

use unicode_segmentation::UnicodeSegmentation as _;

use super::letters::{Class, alone, ascii_class, class};

/// A part of a text: where it begins, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: usize,
    pub(super) end: usize,
}

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
    pub(super) text: &'a str,
    pub(super) graphemes: Vec<Part>,
    pub(super) classes: Vec<Class>,
    pub(super) words: Vec<Word>,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let (graphemes, classes): (Vec<Part>, Vec<Class>) = if is_plain(text) {
            let parts = (0..text.len()).map(|start| Part { start, end: start + 1 });
            (parts.collect(), text.bytes().map(|byte| ASCII[usize::from(byte)]).collect())
        } else {
            let parts = graphemes(text);
            let classes = parts.iter().map(|part| class(&text[part.start..part.end])).collect();
            (parts, classes)
        };
        // Words and the blanks between them are mostly of more bytes together.
        let mut words = Vec::with_capacity(text.len() / 4 + 1);
        let mut open: Option<Word> = None;
        for (i, class) in classes.iter().enumerate() {
            match class {
                Class::Blank => words.extend(open.take()),
                Class::Letter | Class::Digit => {
                    let word = open.get_or_insert(Word { first: i, end: i, digits: false });
                    word.end = i + 1;
                    word.digits |= *class == Class::Digit;
                }
                Class::Other => {}
            }
        }
        words.extend(open);
        Self { text, graphemes, classes, words }
    }

    pub(super) fn grapheme(&self, i: usize) -> &'a str {
        &self.text[self.graphemes[i].start..self.graphemes[i].end]
    }

    /// Pieces of the text: each word is one, and so is what stands before the first, between two and after the last. Word k is piece 2k + 1.
    /// The first and the last piece may be empty.
    pub(super) fn pieces(&self) -> Vec<Part> {
        let mut pieces = Vec::with_capacity(2 * self.words.len() + 1);
        let mut from = 0;
        for word in &self.words {
            let (start, end) = (self.graphemes[word.first].start, self.graphemes[word.end - 1].end);
            pieces.extend([Part { start: from, end: start }, Part { start, end }]);
            from = end;
        }
        pieces.push(Part { start: from, end: self.text.len() });
        pieces
    }

    /// Whether words k and k + 1 have nothing but blanks between them, and no end of a line.
    pub(super) fn blanks(&self, k: usize) -> bool {
        let Some(next) = self.words.get(k + 1) else { return false };
        let mut gap = self.words[k].end..next.first;
        gap.all(|i| self.classes[i] == Class::Blank && !self.grapheme(i).contains(char::is_control))
    }
}

/// The classes of ASCII, and of bytes that it has not.
const ASCII: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = ascii_class(byte as u8);
        byte += 1;
    }
    classes
};

/// Whether every byte of a text is a grapheme.
pub(super) fn is_plain(text: &str) -> bool {
    // Without an end before the text's, so that many bytes are looked at at once.
    text.bytes().fold(true, |plain, byte| plain & byte.is_ascii() & (byte != b'\r'))
}

/// The graphemes of a text. Most of the time would go into finding them, if it were not known of most characters that they are one.
fn graphemes(text: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(text.len() / 2);
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let mut chars = rest.chars();
        let length = match (chars.next(), chars.next()) {
            (Some(one), next) if alone(one) && next.is_none_or(alone) => one.len_utf8(),
            _ => rest.graphemes(true).next().map_or(rest.len(), str::len),
        };
        parts.push(Part { start, end: start + length });
        start += length;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_without_the_marks_around_them() {
        let text = " “Don't, a-b!” — 3rd\tकि।";
        let words = Words::of(text);
        let pieces = |words: &Words<'_>| {
            words.pieces().iter().map(|p| words.text[p.start..p.end].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(pieces(&words), [" “", "Don't", ", ", "a-b", "!” — ", "3rd", "\t", "कि", "।"]);
        let digits: Vec<bool> = words.words.iter().map(|word| word.digits).collect();
        assert_eq!(digits, [false, false, true, false]);
        assert!(!(0..5).any(|k| words.blanks(k)));
        assert!(Words::of("a  b").blanks(0));
        assert_eq!(pieces(&Words::of("…")), ["…"]);
    }

    #[test]
    fn graphemes_are_those_of_unicode() {
        for text in ["a\r\nb", "e\u{301}e", "🇩🇪🇫🇷a", "कि क्त", "\u{600}a\u{600}", "👩\u{200d}👩é", "각\u{11a8}", "กำ"]
        {
            let words = Words::of(text);
            let found: Vec<&str> = (0..words.graphemes.len()).map(|i| words.grapheme(i)).collect();
            assert_eq!(found, text.graphemes(true).collect::<Vec<_>>());
        }
    }
}
