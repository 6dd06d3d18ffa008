//! A bilingual lexicon: words and their translations.

use std::collections::BTreeMap;
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use super::letters::{lowercase, uppercase};
use crate::Result;
use crate::data::{FileFault, folder};

/// Words in lower case, their translations, and how often each was found.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    words: BTreeMap<String, BTreeMap<String, usize>>,
}

/// Which fields of a line are what.
#[derive(Clone, Copy)]
struct Columns {
    source: usize,
    target: usize,
    count: Option<usize>,
    /// How many fields a line has.
    all: usize,
}

impl Lexicon {
    /// Reads `.tsv` (word, tab, translation; or `align`'s `lexicon.tsv` with its heading) or `.csv` with a heading, each also `.gz`. Words
    /// without a translation are passed over.
    ///
    /// # Errors
    /// A file that cannot be read, or of another kind; a heading without the two columns; a line with other fields, a translation with an end of line or a tab,
    /// a count that is none: named by file and line.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = folder::map_unpacked(path)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let read = match Path::new(name.strip_suffix(".gz").unwrap_or(&name)).extension().and_then(|e| e.to_str()) {
            Some("tsv") => Self::tsv(&name, bytes),
            Some("csv") => Self::csv(&name, bytes),
            _ => Err(FileFault::content(&name, "not a .tsv or .csv, nor one of them with .gz").into()),
        }?;
        if read.is_empty() {
            Err(FileFault::content(name, "no word with a translation in it").into())
        } else {
            Ok(read)
        }
    }

    fn tsv(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut lexicon = Self::default();
        let mut columns = Columns { source: 0, target: 1, count: None, all: 2 };
        for (i, line) in bytes.split(|b| *b == b'\n').enumerate() {
            let refuse = |what: &str| FileFault::line(name, i + 1, what);
            let line =
                std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).map_err(|_| refuse("not UTF-8"))?;
            let fields: Vec<&str> = line.split('\t').collect();
            if i == 0 && fields.starts_with(&["source", "target"]) {
                columns = heading(&fields).map_err(refuse)?;
            } else if !line.is_empty() {
                lexicon.add(&fields, columns).map_err(refuse)?;
            }
        }
        Ok(lexicon)
    }

    fn csv(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut lexicon = Self::default();
        let mut columns = None;
        for record in csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes).records() {
            let record = record.map_err(|e| FileFault::content(name, e))?;
            let line = record.position().map_or(0, |position| position.line() as usize);
            let refuse = |what: &str| FileFault::line(name, line, what);
            let fields: Vec<&str> = record.iter().collect();
            match columns {
                None => columns = Some(heading(&fields).map_err(refuse)?),
                Some(columns) => lexicon.add(&fields, columns).map_err(refuse)?,
            }
        }
        Ok(lexicon)
    }

    fn add(&mut self, fields: &[&str], columns: Columns) -> Result<(), &'static str> {
        if fields.len() != columns.all {
            return Err("not as many fields as there should be: word and translation, or those of the heading");
        }
        let [source, target] = [fields[columns.source], fields[columns.target]].map(|text| text.trim().nfc().collect());
        let (source, target): (String, String) = (source, target);
        if target.contains(['\n', '\r', '\t']) {
            return Err("a translation with an end of line or a tab, which files of texts cannot hold");
        }
        if source.is_empty() || target.is_empty() {
            // Published lists have words that nobody translated.
            return Ok(());
        }
        let count = match columns.count {
            None => 1,
            Some(i) => {
                fields[i].parse().ok().filter(|n: &u32| *n > 0).ok_or("a count that is no whole number above 0")?
            }
        };
        *self.words.entry(lowercase(&source, false)).or_default().entry(target).or_default() += count as usize;
        Ok(())
    }

    /// How many words it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// A word's translations that are not the word itself, with their counts. Case does not matter; a large first letter is carried over.
    pub(super) fn translations(&self, word: &str) -> Vec<(String, usize)> {
        let small = lowercase(word, false);
        let found =
            self.words.get(&small).into_iter().flatten().filter(|(target, _)| lowercase(target, false) != small);
        let carried = |target: &String| {
            let first = target.chars().next().map_or(0, char::len_utf8);
            if word.starts_with(char::is_uppercase) {
                format!("{}{}", uppercase(&target[..first], false), &target[first..])
            } else {
                target.clone()
            }
        };
        found.map(|(target, count)| (carried(target), *count)).collect()
    }
}

/// The columns that a heading names.
fn heading(fields: &[&str]) -> Result<Columns, &'static str> {
    let names: Vec<String> = fields.iter().map(|field| field.trim().to_lowercase()).collect();
    let find = |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
    let source = find(&["sourcestring", "source", "word", "src"]);
    let target = find(&["targetstring", "target", "translation", "tgt"]);
    match (source, target) {
        (Some(source), Some(target)) => Ok(Columns { source, target, count: find(&["count"]), all: fields.len() }),
        _ => Err("expected a heading with source and target (or sourceString and targetString, word and translation)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &str) -> Result<Lexicon, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        Lexicon::read(&path).map_err(|e| e.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    fn one(target: &str, count: usize) -> Vec<(String, usize)> {
        vec![(target.to_owned(), count)]
    }

    #[test]
    fn each_format() {
        let plain = read("a.tsv", "Dog\tHund\nto go\tgehen\n\nsame\tsame\nnone\t\n").unwrap();
        assert_eq!((plain.translations("dog"), plain.translations("DOG")), (one("Hund", 1), one("Hund", 1)));
        assert_eq!((plain.len(), plain.translations("same"), plain.translations("cat")), (3, vec![], vec![]));
        let counted = read("a.tsv", "source\ttarget\tcount\tscore\nwater\tmaji\t3\t0.5\nwater\tya\t1\t0.1\n").unwrap();
        assert_eq!(counted.translations("Water"), [("Maji".to_owned(), 3), ("Ya".to_owned(), 1)]);
        let csv = read("a.csv", "id,sourceLang,targetLang,sourceString,targetString\n1,en,de,cold,\"kalt\"\n").unwrap();
        assert_eq!(csv.translations("cold"), one("kalt", 1));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |name: &str, content: &str| read(name, content).unwrap_err();
        assert_eq!(refused("a.tsv", "source\ttarget\n"), "a.tsv: no word with a translation in it");
        assert!(refused("a.tsv", "a\tb\nc\n").starts_with("a.tsv, line 2: not as many fields"));
        assert!(
            refused("a.csv", "source,target\na,\"b\nc\"\n").starts_with("a.csv, line 2: a translation with an end")
        );
        assert!(refused("a.tsv", "source\ttarget\tcount\na\tb\t0\n").starts_with("a.tsv, line 2: a count"));
        assert!(refused("a.csv", "a,b\n").starts_with("a.csv, line 1: expected a heading"));
        assert!(refused("a.csv", "source,target\na\n").starts_with("a.csv, line 2: not as many"));
        assert!(refused("a.txt", "").starts_with("a.txt: not a .tsv or .csv"));
    }
}
