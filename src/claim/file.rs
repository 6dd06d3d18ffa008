//! Claim files: what is claimed, where it was read and how to compute it (TOML), and the published cells (CSV).

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::Recipe;
use super::decimal::Decimal;
use crate::Result;
use crate::data::FileFault;

/// A claim as its author wrote it down.
///
/// It is two files: `ID.toml`, and the CSV that its `cells` names, with the columns `language,measure,value,digest`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimFile {
    /// The claim's name.
    pub id: String,
    /// What it says, in a line.
    pub title: String,
    /// What has to hold between our numbers and the published ones.
    pub kind: Kind,
    /// Where the numbers were read.
    pub source: Source,
    /// How to compute them.
    pub recipe: Recipe,
    /// How far off a number may be; none: it has to be equal at the printed precision.
    pub tolerance: Option<Tolerance>,
    /// The published numbers in the file's order; never empty, no two of the same language and measure.
    pub cells: Vec<Published>,
}

/// What kind of claim it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Kind {
    /// Each cell equals the published one.
    Equals,
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(kind: String) -> Result<Self, String> {
        match kind.as_str() {
            "equals" => Ok(Self::Equals),
            _ => Err(format!("claims of kind `{kind}` cannot be checked by this version, only `equals`")),
        }
    }
}

/// Where published numbers were read. [`fmt::Display`] gives it in a line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The paper, table or result file.
    pub title: String,
    /// Where it can be read; only our own recorded numbers may do without.
    pub url: Option<String>,
    /// The snapshot that was read and the versions that it was made with.
    pub revision: Option<String>,
    /// How the source prints its numbers.
    #[serde(default)]
    pub printed: Printed,
    /// Whether the numbers are our own, recorded to notice change, and published by nobody else.
    #[serde(default)]
    pub recorded: bool,
}

/// How a source prints its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Printed {
    /// To some decimals: 0.08 stands for everything that rounds to it.
    #[default]
    Rounded,
    /// As short as reads back to the same f64, as Python and JSON writers do: 0.08 stands for 0.08 alone.
    Shortest,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        if let Some(revision) = &self.revision {
            write!(f, "; {revision}")?;
        }
        if let Some(url) = &self.url {
            write!(f, "; {url}")?;
        }
        Ok(())
    }
}

/// How far off a number may be.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// The largest difference that passes, in the measure's own unit.
    pub value: f64,
    /// Why equality cannot be asked for.
    pub reason: String,
}

/// One published number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The language or language pair as the source spells it, e.g. `afr-eng`.
    pub language: String,
    /// The measure, e.g. `f1`.
    pub measure: String,
    /// The number as printed, always a finite decimal number.
    pub value: String,
    /// How many decimals are printed, those of an exponent included: 5 for `1e-05`.
    pub digits: usize,
    /// How the source prints.
    pub printed: Printed,
    /// The digest of the ranking and scores that we recorded with it, if any.
    pub digest: Option<String>,
}

impl ClaimFile {
    /// Reads a claim from the text of its two files, whose names are used in errors.
    ///
    /// # Errors
    /// Names file and line: broken TOML or CSV, a field that is missing, unknown or empty, a kind of claim that cannot be
    /// checked, a number that is none, a cell given twice.
    pub fn parse(toml_name: &str, toml_text: &str, csv_name: &str, csv_text: &str) -> Result<Self> {
        let head = Head::parse(toml_name, toml_text)?;
        Ok(head.with_cells(csv_name, csv_text)?)
    }

    /// Reads a claim from disk; its cells are looked for relative to the TOML file.
    ///
    /// # Errors
    /// As [`Self::parse`], and where one of the two files cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self> {
        let head = Head::parse(&path.display().to_string(), &read_text(path)?)?;
        let cells = path.with_file_name(&head.cells);
        Ok(head.with_cells(&cells.display().to_string(), &read_text(&cells)?)?)
    }
}

/// The TOML half of a claim.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    id: String,
    title: String,
    kind: Kind,
    cells: String,
    source: Source,
    recipe: Recipe,
    tolerance: Option<Tolerance>,
}

impl Head {
    fn parse(name: &str, text: &str) -> Result<Self, FileFault> {
        let head: Self = toml::from_str(text).map_err(|e| {
            let what = e.message().replace('\n', ", ");
            match e.span() {
                Some(span) => FileFault::line(name, line_at(text.as_bytes(), span.start), what),
                None => FileFault::content(name, what),
            }
        })?;
        head.check().map_err(|what| FileFault::content(name, what))?;
        Ok(head)
    }

    /// What the types do not say.
    fn check(&self) -> Result<(), String> {
        let texts = [
            ("id", &self.id),
            ("title", &self.title),
            ("cells", &self.cells),
            ("source.title", &self.source.title),
            ("recipe.model", &self.recipe.model),
            ("recipe.data", &self.recipe.data),
        ];
        if let Some((field, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(format!("`{field}` is empty"));
        }
        if !self.source.recorded && self.source.url.is_none() {
            return Err("`source.url` is missing: only claims with `recorded = true` may do without".to_owned());
        }
        match &self.tolerance {
            Some(t) if !(t.value.is_finite() && t.value >= 0.0) => {
                Err("`tolerance.value` is not a distance".to_owned())
            }
            Some(t) if t.reason.trim().is_empty() => Err("`tolerance.reason` is empty".to_owned()),
            _ => Ok(()),
        }
    }

    fn with_cells(self, csv_name: &str, csv_text: &str) -> Result<ClaimFile, FileFault> {
        let cells = parse_cells(csv_name, csv_text, self.recipe.languages.as_deref(), self.source.printed)?;
        let Self { id, title, kind, source, recipe, tolerance, .. } = self;
        Ok(ClaimFile { id, title, kind, source, recipe, tolerance, cells })
    }
}

/// The columns of a file of cells.
const HEADER: [&str; 4] = ["language", "measure", "value", "digest"];

fn parse_cells(
    name: &str,
    text: &str,
    languages: Option<&[String]>,
    printed: Printed,
) -> Result<Vec<Published>, FileFault> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut cells = Vec::new();
    let mut lines = BTreeMap::new();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(|e| FileFault::content(name, e))?;
        let line = record.position().map_or(0, |p| usize::try_from(p.line()).unwrap_or(usize::MAX));
        let fault = |what: String| FileFault::line(name, line, what);
        if i == 0 {
            if record != HEADER[..] {
                return Err(fault(format!("the columns have to be {}", HEADER.join(","))));
            }
            continue;
        }
        let cell = parse_cell(&record).map_err(fault)?;
        if languages.is_some_and(|languages| !languages.contains(&cell.language)) {
            return Err(fault(format!("{} is not among the recipe's languages", cell.language)));
        }
        if let Some(first) = lines.insert((cell.language.clone(), cell.measure.clone()), line) {
            return Err(fault(format!("{} {} stands in line {first} already", cell.language, cell.measure)));
        }
        cells.push(Published { printed, ..cell });
    }
    if cells.is_empty() {
        return Err(FileFault::content(name, "no cells"));
    }
    Ok(cells)
}

fn parse_cell(record: &csv::StringRecord) -> Result<Published, String> {
    let fields: Vec<&str> = record.iter().collect();
    let [language, measure, value, digest] = fields[..] else {
        return Err(format!("{} fields instead of {}", fields.len(), HEADER.len()));
    };
    for (column, text) in [("language", language), ("measure", measure)] {
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(format!("{column} {text:?} is empty or has blanks in it"));
        }
    }
    let Some(decimal) = Decimal::parse(value) else {
        return Err(format!("value {value:?} is not a finite decimal number"));
    };
    if !digest.is_empty() && !is_sha256(digest) {
        return Err(format!("digest {digest:?} is not 64 lower-case hexadecimal digits"));
    }
    Ok(Published {
        language: language.to_owned(),
        measure: measure.to_owned(),
        value: value.to_owned(),
        digits: decimal.decimals(),
        printed: Printed::Rounded,
        digest: (!digest.is_empty()).then(|| digest.to_owned()),
    })
}

fn is_sha256(digest: &str) -> bool {
    digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A text file, which has to be UTF-8.
fn read_text(path: &Path) -> Result<String, FileFault> {
    let bytes = std::fs::read(path).map_err(FileFault::io("read", path))?;
    String::from_utf8(bytes).map_err(|e| {
        let line = line_at(e.as_bytes(), e.utf8_error().valid_up_to());
        FileFault::line(path.display(), line, "not UTF-8")
    })
}

/// The line, from 1, that the byte at `offset` stands in.
fn line_at(text: &[u8], offset: usize) -> usize {
    1 + text.iter().take(offset).filter(|&&b| b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::{ClaimFile, Kind};
    use crate::claim::Task;
    use crate::encoder::Pooling;
    use crate::task::tatoeba::{Convention, Direction};

    const TOML: &str = r#"id = "c"
title = "A claim"
kind = "equals"
cells = "c.csv"
[source]
title = "Table 1"
url = "https://example.org"
[recipe]
task = "tatoeba"
model = "m"
data = "d"
direction = "en-xx"
convention = "xtreme"
"#;
    const CSV: &str = "language,measure,value,digest\nafr-eng,f1,1.50e-05,\nafr-eng,accuracy,53.6,\n";

    fn error(toml: &str, csv: &str) -> String {
        ClaimFile::parse("c.toml", toml, "c.csv", csv).unwrap_err().to_string()
    }

    #[test]
    fn a_claim_is_read_as_it_was_written() {
        let toml = format!(
            "{TOML}prefix = \"query: \"\npooling = \"cls\"\nlayer = 7\n[tolerance]\nvalue = 0.1\nreason = \"4 bits\""
        );
        let csv = format!("{CSV}amh-eng,f1,0.0,{}\n", "0f".repeat(32));
        let claim = ClaimFile::parse("c.toml", &toml, "c.csv", &csv).unwrap();
        assert_eq!((claim.kind, claim.recipe.task), (Kind::Equals, Task::Tatoeba));
        assert_eq!(
            (claim.recipe.direction, claim.recipe.convention),
            (Direction::EnglishToForeign, Convention::Xtreme)
        );
        assert_eq!((claim.recipe.prefix.as_str(), claim.recipe.pooling), ("query: ", Some(Pooling::Cls)));
        assert_eq!((claim.recipe.layer, claim.tolerance.unwrap().value), (Some(7), 0.1));
        assert_eq!(claim.source.to_string(), "Table 1; https://example.org");
        let digits: Vec<usize> = claim.cells.iter().map(|cell| cell.digits).collect();
        assert_eq!(digits, [7, 1, 1]);
        assert_eq!((claim.cells[0].value.as_str(), &claim.cells[0].digest), ("1.50e-05", &None));
        assert_eq!(claim.cells[2].digest, Some("0f".repeat(32)));
    }

    #[test]
    fn bad_heads_are_refused_with_their_place() {
        for (from, to, expected) in [
            (
                "\"equals\"",
                "\"greater\"",
                "c.toml, line 3: claims of kind `greater` cannot be checked by this version, only `equals`",
            ),
            ("\"xtreme\"", "\"x\"", "c.toml, line 13: unknown variant `x`, expected `mteb` or `xtreme`"),
            ("model = \"m\"", "modle = \"m\"", "c.toml, line 10: unknown field `modle`, expected one of"),
            ("model = \"m\"\n", "", "c.toml, line 8: missing field `model`"),
            ("model = \"m\"", "model = \"\"", "c.toml: `recipe.model` is empty"),
            ("url = \"https://example.org\"", "", "c.toml: `source.url` is missing"),
            ("[source]", "[source", "c.toml, line 5: "),
        ] {
            let error = error(&TOML.replace(from, to), CSV);
            assert!(error.starts_with(expected), "{error}");
        }
        let tolerance = |value, reason| error(&format!("{TOML}[tolerance]\nvalue = {value}\n{reason}"), CSV);
        assert_eq!(tolerance("0.1", ""), "c.toml, line 14: missing field `reason`");
        assert_eq!(tolerance("0.1", "reason = \" \""), "c.toml: `tolerance.reason` is empty");
        assert_eq!(tolerance("-0.1", "reason = \"r\""), "c.toml: `tolerance.value` is not a distance");
        assert_eq!(tolerance("nan", "reason = \"r\""), "c.toml: `tolerance.value` is not a distance");
    }

    #[test]
    fn bad_cells_are_refused_with_their_line() {
        for (line, expected) in [
            ("afr-eng,f1,0.5,", "afr-eng f1 stands in line 2 already"),
            ("x,f1,nan,", "value \"nan\" is not a finite decimal number"),
            ("x,f1,,", "value \"\" is not a finite decimal number"),
            ("x,f1,1e999,", "value \"1e999\" is not a finite decimal number"),
            ("x,f1,0.5", "3 fields instead of 4"),
            ("x,f1,0,5,", "5 fields instead of 4"),
            (",f1,0.5,", "language \"\" is empty or has blanks in it"),
            ("x, f1,0.5,", "measure \" f1\" is empty or has blanks in it"),
            ("x,f1,0.5,ABC", "digest \"ABC\" is not 64 lower-case hexadecimal digits"),
        ] {
            assert_eq!(error(TOML, &format!("{CSV}{line}\n")), format!("c.csv, line 4: {expected}"));
        }
        assert_eq!(
            error(TOML, "language,value\n"),
            "c.csv, line 1: the columns have to be language,measure,value,digest"
        );
        assert_eq!(error(TOML, ""), "c.csv: no cells");
        let toml = format!("{TOML}languages = [\"amh-eng\"]");
        assert_eq!(error(&toml, CSV), "c.csv, line 2: afr-eng is not among the recipe's languages");
    }

    #[test]
    fn cells_are_found_beside_the_claim_and_have_to_be_utf8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, TOML).unwrap();
        assert!(ClaimFile::read(&path).unwrap_err().to_string().contains("c.csv: cannot read"));
        std::fs::write(folder.path().join("c.csv"), CSV).unwrap();
        assert_eq!(ClaimFile::read(&path).unwrap(), ClaimFile::parse("c.toml", TOML, "c.csv", CSV).unwrap());
        std::fs::write(folder.path().join("c.csv"), b"language,measure,value,digest\n\xff").unwrap();
        assert!(ClaimFile::read(&path).unwrap_err().to_string().ends_with("c.csv, line 2: not UTF-8"));
    }
}
