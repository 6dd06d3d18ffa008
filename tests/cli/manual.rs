//! `snellen manual` and `snellen completions`: what packages of the program bring along.

use crate::test::Test;

#[test]
fn a_page_for_each_command() {
    let out = Test::new().args(["manual", "--output", "man1"]).stdout("").status(0);
    let read = |name: &str| String::from_utf8(out.read(&format!("man1/{name}.1"))).unwrap();
    assert!(read("snellen").contains("Exit status: 0 it holds"));
    assert!(read("snellen-verify").contains("Check published claims, cell by cell"));
    let heading = |name: &str| read(name).lines().find(|line| line.starts_with(".TH")).unwrap().to_owned();
    for name in ["snellen", "snellen-data-fetch"] {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(heading(name), format!(".TH {name} 1 \"\" \"snellen {version}\" Snellen"));
    }
    let number: usize = out.stderr.trim_start_matches("man1: ").trim_end_matches(" pages\n").parse().unwrap();
    assert!(number > 20, "{}", out.stderr);
    // The page that is printed is the program's own.
    let page = read("snellen");
    out.then().args(["manual"]).stdout(&page).status(0);
}

#[test]
fn a_folder_that_cannot_be_is_refused() {
    let refused = Test::new().write("man1", "a file").args(["manual", "--output", "man1"]).refused();
    assert!(refused.starts_with("snellen: man1"), "{refused}");
}

#[test]
fn completions_of_every_shell_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let out = Test::new().args(["completions", shell]).status(0);
        assert!(out.stdout.contains("robustness") && out.stdout.contains("manual"), "{shell}");
    }
}
