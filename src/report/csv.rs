//! CSV: one row a cell.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::claim::{Cell, Outcome};

const HEADER: [&str; 22] = [
    "claim",
    "task",
    "data",
    "data_sha256",
    "language",
    "direction",
    "measure",
    "aggregation",
    "model",
    "model_sha256",
    "system",
    "pooling",
    "prefix",
    "perturbation",
    "ties",
    "arith",
    "published",
    "value",
    "digits",
    "verdict",
    "digest",
    "why",
];

/// Writes `outcome`. What a cell does not have is an empty field.
pub(super) fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEADER)?;
    for claim in &outcome.claims {
        for cell in &claim.cells {
            writer.write_record(row(&claim.id, cell).iter().map(|field| field.as_bytes()))?;
        }
    }
    writer.flush()
}

fn row<'a>(claim: &'a str, cell: &'a Cell) -> [Cow<'a, str>; HEADER.len()] {
    let key = &cell.key;
    [
        claim.into(),
        (&key.task).into(),
        (&key.data).into(),
        (&key.data_sha256).into(),
        (&key.language).into(),
        (&key.direction).into(),
        (&key.measure).into(),
        (&key.aggregation).into(),
        (&key.model).into(),
        (&key.model_sha256).into(),
        (&key.system).into(),
        (&key.pooling).into(),
        (&key.prefix).into(),
        key.perturbation.as_deref().unwrap_or_default().into(),
        (&key.ties).into(),
        key.arith.to_string().into(),
        (&cell.published).into(),
        cell.value.map(|v| v.to_string()).unwrap_or_default().into(),
        cell.digits.to_string().into(),
        cell.verdict.name().into(),
        cell.digest.as_deref().unwrap_or_default().into(),
        cell.why.as_deref().unwrap_or_default().into(),
    ]
}
