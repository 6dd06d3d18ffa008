//! Writes the fixtures, or with `--check` compares them with what would be written.
//!
//! `cargo run --release --example make_fixtures [-- --check]`
//!
//! Exit: 0 written, or all the same; 1 a file differs, with the first such byte; 2 could not be done.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod recipe;

use std::path::Path;
use std::process::ExitCode;

use recipe::{Files, Result};
use snellen::data::atomic;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => write(&root),
        ["--check"] => check(&root),
        _ => Err("usage: make_fixtures [--check]".into()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("make_fixtures: {error}");
        ExitCode::from(2)
    })
}

fn write(root: &Path) -> Result<ExitCode> {
    let files = recipe::files()?;
    for (path, bytes) in &files {
        atomic::write(&root.join(path), bytes)?;
    }
    println!("wrote {}", summary(&files));
    Ok(ExitCode::SUCCESS)
}

fn check(root: &Path) -> Result<ExitCode> {
    let files = recipe::files()?;
    match recipe::first_difference(&files, root)? {
        None => println!("the same: {}", summary(&files)),
        Some(difference) => {
            eprintln!("{difference}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(files: &Files) -> String {
    format!("{} files, {} bytes", files.len(), files.values().map(Vec::len).sum::<usize>())
}
