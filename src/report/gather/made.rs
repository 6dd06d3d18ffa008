//! `made.json`: which command wrote results, and on what.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::json;
use crate::Result;
use crate::data::FileFault;

/// The file that says which command wrote a folder.
pub const MADE: &str = "made.json";

/// The file that says it of a report of claims: `verify.made.json` of `verify.json`, `v1.1.made.json` of `v1.1`.
#[must_use]
pub fn made_of(report: &Path) -> PathBuf {
    let name = report.file_name().unwrap_or_default().to_string_lossy();
    report.with_file_name(format!("{}.{MADE}", name.strip_suffix(".json").unwrap_or(&name)))
}

/// Which command wrote something, and on what.
pub(super) struct Made {
    pub(super) command: Vec<String>,
    pub(super) facts: Vec<(String, String)>,
    /// Of a report: its SHA-256.
    pub(super) of: Option<String>,
}

/// `made.json`.
#[derive(Deserialize)]
struct MadeFile {
    schema: u32,
    command: Vec<String>,
    version: String,
    isa: String,
    threads: u64,
    system: String,
    seconds: f64,
    sha256: Option<String>,
}

impl Made {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let wrong = |what: &dyn std::fmt::Display| {
            FileFault::content(path.display(), format!("not as this program writes it: {what}"))
        };
        let file = MadeFile::deserialize(json(path)?).map_err(|e| wrong(&e))?;
        if file.schema != 1 || file.command.is_empty() {
            return Err(wrong(&"another version, or no command").into());
        }
        let facts = [
            ("version", file.version),
            ("isa", file.isa),
            ("threads", file.threads.to_string()),
            ("system", file.system),
            ("seconds", file.seconds.to_string()),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Ok(Self { command: file.command, facts, of: file.sha256 })
    }
}
