//! What `distill` wrote.

use std::path::Path;

use super::{fact, json, lacks, number};
use crate::Result;
use crate::data::{FileFault, digest};
use crate::distill::{LOG, SUMMARY, VALIDATION};
use crate::report::page::{Section, Table};

pub(super) fn section(path: &Path) -> Result<Section> {
    let file = path.join(SUMMARY);
    let run = json(&file)?;
    let name = |side: &str| run[side]["name"].as_str().ok_or_else(|| lacks(&file, side));
    let names = [
        "steps",
        "best_step",
        "best_accuracy",
        "held_out_pairs",
        "unusable_pairs",
        "configuration_sha256",
        "model_sha256",
        "log_sha256",
        "validation_sha256",
        "configuration",
    ];
    for (log, stated) in [(LOG, "log_sha256"), (VALIDATION, "validation_sha256")] {
        let (found, _) = digest::of_file(&path.join(log))?;
        if run[stated] != *found {
            let what = format!("SHA-256 {found}, {SUMMARY} states {}: it was changed", run[stated]);
            return Err(FileFault::content(path.join(log).display(), what).into());
        }
    }
    let pairs = run["bitext"].as_array().ok_or_else(|| lacks(&file, "bitext"))?;
    let pairs = pairs
        .iter()
        .map(|part| vec![part["language"].as_str().unwrap_or_default().to_owned(), part["pairs"].to_string()])
        .collect();
    Ok(Section {
        title: format!("distillation: {} teaches {}", name("teacher")?, name("student")?),
        facts: names.iter().filter_map(|name| fact(&run, name)).collect(),
        tables: vec![
            Table {
                title: "Bitext".to_owned(),
                head: ["language", "pairs"].map(str::to_owned).to_vec(),
                words: 1,
                rows: pairs,
            },
            validation(&path.join(VALIDATION))?,
        ]
        .into_iter()
        .filter(|table| !table.rows.is_empty())
        .collect(),
        ..Section::default()
    })
}

/// The accuracies on the way; none where nothing was looked for.
fn validation(file: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(file).map_err(FileFault::io("read", file))?;
    let field = |field: &str| match field.parse::<f64>() {
        Ok(value) if field.contains('.') => number(Some(value)),
        _ => field.to_owned(),
    };
    let rows = text.lines().skip(1).map(|line| line.split(',').map(field).collect::<Vec<_>>());
    let rows: Vec<Vec<String>> = rows.collect();
    if let Some(line) = rows.iter().position(|row| row.len() != 3) {
        return Err(FileFault::line(file.display(), line + 2, "expected step,language,accuracy").into());
    }
    Ok(Table {
        title: "Validation".to_owned(),
        head: ["step", "language", "accuracy"].map(str::to_owned).to_vec(),
        words: 2,
        rows,
    })
}
