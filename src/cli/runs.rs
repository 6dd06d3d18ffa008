//! What commands have in common that read runs and judge them.

use std::path::{Path, PathBuf};

use snellen::metric::Measure;
use snellen::metric::evaluate::{Evaluation, Options};

use super::{Context, Failure};

/// Queries that a note names before it only counts them.
const NAMED: usize = 5;

/// Measures, separated by blanks, or commas that are not between brackets.
pub(super) fn measures(text: &str) -> Result<Vec<Measure>, String> {
    let mut depth = 0;
    let separates = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c.is_whitespace() || c == ',' && depth <= 0
    };
    let found = text.split(separates).filter(|name| !name.is_empty()).map(str::parse).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() { Err("no measures were named".to_owned()) } else { Ok(found) }
}

/// Standard input can be read once.
pub(super) fn once<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    let twice = files.filter(|file| *file == Path::new("-")).count() > 1;
    if twice { Err(Failure::Usage("- is standard input, and can be given once".to_owned())) } else { Ok(()) }
}

/// What the numbers leave out, on standard error.
pub(super) fn notes(of: &str, found: &Evaluation, options: &Options, context: &Context) {
    let what = if options.missing_count() { "and count 0" } else { "and do not count" };
    note(context, &found.missing, &format!("{of}judged but not in the run, {what}"));
    note(context, &found.without_judgements, &format!("{of}in the run without judgements, and do not count"));
}

pub(super) fn note(context: &Context, queries: &[String], what: &str) {
    if queries.is_empty() {
        return;
    }
    let named: Vec<&str> = queries.iter().take(NAMED).map(String::as_str).collect();
    let more = if queries.len() > NAMED { ", …" } else { "" };
    context.note(&format!("queries {what}: {} ({}{more})", queries.len(), named.join(", ")));
}
