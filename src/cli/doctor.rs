//! `snellen doctor`: what this machine is, whether it keeps the contract, what is missing and how to get it.

use std::io::Write as _;

use snellen::data::store::State;
use snellen::kernel::isa::Isa;
use snellen::kernel::peak::{Peaks, peaks};
use snellen::kernel::{ARITH, self_test};

use super::{Context, Ending, Failure};

pub(crate) fn run(context: &Context) -> Result<Ending, Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "snellen {}, arithmetic contract {ARITH}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "platform         {}-{}", std::env::consts::ARCH, std::env::consts::OS)?;
    writeln!(out, "threads          {}", rayon::current_num_threads())?;
    writeln!(out, "cache            {}", context.cache.display())?;
    let mut kept = true;
    let chosen = Isa::active();
    for isa in Isa::ALL {
        let word = if let Some(absence) = isa.absence() {
            absence
        } else if isa.force() && self_test::passes() {
            "the contract's self-test passes"
        } else {
            kept = false;
            "THE CONTRACT'S SELF-TEST FAILS: do not trust this machine's results, and please report it"
        };
        let mark = if isa == chosen { " (in use)" } else { "" };
        writeln!(out, "{:16} {word}{mark}", isa.to_string())?;
    }
    let _ = chosen.force();
    writeln!(out, "peak of one core {}", peak_words(peaks(chosen)))?;
    match context.cards() {
        Ok(cards) => writeln!(out, "cuda             {cards}: the contract's self-test passes")?,
        Err(absence) => writeln!(out, "cuda             {}", absence.why)?,
    }
    let store = context.store()?;
    for manifest in store.catalogue().iter() {
        let status = store.status(&manifest.name, false)?;
        let absent = status.count(&State::Absent);
        let corrupt = status.corrupt().count();
        let word = match (absent, corrupt) {
            (0, 0) => "here".to_owned(),
            (0, _) => format!("{corrupt} files are damaged: run `snellen data fetch {}`", manifest.name),
            _ => format!("not here: run `snellen data fetch {}`", manifest.name),
        };
        writeln!(out, "{:30} {word}", manifest.name)?;
    }
    for (program, what_for) in
        [("pip", "data from wheels"), ("git", "data from repositories"), ("curl", "data by http")]
    {
        let found = std::process::Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
        writeln!(out, "{program:16} {}", if found { "found" } else { "not found: needed only to fetch" })?;
        if !found {
            writeln!(out, "{:16} ({what_for})", "")?;
        }
    }
    Ok(if kept { context.ending_of_cards() } else { Ending::Fails })
}

/// Peaks in 10^9 operations a second.
fn peak_words(peaks: Peaks) -> String {
    let units = [("f32", Some(peaks.f32)), ("f64", Some(peaks.f64)), ("int16", peaks.int16), ("int8", peaks.int8)];
    let each = units.iter().filter_map(|(unit, peak)| Some(format!("{unit} {:.0}", (*peak)?)));
    format!("{} 10^9 operations a second", each.collect::<Vec<_>>().join(", "))
}
