//! One file with everything in it. It is plain HTML: readable without styles, by a screen reader, on paper and on a phone.

use std::io::{self, Write};

use super::{Page, Picture, Section, Table, verdict};
use crate::report::text::{one_line, shell};

const STYLE: &str = include_str!("page.css");

pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let title = escape(&page.title);
    // Nothing is fetched and nothing runs, whatever names in the results may say.
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>"
    )?;
    if let Some(summary) = page.summary() {
        writeln!(out, "<p>{}</p>", escape(&summary))?;
    }
    if page.sections.len() > 1 {
        writeln!(out, "<nav aria-label=\"Contents\">\n<ol>")?;
        for (i, section) in page.sections.iter().enumerate() {
            writeln!(out, "<li><a href=\"#s{i}\">{}</a></li>", escape(&section.title))?;
        }
        writeln!(out, "</ol>\n</nav>")?;
    }
    writeln!(out, "</header>\n<main>")?;
    if let Some(verdicts) = page.verdicts() {
        table("verdicts", &verdicts, out)?;
    }
    for (i, one) in page.sections.iter().enumerate() {
        section(i, one, out)?;
    }
    writeln!(out, "</main>\n<footer><p>Made by snellen {}.</p></footer>\n</body>\n</html>", env!("CARGO_PKG_VERSION"))
}

fn section(i: usize, section: &Section, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<section id=\"s{i}\">\n<h2>{}</h2>", escape(&section.title))?;
    for (n, one) in section.pictures.iter().enumerate() {
        picture(&format!("p{i}-{n}"), one, out)?;
    }
    for (n, one) in section.tables.iter().enumerate() {
        table(&format!("t{i}-{n}"), one, out)?;
        again(section, one, out)?;
    }
    writeln!(out, "<details open>\n<summary>What these numbers are of, and how they are made again</summary>\n<dl>")?;
    writeln!(out, "<dt>in</dt><dd><code>{}</code></dd>", escape(&section.path))?;
    // Tables have it beneath them.
    if !section.command.is_empty() && section.tables.is_empty() {
        writeln!(out, "<dt>command</dt><dd><code>{}</code></dd>", escape(&shell(&section.command)))?;
    }
    for (name, value) in &section.facts {
        let digest = if is_digest(value) { " class=\"digest\"" } else { "" };
        writeln!(out, "<dt>{}</dt><dd{digest}>{}</dd>", escape(name), escape(value))?;
    }
    writeln!(out, "</dl>\n</details>\n</section>")
}

/// Large pictures keep letters that can be read, and move within their frame, as wide tables do.
fn picture(id: &str, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<figure>\n<div class=\"wide\" role=\"group\" aria-labelledby=\"{id}\" tabindex=\"0\"><img alt=\"{}\" src=\"data:image/svg+xml,{}\"></div>\n\
         <figcaption id=\"{id}\">{}</figcaption>\n</figure>",
        escape(&picture.says),
        percent(&picture.svg),
        escape(&picture.title)
    )
}

/// What makes a table again, and a row of it alone.
fn again(section: &Section, table: &Table, out: &mut dyn Write) -> io::Result<()> {
    if section.command.is_empty() {
        return Ok(());
    }
    write!(out, "<p class=\"again\">Again: <code>{}</code>", escape(&shell(&section.command)))?;
    if let Some(one) = section.narrowed.as_ref().filter(|_| table.head.first().is_some_and(|name| name == "language")) {
        write!(out, "; {} alone: <code>{}</code>", escape(&one.row), escape(&shell(&one.command)))?;
    }
    writeln!(out, "</p>")
}

/// SHA-256 in full.
fn is_digest(field: &str) -> bool {
    field.len() == 64 && field.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn table(id: &str, table: &Table, out: &mut dyn Write) -> io::Result<()> {
    // Wide tables move within their frame, by keys too.
    writeln!(
        out,
        "<div class=\"wide\" role=\"group\" aria-labelledby=\"{id}\" tabindex=\"0\">\n<table>\n<caption id=\"{id}\">{}</caption>",
        escape(&table.title)
    )?;
    let class = |column: usize| if column < table.words { "" } else { " class=\"number\"" };
    write!(out, "<thead><tr>")?;
    for (column, name) in table.head.iter().enumerate() {
        write!(out, "<th scope=\"col\"{}>{}</th>", class(column), escape(name))?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for row in &table.rows {
        write!(out, "<tr>")?;
        for (column, field) in row.iter().enumerate() {
            let class = match verdict(field) {
                Some(verdict) => format!(" class=\"verdict {}\"", verdict.name()),
                None if is_digest(field) => " class=\"digest\"".to_owned(),
                None => class(column).to_owned(),
            };
            let (cell, scope) = if column == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
            write!(out, "<{cell}{scope}{class}>{}</{cell}>", escape(field))?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody>\n</table>\n</div>")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Bytes as a URL may have them.
fn percent(text: &str) -> String {
    let mut url = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b':' | b'=' | b',' | b';' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}
