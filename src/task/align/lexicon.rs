//! A bilingual lexicon from alignments.

use std::collections::BTreeMap;

use super::Aligned;

/// Word pairs and how often they were linked.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    pairs: BTreeMap<(String, String), usize>,
    sources: BTreeMap<String, usize>,
    targets: BTreeMap<String, usize>,
}

/// A word pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// A word.
    pub source: String,
    /// Its translation.
    pub target: String,
    /// How often the two were linked.
    pub count: usize,
    /// count²/(links of source · links of target): the product of the chances that either is linked with the other, given one of them. 1 of words that are linked with each other only.
    pub score: f64,
}

impl Lexicon {
    /// Counts a pair's links. Words count in lower case, without what stands around their letters and digits; what has none is no word.
    pub fn add(&mut self, aligned: &Aligned) {
        for (i, j) in aligned.found.iter().flat_map(|found| &found.links) {
            let [source, target] = [word(&aligned.words[0][*i]), word(&aligned.words[1][*j])];
            if !source.is_empty() && !target.is_empty() {
                *self.sources.entry(source.clone()).or_default() += 1;
                *self.targets.entry(target.clone()).or_default() += 1;
                *self.pairs.entry((source, target)).or_default() += 1;
            }
        }
    }

    /// The word pairs, by source, the best translation first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |((source, target), count): (&(String, String), &usize)| {
            let score = (count * count) as f64 / (self.sources[source] as f64 * self.targets[target] as f64);
            Entry { source: source.clone(), target: target.clone(), count: *count, score }
        };
        let mut entries: Vec<Entry> = self.pairs.iter().map(entry).collect();
        entries.sort_by(|a, b| {
            a.source.cmp(&b.source).then(b.score.total_cmp(&a.score)).then_with(|| a.target.cmp(&b.target))
        });
        entries
    }
}

/// A word without punctuation around it, in lower case. Marks stay: they are part of a letter.
fn word(text: &str) -> String {
    let first = text.find(char::is_alphanumeric);
    let last =
        text.rfind(|c: char| c.is_alphanumeric() || !(c.is_ascii_punctuation() || c.is_whitespace()) && is_mark(c));
    match (first, last) {
        (Some(first), Some(last)) => {
            let end = last + text[last..].chars().next().map_or(0, char::len_utf8);
            text[first..end].to_lowercase()
        }
        _ => String::new(),
    }
}

/// Whether a character belongs to the one before it: combining marks, joiners, vowel signs that are not alphabetic (viramas).
fn is_mark(c: char) -> bool {
    use unicode_segmentation::UnicodeSegmentation as _;
    let pair: String = ['क', c].iter().collect();
    pair.graphemes(true).count() == 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ndarray::array;

    use super::super::{Found, Measures};
    use super::*;
    use crate::transport::{Problem, Solver};

    fn aligned(source: &str, target: &str, links: &[(usize, usize)]) -> Aligned {
        let cost = array![[0.0]];
        let exact = Solver::Exact(crate::transport::Exact::default());
        let measures = Measures {
            entropy: 0.0,
            sharpness: 1.0,
            monotonicity: None,
            coverage: [1.0; 2],
            null_mass: 0.0,
            linked_distance: None,
            mean_distance: 0.0,
        };
        let found = Found {
            transport: exact.solve(&Problem::uniform(cost.view()).unwrap()).unwrap(),
            word_of: [vec![0], vec![0]],
            links: links.iter().copied().collect::<BTreeSet<_>>(),
            cut: 0,
            measures,
        };
        let words = [source, target].map(|text| text.split_whitespace().map(str::to_owned).collect());
        Aligned { id: "1".into(), words, found: Some(found) }
    }

    #[test]
    fn pairs_are_counted_and_scored() {
        let mut lexicon = Lexicon::default();
        lexicon.add(&aligned("The dog .", "Der Hund .", &[(0, 0), (1, 1), (2, 2)]));
        lexicon.add(&aligned("the \"dog\"", "ein Hund", &[(0, 0), (1, 1)]));
        let entry = |source: &str, target: &str, count, score| Entry {
            source: source.into(),
            target: target.into(),
            count,
            score,
        };
        let expected = [entry("dog", "hund", 2, 1.0), entry("the", "der", 1, 0.5), entry("the", "ein", 1, 0.5)];
        assert_eq!(lexicon.entries(), expected);
    }

    #[test]
    fn words_lose_what_is_around_them_and_nothing_else() {
        assert_eq!(
            ["(don't)", "—", "लिए।", "Ärger!", "क्", "a-b."].map(word),
            ["don't", "", "लिए", "ärger", "क्", "a-b"]
        );
    }
}
