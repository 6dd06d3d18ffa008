//! Text in reports: harmless, and as wide as it looks.

use crate::claim::{Cell, Verdict};

/// `text` in one line and without control characters, which a terminal would obey and XML forbids.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// How many columns of a terminal `text` takes: two for East Asian wide characters and emoji, none for marks that combine.
/// Good enough to align names; scripts whose letters join are measured letter by letter.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE00..=0xFE0F | 0xFE20..=0xFE2F => 0,
        0x200B..=0x200F | 0x2060..=0x2064 | 0xFEFF => 0,
        0x1100..=0x115F | 0x2E80..=0x303E | 0x3041..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F => 2,
        0xFF01..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

/// `448 cells: 447 reproduced, 1 differs`; verdicts that nobody got are left out.
pub(super) fn counts<'a>(cells: impl Iterator<Item = &'a Cell> + Clone) -> String {
    let n = cells.clone().count();
    let parts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|v| (v, cells.clone().filter(|cell| cell.verdict == v).count()))
        .filter(|&(_, n)| n > 0)
        .map(|(v, n)| format!("{n} {}", v.name()))
        .collect();
    let cells = plural(n, "cell");
    if parts.is_empty() { cells } else { format!("{cells}: {}", parts.join(", ")) }
}

/// `1 cell`, `2 cells`.
pub(super) fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A command as a shell reads it.
pub(super) fn shell(words: &[String]) -> String {
    let quoted = |word: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@+%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn width_counts_columns() {
        assert_eq!(super::width("afr-eng"), 7);
        assert_eq!(super::width("日本語"), 6);
        assert_eq!(super::width("한국어"), 6);
        assert_eq!(super::width("e\u{301}"), 1);
        assert_eq!(super::width("ქართული"), 7);
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(super::one_line("a\nb\u{1b}[31mc\u{0}"), "a b\u{FFFD}[31mc\u{FFFD}");
    }
}
