//! `snellen.toml`: the claims that a repository keeps.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use snellen::claim::ClaimFile;

use super::Failure;
use super::verify::{Require, built_in, in_folder};

/// The file's name; it is looked for where the program is started.
pub(super) const FILE: &str = "snellen.toml";

/// What it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
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
        let path = Path::new(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path).map_err(|e| Failure::Usage(format!("{FILE}: cannot read: {e}")))?;
        let project: Self = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(0, |span| text[..span.start].matches('\n').count()) + 1;
            Failure::Usage(format!("{FILE}, line {line}: {}", e.message().replace('\n', ", ")))
        })?;
        if project.claims.is_empty() && project.folders.is_empty() {
            return Err(Failure::Usage(format!(
                "{FILE}: it names no claims: claims = [\"FILE.toml\"] or folders = [\"DIR\"]"
            )));
        }
        Ok(Some(project))
    }

    /// Its claims.
    pub(super) fn claims(&self) -> Result<Vec<ClaimFile>, Failure> {
        let one = |name: &String| {
            if name.ends_with(".toml") { Ok(ClaimFile::read(Path::new(name))?) } else { built_in(name) }
        };
        let mut claims = self.claims.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        for folder in &self.folders {
            claims.extend(in_folder(folder)?);
        }
        Ok(claims)
    }
}
