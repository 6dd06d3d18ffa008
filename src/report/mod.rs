//! Reports: the outcome of checking claims, written for people and for machines.
//!
//! One file a format. Equal outcomes give equal bytes: no clock, host name or path gets in.

pub mod bars;
pub mod bundle;
mod csv;
pub mod curve;
pub mod explain;
pub mod gather;
mod grid;
pub mod heatmap;
pub mod invariance;
mod json;
mod junit;
mod latex;
mod markdown;
pub mod page;
mod svg;
mod table;
mod text;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

pub use table::write as write_table;

use crate::claim::Outcome;

/// A format of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// One document with everything in it.
    Json,
    /// One row a cell, the fields of its key as columns.
    Csv,
    /// Tables as GitHub shows them.
    Markdown,
    /// Tables that paste into a paper, with the rules of `booktabs`.
    Latex,
    /// One test suite a claim, one test case a cell, for continuous integration.
    Junit,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [Self::Table, Self::Json, Self::Csv, Self::Markdown, Self::Latex, Self::Junit];

    /// The one that a file's name asks for.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "md" => Some(Self::Markdown),
            "tex" => Some(Self::Latex),
            "xml" => Some(Self::Junit),
            _ => None,
        }
    }

    /// The format's name as it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Latex => "latex",
            Self::Junit => "junit",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no format of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no format is called `{0}`: it is one of {list}", list = Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Writes `outcome` to `out`; tables without colours (see [`write_table`]).
///
/// # Errors
/// What `out` returns.
pub fn write(outcome: &Outcome, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => table::write(outcome, false, out),
        Format::Json => json::write(outcome, out),
        Format::Csv => csv::write(outcome, out),
        Format::Markdown => markdown::write(outcome, out),
        Format::Latex => latex::write(outcome, out),
        Format::Junit => junit::write(outcome, out),
    }
}
