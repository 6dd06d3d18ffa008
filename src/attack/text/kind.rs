//! The table of perturbations: everything that is said of them is said here once.

use std::fmt::Write as _;
use std::str::FromStr;

use crate::Error;
use crate::attack::fault::AttackFault;

/// What is done to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum Kind {
    Neighbour,
    Swap,
    Delete,
    Insert,
    Duplicate,
    Typo,
    Diacritics,
    Romanise,
    Confusable,
    Nfd,
    ZeroWidth,
    Upper,
    Lower,
    FlipCase,
    Punctuation,
    Unspace,
    Split,
    DoubleSpace,
    WordOrder,
    DropWord,
    RepeatWord,
    CodeSwitch,
}

/// What the table says of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The kind.
    pub kind: Kind,
    /// Its name in specs.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What its edits hit, and what is counted.
    pub unit: &'static str,
    /// The share of units that are edited where nothing else is said.
    pub rate: f64,
    /// What it needs of the text or of the options.
    pub needs: &'static str,
}

const fn facts(
    kind: Kind,
    name: &'static str,
    does: &'static str,
    unit: &'static str,
    rate: f64,
    needs: &'static str,
) -> Facts {
    Facts { kind, name, does, unit, rate, needs }
}

const LETTER: &str = "letter";
const WORD: &str = "word";
const GAP: &str = "gap between words";
const BLANKS: &str = "blanks between words";

/// All kinds, in the order of [`Kind`].
#[rustfmt::skip]
pub const KINDS: [Facts; 22] = [
    facts(Kind::Neighbour, "neighbour", "a key beside it instead of a letter", LETTER, 0.1, "a keyboard for its script, or Hangul or Ethiopic"),
    facts(Kind::Swap, "swap", "two neighbouring letters of a word exchanged", "pair of letters", 0.1, "letters that differ"),
    facts(Kind::Delete, "delete", "a letter left out", LETTER, 0.1, "another letter in the word"),
    facts(Kind::Insert, "insert", "a key beside it after a letter", LETTER, 0.1, "a keyboard for its script"),
    facts(Kind::Duplicate, "duplicate", "a letter twice", LETTER, 0.1, ""),
    facts(Kind::Typo, "typo", "one of the five above, drawn for each edit", LETTER, 0.1, ""),
    facts(Kind::Diacritics, "diacritics", "marks dropped that are neither vowel signs nor part of a letter", "letter with marks", 1.0, "Latin, Greek, Cyrillic, Arabic or Hebrew script"),
    facts(Kind::Romanise, "romanise", "a word in Latin letters", WORD, 1.0, "a script other than Latin and Han"),
    facts(Kind::Confusable, "confusable", "a letter that looks alike, of another script or language", LETTER, 0.1, "a letter that has one"),
    facts(Kind::Nfd, "nfd", "a letter decomposed into base and marks", LETTER, 1.0, "a letter that decomposes"),
    facts(Kind::ZeroWidth, "zero-width", "U+200B, U+200C, U+200D or U+2060 between two letters", "pair of letters", 0.1, ""),
    facts(Kind::Upper, "upper", "a word in upper case", WORD, 1.0, "a script with case"),
    facts(Kind::Lower, "lower", "a word in lower case", WORD, 1.0, "a script with case"),
    facts(Kind::FlipCase, "flip-case", "a letter's other case", LETTER, 0.1, "a script with case"),
    facts(Kind::Punctuation, "punctuation", "a mark left out", "punctuation mark", 1.0, "words; marks between digits stay"),
    facts(Kind::Unspace, "unspace", "two words joined", GAP, 0.1, BLANKS),
    facts(Kind::Split, "split", "a word parted by a blank", WORD, 0.1, "two letters side by side"),
    facts(Kind::DoubleSpace, "double-space", "one more blank", GAP, 0.1, BLANKS),
    facts(Kind::WordOrder, "word-order", "two neighbouring words exchanged", "pair of words", 0.1, BLANKS),
    facts(Kind::DropWord, "drop-word", "a word left out", WORD, 0.1, "another word"),
    facts(Kind::RepeatWord, "repeat-word", "a word twice", WORD, 0.1, ""),
    facts(Kind::CodeSwitch, "code-switch", "a word's translation instead of it", WORD, 0.3, "a lexicon that has the word"),
];

impl Kind {
    /// What the table says of it.
    #[must_use]
    pub fn facts(self) -> &'static Facts {
        &KINDS[self as usize]
    }

    /// Its name in specs.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match KINDS.iter().find(|facts| facts.name == name) {
            Some(facts) => Ok(facts.kind),
            None => Err(AttackFault::Kind(name.to_owned()).into()),
        }
    }
}

/// The table in Markdown, as docs/reference/perturb.md and `perturb --list` have it.
#[must_use]
pub fn table() -> String {
    let mut text = "| kind | does | unit | rate | needs |\n|---|---|---|---|---|\n".to_owned();
    for Facts { name, does, unit, rate, needs, .. } in KINDS {
        let _ = writeln!(text, "| `{name}` | {does} | {unit} | {rate} | {needs} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_kinds() {
        for (i, facts) in KINDS.iter().enumerate() {
            assert_eq!(facts.kind as usize, i);
            assert_eq!(facts.name.parse::<Kind>().unwrap(), facts.kind);
            assert!(facts.rate > 0.0 && facts.rate <= 1.0);
        }
    }

    #[test]
    fn the_page_has_the_table() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/perturb.md")).unwrap();
        assert!(page.contains(&table()), "the table should be:\n{}", table());
    }
}
