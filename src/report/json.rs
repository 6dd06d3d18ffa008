//! JSON: `{"schema": 1, "claims": […], "counts": {…}}`, indented, so that two reports can be compared line by line.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::claim::{ClaimOutcome, Outcome};

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    claims: &'a [ClaimOutcome],
    #[serde(serialize_with = "counts")]
    counts: &'a Outcome,
}

/// All six verdicts with their counts, zeros included.
fn counts<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(outcome.counts().map(|(verdict, n)| (verdict.name(), n)))
}

/// Writes `outcome`. Values are in the shortest form that parses back to the same bits; one that is no number is `null`.
pub(super) fn write(outcome: &Outcome, mut out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &Report { schema: 1, claims: &outcome.claims, counts: outcome })?;
    writeln!(out)
}
