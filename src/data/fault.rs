//! What can be wrong with a file.

use std::path::{Path, PathBuf};

/// A file that could not be used: what was being done, where, and why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{file}: {what}")]
    Content { file: String, what: String },
    #[error("{file}, line {line}: {what}")]
    Line { file: String, line: usize, what: String },
}

impl crate::error::Fault for FileFault {}

impl FileFault {
    /// For `map_err`: an input/output error with its path and what was being done.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// A file whose content is not what it should be.
    pub(crate) fn content(file: impl std::fmt::Display, what: impl std::fmt::Display) -> Self {
        Self::Content { file: file.to_string(), what: what.to_string() }
    }

    /// As [`Self::content`], with the line (from 1).
    pub(crate) fn line(file: impl std::fmt::Display, line: usize, what: impl std::fmt::Display) -> Self {
        Self::Line { file: file.to_string(), line, what: what.to_string() }
    }
}
