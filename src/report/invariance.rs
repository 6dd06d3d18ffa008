//! The table of digests: a row a way to compute.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::text::{one_line, plural};
use crate::claim::invariance::{Came, Cell, Invariance};
use crate::kernel::ARITH;

/// What the columns of tables for people are called.
const HEADER: [&str; 7] = ["device", "isa", "threads", "order", "batch", "digest", "seconds"];

/// Aligned columns for people at a terminal, each digest's first 16 digits; then what did not run and why, and one line that sums it up.
///
/// # Errors
/// What `out` returns.
pub fn table(outcomes: &[Invariance], out: &mut dyn Write) -> io::Result<()> {
    for (i, outcome) in outcomes.iter().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}: {}\n", one_line(&outcome.model), plural(outcome.texts, "text"))?;
        for [device, isa, threads, order, batch, digest, seconds] in std::iter::once(header()).chain(rows(outcome)) {
            writeln!(out, "{device:6}  {isa:8}  {threads:>7}  {order:8}  {batch:>5}  {digest:16}  {seconds:>7}")?;
        }
        writeln!(out)?;
        for (unit, why, cells) in outcome.not_run() {
            writeln!(out, "{} not run, {unit}: {why}", plural(cells, "cell"))?;
        }
        writeln!(out, "{}", outcome.summary())?;
    }
    Ok(())
}

/// The same as GitHub shows it.
///
/// # Errors
/// What `out` returns.
pub fn markdown(outcomes: &[Invariance], out: &mut dyn Write) -> io::Result<()> {
    for outcome in outcomes {
        writeln!(out, "## `{}`, {}\n", one_line(&outcome.model), plural(outcome.texts, "text"))?;
        writeln!(out, "| {} |", header().join(" | "))?;
        writeln!(out, "| --- | --- | ---: | --- | ---: | --- | ---: |")?;
        for row in rows(outcome) {
            writeln!(out, "| {} |", row.join(" | "))?;
        }
        writeln!(out)?;
        for (unit, why, cells) in outcome.not_run() {
            writeln!(out, "{} not run, {unit}: {why}\n", plural(cells, "cell"))?;
        }
        writeln!(out, "**{}**\n", outcome.summary())?;
    }
    Ok(())
}

/// One row a cell, digests whole. What a cell does not have is an empty field.
///
/// # Errors
/// What `out` returns.
pub fn csv(outcomes: &[Invariance], out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "model",
        "model_sha256",
        "texts",
        "texts_sha256",
        "arith",
        "device",
        "isa",
        "threads",
        "order",
        "batch",
        "digest",
        "token_ids",
        "states",
        "embeddings",
        "ranking",
        "seconds",
        "not_run",
    ])?;
    for outcome in outcomes {
        for cell in &outcome.cells {
            let mut row = vec![
                outcome.model.clone(),
                outcome.model_sha256.clone(),
                outcome.texts.to_string(),
                outcome.texts_sha256.clone(),
                ARITH.to_string(),
            ];
            row.extend(way(cell));
            match &cell.came {
                Came::Ran { digests, seconds } => {
                    row.push(digests.whole());
                    row.extend(digests.parts().map(|(_, digest)| digest.to_owned()));
                    row.extend([format!("{seconds:.3}"), String::new()]);
                }
                Came::NotRun(why) => {
                    row.extend(std::iter::repeat_n(String::new(), 6));
                    row.push(why.clone());
                }
            }
            writer.write_record(row)?;
        }
    }
    writer.flush()
}

/// `{"schema": 1, "models": [{…, "holds": …, "cells": […]}]}`, indented.
///
/// # Errors
/// What `out` returns.
pub fn json(outcomes: &[Invariance], mut out: &mut dyn Write) -> io::Result<()> {
    let models: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "model": outcome.model,
                "model_sha256": outcome.model_sha256,
                "texts": outcome.texts,
                "texts_sha256": outcome.texts_sha256,
                "holds": outcome.holds(),
                "summary": outcome.summary(),
                "cells": outcome.cells.iter().map(object).collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut out, &json!({"schema": 1, "arith": ARITH, "models": models}))?;
    writeln!(out)
}

fn object(cell: &Cell) -> Value {
    let way = cell.way;
    let mut object = json!({
        "device": way.unit.device(),
        "isa": way.unit.isa().map(|isa| isa.to_string()),
        "threads": way.threads,
        "order": way.order.to_string(),
        "batch": way.batch,
    });
    match &cell.came {
        Came::Ran { digests, seconds } => {
            object["digest"] = digests.whole().into();
            for (part, digest) in digests.parts() {
                object[part] = digest.into();
            }
            object["seconds"] = (*seconds).into();
        }
        Came::NotRun(why) => object["not_run"] = why.as_str().into(),
    }
    object
}

fn header() -> [String; HEADER.len()] {
    HEADER.map(str::to_owned)
}

/// Device, instruction set, threads, order, batch.
fn way(cell: &Cell) -> [String; 5] {
    let way = cell.way;
    [
        way.unit.device().to_owned(),
        way.unit.isa().map_or_else(String::new, |isa| isa.to_string()),
        way.threads.to_string(),
        way.order.to_string(),
        way.batch.to_string(),
    ]
}

/// The cells that ran.
fn rows(outcome: &Invariance) -> impl Iterator<Item = [String; HEADER.len()]> + '_ {
    outcome.cells.iter().filter_map(|cell| {
        let Came::Ran { digests, seconds } = &cell.came else { return None };
        let [device, isa, threads, order, batch] = way(cell);
        Some([device, isa, threads, order, batch, digests.whole()[..16].to_owned(), format!("{seconds:.3}")])
    })
}
