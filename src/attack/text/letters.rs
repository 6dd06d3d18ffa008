//! What kind of characters a grapheme is made of.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// What a grapheme is, as far as words go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Blank,
    Letter,
    Digit,
    Other,
}

/// A grapheme's class. What is both letter and digit, as Roman numerals are, is a digit.
pub(super) fn class(grapheme: &str) -> Class {
    if common(first(grapheme)) {
        Class::Letter
    } else if is_blank(grapheme) {
        Class::Blank
    } else if first(grapheme).is_numeric() {
        Class::Digit
    } else if is_letter(grapheme) {
        Class::Letter
    } else {
        Class::Other
    }
}

/// The class of a character of ASCII.
pub(super) const fn ascii_class(byte: u8) -> Class {
    match byte {
        b'\t'..=b'\r' | b' ' => Class::Blank,
        b'0'..=b'9' => Class::Digit,
        b'A'..=b'Z' | b'a'..=b'z' => Class::Letter,
        _ => Class::Other,
    }
}

/// Characters that neither join nor compose with one another, whichever stand side by side: a quick answer for most letters, blanks and marks of
/// punctuation. Any other character may, or may not.
pub(super) fn alone(c: char) -> bool {
    match c {
        '\r' | '\u{3099}' | '\u{309a}' => false,
        ..'\u{300}' | '\u{388}'..='\u{482}' | '\u{48a}'..='\u{590}' | '\u{5d0}'..='\u{5f4}' | '\u{61d}'..='\u{64a}' => {
            true
        }
        '\u{671}'..='\u{6d3}' | '\u{904}'..='\u{939}' | '\u{e01}'..='\u{e30}' | '\u{e3f}'..='\u{e46}' => true,
        '\u{1200}'..='\u{1357}' | '\u{1361}'..='\u{1399}' | '\u{2010}'..='\u{205e}' => true,
        '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => true,
        _ => false,
    }
}

/// Letters of which many texts are made: Unicode's tables need not be searched for them, which takes most of the time.
fn common(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ɏ' | 'Ά' | 'Ώ'..='Ρ' | 'Σ'..='ώ' | 'А'..='ҁ')
        || matches!(c, 'א'..='ת' | 'ء'..='ي' | 'अ'..='ह' | 'ก'..='ะ' | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | '一'..='鿿' | '가'..='힣')
}

fn first(grapheme: &str) -> char {
    grapheme.chars().next().unwrap_or('\0')
}

/// A blank character; Ethiopic's word separator is one too.
pub(super) fn blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{1361}'
}

/// A grapheme of blanks. A blank with a mark on it is none: it stands for a letter.
pub(super) fn is_blank(grapheme: &str) -> bool {
    grapheme.chars().all(blank)
}

/// A letter with what belongs to it; not a mark alone, nor Thai's and Lao's sara am, which would join the letter before it as a mark does.
fn is_letter(grapheme: &str) -> bool {
    let c = first(grapheme);
    let mark = || is_combining_mark(c) || matches!(c, '\u{e33}' | '\u{eb3}');
    c.is_ascii_alphabetic() || !c.is_ascii() && c.is_alphabetic() && !mark()
}

/// Latin letters, and what is written as if it were one.
pub(super) fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(c, '\u{aa}' | '\u{ba}' | '\u{c0}'..='\u{2b8}' | '\u{1e00}'..='\u{1eff}' | '\u{2c60}'..='\u{2c7f}')
        || matches!(c, '\u{a720}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab64}' | '\u{ff21}'..='\u{ff5a}')
}

/// Chinese characters.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
        || matches!(c, '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Marks of punctuation in the scripts whose words we know; not symbols, and not Ethiopic's word separator.
pub(super) fn is_punctuation(grapheme: &str) -> bool {
    let c = first(grapheme);
    if c.is_ascii() {
        return c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c);
    }
    "¡§«¶·»¿;՚՛՜՝՞՟։֊־׀׃׆׳״،؍؛؞؟٪٫٬٭۔।॥॰෴๏๚๛༄༅༆།༎༏༐༑༔၊။၌၍၎၏჻។៕៖៘៙៚".contains(c)
        || matches!(c, '\u{1362}'..='\u{1368}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}')
        || matches!(c, '\u{2053}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}')
        || "・！＂＃％＆＇（）＊，－．／：；？＠［＼］＿｛｝｟｠｡｢｣､･".contains(c)
}

/// A grapheme without the marks that may be left out; `None` where there are none.
///
/// Latin, Greek and Cyrillic lose what is above and below their letters, but й and ў their breve not, without which they are other letters.
/// Arabic loses harakat, not hamza and madda; Hebrew its points. Elsewhere marks are vowels, or kill them: they stay.
pub(super) fn without_marks(grapheme: &str) -> Option<String> {
    if grapheme.is_ascii() {
        return None;
    }
    let base = grapheme.nfd().next()?;
    let european = is_latin(base) || matches!(base, '\u{370}'..='\u{52f}' | '\u{1f00}'..='\u{1fff}');
    let breve = "иИуУ".contains(base);
    let drops = |c: char| match c {
        '\u{306}' if breve => false,
        '\u{300}'..='\u{36f}' => european,
        '\u{64b}'..='\u{652}' | '\u{670}' => true,
        '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' => true,
        _ => false,
    };
    // A mark alone is left alone: there would be nothing.
    let rest: String = base.to_string().nfd().chain(grapheme.nfd().skip(1).filter(|c| !drops(*c))).nfc().collect();
    (!drops(base) && rest != grapheme).then_some(rest)
}

/// Every letter's other case, where that is one letter.
pub(super) fn other_case(c: char, turkic: bool) -> Option<char> {
    if c.is_lowercase() { upper(c, turkic) } else { lower(c, turkic) }.filter(|other| *other != c)
}

/// A letter in lower case, where that is one letter. Turkish and its kin pair ı with I and i with İ.
pub(super) fn lower(c: char, turkic: bool) -> Option<char> {
    match c {
        'I' if turkic => Some('ı'),
        'İ' => Some('i'),
        _ => only(c.to_lowercase()),
    }
}

/// A letter in upper case, where that is one letter.
pub(super) fn upper(c: char, turkic: bool) -> Option<char> {
    if turkic && c == 'i' { Some('İ') } else { only(c.to_uppercase()) }
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

/// A word in lower case.
pub(super) fn lowercase(word: &str, turkic: bool) -> String {
    let word = if turkic { word.replace('I', "ı") } else { word.to_owned() };
    // Elsewhere too: else İ would leave its dot behind as a mark.
    word.replace('İ', "i").to_lowercase().nfc().collect()
}

/// A word in upper case.
pub(super) fn uppercase(word: &str, turkic: bool) -> String {
    let word = if turkic { word.replace('i', "İ") } else { word.to_owned() };
    word.to_uppercase().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_as_everything_else() {
        assert!((0..128).all(|byte: u8| class(char::from(byte).encode_utf8(&mut [0; 4])) == ascii_class(byte)));
    }

    #[test]
    fn common_letters_are_letters() {
        let letters = |c: &char| is_letter(c.encode_utf8(&mut [0; 4])) && !c.is_numeric();
        assert!((char::MIN..=char::MAX).filter(|c| common(*c)).all(|c| letters(&c)));
    }

    /// By what they do beside themselves and beside a letter: all rules of graphemes that join two characters join one of these pairs, but for those that need a third
    /// character, which is none of them.
    #[test]
    fn characters_that_stand_alone() {
        use unicode_normalization::{IsNormalized, char::canonical_combining_class, is_nfc_quick};
        use unicode_segmentation::UnicodeSegmentation as _;
        for c in (char::MIN..=char::MAX).filter(|c| alone(*c)) {
            assert!(
                [[c, c], [c, 'x'], ['x', c]]
                    .map(String::from_iter)
                    .iter()
                    .all(|pair| pair.graphemes(true).count() == 2),
                "{c:?}"
            );
            assert_eq!((is_nfc_quick([c].into_iter()), canonical_combining_class(c)), (IsNormalized::Yes, 0), "{c:?}");
        }
    }

    #[test]
    fn marks_that_may_be_left_out() {
        let of = |grapheme| without_marks(grapheme);
        for (with, without) in
            [("é", "e"), ("ử", "u"), ("ό", "ο"), ("ё", "е"), ("а\u{301}", "а"), ("مَ", "م"), ("שׁ", "ש")]
        {
            assert_eq!(of(with).as_deref(), Some(without));
        }
        for grapheme in ["e", "ø", "й", "أ", "कि", "กี", "が", "한", "\u{301}", "\u{64b}", "🇩🇪"] {
            assert_eq!(of(grapheme), None, "{grapheme}");
        }
        assert_eq!(of("أَ").as_deref(), Some("أ"));
    }

    #[test]
    fn cases() {
        assert_eq!(
            (other_case('i', true), other_case('I', true), other_case('i', false)),
            (Some('İ'), Some('ı'), Some('I'))
        );
        assert_eq!((other_case('ß', false), other_case('ك', false)), (None, None));
        assert_eq!((lowercase("ΟΔΟΣ", false), lowercase("İZMİR I", true)), ("οδος".to_owned(), "izmir ı".to_owned()));
        assert_eq!((uppercase("straße", false), uppercase("izmir", true)), ("STRASSE".to_owned(), "İZMİR".to_owned()));
    }

    #[test]
    fn punctuation_of_many_scripts() {
        assert!([".", "“", "؟", "।", "።", "。", "—", "؛", "¿"].iter().all(|mark| is_punctuation(mark)));
        assert!(!["a", "+", "€", "1", "፡", "が", "\u{200b}", "कि"].iter().any(|text| is_punctuation(text)));
    }
}
