//! Published cells: a CSV file.

use std::collections::BTreeMap;

use super::{Printed, Published};
use crate::claim::decimal::Decimal;
use crate::data::FileFault;

/// The columns of a file of cells.
const HEADER: [&str; 4] = ["language", "measure", "value", "digest"];

/// The cells of such a file; of a recipe that names `languages`, of these only.
///
/// # Errors
/// Names the line.
pub(super) fn parse(
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
