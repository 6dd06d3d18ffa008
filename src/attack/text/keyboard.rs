//! What a slip of the finger types instead of a letter.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use super::Language;
use super::layouts::{LAYOUTS, Layout};
use super::letters::{lower, upper};

/// Letters and the letters on the keys around them.
type Keys = BTreeMap<char, Vec<char>>;

/// The keyboard of all scripts together, in which no letter is twice.
static SCRIPTS: LazyLock<Keys> = LazyLock::new(|| {
    let mut scripts = Keys::new();
    let persian = LAYOUTS.iter().filter(|layout| layout.name == "Persian");
    // Letters that Arabic's keyboard has not are typed on Persian's, whatever the language.
    for layout in LAYOUTS.iter().filter(|layout| layout.languages.is_empty()).chain(persian) {
        for (letter, beside) in keys(layout) {
            scripts.entry(letter).or_insert(beside);
        }
    }
    scripts
});

/// Keyboards as they are asked for: of each layout and of none, without and with ı. Texts are many, and each asks.
static KEYBOARDS: [[OnceLock<Keyboard>; 2]; LAYOUTS.len() + 1] =
    [const { [const { OnceLock::new() }; 2] }; LAYOUTS.len() + 1];

/// Same row left and right; above the key itself and the next, below the one before and itself.
fn keys(layout: &Layout) -> Keys {
    let mut keys = Keys::new();
    for layer in layout.layers {
        let rows: Vec<Vec<char>> = layer.iter().map(|row| row.chars().collect()).collect();
        for (r, row) in rows.iter().enumerate() {
            for (k, letter) in row.iter().enumerate() {
                let at = |row: Option<usize>, key: Option<usize>| rows.get(row?)?.get(key?).copied();
                let (above, below) = (r.checked_sub(1), Some(r + 1));
                let (left, here, right) = (k.checked_sub(1), Some(k), Some(k + 1));
                let places =
                    [(Some(r), left), (Some(r), right), (above, here), (above, right), (below, left), (below, here)];
                let beside = places.into_iter().filter_map(|(row, key)| at(row, key)).filter(|c| *c != '_');
                keys.insert(*letter, beside.collect());
            }
        }
    }
    keys.remove(&'_');
    keys
}

/// The keyboard of a language, and behind it those of other scripts.
#[derive(Debug)]
pub(super) struct Keyboard {
    own: Option<Keys>,
    scripts: &'static Keys,
    turkic: bool,
    /// The letters beside each of ASCII's.
    ascii: Vec<Vec<char>>,
}

impl Keyboard {
    pub(super) fn of(language: &Language) -> &'static Self {
        let place = LAYOUTS.iter().position(|layout| layout.languages.contains(&language.code()));
        KEYBOARDS[place.map_or(0, |i| i + 1)][usize::from(language.turkic())].get_or_init(|| {
            let own = place.map(|i| keys(&LAYOUTS[i]));
            let mut keyboard = Self { own, scripts: &SCRIPTS, turkic: language.turkic(), ascii: Vec::new() };
            keyboard.ascii = (0..128).map(|letter: u8| keyboard.beside(letter.into())).collect();
            keyboard
        })
    }

    /// The letters on a key's sides.
    fn key(&self, letter: char) -> Option<&[char]> {
        let own = self.own.as_ref().and_then(|own| own.get(&letter));
        own.or_else(|| self.scripts.get(&letter)).map(Vec::as_slice)
    }

    /// The letters on the keys beside a letter's, in its case.
    fn beside(&self, letter: char) -> Vec<char> {
        let big = letter.is_uppercase();
        let key = if big { lower(letter, self.turkic).unwrap_or(letter) } else { letter };
        let found = self.key(key).map_or_else(|| parallel(key, self.scripts), <[char]>::to_vec);
        if big { found.into_iter().filter_map(|c| upper(c, self.turkic)).collect() } else { found }
    }

    /// Both [`Self::keys`] and [`Self::substitutes`] of a letter of ASCII, or of a small letter without marks that has a key: at hand, as most letters are asked for.
    pub(super) fn plain(&self, grapheme: &str) -> Option<&[char]> {
        let found = if let [byte] = grapheme.as_bytes() {
            self.ascii.get(usize::from(*byte))?
        } else {
            let mut chars = grapheme.chars();
            let (Some(letter), None) = (chars.next(), chars.next()) else { return None };
            self.key(letter)?
        };
        Some(found).filter(|found| !found.is_empty())
    }

    /// Whether there are [`Self::keys`].
    pub(super) fn has_keys(&self, grapheme: &str) -> bool {
        self.plain(grapheme).is_some() || !self.keys(grapheme).is_empty()
    }

    /// Whether there are [`Self::substitutes`].
    pub(super) fn has_substitutes(&self, grapheme: &str) -> bool {
        self.plain(grapheme).is_some() || !self.substitutes(grapheme).is_empty()
    }

    /// Single letters that are typed beside the base of a grapheme.
    pub(super) fn keys(&self, grapheme: &str) -> Vec<char> {
        let Some(first) = grapheme.chars().next() else { return Vec::new() };
        match self.beside(first) {
            // é without a key of its own is typed on e's.
            none if none.is_empty() => {
                first.nfd().next().filter(|base| *base != first).map_or(none, |base| self.beside(base))
            }
            found => found,
        }
    }

    /// What is typed instead of a grapheme: another base with the same marks. A precomposed letter's marks are kept where the new letter takes them.
    pub(super) fn substitutes(&self, grapheme: &str) -> Vec<String> {
        let mut chars = grapheme.chars();
        let Some(first) = chars.next() else { return Vec::new() };
        let rest = chars.as_str();
        let mut found = self.beside(first);
        if found.is_empty() {
            found = [syllables(first, self.scripts), orders(first)].concat();
        }
        if found.is_empty() {
            let marks: String = first.nfd().skip(1).collect();
            let composed = |c: char| {
                let mut both = c.to_string().chars().chain(marks.chars()).nfc().collect::<Vec<_>>().into_iter();
                both.next().filter(|_| both.next().is_none()).unwrap_or(c)
            };
            found = self.keys(grapheme).into_iter().map(composed).collect();
        }
        let whole = |c: char| c.to_string().chars().chain(rest.chars()).nfc().collect::<String>();
        let one = |text: &String| text != grapheme && (rest.is_empty() || text.graphemes(true).count() == 1);
        found.into_iter().map(whole).filter(one).collect()
    }
}

/// Scripts whose blocks are laid out as Devanagari's: their letters lie where its do.
fn parallel(letter: char, scripts: &Keys) -> Vec<char> {
    let code = u32::from(letter);
    if !(0x980..0xd80).contains(&code) {
        return Vec::new();
    }
    let moved = code / 0x80 * 0x80 - 0x900;
    let devanagari = char::from_u32(code - moved).and_then(|c| scripts.get(&c));
    let back = |c: &char| char::from_u32(u32::from(*c) + moved).filter(|c| c.is_alphabetic());
    // A letter must be one too: ௐ lies where Devanagari has another sign.
    devanagari.into_iter().flatten().filter_map(back).filter(|_| letter.is_alphabetic()).collect()
}

/// Jamo in the order of Unicode's syllables.
const INITIALS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const VOWELS: &str = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ";
const FINALS: &str = "_ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/// A Hangul syllable with another initial, vowel or final, which lies beside it.
fn syllables(letter: char, scripts: &Keys) -> Vec<char> {
    let Some(code) = u32::from(letter).checked_sub(0xac00).filter(|code| *code < 11_172) else { return Vec::new() };
    let parts = [(INITIALS, 588, code / 588), (VOWELS, 28, code / 28 % 21), (FINALS, 1, code % 28)];
    let mut found = Vec::new();
    for (jamo, step, index) in parts {
        let typed = jamo.chars().nth(index as usize).and_then(|c| scripts.get(&c));
        for other in typed.into_iter().flatten().filter_map(|c| jamo.chars().position(|j| j == *c)) {
            found.extend(char::from_u32(0xac00 + code - step * index + step * other as u32));
        }
    }
    found
}

/// The other orders (vowels) of an Ethiopic syllable's consonant: eight to a row, of which the last is not every consonant's.
fn orders(letter: char) -> Vec<char> {
    let code = u32::from(letter);
    if !(0x1200..0x1358).contains(&code) {
        return Vec::new();
    }
    let row = code & !7;
    (row..row + 7).filter(|other| *other != code).filter_map(char::from_u32).filter(|c| c.is_alphabetic()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substitutes(language: &str, grapheme: &str) -> String {
        let language = if language.is_empty() { Language::default() } else { language.parse().unwrap() };
        Keyboard::of(&language).substitutes(grapheme).join(" ")
    }

    #[test]
    fn keys_lie_around_a_letter() {
        assert_eq!(substitutes("", "g"), "f h t y v b");
        assert_eq!(substitutes("de", "G"), "F H T Z V B");
        assert_eq!(substitutes("fra", "q"), "s a z w");
        assert_eq!(substitutes("tr", "I"), "U O J K");
        assert_eq!(substitutes("tr", "i"), "ş ğ ü");
        assert_eq!(substitutes("deu", "ß"), "");
        assert_eq!(substitutes("deu", "п"), "а р е н м и");
        assert_eq!(substitutes("fa", "ک"), substitutes("", "ک"));
        assert_eq!(substitutes("", "س"), "ش ي ص ث ئ ء");
        assert_eq!(substitutes("", "1"), "");
    }

    #[test]
    fn marks_stay_where_they_can() {
        assert_eq!(substitutes("", "é"), "ẃ ŕ ś d");
        assert_eq!(substitutes("", "कि"), "रि ति गि दि सि");
        assert_eq!(
            substitutes("", "శు"),
            substitutes("", "శ").split(' ').map(|s| format!("{s}ు")).collect::<Vec<_>>().join(" ")
        );
        assert!(substitutes("", "త").contains('క'));
    }

    #[test]
    fn syllables_change_a_part() {
        let found = substitutes("", "한");
        assert!(found.contains('핟') || found.contains('함'), "{found}");
        assert!(found.chars().all(|c| c == ' ' || ('가'..='힣').contains(&c)), "{found}");
        assert_eq!(substitutes("", "ሰ"), "ሱ ሲ ሳ ሴ ስ ሶ");
    }

    #[test]
    fn every_row_is_composed_and_no_letter_lies_twice() {
        for layout in LAYOUTS {
            let letters: Vec<char> = layout.layers.concat().concat().chars().filter(|c| *c != '_').collect();
            let mut once = letters.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), letters.len(), "{}", layout.name);
            assert!(letters.iter().all(|c| c.is_alphabetic() && c.nfc().eq([*c])), "{}", layout.name);
        }
    }
}
