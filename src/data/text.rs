//! Reading texts: `.txt` (a text a line), `.tsv` (id⇥text), `.jsonl` ({"id", "text"}), each also `.gz`.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::FileFault;
use super::folder::{self, Folder};
use crate::Result;

/// A text with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its id; in a `.txt` the line's number from 0.
    pub id: String,
    /// The text itself, as it stands in the file.
    pub text: String,
}

/// A line of `.jsonl`, in the spellings that collections have; other fields are passed over.
#[derive(Deserialize)]
struct JsonLine {
    #[serde(alias = "_id", alias = "docid", alias = "query_id")]
    id: String,
    #[serde(alias = "contents", alias = "query")]
    text: String,
    title: Option<String>,
}

#[derive(Clone, Copy)]
enum Format {
    Txt,
    Tsv,
    Jsonl,
}

/// Reads a file of texts. Titles in `.jsonl` are passed over.
///
/// # Errors
/// An extension that is none of the above; a file that cannot be read or unpacked; a line that is not UTF-8, has no tab, is not JSON, has
/// an empty id or one that another line has: named by file and line.
pub fn read(path: &Path) -> Result<Vec<Text>> {
    let name = path.display().to_string();
    parse(&name, format(&name)?, &folder::map_unpacked(path)?, false)
}

/// Reads the documents of a collection: as [`read`], but with the title and a blank before each text that has one.
///
/// # Errors
/// As [`read`].
pub fn read_documents(path: &Path) -> Result<Vec<Text>> {
    let name = path.display().to_string();
    parse(&name, format(&name)?, &folder::map_unpacked(path)?, true)
}

/// As [`read`], or with `titles` as [`read_documents`], for a file of a folder.
///
/// # Errors
/// As [`read`].
pub fn read_within(folder: &Folder, file: &str, titles: bool) -> Result<Vec<Text>> {
    let name = folder.label(file);
    parse(&name, format(&name)?, &folder.unpacked(file)?, titles)
}

/// As [`check_ids`], for queries: a line that begins with # is a comment.
///
/// # Errors
/// As [`check_ids`]; an id that begins with #.
pub fn check_query_ids(name: &str, texts: &[Text]) -> Result<()> {
    check_ids(name, texts)?;
    match texts.iter().find(|text| text.id.starts_with('#')) {
        Some(text) => {
            let what = format!("the id {:?} begins with #, which makes a comment of a run's line", text.id);
            Err(FileFault::content(name, what).into())
        }
        None => Ok(()),
    }
}

/// Refuses an id that would not be one field of a TREC run.
///
/// # Errors
/// An id with a blank, with the name of its file.
pub fn check_ids(name: &str, texts: &[Text]) -> Result<()> {
    match texts.iter().find(|text| text.id.contains(char::is_whitespace)) {
        Some(text) => {
            let what = format!("the id {:?} has a blank, which a TREC run cannot hold", text.id);
            Err(FileFault::content(name, what).into())
        }
        None => Ok(()),
    }
}

fn format(name: &str) -> Result<Format> {
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    Ok(match Path::new(stem).extension().and_then(|e| e.to_str()) {
        Some("txt") => Format::Txt,
        Some("tsv") => Format::Tsv,
        Some("jsonl") => Format::Jsonl,
        _ => return Err(FileFault::content(name, "not a .txt, .tsv or .jsonl, nor one of them with .gz").into()),
    })
}

fn parse(name: &str, format: Format, bytes: &[u8], titles: bool) -> Result<Vec<Text>> {
    // A byte order mark is the file's, not the first text's.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut texts = Vec::new();
    for (i, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line)
            .map_err(|e| FileFault::line(name, i + 1, format!("not UTF-8 at its byte {}", e.valid_up_to())))?;
        texts.push(text(format, i, line, titles).map_err(|what| FileFault::line(name, i + 1, what))?);
    }
    refuse_doubles(name, &texts)?;
    Ok(texts)
}

fn text(format: Format, index: usize, line: &str, titles: bool) -> Result<Text, String> {
    let text = match format {
        Format::Txt => Text { id: index.to_string(), text: line.to_owned() },
        Format::Tsv => match line.split_once('\t') {
            Some((id, text)) => Text { id: id.to_owned(), text: text.to_owned() },
            None => return Err("no tab: expected id, tab, text".to_owned()),
        },
        Format::Jsonl => {
            let line: JsonLine = json_line(line.as_bytes())?;
            let text = match line.title.filter(|title| titles && !title.is_empty()) {
                Some(title) => format!("{title} {}", line.text),
                None => line.text,
            };
            Text { id: line.id, text }
        }
    };
    if text.id.is_empty() { Err("the id is empty".to_owned()) } else { Ok(text) }
}

/// One line of JSON; what is wrong with it names the column alone.
pub(crate) fn json_line<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|e| e.to_string().replace(" at line 1 column ", " at column "))
}

fn refuse_doubles(name: &str, texts: &[Text]) -> Result<()> {
    let mut seen: Vec<(&str, usize)> = texts.iter().enumerate().map(|(i, t)| (t.id.as_str(), i)).collect();
    seen.sort_unstable();
    match seen.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => {
            let what = format!("id {} is also that of line {}", pair[1].0, pair[0].1 + 1);
            Err(FileFault::line(name, pair[1].1 + 1, what).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read_as(name: &str, content: &[u8]) -> Result<Vec<(String, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        read(&path)
            .map(|texts| texts.into_iter().map(|t| (t.id, t.text)).collect())
            .map_err(|e| e.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    fn pairs(of: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        Ok(of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    }

    #[test]
    fn each_format() {
        assert_eq!(read_as("a.txt", b"eins\r\n\n zwei"), pairs(&[("0", "eins"), ("1", ""), ("2", " zwei")]));
        assert_eq!(read_as("a.tsv", b"q1\ta\tb\n"), pairs(&[("q1", "a\tb")]));
        assert_eq!(read_as("a.jsonl", br#"{"id": "d", "text": "x", "n": 1}"#), pairs(&[("d", "x")]));
        assert_eq!(read_as("a.txt", b""), pairs(&[]));
        assert_eq!(read_as("a.txt", b"\n"), pairs(&[("0", "")]));
        assert_eq!(read_as("a.txt", b"\xef\xbb\xbfx"), pairs(&[("0", "x")]));
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"x\n").unwrap();
        assert_eq!(read_as("a.txt.gz", &gz.finish().unwrap()), pairs(&[("0", "x")]));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert_eq!(read_as("a.tsv", b"1\tx\n2 y\n"), Err("a.tsv, line 2: no tab: expected id, tab, text".into()));
        assert_eq!(read_as("a.tsv", b"1\tx\n2\ty\n1\tz"), Err("a.tsv, line 3: id 1 is also that of line 1".into()));
        assert_eq!(read_as("a.txt", b"x\ny\xff"), Err("a.txt, line 2: not UTF-8 at its byte 1".into()));
        assert!(read_as("a.jsonl", b"{}").unwrap_err().starts_with("a.jsonl, line 1: missing field `id`"));
        assert!(read_as("a.pdf", b"").unwrap_err().contains(".txt, .tsv or .jsonl"));
        assert!(read_as("a.txt.gz", b"not gzip").unwrap_err().starts_with("a.txt.gz: cannot unpack"));
    }
}
