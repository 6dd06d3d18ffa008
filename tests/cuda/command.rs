//! What the program says of cards that are not there, or are not to be trusted.

use std::path::Path;
use std::process::Command;

use crate::devices::{drivers, fused_driver};

/// Exit status, standard output and standard error of the program where this driver is the one that is found.
fn snellen(driver: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let cache = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_snellen"));
    command.args(arguments).env("SNELLEN_CACHE", cache.path()).env("LD_LIBRARY_PATH", driver);
    let done = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

const ONE_CELL: [&str; 7] = ["invariance", "--limit", "1", "--batch", "1", "--threads", "1"];

#[test]
fn a_card_that_fails_the_self_test_is_refused_aloud() {
    let Some(driver) = fused_driver() else { return };
    let (status, said, _) = snellen(&driver, &["doctor"]);
    assert!(status == Some(1) && said.contains("FAILS THE CONTRACT'S SELF-TEST"), "{said}");
    let (status, said, _) = snellen(&driver, &[&ONE_CELL[..], &["--device", "cuda"]].concat());
    assert!(status == Some(1) && said.contains("FAILS THE CONTRACT'S SELF-TEST"), "{said}");
    let (status, _, said) = snellen(&driver, &["verify", "--device", "cuda"]);
    assert!(status == Some(2) && said.contains("FAILS THE CONTRACT'S SELF-TEST"), "{said}");
    let (status, _, said) = snellen(&driver, &["verify"]);
    assert!(status == Some(0) && said.contains("processors compute: "), "{said}");
}

#[test]
fn a_card_that_was_named_is_to_be_there() {
    let Some(driver) = drivers().get(1) else { return };
    for device in ["cuda:1", "cpu,cuda:1"] {
        let (status, said, _) = snellen(driver, &["doctor", "--device", device]);
        assert!(status == Some(2) && said.contains("no NVIDIA card 1: there are 1"), "{said}");
        let (status, said, _) = snellen(driver, &[&ONE_CELL[..], &["--device", device]].concat());
        assert!(status == Some(2) && said.contains("no NVIDIA card 1: there are 1"), "{said}");
    }
    assert_eq!(snellen(&drivers()[0], &["doctor"]).0, Some(0), "nobody named one");
}
