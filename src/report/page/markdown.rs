//! Facts and tables as GitHub shows them.

use std::io::{self, Write};

use super::{Page, Table};
use crate::report::markdown::{escape, write_row};
use crate::report::text::shell;

pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}", escape(&page.title))?;
    if let Some(verdicts) = page.verdicts() {
        write_table(&verdicts, out)?;
    }
    for section in &page.sections {
        writeln!(out, "\n## {}\n", escape(&section.title))?;
        if !section.command.is_empty() {
            writeln!(out, "    {}\n", shell(&section.command).replace(char::is_control, " "))?;
        }
        if let Some(one) = &section.narrowed {
            let command = shell(&one.command).replace(char::is_control, " ");
            writeln!(out, "{} alone:\n\n    {command}\n", escape(&one.row))?;
        }
        for (name, value) in &section.facts {
            writeln!(out, "- {}: {}", escape(name), escape(value))?;
        }
        section.tables.iter().try_for_each(|table| write_table(table, out))?;
    }
    Ok(())
}

fn write_table(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{}\n", escape(&table.title))?;
    write_row(table.head.iter().map(|name| escape(name)), out)?;
    let rule = |column: usize| if column < table.words { "---" } else { "---:" };
    write_row((0..table.head.len()).map(rule), out)?;
    table.rows.iter().try_for_each(|row| write_row(row.iter().map(|field| escape(field)), out))
}
