//! `snellen manual`: what --help says, as pages for `man`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_mangen::Man;
use snellen::data::atomic;

use super::{Cli, Context, Ending, Failure};

/// Print the manual page, or write a page of each command.
///
/// `snellen manual | man -l -` shows it. With --output DIR there are `snellen.1`, `snellen-verify.1` and so on: put them into a folder `man1` of the manual path.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write all pages into this folder.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let mut program = Cli::command().disable_help_subcommand(true);
    // Names of commands become whole: `snellen-data-fetch`.
    program.build();
    match &args.output {
        Some(folder) => {
            let mut pages = Vec::new();
            collect(&program, &mut pages)?;
            for (name, page) in &pages {
                atomic::write(&folder.join(name), page)?;
            }
            context.note(&format!("{}: {} pages", folder.display(), pages.len()));
        }
        None => {
            let page = page(&program)?;
            let mut out = std::io::stdout().lock();
            out.write_all(&page)?;
            out.flush()?;
        }
    }
    Ok(Ending::Holds)
}

/// The pages of a command and of those within it, with their names.
fn collect(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push((format!("{name}.1"), page(command)?));
    command.get_subcommands().try_for_each(|inner| collect(inner, pages))
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    // A page has no date: the same program writes the same pages.
    let source = concat!("snellen ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).date("").source(source).manual("Snellen").render(&mut page)?;
    // `clap_mangen` leaves no place for a date that is empty, and what follows would be taken for it.
    let page = String::from_utf8(page).expect("roff of strings");
    let heading = format!(".TH {name} 1  ");
    Ok(page.replacen(&heading, &format!(".TH {name} 1 \"\" "), 1).into_bytes())
}
