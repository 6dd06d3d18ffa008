//! Tables that paste into a paper.

use std::io::{self, Write};

use super::Page;
use crate::report::latex::Tabular;
use crate::report::text::{one_line, shell};

pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    for section in &page.sections {
        for table in &section.tables {
            writeln!(out, "% {}", one_line(&section.path))?;
            if !section.command.is_empty() {
                writeln!(out, "% {}", one_line(&shell(&section.command)))?;
            }
            let caption = format!("{}: {}", section.title, table.title);
            Tabular { caption: &caption, head: &table.head, words: table.words, rows: &table.rows }.write(out)?;
        }
    }
    Ok(())
}
