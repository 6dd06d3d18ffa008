//! Markdown as GitHub shows it.

use std::io::{self, Write};

use super::grid::{self, Grid};
use super::text::{counts, one_line, plural};
use crate::claim::{ClaimOutcome, Outcome};

/// Writes for each claim the same as the table for terminals does.
pub(super) fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    for claim in &outcome.claims {
        write_claim(claim, out)?;
    }
    let cells = outcome.claims.iter().flat_map(|claim| &claim.cells);
    writeln!(out, "**{}, {}**", plural(outcome.claims.len(), "claim"), counts(cells))
}

fn write_claim(claim: &ClaimOutcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## {}\n\n{}\n", escape(&claim.id), escape(&claim.title))?;
    writeln!(out, "Source: {}\n", escape(&claim.source))?;
    writeln!(out, "{}\n", counts(claim.cells.iter()))?;
    write_failures(claim, out)?;
    for (why, n) in grid::blocked(claim) {
        writeln!(out, "{} blocked: {}\n", plural(n, "cell"), escape(why))?;
    }
    if grid::has_values(claim) {
        write_values(claim, out)?;
        writeln!(out, "\n{}\n", grid::legend(claim))?;
        for (language, measure, why) in grid::remarks(claim) {
            writeln!(out, "- {}", escape(&format!("{language}, {measure}: {why}")))?;
        }
    }
    Ok(())
}

fn write_failures(claim: &ClaimOutcome, out: &mut dyn Write) -> io::Result<()> {
    let failures = grid::failures(claim);
    if failures.is_empty() {
        return Ok(());
    }
    write_row(grid::FAILURE_HEADER, out)?;
    write_row(["---", "---", "---:", "---:", "---:", "---", "---"], out)?;
    for (_, fields) in &failures {
        write_row(fields.each_ref().map(|field| escape(field)), out)?;
    }
    writeln!(out)
}

fn write_values(claim: &ClaimOutcome, out: &mut dyn Write) -> io::Result<()> {
    let grid = Grid::new(claim);
    let decimals = grid.decimals();
    let measures = grid.measures.iter().map(|measure| escape(measure));
    write_row(std::iter::once("language".to_owned()).chain(measures), out)?;
    write_row(std::iter::once("---").chain(grid.measures.iter().map(|_| "---:")), out)?;
    for row in &grid.rows {
        let values = row.cells.iter().zip(&decimals).map(|(cell, &d)| grid::value_and_mark(*cell, d));
        write_row(std::iter::once(escape(row.language)).chain(values), out)?;
    }
    Ok(())
}

pub(super) fn write_row(fields: impl IntoIterator<Item = impl AsRef<str>>, out: &mut dyn Write) -> io::Result<()> {
    for field in fields {
        write!(out, "| {} ", field.as_ref())?;
    }
    writeln!(out, "|")
}

/// `text` as plain text in a paragraph or a table. Characters that occur in addresses stay as they are or become entities, so
/// that links still work: `_` only opens emphasis where no letter or digit stands before it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    for c in one_line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '_' if before.is_alphanumeric() => escaped.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
        before = c;
    }
    escaped
}
