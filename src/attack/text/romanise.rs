//! Words in Latin letters, so that they can be read: no standard's romanisation, and nothing that could be turned back.
//!
//! Letter by letter after the crate any_ascii. It was chosen before deunicode because it goes by each script's usual romanisation and knows more scripts
//! (Ethiopic, Thaana, Cherokee). It looks at single characters, so that Indic consonants come without the vowel that they have unless a sign takes it away: it is
//! added here, as in Sanskrit, also where Hindi does not speak it. Arabic and Hebrew are written without short vowels, and stay so. Han characters stay as they are: their only
//! reading in such a table is Mandarin, which is wrong for Japanese and Cantonese.

use any_ascii::any_ascii_char;

use super::letters::{is_han, is_latin};

/// A word's letters in Latin letters; digits, marks of punctuation, Latin and Han letters stay.
pub(super) fn romanise(word: &str) -> String {
    let mut text = String::new();
    let mut chars = word.chars().peekable();
    let mut latin = false;
    while let Some(c) = chars.next() {
        let mark = unicode_normalization::char::is_combining_mark(c);
        // A Latin letter's marks are its own; any other letter's are gone with it.
        let foreign = if mark { !latin } else { c.is_alphabetic() || is_joiner(c) };
        if is_latin(c) || is_han(c) || !foreign {
            text.push(c);
            latin = !mark || latin;
            continue;
        }
        latin = false;
        let letters = any_ascii_char(c);
        // The crate marks syllables by large letters.
        text.push_str(&if c.is_uppercase() { letters.to_owned() } else { letters.to_lowercase() });
        if indic(c) == Some(Sign::Consonant) {
            // A nukta makes another consonant of it, which has no Latin letter of its own.
            while chars.next_if(|c| indic(*c) == Some(Sign::Nukta)).is_some() {}
            if !chars.peek().is_some_and(|next| indic(*next) == Some(Sign::Vowel)) {
                text.push('a');
            }
        }
    }
    text
}

/// Zero-width joiner and non-joiner, which only shape letters.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// What a character does to the vowel of a consonant.
#[derive(PartialEq, Eq)]
enum Sign {
    Consonant,
    /// A vowel sign or virama.
    Vowel,
    Nukta,
}

/// Of the scripts of India, whose blocks are parallel, and of Sinhala.
fn indic(c: char) -> Option<Sign> {
    let code = u32::from(c);
    match code {
        0x900..0xd80 => match code % 0x80 {
            0x15..=0x39 | 0x58..=0x5f => Some(Sign::Consonant),
            0x3e..=0x4d | 0x55..=0x57 | 0x62..=0x63 => Some(Sign::Vowel),
            0x3c => Some(Sign::Nukta),
            _ => None,
        },
        0xd9a..=0xdc6 => Some(Sign::Consonant),
        0xdca..=0xddf => Some(Sign::Vowel),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_scripts() {
        let cases = [
            ("Москва", "Moskva"),
            ("नमस्ते", "namaste"),
            ("लड़की", "ladaki"),
            ("తెలుగు", "telugu"),
            ("ሰላም", "selam"),
            ("Αθήνα", "Athina"),
            ("서울", "seoul"),
            ("café", "café"),
            ("東京タワー", "東京tawa"),
            ("e\u{301}x", "e\u{301}x"),
        ];
        for (word, latin) in cases {
            assert_eq!(romanise(word), latin, "{word}");
        }
    }
}
