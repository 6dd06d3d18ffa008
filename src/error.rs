//! The crate's one public error.
//!
//! Every module keeps a small private enum of named facts (a *fault*); all of them convert into [`Error`], which shows one
//! line that names what went wrong, where (file and line, byte or tensor) and, where it can be known, what to do.

use std::fmt;

/// Why something could not be done. [`std::fmt::Display`] gives one line; [`std::error::Error::source`] gives what lies beneath it.
pub struct Error(Box<dyn std::error::Error + Send + Sync + 'static>);

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Marks a module's enum of faults as convertible into [`Error`].
pub(crate) trait Fault: std::error::Error + Send + Sync + 'static {}

impl<F: Fault> From<F> for Error {
    fn from(fault: F) -> Self {
        Self(Box::new(fault))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
