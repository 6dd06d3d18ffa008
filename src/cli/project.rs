//! `snellen.toml`: the claims that a repository keeps.

use std::path::PathBuf;

use serde::Deserialize;
use snellen::claim::ClaimFile;

use super::Failure;
use super::verify::{Require, built_in, in_folder};

/// The file's name; it is looked for where the program is started, and in the folders above, up to the repository's own.
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
    pub(super) fn here() -> Result<Option<Self>, Failure> {
        let Some(folder) = folder()? else { return Ok(None) };
        let path = folder.join(FILE);
        let file = path.display();
        let text = std::fs::read_to_string(&path).map_err(|e| Failure::Usage(format!("{file}: cannot read: {e}")))?;
        let project: Self = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(0, |span| text[..span.start].matches('\n').count()) + 1;
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

/// Where the file is: here (which is called nothing), or the nearest folder above, but not above a repository.
fn folder() -> Result<Option<PathBuf>, Failure> {
    let here = std::env::current_dir().map_err(|e| Failure::Usage(format!("cannot tell the working folder: {e}")))?;
    let mut name = PathBuf::new();
    for folder in here.ancestors() {
        if folder.join(FILE).exists() {
            return Ok(Some(name));
        }
        if folder.join(".git").exists() {
            return Ok(None);
        }
        name.push("..");
    }
    Ok(None)
}
