//! Everything with which a third party checks claims, as one file: `verify --bundle`.
//!
//! A zip archive of `bundle.json` (what was found, with all keys and digests), the claims with their runs and judgements as they lie to each other, and the manifests of data and models. Data and
//! models themselves are not in it: whoever checks fetches them, and their digests have to be these. Equal contents give equal bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::claim::{ClaimFile, Outcome};
use crate::data::allowance::Allowance;
use crate::data::shelf::{Lookup, Shelf};
use crate::data::{FileFault, atomic, digest};
use crate::{Error, Result};

const CONTENTS: &str = "bundle.json";
const FILES: &str = "files";
const MANIFESTS: &str = "manifests";

/// More members are no bundle but a trap.
const MEMBERS: usize = 10_000;

const README: &str = "What was found about claims, and what it takes to find it again.

    snellen verify THIS-FILE

checks them anew and compares every value and digest with those in bundle.json. files/ has the claims, with
runs and judgements where they compare systems; manifests/ says where data and models come from, under which
licence, and what their bytes have to be: `snellen verify` names those that are missing, and `snellen data
fetch NAME --manifests manifests` gets them. Neither data nor models are in this file.
";

/// Puts claims and what was found about them into a file. Returns how many files are in it.
///
/// # Errors
/// A run or judgement that cannot be read, or is named by an absolute path, which leads nowhere elsewhere; two files of one name; what cannot be written.
pub fn write(path: &Path, claims: &[ClaimFile], outcome: &Outcome, shelf: &Shelf) -> Result<usize> {
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for claim in claims {
        for own in &claim.written {
            let bytes = own.text.clone().into_bytes();
            if files.insert(plain(&own.path)?, bytes.clone()).is_some_and(|before| before != bytes) {
                let what = "two claims have this file name: a built-in claim's is claims/NAME.toml";
                return Err(FileFault::content(own.path.display(), what).into());
            }
        }
        if let Some(absolute) = claim.absolute() {
            let what = format!("it names {}: an absolute path leads nowhere in a bundle", absolute.display());
            return Err(FileFault::content(claim.written[0].path.display(), what).into());
        }
        for other in claim.others() {
            // What is not here made cells blocked, and does so wherever the bundle is checked.
            match std::fs::read(&other) {
                Ok(bytes) => _ = files.insert(plain(&other)?, bytes),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(FileFault::io("read", &other)(e).into()),
            }
        }
    }
    let root = common(files.keys());
    let within = |path: &Path| -> Result<String> {
        let path = plain(path)?;
        let names = path.strip_prefix(&root).expect("the folder of all").components();
        Ok(names.map(|name| name.as_os_str().to_string_lossy()).fold(FILES.to_owned(), |path, name| path + "/" + &name))
    };
    let own = claims.iter().map(|claim| within(&claim.written[0].path)).collect::<Result<Vec<_>>>()?;
    let needs: BTreeSet<String> = claims.iter().flat_map(ClaimFile::needs).collect();
    let manifests: BTreeMap<&str, &str> =
        needs.iter().filter_map(|name| Some((name.as_str(), shelf.manifest(name)?.text.as_str()))).collect();
    let mut members = vec![("README.txt".to_owned(), README.as_bytes().to_vec())];
    for (path, bytes) in files {
        members.push((within(&path)?, bytes));
    }
    members.extend(
        manifests.into_iter().map(|(name, text)| (format!("{MANIFESTS}/{name}.toml"), text.as_bytes().to_vec())),
    );
    let digests: BTreeMap<&str, String> =
        members.iter().map(|(name, bytes)| (name.as_str(), digest::of_bytes(bytes))).collect();
    let contents = json!({
        "schema": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "files": digests,
        "claims": own,
        "needs": needs.iter().map(|name| Ok(json!({"name": name, "sha256": digest_of(shelf, name)?}))).collect::<Result<Vec<_>>>()?,
        "report": report(outcome),
    });
    members.push((CONTENTS.to_owned(), format!("{contents:#}\n").into_bytes()));
    atomic::write(path, &pack(&members).map_err(|e| FileFault::content(path.display(), e))?)?;
    Ok(members.len())
}

fn pack(members: &[(String, Vec<u8>)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // No clock, so that equal contents are equal files.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (name, bytes) in members {
        archive.start_file(name, options)?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// The digest of a data set or model; none where it is not here.
fn digest_of(shelf: &Shelf, name: &str) -> Result<Option<String>> {
    Ok(match shelf.look_up(name)? {
        Lookup::Found(found) => Some(found.digest),
        Lookup::Absent(_) => None,
    })
}

/// The report as `verify --format json` writes it.
fn report(outcome: &Outcome) -> Value {
    let mut bytes = Vec::new();
    super::json::write(outcome, &mut bytes).expect("memory takes what is written");
    serde_json::from_slice(&bytes).expect("it was just written")
}

/// A path from the root on, without `.` and `..`.
fn plain(path: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(path).map_err(FileFault::io("find", path))?;
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    Ok(plain)
}

/// The folder that all files are in.
fn common<'a>(mut files: impl Iterator<Item = &'a PathBuf>) -> PathBuf {
    let first = files.next().and_then(|file| file.parent()).unwrap_or(Path::new("")).to_owned();
    files.fold(first, |mut folder, file| {
        while !file.starts_with(&folder) && folder.pop() {}
        folder
    })
}

/// A bundle, unpacked for as long as this is kept.
pub struct Bundle {
    label: String,
    folder: TempDir,
    claims: Vec<PathBuf>,
    /// Data and models, with their digests where they were at hand.
    needs: BTreeMap<String, Value>,
    report: Value,
}

impl Bundle {
    /// Unpacks it.
    ///
    /// # Errors
    /// A file that is no bundle, or has members that a bundle has not; a disk without room.
    pub fn open(path: &Path) -> Result<Self> {
        let label = path.display().to_string();
        let wrong = |what: String| FileFault::content(&label, what);
        let file = File::open(path).map_err(FileFault::io("open", path))?;
        let packed = file.metadata().map_err(FileFault::io("look at", path))?.len();
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| wrong(format!("no bundle: {e}")))?;
        let folder = tempfile::tempdir().map_err(|e| wrong(format!("cannot make a folder to unpack it: {e}")))?;
        // A small file from a stranger fills neither memory nor disk.
        let mut left = Allowance::of(usize::try_from(packed).unwrap_or(usize::MAX)).left();
        let largest = left;
        if archive.len() > MEMBERS {
            return Err(wrong(format!("refused, because it has more than {MEMBERS} members")).into());
        }
        for i in 0..archive.len() {
            let mut member = archive.by_index(i).map_err(|e| wrong(format!("member {i}: {e}")))?;
            let stated = member.name().map(|name| name.into_owned()).unwrap_or_default();
            let refuse = |what: &str| wrong(format!("refused, because member {stated:?} {what}"));
            let within = Path::new(&stated).components().all(|part| matches!(part, Component::Normal(_)));
            let name = member.enclosed_name().filter(|_| within).ok_or_else(|| refuse("would leave its folder"))?;
            if !member.is_file() || member.is_symlink() {
                return Err(refuse("is not a plain file").into());
            }
            let to = folder.path().join(name);
            let unpack = |e: std::io::Error| wrong(format!("member {stated:?}: {e}"));
            std::fs::create_dir_all(to.parent().expect("it is in the folder")).map_err(unpack)?;
            let mut out = File::create_new(&to).map_err(unpack)?;
            // The archive's word for a member's size is a stranger's.
            let size = std::io::copy(&mut (&mut member).take(left), &mut out).map_err(unpack)?;
            left -= size;
            if left == 0 {
                return Err(wrong(format!("refused, because it unpacks to more than {largest} bytes")).into());
            }
        }
        let contents = std::fs::read(folder.path().join(CONTENTS))
            .map_err(|_| wrong(format!("no bundle: it has no {CONTENTS}")))?;
        let contents: Value = serde_json::from_slice(&contents).map_err(|e| wrong(format!("{CONTENTS}: {e}")))?;
        let names = contents["claims"].as_array().map(Vec::as_slice).unwrap_or_default();
        let claims = names
            .iter()
            .map(|name| match name.as_str().map(Path::new) {
                Some(name) if name.components().all(|part| matches!(part, Component::Normal(_))) => {
                    Ok(folder.path().join(name))
                }
                _ => Err(wrong(format!("{CONTENTS}: {name} is no claim of it")).into()),
            })
            .collect::<Result<Vec<_>>>()?;
        if let Some(twice) = (1..claims.len()).find(|i| claims[..*i].contains(&claims[*i])) {
            return Err(wrong(format!("{CONTENTS}: {} stands twice among its claims", names[twice])).into());
        }
        let files = contents["files"].as_object().filter(|_| contents["schema"] == 1 && !claims.is_empty());
        let Some(files) = files else {
            let what = "is not of a version that this program knows, or names no files or no claims";
            return Err(wrong(format!("{CONTENTS} {what}")).into());
        };
        let needs = contents["needs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let needs =
            needs.iter().map(|need| (need["name"].as_str().unwrap_or_default().to_owned(), need["sha256"].clone()));
        let bundle = Self { label, folder, claims, needs: needs.collect(), report: contents["report"].clone() };
        bundle.check(files, archive.len())?;
        Ok(bundle)
    }

    /// Whether its files are those that it names, byte for byte.
    fn check(&self, files: &Map<String, Value>, members: usize) -> Result<()> {
        let wrong = |what: String| FileFault::content(&self.label, what);
        for (name, stated) in files {
            if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(wrong(format!("{CONTENTS}: {name:?} is no file of it")).into());
            }
            let bytes = std::fs::read(self.folder.path().join(name));
            match bytes.map(|bytes| digest::of_bytes(&bytes)) {
                Ok(found) if *stated == *found => {}
                Ok(found) => return Err(wrong(format!("{name}: SHA-256 {found}, {CONTENTS} states {stated}")).into()),
                Err(e) => return Err(wrong(format!("{name}: {CONTENTS} names it, and it cannot be read: {e}")).into()),
            }
        }
        // Those that are named were there.
        match members == files.len() + 1 {
            true => Ok(()),
            false => Err(wrong(format!("it has files that {CONTENTS} does not name")).into()),
        }
    }

    /// A text that names files of the bundle as the bundle does: where it was unpacked nobody can look.
    fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// Names files in what was found as the bundle does.
    pub fn name_files(&self, outcome: &mut Outcome) {
        let reasons = outcome.claims.iter_mut().flat_map(|claim| &mut claim.cells).filter_map(|cell| cell.why.as_mut());
        reasons.for_each(|why| *why = self.relative(why));
    }

    /// The claims in it.
    ///
    /// # Errors
    /// As [`ClaimFile::read`].
    pub fn claims(&self) -> Result<Vec<ClaimFile>> {
        self.claims.iter().map(|path| self.claim(path).map_err(|e| self.named(e))).collect()
    }

    /// What is wrong with a file of it, said of the bundle.
    #[must_use]
    pub fn named(&self, error: Error) -> Error {
        let text = error.to_string();
        match self.relative(&text) {
            relative if relative != text => FileFault::content(&self.label, relative).into(),
            _ => error,
        }
    }

    /// A claim of it, all of whose files are in it.
    fn claim(&self, path: &Path) -> Result<ClaimFile> {
        let claim = ClaimFile::read(path)?;
        let folder = plain(self.folder.path())?;
        for other in claim.others() {
            if claim.absolute().is_some() || !plain(&other)?.starts_with(&folder) {
                let what = format!("claim {} names a file that is not in the bundle", claim.id);
                return Err(FileFault::content(&self.label, what).into());
            }
        }
        Ok(claim)
    }

    /// The folder of its manifests; none if it needs none.
    #[must_use]
    pub fn manifests(&self) -> Option<PathBuf> {
        Some(self.folder.path().join(MANIFESTS)).filter(|folder| folder.is_dir())
    }

    /// Data and models of these claims that are at hand, and others than the bundle names, by their SHA-256.
    ///
    /// # Errors
    /// What is at hand cannot be read.
    pub fn others(&self, claims: &[ClaimFile], shelf: &Shelf) -> Result<Vec<String>> {
        let mut others = Vec::new();
        for name in claims.iter().flat_map(ClaimFile::needs).collect::<BTreeSet<_>>() {
            let stated = self.needs.get(&name).filter(|stated| !stated.is_null());
            if let Some((stated, found)) = stated.zip(digest_of(shelf, &name)?)
                && *stated != *found
            {
                others.push(name);
            }
        }
        Ok(others)
    }

    /// Compares what was found now, of all its cells or of some, with what the bundle says.
    ///
    /// # Errors
    /// What it says is not a report.
    pub fn compare(&self, outcome: &Outcome, all: bool) -> Result<Compared> {
        let (then, now) = (cells(&self.report), report(outcome));
        let Some(then) = then else {
            return Err(FileFault::content(&self.label, format!("{CONTENTS}: its report has no claims")).into());
        };
        let now = cells(&now).expect("it was just written");
        let mut compared = Compared::default();
        // Its claims have the cells that they have: what it says of others, or does not say, is not of them.
        let gone = then.iter().filter(|(cell, _)| all && !now.contains_key(*cell));
        compared.moved.extend(gone.map(|(_, before)| before.name.clone()));
        for (cell, found) in now {
            match then.get(&cell) {
                Some(before) if before.computed() && found.computed() => match before == &found {
                    true => compared.same += 1,
                    false => compared.moved.push(found.name),
                },
                Some(before) if !before.computed() && !found.computed() => {}
                Some(_) => compared.alone += 1,
                None => compared.moved.push(found.name),
            }
        }
        Ok(compared)
    }
}

/// How what was found stands to what a bundle says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Cells of which the same is said: key with all digests, value, verdict.
    pub same: usize,
    /// Cells of which something else is said.
    pub moved: Vec<String>,
    /// Cells that were computed on one side only.
    pub alone: usize,
}

/// A cell of a report.
#[derive(PartialEq)]
struct Found {
    name: String,
    /// All that the report says of it: its whole key, what is published, what was found, the verdict.
    cell: Value,
}

impl Found {
    /// Whether there was something to compute it of.
    fn computed(&self) -> bool {
        !self.cell["value"].is_null()
    }
}

/// Every cell of a report, by its claim and key, but for the digests of what it is of: another model of that name makes another number, not another cell.
fn cells(report: &Value) -> Option<BTreeMap<(String, usize), Found>> {
    let mut cells = BTreeMap::new();
    for claim in report["claims"].as_array()? {
        for cell in claim["cells"].as_array()? {
            let mut key = cell["key"].as_object()?.clone();
            key.retain(|name, _| !name.ends_with("_sha256"));
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let name = [&claim["id"], &cell["key"]["language"], &cell["key"]["measure"]].map(text).join(", ");
            let which = format!("{} {}", text(&claim["id"]), Value::from(key));
            // Several cells of one key are told apart by their order.
            let mut same = 0;
            while cells.contains_key(&(which.clone(), same)) {
                same += 1;
            }
            cells.insert((which, same), Found { name, cell: cell.clone() });
        }
    }
    Some(cells)
}
