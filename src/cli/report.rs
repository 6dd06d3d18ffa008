//! `snellen report`: what commands left in folders, as one page.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use snellen::data::atomic;
use snellen::report::gather::gather;
use snellen::report::page::Format;

use super::{Context, Ending, Failure, same_file};

/// Put results together: one page to look at, tables for a paper, or JSON.
///
/// It reads what `verify --format json`, `task`, `robustness`, `attack`, `align` and `distill` wrote, and computes nothing anew. The page is one file that needs nothing but itself: no network, no script.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folders that commands wrote with --output, or folders of such folders; files that `verify --format json` wrote.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write here. Default: standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// html, markdown, latex (tables, for `booktabs` and `graphicx`) or json. Default: what the name of --output asks for; else markdown.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// What stands above it.
    #[arg(long, default_value = "Results")]
    title: String,
}

/// Whether a file that is there lies in a folder.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let plain = |path: &Path| path.canonicalize().ok();
    plain(file).zip(plain(folder)).is_some_and(|(file, folder)| file.starts_with(folder))
}

/// Whether a file is what this command writes, by its name; JSON, which others write too, by what is in it.
fn is_page(file: &Path) -> bool {
    match Format::of_extension(&file.extension().unwrap_or_default().to_string_lossy()) {
        Some(Format::Json) => std::fs::read(file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
            .is_some_and(|found| found["page"]["sections"].is_array()),
        format => format.is_some(),
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let extension = args.output.as_ref().and_then(|path| path.extension()).unwrap_or_default().to_string_lossy();
    let format = match (args.format, &args.output) {
        (Some(format), _) => format,
        (None, None) => Format::Markdown,
        (None, Some(path)) => Format::of_extension(&extension).ok_or_else(|| {
            let what = "which format? give --format, or a name that ends with .html, .md, .tex or .json";
            Failure::Usage(format!("{}: {what}", path.display()))
        })?,
    };
    if let Some(output) = &args.output {
        atomic::check(output)?;
        if let Some(input) = args.paths.iter().find(|input| same_file(input, output)) {
            return Err(Failure::Usage(format!("{}: the output would replace an input", input.display())));
        }
        if args.paths.iter().any(|input| lies_in(output, input)) && !is_page(output) {
            let what = "it is there already, among the inputs, and no page: give another name";
            return Err(Failure::Usage(format!("{}: {what}", output.display())));
        }
    }
    let page = gather(&args.title, &args.paths)?;
    let mut bytes = Vec::new();
    page.write(format, &mut bytes)?;
    match &args.output {
        Some(output) => {
            atomic::write(output, &bytes)?;
            let tables: usize = page.sections.iter().map(|section| section.tables.len()).sum();
            let pictures: usize = page.sections.iter().map(|section| section.pictures.len()).sum();
            context.note(&format!(
                "{}: {} results, {tables} tables, {pictures} pictures",
                output.display(),
                page.sections.len()
            ));
        }
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(&bytes)?;
            out.flush()?;
        }
    }
    Ok(Ending::Holds)
}
