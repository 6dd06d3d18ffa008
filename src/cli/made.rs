//! `made.json`: which command wrote a folder or a report, and on what. Beside the results, which are the same on every machine, and not among them.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use snellen::data::{atomic, digest};
use snellen::kernel::ARITH;
use snellen::kernel::isa::Isa;

use super::Failure;

/// Writes it to this file; of a report with that one's digest.
pub(super) fn write(path: &Path, report: Option<&Path>, taken: Duration) -> Result<(), Failure> {
    // A path need not be UTF-8, and JSON has to be.
    let given = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let command = std::iter::once("snellen".to_owned()).chain(given);
    let mut made = json!({
        "schema": 1,
        "command": command.collect::<Vec<String>>(),
        "version": env!("CARGO_PKG_VERSION"),
        "arith": ARITH,
        "isa": Isa::active().to_string(),
        "threads": rayon::current_num_threads(),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "seconds": (taken.as_secs_f64() * 10.0).round() / 10.0,
    });
    if let Some(report) = report {
        made["sha256"] = digest::of_file(report)?.0.into();
    }
    Ok(atomic::write(path, format!("{made:#}\n").as_bytes())?)
}
