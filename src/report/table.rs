//! Tables for people at a terminal.

use std::io::{self, Write};

use super::grid::{self, Grid};
use super::text::{counts, one_line, plural, width};
use crate::claim::{ClaimOutcome, Outcome, Verdict};

/// Writes for each claim its title and source, our numbers (a row a language, a column a measure, a sign for the verdict), what there is to say of cells that hold, every
/// cell that does not with all its digits, why cells are blocked, and the counts. `color` is for terminals only.
///
/// # Errors
/// What `out` returns.
pub fn write(outcome: &Outcome, color: bool, out: &mut dyn Write) -> io::Result<()> {
    for claim in &outcome.claims {
        write_claim(claim, color, out)?;
        writeln!(out)?;
    }
    if outcome.claims.len() != 1 {
        let cells = outcome.claims.iter().flat_map(|claim| &claim.cells);
        writeln!(out, "{}, {}", plural(outcome.claims.len(), "claim"), counts(cells))?;
    }
    Ok(())
}

fn write_claim(claim: &ClaimOutcome, color: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", one_line(&claim.id), one_line(&claim.title))?;
    writeln!(out, "source: {}\n", one_line(&claim.source))?;
    if grid::has_values(claim) {
        write_lines(&values(claim), color, out)?;
        writeln!(out, "\n{}\n", grid::legend(claim))?;
        for (language, measure, why) in grid::remarks(claim) {
            writeln!(out, "{}", one_line(&format!("{language}, {measure}: {why}")))?;
        }
    }
    let failures = failures(claim);
    if failures.len() > 1 {
        writeln!(out, "{} failed:", plural(failures.len() - 1, "cell"))?;
        write_lines(&failures, color, out)?;
        writeln!(out)?;
    }
    for (why, n) in grid::blocked(claim) {
        writeln!(out, "{} blocked: {}", plural(n, "cell"), one_line(why))?;
    }
    writeln!(out, "{}", counts(claim.cells.iter()))
}

/// A piece of a line, with the verdict that colours it.
struct Piece {
    text: String,
    verdict: Option<Verdict>,
    right: bool,
}

impl Piece {
    fn left(text: &str, verdict: Option<Verdict>) -> Self {
        Self { text: one_line(text), verdict, right: false }
    }

    fn right(text: &str, verdict: Option<Verdict>) -> Self {
        Self { text: one_line(text), verdict, right: true }
    }
}

/// The header, then a line a language.
fn values(claim: &ClaimOutcome) -> Vec<Vec<Piece>> {
    let grid = Grid::new(claim);
    let decimals = grid.decimals();
    let mut header = vec![Piece::left("language", None)];
    // The sign takes two columns beside the number that the header stands above.
    header.extend(grid.measures.iter().map(|measure| Piece::right(&format!("{measure}  "), None)));
    let rows = grid.rows.iter().map(|row| {
        let cells = row.cells.iter().zip(&decimals);
        let values = cells.map(|(cell, &d)| Piece::right(&grid::value_and_mark(*cell, d), cell.map(|c| c.verdict)));
        std::iter::once(Piece::left(row.language, None)).chain(values).collect()
    });
    std::iter::once(header).chain(rows).collect()
}

/// The header, then a line a cell that does not hold.
fn failures(claim: &ClaimOutcome) -> Vec<Vec<Piece>> {
    let header = grid::FAILURE_HEADER.iter().map(|name| Piece::left(name, None)).collect();
    let rows = grid::failures(claim);
    let rows = rows.iter().map(|(verdict, fields)| fields.iter().map(|f| Piece::left(f, Some(*verdict))).collect());
    std::iter::once(header).chain(rows).collect()
}

/// Writes lines of pieces in aligned columns, two blanks apart.
fn write_lines(lines: &[Vec<Piece>], color: bool, out: &mut dyn Write) -> io::Result<()> {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widest =
        |i: usize| lines.iter().filter_map(|line| line.get(i)).map(|piece| width(&piece.text)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    for line in lines {
        let mut text = String::new();
        for (piece, &column) in line.iter().zip(&widths) {
            let blanks = " ".repeat(column - width(&piece.text));
            let painted = if color { paint(piece) } else { piece.text.clone() };
            let (before, after) = if piece.right { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
            text.push_str(&format!("{before}{painted}{after}  "));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Green for what passes, yellow for what is suspicious, red for what fails, dim for what is blocked.
fn paint(piece: &Piece) -> String {
    let code = match piece.verdict {
        _ if piece.text.is_empty() => return String::new(),
        Some(v) if v.passes() => 32,
        Some(Verdict::Higher) => 33,
        Some(Verdict::Blocked) => 2,
        Some(_) => 31,
        None => return piece.text.clone(),
    };
    format!("\x1b[{code}m{}\x1b[0m", piece.text)
}
