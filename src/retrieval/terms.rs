//! Texts as terms, for lexical retrieval: Unicode's words, lower case, and for some languages stems.

use std::fmt;
use std::str::FromStr;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation as _;

/// How a text becomes terms.
///
/// Words are those of Unicode Standard Annex 29, in lower case; scripts without blanks between words come out character by character (Han,
/// kana) or in long runs (Thai). A language that is named adds its Snowball stemmer, and English its possessives and stop words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Analyzer {
    /// Words as they are.
    #[default]
    Plain,
    /// A language's stems.
    Stemmed(Language),
}

/// A language with a stemmer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language(usize);

/// Languages with a stemmer, and those.
const STEMMERS: [(&str, Algorithm); 18] = [
    ("arabic", Algorithm::Arabic),
    ("danish", Algorithm::Danish),
    ("dutch", Algorithm::Dutch),
    ("english", Algorithm::English),
    ("finnish", Algorithm::Finnish),
    ("french", Algorithm::French),
    ("german", Algorithm::German),
    ("greek", Algorithm::Greek),
    ("hungarian", Algorithm::Hungarian),
    ("italian", Algorithm::Italian),
    ("norwegian", Algorithm::Norwegian),
    ("portuguese", Algorithm::Portuguese),
    ("romanian", Algorithm::Romanian),
    ("russian", Algorithm::Russian),
    ("spanish", Algorithm::Spanish),
    ("swedish", Algorithm::Swedish),
    ("tamil", Algorithm::Tamil),
    ("turkish", Algorithm::Turkish),
];

/// Words that say nothing: the set that Lucene's `EnglishAnalyzer` takes out, sorted.
const ENGLISH_STOP_WORDS: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of",
    "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with",
];

impl Analyzer {
    /// The terms of a text, in its order.
    #[must_use]
    pub fn terms(self, text: &str) -> Vec<String> {
        let words = text.unicode_words().map(str::to_lowercase);
        let Self::Stemmed(language) = self else { return words.collect() };
        let (name, algorithm) = &STEMMERS[language.0];
        let (stemmer, english) = (Stemmer::create(*algorithm), *name == "english");
        let own = |word: String| if english { without_possessive(word) } else { word };
        let says = |word: &String| !english || ENGLISH_STOP_WORDS.binary_search(&word.as_str()).is_err();
        words.map(own).filter(says).map(|word| stemmer.stem(&word).into_owned()).collect()
    }
}

fn without_possessive(mut word: String) -> String {
    if let Some(stem) = word.strip_suffix("'s").or_else(|| word.strip_suffix("\u{2019}s")) {
        word.truncate(stem.len());
    }
    word
}

impl fmt::Display for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Stemmed(language) => STEMMERS[language.0].0,
        })
    }
}

impl FromStr for Analyzer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "plain" {
            return Ok(Self::Plain);
        }
        let found = STEMMERS.iter().position(|(known, _)| *known == name);
        found.map(|i| Self::Stemmed(Language(i))).ok_or_else(|| {
            let known: Vec<&str> = STEMMERS.iter().map(|(known, _)| *known).collect();
            format!("no analyzer {name}: plain, {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_out_in_lower_case_and_stemmed() {
        let terms = |name: &str, text: &str| name.parse::<Analyzer>().unwrap().terms(text);
        assert_eq!(terms("plain", "The cat's-eyes, ran: 3.5 Ọ̀ṣọbà!"), ["the", "cat's", "eyes", "ran", "3.5", "ọ̀ṣọbà"]);
        assert_eq!(
            terms("english", "The cat's eyes were running into generations"),
            ["cat", "eye", "were", "run", "generat"]
        );
        assert_eq!(terms("french", "Les continuations"), ["le", "continu"]);
        assert_eq!(terms("plain", "日本 x"), ["日", "本", "x"]);
        assert_eq!(terms("plain", " ?! "), Vec::<String>::new());
    }

    #[test]
    fn names_are_read_back_and_tables_are_sorted() {
        for (name, _) in STEMMERS {
            assert_eq!(name.parse::<Analyzer>().unwrap().to_string(), name);
        }
        assert!("klingon".parse::<Analyzer>().unwrap_err().contains("english"));
        assert!(ENGLISH_STOP_WORDS.is_sorted());
    }
}
