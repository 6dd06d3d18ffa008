//! Word alignments in files: Pharaoh's format (`0-0 1-2`, a line a sentence pair; `ipj` or `i?j` where a link is only possible; a number and a tab may stand before) and NAACL's
//! (`sentence i j [S|P]`, a line a link).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{FileFault, folder};
use crate::Result;

/// A word of the one side and a word of the other, from 0.
pub type Link = (usize, usize);

/// The links of a sentence pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Links that an alignment must have.
    pub sure: BTreeSet<Link>,
    /// Links that it may have, the sure ones among them.
    pub possible: BTreeSet<Link>,
}

/// How a file is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Words are counted from 1.
    pub from_one: bool,
    /// The other side comes first.
    pub reversed: bool,
}

impl Links {
    /// Adds a link.
    pub fn add(&mut self, link: Link, sure: bool) {
        self.possible.insert(link);
        if sure {
            self.sure.insert(link);
        }
    }
}

impl Reading {
    /// Two words as they stand in a file.
    fn link(self, first: &str, second: &str) -> Result<Link, String> {
        let place = |word: &str| {
            let number: usize = word.parse().map_err(|_| format!("{word:?} is not a word's number"))?;
            number.checked_sub(usize::from(self.from_one)).ok_or_else(|| "word 0, but words count from 1".to_owned())
        };
        let (first, second) = (place(first)?, place(second)?);
        Ok(if self.reversed { (second, first) } else { (first, second) })
    }
}

/// Reads a file in Pharaoh's format, also `.gz`: the links of each line.
///
/// # Errors
/// A file that cannot be read, or a line that is not of this format: named by line.
pub fn pharaoh(path: &Path, reading: Reading) -> Result<Vec<Links>> {
    let text = text(path)?;
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n').enumerate();
    let sentence = |(i, line): (usize, &str)| {
        let links = line.split_once('\t').map_or(line, |(_, links)| links);
        let mut found = Links::default();
        for token in links.split_ascii_whitespace() {
            let at = token.find(|c: char| !c.is_ascii_digit());
            let at = at.filter(|at| matches!(token.as_bytes()[*at], b'-' | b'p' | b'?'));
            let at = at
                .ok_or_else(|| FileFault::line(path.display(), i + 1, format!("{token:?} is not a link i-j or ipj")))?;
            let link = reading.link(&token[..at], &token[at + 1..]);
            found.add(link.map_err(|what| FileFault::line(path.display(), i + 1, what))?, &token[at..=at] == "-");
        }
        Ok(found)
    };
    if text.is_empty() { Ok(Vec::new()) } else { lines.map(sentence).collect() }
}

/// Reads a file in NAACL's format, also `.gz`: the links of each sentence number. A link without S or P is sure.
///
/// # Errors
/// As [`pharaoh`].
pub fn naacl(path: &Path, reading: Reading) -> Result<BTreeMap<usize, Links>> {
    let mut sentences = BTreeMap::<usize, Links>::new();
    for (i, line) in text(path)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let refuse = |what: String| FileFault::line(path.display(), i + 1, what);
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [sentence, first, second, rest @ ..] = &fields[..] else {
            return Err(refuse("expected sentence, word, word".to_owned()).into());
        };
        let sure = match rest {
            ["P", ..] => false,
            [] | ["S", ..] => true,
            [other, ..] => return Err(refuse(format!("{other:?} is neither S nor P")).into()),
        };
        let number = sentence.parse().map_err(|_| refuse(format!("{sentence:?} is not a sentence's number")))?;
        let link = reading.link(first, second).map_err(refuse)?;
        sentences.entry(number).or_default().add(link, sure);
    }
    Ok(sentences)
}

fn text(path: &Path) -> Result<String> {
    let bytes = folder::map_unpacked(path)?;
    let text = std::str::from_utf8(&bytes);
    let text =
        text.map_err(|e| FileFault::content(path.display(), format!("not UTF-8 at byte {}", e.valid_up_to())))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn links(sure: &[Link], possible: &[Link]) -> Links {
        let mut links = Links::default();
        sure.iter().for_each(|link| links.add(*link, true));
        possible.iter().for_each(|link| links.add(*link, false));
        links
    }

    #[test]
    fn both_formats() {
        let (_folder, path) = file("0-0 1p2 1-1 \n\n7\t3-4\n");
        let read = pharaoh(&path, Reading::default()).unwrap();
        assert_eq!(read, [links(&[(0, 0), (1, 1)], &[(1, 2)]), links(&[], &[]), links(&[(3, 4)], &[])]);
        let (_folder, path) = file("1-3\n");
        let reading = Reading { from_one: true, reversed: true };
        assert_eq!(pharaoh(&path, reading).unwrap(), [links(&[(2, 0)], &[])]);
        let (_folder, path) = file("26 2 1\n26 3 3 P\n29 1 1 S 0.5\n");
        let read = naacl(&path, Reading { from_one: true, reversed: false }).unwrap();
        assert_eq!(read[&26], links(&[(1, 0)], &[(2, 2)]));
        assert_eq!(read[&29], links(&[(0, 0)], &[]));
        let (_folder, path) = file("");
        assert!(pharaoh(&path, Reading::default()).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_link_is_named_with_its_line() {
        let one = Reading { from_one: true, reversed: false };
        for (content, what) in [
            ("1-1\n1x2\n", "line 2: \"1x2\" is not a link i-j or ipj"),
            ("1-1 0-1\n", "line 1: word 0, but words count from 1"),
            ("1-\n", "line 1: \"\" is not a word's number"),
            ("é-1\n", "line 1: \"é-1\" is not a link i-j or ipj"),
            ("1–1\n", "line 1: \"1–1\" is not a link i-j or ipj"),
            ("1-é\n", "line 1: \"é\" is not a word's number"),
        ] {
            let (_folder, path) = file(content);
            let error = pharaoh(&path, one).unwrap_err().to_string();
            assert!(error.ends_with(what), "{error}");
        }
        for (content, what) in [
            ("1 1\n", "line 1: expected sentence, word, word"),
            ("a 1 1\n", "line 1: \"a\" is not a sentence's number"),
            ("1 1 1 X\n", "line 1: \"X\" is neither S nor P"),
        ] {
            let (_folder, path) = file(content);
            let error = naacl(&path, one).unwrap_err().to_string();
            assert!(error.ends_with(what), "{error}");
        }
    }
}
