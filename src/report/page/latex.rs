//! Tables that paste into a paper; they need the package `booktabs`.

use std::io::{self, Write};

use super::{Page, Section, Table};
use crate::report::text::{one_line, shell};

pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    for section in &page.sections {
        for one in &section.tables {
            table(section, one, out)?;
        }
    }
    Ok(())
}

fn table(section: &Section, table: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "% {}", one_line(&section.path))?;
    if !section.command.is_empty() {
        writeln!(out, "% {}", one_line(&shell(&section.command)))?;
    }
    let columns = "l".repeat(table.words) + &"r".repeat(table.head.len() - table.words);
    let line = |fields: &[String]| fields.iter().map(|field| escape(field)).collect::<Vec<_>>().join(" & ");
    writeln!(out, "\\begin{{table}}\n\\centering\n\\caption{{{}: {}}}", escape(&section.title), escape(&table.title))?;
    writeln!(out, "\\begin{{tabular}}{{{columns}}}\n\\toprule\n{} \\\\\n\\midrule", line(&table.head))?;
    for row in &table.rows {
        writeln!(out, "{} \\\\", line(row))?;
    }
    writeln!(out, "\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n")
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in one_line(text).chars() {
        match c {
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
