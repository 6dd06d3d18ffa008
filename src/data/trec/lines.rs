//! Lines of a file, and their fields.

use std::io::Read as _;
use std::path::Path;

use crate::Result;
use crate::data::FileFault;
use crate::data::folder::{self, Bytes, Folder};
use crate::data::text::line_at;

/// A file of judgements or of hits, in memory.
pub struct TrecFile {
    name: String,
    bytes: Bytes,
}

/// Why a line cannot be used, and which (from 1).
pub(super) struct Refused {
    pub(super) line: usize,
    pub(super) what: String,
}

impl TrecFile {
    /// Opens a file, unpacked if it is called `.gz`; `-` is standard input.
    ///
    /// # Errors
    /// It cannot be read or unpacked.
    pub fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map_err(FileFault::io("read", path))?;
            return Ok(Self::of_bytes("standard input", bytes));
        }
        Ok(Self { name: path.display().to_string(), bytes: folder::map_unpacked(path)? })
    }

    /// Opens a file of a folder, unpacked if it is called `.gz`.
    ///
    /// # Errors
    /// It cannot be read or unpacked.
    pub fn within(folder: &Folder, file: &str) -> Result<Self> {
        Ok(Self { name: folder.label(file), bytes: folder.unpacked(file)? })
    }

    /// Text that is already in memory, under a name for its errors.
    #[must_use]
    pub fn of(name: &str, text: &str) -> Self {
        Self::of_bytes(name, text.as_bytes().to_vec())
    }

    /// As [`Self::of`], text that may turn out not to be UTF-8.
    #[must_use]
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), bytes: Bytes::Read(bytes) }
    }

    /// The lines of its `ir_metadata` (Breuer, Keller and Schaer, SIGIR 2022), comments above the first hit, from the one that begins it to the one that ends it; none where it has none.
    ///
    /// # Errors
    /// One without an end, or that is not UTF-8: named by line.
    pub fn metadata(&self) -> Result<Vec<&str>> {
        let found = text(self.bytes()).map_err(|refused| self.refuse(refused))?;
        let comments =
            || found.lines().enumerate().take_while(|(_, line)| line.starts_with('#') || line.trim().is_empty());
        let place = |what: &str| comments().find(|(_, line)| line.trim_start_matches(['#', ' ']).starts_with(what));
        let Some((first, _)) = place("ir_metadata.start") else { return Ok(Vec::new()) };
        match place("ir_metadata.end") {
            Some((last, _)) if last > first => Ok(found.lines().skip(first).take(last + 1 - first).collect()),
            _ => Err(self.refuse(Refused { line: first + 1, what: "this ir_metadata has no end".to_owned() })),
        }
    }

    /// All of it, without a byte order mark.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes)
    }

    /// The error that says so.
    pub(super) fn refuse(&self, refused: Refused) -> crate::Error {
        FileFault::line(&self.name, refused.line, refused.what).into()
    }
}

/// `bytes` as text; its lines are counted from 1.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(bytes).map_err(|e| {
        let before = &bytes[..e.valid_up_to()];
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let line = line_at(bytes, before.len());
        Refused { line, what: format!("not UTF-8 at its byte {}", before.len() - start) }
    })
}

/// The lines that say something, with their numbers from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.split('\n').enumerate();
    lines.map(|(i, line)| (i + 1, line)).filter(|(_, line)| {
        let first = line.bytes().find(|b| !b.is_ascii_whitespace());
        first.is_some_and(|b| b != b'#')
    })
}

/// The first `N` fields of a line.
pub(super) fn fields<'a, const N: usize>(line: &'a str, expected: &str) -> Result<[&'a str; N], String> {
    let mut found = [""; N];
    let mut fields = line.split_ascii_whitespace();
    for (i, place) in found.iter_mut().enumerate() {
        *place = fields.next().ok_or_else(|| format!("{i} fields: expected {expected}"))?;
    }
    Ok(found)
}
