//! The way through the driver, with a driver that has the emulator behind it.

use std::path::Path;
use std::process::{Command, Output};

use snellen::kernel::cuda::{Device, Error};

use crate::devices::{card, drivers, say};

/// Runs tests of this program where this driver is the one that is found.
fn with(driver: &Path, card: &str, arguments: &[&str]) -> Output {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).env("LD_LIBRARY_PATH", driver).env("SNELLEN_TEST_CARD", card).output().unwrap()
}

#[test]
fn everything_passes_through_the_driver() {
    if card().is_some() {
        return;
    }
    for driver in drivers().iter().skip(1) {
        // What takes longest has nothing to do with drivers, and programs find their own.
        let run = with(driver, "0", &["--skip", "functions_have", "--skip", "command::"]);
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(
            run.status.success() && !said.contains("\nrunning 0 "),
            "{said}{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

#[test]
fn a_card_that_is_not_there_is_missing() {
    let missing = match Device::card(card().map_or(1000, |card| card + 1000)) {
        Err(Error::Missing(what)) => what,
        other => panic!("{other:?}"),
    };
    say(&missing);
    if card().is_some() {
        return;
    }
    let [none, whole, _] = drivers() else { return };
    for (driver, expected) in [(none, "has no cuInit"), (whole, "no NVIDIA card 1000: there are 1")] {
        let run = with(driver, "0", &["a_card_that_is_not_there_is_missing"]);
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && said.contains(expected), "{said}");
    }
}
