//! `snellen task`: a retrieval task, model and data → cells.

pub(super) mod clir;
mod lareqa;
mod mewsli;
pub(super) mod tatoeba;
mod xtreme;

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use snellen::data::atomic;

use super::{Context, Ending, Failure};

/// Run a retrieval task.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Tatoeba: a sentence's translation among the sentences of the other side.
    Tatoeba(tatoeba::Args),
    /// LAReQA: a question's answers among the sentences of all languages (XQuAD-R).
    Lareqa(lareqa::Args),
    /// Mewsli-X: an entity's description among a million, for a mention of it in the news.
    #[command(name = "mewsli-x")]
    Mewsli(mewsli::Args),
    /// Queries of one language, documents of another: any collection of queries, documents and judgements, e.g. AfriQA.
    Clir(clir::Args),
    /// Files of predictions and labels as XTREME's evaluation reads them.
    Xtreme(xtreme::Args),
}

impl Args {
    pub(super) fn output(&self) -> Option<&Path> {
        match &self.task {
            Task::Tatoeba(args) => args.output(),
            Task::Lareqa(args) => args.output(),
            Task::Mewsli(args) => args.output(),
            Task::Clir(args) => args.output(),
            Task::Xtreme(_) => None,
        }
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    match &args.task {
        Task::Tatoeba(args) => tatoeba::run(args, context),
        Task::Lareqa(args) => lareqa::run(args, context),
        Task::Mewsli(args) => mewsli::run(args, context),
        Task::Xtreme(args) => xtreme::run(args, context),
        Task::Clir(args) => clir::run(args, context),
    }
}

/// The languages that were asked for, sorted as `all` is; all of them if none was.
pub(super) fn chosen(asked: &[String], all: &[String], data: &str) -> Result<Vec<String>, Failure> {
    if let Some(unknown) = asked.iter().find(|language| !all.contains(language)) {
        return Err(Failure::Usage(format!("{data} has no language {unknown}; it has {}", all.join(" "))));
    }
    Ok(all.iter().filter(|language| asked.is_empty() || asked.contains(language)).cloned().collect())
}

/// Refuses, before the work, a folder where its files cannot be put.
pub(super) fn check_output(folder: &Path, files: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    if folder.exists() && !folder.is_dir() {
        return Err(Failure::Usage(format!("{}: not a folder", folder.display())));
    }
    files.into_iter().try_for_each(|file| Ok(atomic::check(&folder.join(file))?))
}

/// A table with its header, quoted where that is needed.
pub(super) fn csv(header: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows = rows.iter().map(|row| row.iter().map(String::as_str).collect());
    for row in std::iter::once(header.to_vec()).chain(rows) {
        writer.write_record(row).map_err(std::io::Error::from)?;
    }
    Ok(writer.into_inner().map_err(|e| e.into_error())?)
}

/// What every task says to machines: cells and a digest of all of them.
fn summary(cells: Vec<Value>, digest: &str) -> Value {
    json!({"schema": 1, "cells": cells, "digest": digest})
}

fn write_summary(folder: &Path, summary: &Value) -> Result<(), Failure> {
    Ok(atomic::write(&folder.join("summary.json"), format!("{summary:#}\n").as_bytes())?)
}

/// Prints the same, with where runs were written.
fn print_summary(out: &mut dyn Write, mut summary: Value, output: Option<&Path>) -> Result<(), Failure> {
    summary["run"] = output.map(|folder| folder.display().to_string()).into();
    Ok(writeln!(out, "{summary:#}")?)
}

/// The mean of a column, added in its order.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.fold(0.0, |sum, x| sum + x) / count
}

/// Values under each other.
fn columns<T: AsRef<str>>(values: &[T], width: usize) -> String {
    values.iter().map(|value| format!("{:>width$}", value.as_ref())).collect()
}
