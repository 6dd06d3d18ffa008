//! LaTeX: tables that paste into a paper; they need the packages `booktabs` and `graphicx`.

use std::io::{self, Write};

use super::grid::{self, Grid};
use super::text::{counts, one_line, plural};
use crate::claim::{Cell, ClaimOutcome, Outcome, Verdict};

/// A table: columns of words, then of numbers.
pub(super) struct Tabular<'a> {
    /// What stands above it.
    pub(super) caption: &'a str,
    pub(super) head: &'a [String],
    /// How many columns are words.
    pub(super) words: usize,
    pub(super) rows: &'a [Vec<String>],
}

/// Rows that a page has room for.
const PAGE: usize = 40;

impl Tabular<'_> {
    /// Writes it, as several tables where a page would not hold it.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let count = self.rows.len().div_ceil(PAGE);
        for (i, rows) in self.rows.chunks(PAGE).enumerate() {
            let part = if count > 1 { format!(", part {} of {count}", i + 1) } else { String::new() };
            self.page(&(self.caption.to_owned() + &part), rows, out)?;
        }
        Ok(())
    }

    fn page(&self, caption: &str, rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
        let columns = "l".repeat(self.words) + &"r".repeat(self.head.len() - self.words);
        let line = |fields: &[String]| fields.iter().map(|field| escape(field)).collect::<Vec<_>>().join(" & ");
        writeln!(out, "\\begin{{table}}\n\\centering\n\\caption{{{}}}", escape(caption))?;
        // As wide as it is, or as the text where that is less.
        writeln!(out, "\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%")?;
        writeln!(out, "\\begin{{tabular}}{{{columns}}}\n\\toprule\n{} \\\\\n\\midrule", line(self.head))?;
        for row in rows {
            writeln!(out, "{} \\\\", line(row))?;
        }
        writeln!(out, "\\bottomrule\n\\end{{tabular}}}}\n\\end{{table}}\n")
    }
}

/// Writes for each claim a row a language and a column a measure: our value, and a sign where it is not the published one.
pub(super) fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    outcome.claims.iter().try_for_each(|claim| write_claim(claim, out))
}

fn write_claim(claim: &ClaimOutcome, out: &mut dyn Write) -> io::Result<()> {
    let counts = counts(claim.cells.iter());
    writeln!(out, "% {}\n% source: {}\n% {counts}", one_line(&claim.id), one_line(&claim.source))?;
    for (why, cells) in grid::blocked(claim) {
        writeln!(out, "% {} blocked: {}", plural(cells, "cell"), one_line(why))?;
    }
    if !grid::has_values(claim) {
        return writeln!(out);
    }
    let grid = Grid::new(claim);
    let decimals = grid.decimals();
    let head: Vec<String> =
        std::iter::once("language").chain(grid.measures.iter().copied()).map(str::to_owned).collect();
    let row = |row: &grid::Row<'_>| {
        let values = row.cells.iter().zip(&decimals).map(|(cell, &decimals)| value(*cell, decimals));
        std::iter::once(row.language.to_owned()).chain(values).collect()
    };
    let rows: Vec<Vec<String>> = grid.rows.iter().map(row).collect();
    let failing = claim.cells.iter().any(|cell| !cell.verdict.passes());
    let marks =
        if failing { "; +: above the published value, !: another than the published one, ?: blocked" } else { "" };
    let caption = format!("{} ({counts}{marks})", claim.title);
    Tabular { caption: &caption, head: &head, words: 1, rows: &rows }.write(out)
}

/// Our value, with a sign in plain letters where it does not hold.
fn value(cell: Option<&Cell>, decimals: usize) -> String {
    let Some(cell) = cell else { return String::new() };
    let sign = match cell.verdict {
        Verdict::Higher => " +",
        Verdict::Differs => " !",
        Verdict::Blocked => "?",
        _ => "",
    };
    cell.value.map_or(String::new(), |value| format!("{value:.decimals$}")) + sign
}

/// `text` so that LaTeX obeys nothing in it. Letters that pdfLaTeX does not know stay what they are: LuaLaTeX and XeLaTeX know them.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in one_line(text).chars() {
        match c {
            // At the beginning of a row the first two would be read as what belongs to the line before.
            '[' | '*' | ']' => escaped.extend(['{', c, '}']),
            // Two would become a longer dash.
            '-' if escaped.ends_with('-') => escaped.push_str("{}-"),
            '`' => escaped.push_str("\\textasciigrave{}"),
            char::REPLACEMENT_CHARACTER => escaped.push('?'),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_no_page_holds_is_several_tables() {
        let rows: Vec<Vec<String>> = (0..100).map(|i| vec![format!("r{i}")]).collect();
        let table = super::Tabular { caption: "Long", head: &["row".to_owned()], words: 1, rows: &rows };
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("\\end{table}").count(), 3);
        assert!(text.contains("\\caption{Long, part 3 of 3}") && text.contains("r99 \\\\"), "{text}");
    }
}
