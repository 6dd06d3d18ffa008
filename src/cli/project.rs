//! `snellen.toml`: the claims that a repository keeps.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use snellen::claim::ClaimFile;
use snellen::data::text;

use super::verify::{Require, built_in, in_folder};
use super::{Context, Failure};

/// The file's name; it is looked for where the program is started, and within a repository in the folders above, up to the repository's own.
pub(super) const FILE: &str = "snellen.toml";

/// What it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    /// Its folder, which its paths begin at.
    #[serde(skip)]
    folder: PathBuf,
    /// Names of built-in claims and claim files, beside the file.
    #[serde(default)]
    claims: Vec<String>,
    /// Folders of claim files.
    #[serde(default)]
    folders: Vec<PathBuf>,
    /// Whether cells may be blocked; `--require` decides otherwise.
    pub(super) require: Option<Require>,
}

impl Project {
    /// Reads it, if it is here.
    pub(super) fn here(context: &Context) -> Result<Option<Self>, Failure> {
        let Some(folder) = folder()? else { return Ok(None) };
        let path = folder.join(FILE);
        let file = path.display();
        if folder != Path::new("") {
            context.note(&format!("claims of {file}"));
        }
        let text = text::whole(&path)?;
        let project: Self = toml::from_str(&text).map_err(|e| {
            let line = text::line_at(text.as_bytes(), e.span().map_or(0, |span| span.start));
            Failure::Usage(format!("{file}, line {line}: {}", e.message().replace('\n', ", ")))
        })?;
        if project.claims.is_empty() && project.folders.is_empty() {
            return Err(Failure::Usage(format!(
                "{file}: it names no claims: claims = [\"FILE.toml\"] or folders = [\"DIR\"]"
            )));
        }
        Ok(Some(Self { folder, ..project }))
    }

    /// Its claims.
    pub(super) fn claims(&self) -> Result<Vec<ClaimFile>, Failure> {
        let one = |name: &String| {
            if name.ends_with(".toml") { Ok(ClaimFile::read(&self.folder.join(name))?) } else { built_in(name) }
        };
        let mut claims = self.claims.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        for folder in &self.folders {
            claims.extend(in_folder(&self.folder.join(folder))?);
        }
        Ok(claims)
    }
}

/// Where the file is: here (which is called nothing), or in a repository in the nearest folder above. Outside of one a stranger's file may lie above.
fn folder() -> Result<Option<PathBuf>, Failure> {
    let here = std::env::current_dir().map_err(|e| Failure::Usage(format!("cannot tell the working folder: {e}")))?;
    let mut name = PathBuf::new();
    let mut found = None;
    for folder in here.ancestors() {
        if found.is_none() && is_there(&folder.join(FILE))? {
            found = Some(name.clone());
        }
        if is_there(&folder.join(".git"))? {
            return Ok(found);
        }
        name.push("..");
    }
    Ok(found.filter(|name| *name == Path::new("")))
}

/// Whether there is something of this name, and be it a link that leads nowhere.
fn is_there(path: &Path) -> Result<bool, Failure> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(Failure::Usage(format!("{}: cannot look for it: {e}", path.display()))),
    }
}
