//! From TOML to a [`Manifest`], refusing whatever could be a slip or a trap.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{Conversion, Item, Kind, Manifest, Source};
use crate::Result;
use crate::data::FileFault;
use crate::data::digest;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    name: Spanned<String>,
    version: String,
    title: String,
    licence: String,
    citation: String,
    kind: Kind,
    mirror: Option<Spanned<String>>,
    #[serde(default)]
    files: Vec<Spanned<RawFile>>,
    #[serde(default)]
    groups: Vec<RawGroup>,
    conversion: Option<Spanned<RawConversion>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    path: String,
    size: Option<u64>,
    sha256: Option<String>,
    md5: Option<String>,
    source: Source,
}

/// Many files of one source: a line each (path, size or -, SHA-256 or MD5; the last two may be left out), whose path is appended to
/// the source's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    source: Source,
    files: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConversion {
    kind: Conversion,
    input: String,
    output: String,
    size: Option<u64>,
    sha256: Option<String>,
}

/// A manifest's text, for messages that name the line.
struct Text<'a> {
    label: &'a str,
    text: &'a str,
}

impl Text<'_> {
    fn line_of(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|b| *b == b'\n').count()
    }

    fn fault(&self, span: &Range<usize>, what: impl std::fmt::Display) -> FileFault {
        FileFault::line(self.label, self.line_of(span.start), what)
    }

    /// Passes on `checked`, with the place.
    fn at<T>(&self, span: &Range<usize>, checked: Result<T, String>) -> Result<T, FileFault> {
        checked.map_err(|what| self.fault(span, what))
    }

    /// The line of the first line of a multi-line string: a line break directly after the quotes is not part of it.
    fn first_line(&self, span: &Range<usize>) -> usize {
        let quoted = self.text.get(span.clone()).unwrap_or_default().trim_start_matches(['\'', '"']);
        self.line_of(span.start) + usize::from(quoted.starts_with(['\n', '\r']))
    }
}

pub(super) fn manifest(label: &str, text: &str) -> Result<Manifest> {
    let place = Text { label, text };
    let raw: RawManifest = toml::from_str(text).map_err(|e| {
        let what = e.message().replace('\n', "; ");
        place.fault(&e.span().unwrap_or(0..0), what)
    })?;
    place.at(&raw.name.span(), check_name(raw.name.get_ref()))?;
    let mirror = match &raw.mirror {
        Some(mirror) => {
            place.at(&mirror.span(), check_path(mirror.get_ref()))?;
            mirror.get_ref().clone()
        }
        None => raw.name.get_ref().clone(),
    };
    let mut files = Files { paths: BTreeSet::new(), items: Vec::new() };
    for group in &raw.groups {
        files.add_group(&place, group)?;
    }
    for file in raw.files {
        let span = file.span();
        place.at(&span, files.add_file(file.into_inner()))?;
    }
    if let Some(conversion) = raw.conversion {
        let span = conversion.span();
        place.at(&span, files.convert(conversion.into_inner()))?;
    }
    if files.items.is_empty() {
        return Err(FileFault::content(label, "no files: give [[files]] or [[groups]]").into());
    }
    Ok(Manifest {
        name: raw.name.into_inner(),
        version: raw.version,
        title: raw.title,
        licence: raw.licence,
        citation: raw.citation,
        kind: raw.kind,
        mirror,
        files: files.items,
        text: text.to_owned(),
    })
}

/// The files read so far.
struct Files {
    paths: BTreeSet<String>,
    items: Vec<Item>,
}

impl Files {
    fn add_group(&mut self, place: &Text<'_>, group: &RawGroup) -> Result<(), FileFault> {
        let span = group.files.span();
        let first = place.first_line(&span);
        for (i, line) in group.files.get_ref().lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            self.add_line(line, &group.source).map_err(|what| FileFault::line(place.label, first + i, what))?;
        }
        Ok(())
    }

    fn add_line(&mut self, line: &str, source: &Source) -> Result<(), String> {
        let mut fields = line.split_whitespace();
        let path = fields.next().unwrap_or_default().to_owned();
        let size = match fields.next() {
            None | Some("-") => None,
            Some(text) => Some(text.parse().map_err(|_| format!("{text} is not a size in bytes"))?),
        };
        // An MD5 has half the digits.
        let digest = fields.next().map(str::to_owned);
        let (md5, sha256) =
            if digest.as_ref().is_some_and(|d| d.len() == 32) { (digest, None) } else { (None, digest) };
        if let Some(extra) = fields.next() {
            return Err(format!("{extra}: a line is path, size and SHA-256, nothing more"));
        }
        let source = inside(source, &path)?;
        self.add_file(RawFile { path, size, sha256, md5, source })
    }

    fn add_file(&mut self, raw: RawFile) -> Result<(), String> {
        check_path(&raw.path)?;
        check_source(&raw.source)?;
        if let Some(sha256) = &raw.sha256 {
            check_hex(sha256, &[64], "a SHA-256")?;
        }
        if let Some(md5) = &raw.md5 {
            check_hex(md5, &[32], "an MD5")?;
        }
        if !self.paths.insert(raw.path.clone()) {
            return Err(format!("{} is listed twice", raw.path));
        }
        let mut item = Item { path: raw.path, size: raw.size, sha256: raw.sha256, md5: raw.md5, source: raw.source };
        if let Source::Inline { text } = &item.source {
            let (size, sha256) = (text.len() as u64, digest::of_bytes(text.as_bytes()));
            if item.size.is_some_and(|s| s != size) || item.sha256.as_ref().is_some_and(|s| *s != sha256) {
                return Err(format!("{}: the text given has {size} bytes and SHA-256 {sha256}", item.path));
            }
            (item.size, item.sha256) = (Some(size), Some(sha256));
        }
        self.items.push(item);
        Ok(())
    }

    /// Replaces the input of a conversion by its output.
    fn convert(&mut self, raw: RawConversion) -> Result<(), String> {
        let Some(at) = self.items.iter().position(|item| item.path == raw.input) else {
            return Err(format!("the conversion's input {} is not among the files", raw.input));
        };
        let input = Box::new(self.items.remove(at));
        let source = Source::Converted { conversion: raw.kind, input };
        self.add_file(RawFile { path: raw.output, size: raw.size, sha256: raw.sha256, md5: None, source })
    }
}

/// The source of the file `path` inside the folder that `source` names.
fn inside(source: &Source, path: &str) -> Result<Source, String> {
    let mut source = source.clone();
    match &mut source {
        Source::Http { url: folder } | Source::Git { path: folder, .. } | Source::Pip { member: folder, .. } => {
            *folder = format!("{}/{path}", folder.trim_end_matches('/')).trim_start_matches('/').to_owned();
            Ok(source)
        }
        Source::Manual { .. } => Ok(source),
        Source::Inline { .. } | Source::Converted { .. } => Err("a group cannot be inline".into()),
    }
}

fn check_source(source: &Source) -> Result<(), String> {
    match source {
        Source::Http { url } => check_start(url, &["https://", "http://"]),
        Source::Git { repository, commit, path } => {
            check_start(repository, &["https://", "file://"])?;
            check_hex(commit, &[40, 64], "a full commit")?;
            check_path(path)
        }
        Source::Pip { package, version, member, platform } => {
            for word in [Some(package), Some(version), platform.as_ref()].into_iter().flatten() {
                check_word(word)?;
            }
            check_path(member)
        }
        Source::Manual { .. } | Source::Inline { .. } | Source::Converted { .. } => Ok(()),
    }
}

/// A name that is safe as a folder, as a word on a command line, and in a message.
fn check_name(name: &str) -> Result<(), String> {
    check_word(name)?;
    if name.starts_with('.') { Err(format!("the name {name} starts with a dot")) } else { Ok(()) }
}

/// A word that no program takes for an option, a path or a pattern.
fn check_word(word: &str) -> Result<(), String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._+!-".contains(c);
    if word.is_empty() || word.starts_with('-') || !word.chars().all(fine) {
        return Err(format!("{word:?}: only letters, digits and . _ + ! - are allowed, and no - at the start"));
    }
    Ok(())
}

/// A relative path that stays in its folder on every operating system. Names with a leading dot are ours.
fn check_path(path: &str) -> Result<(), String> {
    let fine = |part: &str| !part.is_empty() && !part.starts_with('.');
    let odd = |c: char| c.is_control() || c == '\\' || c == ':';
    if path.chars().any(odd) || !path.split('/').all(fine) {
        return Err(format!("{path:?} is not a plain relative path (no .., no hidden names, no \\ or :)"));
    }
    Ok(())
}

fn check_hex(text: &str, lengths: &[usize], what: &str) -> Result<(), String> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if lengths.contains(&text.len()) && text.bytes().all(digit) {
        return Ok(());
    }
    Err(format!("{text:?} is not {what} ({} lower-case hexadecimal digits)", lengths[0]))
}

fn check_start(text: &str, starts: &[&str]) -> Result<(), String> {
    if starts.iter().any(|s| text.starts_with(s)) && !text.chars().any(|c| c.is_control() || c == ' ') {
        return Ok(());
    }
    Err(format!("{text:?} does not start with {}", starts.join(" or ")))
}
