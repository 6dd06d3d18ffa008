//! Reading texts: `.txt` (a text a line), `.tsv` (id⇥text), `.jsonl` ({"id", "text"}), each also `.gz`.

use std::io::Write as _;
use std::path::Path;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::FileFault;
use super::folder::{self, Bytes, Folder};
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

#[derive(Clone, Copy, PartialEq, Eq)]
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

/// Refuses a file that would not be of the other's format.
///
/// # Errors
/// Extensions that differ, but for `.gz`, or that [`read`] does not know.
pub fn check_same_format(file: &Path, other: &Path) -> Result<()> {
    let [name, other] = [file, other].map(|path| path.display().to_string());
    if format(&name)? == format(&other)? {
        return Ok(());
    }
    Err(FileFault::content(name, format!("not of the format of {other}")).into())
}

/// A file of texts that is to be written again with other texts.
pub struct Source {
    name: String,
    format: Format,
    bytes: Bytes,
}

impl Source {
    /// Opens a file, and unpacks it.
    ///
    /// # Errors
    /// An extension that is none of the above; a file that cannot be read or unpacked.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        Ok(Self { format: format(&name)?, bytes: folder::map_unpacked(path)?, name })
    }

    /// Its texts.
    ///
    /// # Errors
    /// As [`read`].
    pub fn texts(&self) -> Result<Vec<Text>> {
        parse(&self.name, self.format, &self.bytes, false)
    }

    /// Its lines, one of each text.
    #[must_use]
    pub fn lines(&self) -> Vec<&[u8]> {
        lines(&self.bytes)
    }

    /// Adds line `i` with another text to `out`; of `.jsonl` all other fields stay as they are.
    ///
    /// # Errors
    /// A line that [`Self::texts`] refuses, named by file and number.
    pub fn rewrite(&self, i: usize, line: &[u8], text: &str, out: &mut Vec<u8>) -> Result<()> {
        with_text(self.format, line, text, out).map_err(|what| FileFault::line(&self.name, i + 1, what))?;
        out.push(b'\n');
        Ok(())
    }
}

/// A file that is one text, as those that people write for the program are.
///
/// # Errors
/// A file that cannot be read; text that is not UTF-8, named by line.
pub fn whole(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(FileFault::io("read", path))?;
    let text = String::from_utf8(bytes);
    Ok(text.map_err(|e| {
        FileFault::line(path.display(), line_at(e.as_bytes(), e.utf8_error().valid_up_to()), "not UTF-8")
    })?)
}

/// The line, from 1, that the byte at `offset` stands in.
#[must_use]
pub fn line_at(text: &[u8], offset: usize) -> usize {
    1 + text.iter().take(offset).filter(|&&b| b == b'\n').count()
}

/// Writes lines, packed if the file is called `.gz`: whole or not at all.
///
/// # Errors
/// As [`super::atomic::write_with`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if path.extension().is_none_or(|extension| extension != "gz") {
        return super::atomic::write(path, bytes);
    }
    super::atomic::write_with(path, |out| {
        let mut packer = flate2::write::GzEncoder::new(out, flate2::Compression::default());
        let packed = packer.write_all(bytes).and_then(|()| packer.finish().map(|_| ()));
        Ok(packed.map_err(FileFault::io("write", path))?)
    })
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
    let mut texts = Vec::new();
    for (i, line) in lines(bytes).into_iter().enumerate() {
        let line = std::str::from_utf8(line)
            .map_err(|e| FileFault::line(name, i + 1, format!("not UTF-8 at its byte {}", e.valid_up_to())))?;
        texts.push(text(format, i, line, titles).map_err(|what| FileFault::line(name, i + 1, what))?);
    }
    if format != Format::Txt {
        refuse_doubles(name, &texts)?;
    }
    Ok(texts)
}

/// A file's lines, without what ends them: as they are when they are written again.
fn lines(mut bytes: &[u8]) -> Vec<&[u8]> {
    // A byte order mark is the file's, not the first text's, however many programs put one there.
    while let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        bytes = rest;
    }
    if bytes.is_empty() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let end = |line: &[u8]| line.iter().rposition(|b| *b != b'\r').map_or(0, |last| last + 1);
    bytes.split(|b| *b == b'\n').map(|line| &line[..end(line)]).collect()
}

/// A line with another text.
fn with_text(format: Format, line: &[u8], text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    match format {
        Format::Txt => out.extend_from_slice(text.as_bytes()),
        Format::Tsv => {
            let tab = line.iter().position(|byte| *byte == b'\t').ok_or("no tab")?;
            out.extend_from_slice(&line[..=tab]);
            out.extend_from_slice(text.as_bytes());
        }
        Format::Jsonl => {
            let mut fields: Fields = json_line(line)?;
            let text = serde_json::to_string(text).and_then(RawValue::from_string).map_err(|e| e.to_string())?;
            let place = fields.0.iter().position(|(name, _)| matches!(name.as_str(), "text" | "contents" | "query"));
            fields.0[place.ok_or("no text")?].1 = text;
            serde_json::to_writer(out, &fields).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// The fields of a line of `.jsonl` in their order, each as it is written: a number may have more digits than any type of ours.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(Reader)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
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
        // What is left of the marks and ends would be taken for those of the file that it is written to.
        assert_eq!(read_as("a.tsv", b"\xef\xbb\xbf\xef\xbb\xbfa\tb\r\r\n"), pairs(&[("a", "b")]));
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"x\n").unwrap();
        assert_eq!(read_as("a.txt.gz", &gz.finish().unwrap()), pairs(&[("0", "x")]));
    }

    #[test]
    fn other_texts_leave_the_rest_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let rewritten = |name: &str, content: &str, texts: &[&str]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let (source, mut out) = (Source::open(&path).unwrap(), Vec::new());
            let lines = source.lines();
            assert_eq!(lines.len(), source.texts().unwrap().len());
            for (i, (line, text)) in lines.into_iter().zip(texts).enumerate() {
                source.rewrite(i, line, text, &mut out).unwrap();
            }
            String::from_utf8(out).unwrap()
        };
        assert_eq!(rewritten("a.txt", "a\r\n\nb", &["x", "", "y"]), "x\n\ny\n");
        assert_eq!(rewritten("a.tsv", "q1\ta\tb\n", &["x"]), "q1\tx\n");
        let line =
            r#"{"n": 1.10, "_id": "d", "contents": "a", "title": "\u00e9", "m": {"text": 12345678901234567890123}}"#;
        let other = r#"{"n":1.10,"_id":"d","contents":"é\"","title":"\u00e9","m":{"text": 12345678901234567890123}}"#;
        assert_eq!(rewritten("a.jsonl", line, &["é\""]), format!("{other}\n"));
    }

    #[test]
    fn packed_files_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt.gz");
        write(&path, b"x\n").unwrap();
        assert_eq!(read(&path).unwrap()[0].text, "x");
        assert!(std::fs::read(&path).unwrap().starts_with(b"\x1f\x8b"));
        assert!(
            check_same_format(&path, Path::new("b.txt")).is_ok()
                && check_same_format(&path, Path::new("b.tsv")).is_err()
        );
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
