//! A page of results for people: sections with facts, tables and pictures, as one HTML file, as tables that paste into a paper, or as JSON with everything.

mod html;
mod latex;
mod markdown;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use serde::Serialize;

use crate::claim::Verdict;

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// Above everything.
    pub title: String,
    /// What was found, in the order in which it was asked for.
    pub sections: Vec<Section>,
}

/// The results of one command.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Section {
    /// What it is.
    pub title: String,
    /// Where it was found.
    pub path: String,
    /// What makes it again, word by word; of results that do not say it there is none.
    pub command: Vec<String>,
    /// What makes one row of its tables again, as an example.
    pub narrowed: Option<Narrowed>,
    /// What there is to know of all its numbers: models, data, digests.
    pub facts: Vec<(String, String)>,
    /// Of a claim: how many cells got which verdict.
    pub verdicts: Vec<(String, usize)>,
    /// To be looked at first.
    pub pictures: Vec<Picture>,
    /// The numbers.
    pub tables: Vec<Table>,
}

/// A command for a row alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Narrowed {
    /// What the row begins with.
    pub row: String,
    /// The command, word by word.
    pub command: Vec<String>,
}

/// Options that a command for one row has not.
const LEFT_OUT: [&str; 4] = ["--languages", "--output", "--bundle", "--format"];

impl Narrowed {
    /// `command` for the rows of one language, if it is one that can be asked for languages; which it was asked for, and where it wrote that, is left out.
    #[must_use]
    pub fn language(language: &str, command: &[String]) -> Option<Self> {
        let says = |name: &str| command.iter().any(|word| word == name);
        let task = says("task") && ["tatoeba", "lareqa", "clir"].into_iter().any(says);
        if !(task || says("verify") || says("robustness")) {
            return None;
        }
        let mut words = Vec::new();
        let mut rest = command.iter();
        while let Some(word) = rest.next() {
            match word.split_once('=') {
                None if LEFT_OUT.contains(&word.as_str()) => drop(rest.next()),
                Some((option, _)) if LEFT_OUT.contains(&option) => {}
                _ => words.push(word.clone()),
            }
        }
        if words.is_empty() || language.is_empty() {
            return None;
        }
        words.extend(["--languages".to_owned(), language.to_owned()]);
        Some(Self { row: language.to_owned(), command: words })
    }
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Picture {
    /// What it shows.
    pub title: String,
    /// What is to be seen on it, for those who do not see it.
    pub says: String,
    /// SVG. It is shown as a picture, so that nothing in it can act.
    pub svg: String,
}

/// Rows under a head.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The names of the columns.
    pub head: Vec<String>,
    /// How many columns are words; numbers follow.
    pub words: usize,
    /// As many fields each as the head has.
    pub rows: Vec<Vec<String>>,
}

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One file that needs nothing but itself: no network, no script.
    Html,
    /// Facts and tables as GitHub shows them.
    Markdown,
    /// Tables with the rules of `booktabs`.
    Latex,
    /// Everything, for machines.
    Json,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Html, Self::Markdown, Self::Latex, Self::Json];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Latex => "latex",
            Self::Json => "json",
        }
    }

    /// The one that a file's name asks for.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "html" | "htm" => Some(Self::Html),
            "md" => Some(Self::Markdown),
            "tex" => Some(Self::Latex),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| format!("no format {name}: html, markdown, latex or json"))
    }
}

impl Page {
    /// Writes it.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Html => html::write(self, out),
            Format::Markdown => markdown::write(self, out),
            Format::Latex => latex::write(self, out),
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &serde_json::json!({"schema": 1, "page": self}))?;
                writeln!(out)
            }
        }
    }
}

impl Page {
    /// What became of the claims, in a sentence; nothing without claims.
    fn summary(&self) -> Option<String> {
        let verdicts = || self.sections.iter().flat_map(|section| &section.verdicts);
        let count = |wanted: &dyn Fn(Verdict) -> bool| -> usize {
            verdicts().filter(|(name, _)| verdict(name).is_some_and(wanted)).map(|(_, count)| count).sum()
        };
        let all: usize = verdicts().map(|(_, count)| count).sum();
        let blocked = count(&|verdict| verdict == Verdict::Blocked);
        let parts = [
            (count(&Verdict::passes), "hold"),
            (count(&|verdict| !verdict.passes() && verdict != Verdict::Blocked), "do not hold"),
            (blocked, "are blocked: nothing was found out about them"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        (all > 0).then(|| format!("Of {all} published cells {}.", parts.collect::<Vec<_>>().join(", ")))
    }

    /// A row a claim, a column a verdict that occurs; none without claims.
    fn verdicts(&self) -> Option<Table> {
        let occurs =
            |name: &str| self.sections.iter().flat_map(|section| &section.verdicts).any(|(found, _)| found == name);
        let names: Vec<&str> = Verdict::ALL.iter().map(|verdict| verdict.name()).filter(|name| occurs(name)).collect();
        let row = |section: &Section| {
            let count = |name: &&str| {
                section.verdicts.iter().find(|(found, _)| found == name).map_or(0, |(_, count)| *count).to_string()
            };
            std::iter::once(section.title.clone()).chain(names.iter().map(count)).collect()
        };
        let rows: Vec<Vec<String>> =
            self.sections.iter().filter(|section| !section.verdicts.is_empty()).map(row).collect();
        let head = std::iter::once("claim").chain(names.iter().copied()).map(str::to_owned).collect();
        (!rows.is_empty()).then(|| Table { title: "Verdicts, in cells".to_owned(), head, words: 1, rows })
    }
}

/// The verdict that a field is, if it is one.
pub(super) fn verdict(field: &str) -> Option<Verdict> {
    Verdict::ALL.into_iter().find(|verdict| verdict.name() == field)
}
