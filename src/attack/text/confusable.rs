//! Letters that look alike. Digits are left alone: a number that is another is no misspelling.

use unicode_normalization::UnicodeNormalization as _;

/// Each line is letters of several scripts, or of several languages' Arabic, which most typefaces draw alike.
const ALIKE: &[&str] = &[
    // Latin, Cyrillic, Greek, Armenian: small.
    "aа", "cс", "eе", "gց", "hһհ", "iі", "jј", "kк", "nո", "oоοօ", "pрρ", "qզ", "sѕ", "uս", "vνѵ", "xх", "yу",
    // Large.
    "AАΑ", "BВΒ", "CС", "EЕΕ", "HНΗ", "IІΙ", "JЈ", "KКΚ", "LԼ", "MМΜ", "NΝ", "OОΟՕ", "PРΡ", "SЅՏ", "TТΤ", "UՍ", "XХΧ",
    "YΥУ", "ZΖ", "ГΓ", "ПΠ", "ФΦ", // Arabic, Persian, Urdu.
    "يی", "كک", "هہ",
];

/// A grapheme's look-alikes: another base, the same marks.
pub(super) fn look_alikes(grapheme: &str) -> Vec<String> {
    let mut chars = grapheme.nfd();
    let Some(base) = chars.next() else { return Vec::new() };
    let marks: String = chars.collect();
    let others = ALIKE.iter().find(|letters| letters.contains(base)).into_iter().flat_map(|letters| letters.chars());
    others.filter(|c| *c != base).map(|c| c.to_string().chars().chain(marks.chars()).nfc().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_is_in_one_line_and_alone_of_its_script() {
        let all: Vec<char> = ALIKE.concat().chars().collect();
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all.len());
        // Letters that look alike are large or small together.
        assert!(
            ALIKE.iter().all(|line| line.chars().all(|c| c.is_uppercase() == line.starts_with(char::is_uppercase)))
        );
    }

    #[test]
    fn marks_stay() {
        assert_eq!(look_alikes("o"), ["о", "ο", "օ"]);
        assert_eq!(look_alikes("É"), ["Е\u{301}", "Έ"]);
        assert_eq!(look_alikes("يَ"), ["یَ"]);
        assert!(look_alikes("1").is_empty() && look_alikes("ж").is_empty() && look_alikes("").is_empty());
    }
}
