//! `snellen perturb`: what it prints and writes, and what it refuses.

use std::io::{Read as _, Write as _};

use serde_json::Value;

use crate::test::{Output, Test, assert_refused};

const TSV: &str = "q1\tWhere is the nearest station?\nq2\tHow cold is the water\tnow?\nq3\t…\n";
const JSONL: &str = "{\"_id\":\"d1\",\"title\":\"Water\",\"text\":\"The water is cold today.\",\"n\":1.10}\n{\"id\":\"d2\",\"text\":\"\"}\n";

fn perturb(args: &[&str]) -> Test {
    let test = Test::new().write("q.tsv", TSV).write("d.jsonl", JSONL).write("t.txt", "Good morning, everyone.\n");
    test.write("l.tsv", "water\tWasser\ncold\tkalt\n").args(["perturb"]).args(args.iter().copied())
}

fn read(out: &Output, file: &str) -> String {
    String::from_utf8(out.read(file)).unwrap()
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_table_is_listed() {
    let table = snellen::attack::text::table();
    perturb(&["--list"]).stdout(&table).stderr("").status(0);
}

#[test]
fn every_format_keeps_ids_order_and_fields() {
    let note = "upper, seed 1: 2 of 3 texts changed, 1 without a place to edit, 11 of 12 edits made\n";
    let upper = "q1\tWHERE IS THE NEAREST STATION?\nq2\tHOW COLD IS THE WATER\tNOW?\nq3\t…\n";
    perturb(&["--input", "q.tsv", "--kind", "upper"]).stdout(upper).stderr(note).status(0);
    let out = perturb(&["--input", "d.jsonl", "--kind", "upper=1", "--output", "o/d.jsonl"]).stdout("").status(0);
    let lines = read(&out, "o/d.jsonl");
    assert!(
        lines.starts_with("{\"_id\":\"d1\",\"title\":\"Water\",\"text\":\"") && lines.contains("\",\"n\":1.10}\n"),
        "{lines}"
    );
    assert!(lines.ends_with("{\"id\":\"d2\",\"text\":\"\"}\n"), "{lines}");
    let out = perturb(&["--input", "t.txt", "--kind", "punctuation", "--output", "o.txt"]).status(0);
    assert_eq!(read(&out, "o.txt"), "Good morning everyone\n");
}

#[test]
fn packed_files_come_and_go() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(TSV.as_bytes()).unwrap();
    let test = perturb(&["--input", "q.tsv.gz", "--kind", "lower", "--output", "o.tsv.gz"]);
    let out = test.write("q.tsv.gz", gz.finish().unwrap()).status(0);
    assert_eq!(unpacked(&out.read("o.tsv.gz")), TSV.to_lowercase());
}

#[test]
fn a_file_for_each_spec_and_seed() {
    let args = [
        "--input",
        "q.tsv",
        "--kind",
        "swap,delete=2",
        "--seeds",
        "3",
        "--seed",
        "5",
        "--output",
        "q.{kind}.{seed}.tsv",
    ];
    let out = perturb(&args).status(0);
    assert_eq!(out.stderr.lines().count(), 6, "{}", out.stderr);
    let mut texts: Vec<String> = Vec::new();
    for kind in ["swap", "delete=2"] {
        texts.extend([5, 6, 7].map(|seed| read(&out, &format!("q.{kind}.{seed}.tsv"))));
    }
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 6);
    // The same alone, on one thread.
    let again = perturb(&["--input", "q.tsv", "--kind", "swap", "--seed", "6", "--threads", "1"]).status(0);
    assert_eq!(again.stdout, read(&out, "q.swap.6.tsv"));
}

#[test]
fn rates_edits_and_what_is_left_of_words() {
    let of = |args: &[&str]| {
        perturb(&["--input", "t.txt", "--kind", "duplicate"]).args(args.iter().copied()).status(0).stdout
    };
    let length = |args: &[&str]| of(args).len() - "Good morning, everyone.\n".len();
    assert_eq!([length(&[]), length(&["--edits", "4"]), length(&["--rate", "1"])], [2, 4, 16]);
    assert_eq!(length(&["--rate", "1", "--protect", "0"]), 19);
    let out = perturb(&["--input", "t.txt", "--kind", "duplicate=1", "--edits", "4"]).status(0);
    assert_eq!(out.stdout.len(), "Good morning, everyone.\n".len() + 1);
}

#[test]
fn languages_and_lexicons() {
    let test = perturb(&["--input", "t.txt", "--kind", "upper", "--language", "tr"]).write("t.txt", "ılık iğne\n");
    test.stdout("ILIK İĞNE\n").status(0);
    let args = ["--input", "d.jsonl", "--kind", "code-switch@1", "--lexicon", "l.tsv"];
    let out = perturb(&args)
        .stderr("code-switch@1, seed 1: 1 of 2 texts changed, 1 without a place to edit, 2 of 3 edits made\n")
        .status(0);
    assert!(out.stdout.contains("\"text\":\"The Wasser is kalt today.\""), "{}", out.stdout);
}

#[test]
fn a_summary_for_machines() {
    let args = ["--input", "q.tsv", "--kind", "swap=1", "--output", "o.tsv", "--format", "json", "--quiet"];
    let out = perturb(&args).stderr("").status(0);
    let json: Value = serde_json::from_str(&out.stdout).unwrap();
    let file = &json["files"][0];
    assert_eq!((&file["spec"], &file["output"]), (&Value::from("swap=1"), &Value::from("o.tsv")));
    assert_eq!(
        [&file["texts"], &file["changed"], &file["without_edit"], &file["edits"], &file["asked"]],
        [3, 2, 1, 2, 3]
    );
}

#[test]
fn what_cannot_be_perturbed() {
    let swap = |args: &[&str]| perturb(&["--input", "q.tsv", "--kind", "swap"]).args(args.iter().copied());
    assert_refused(
        "errors-perturb",
        [
            ("an output of another format", swap(&["--output", "o.jsonl"])),
            ("an output that would replace the input", swap(&["--output", "./q.tsv"])),
            ("an output that would replace the lexicon", swap(&["--lexicon", "l.tsv", "--output", "l.tsv"])),
            ("an output that is a folder", swap(&["--output", "o.tsv"]).folder("o.tsv")),
            ("several seeds for one name", swap(&["--seeds", "2", "--output", "o.tsv"])),
            ("several seeds for standard output", swap(&["--seeds", "2"])),
            (
                "several specs for one name",
                perturb(&["--input", "q.tsv", "--kind", "swap,delete", "--output", "o.tsv"]),
            ),
            ("one spec twice", perturb(&["--input", "q.tsv", "--kind", "swap,swap", "--output", "{kind}.tsv"])),
            (
                "seeds beyond the last",
                swap(&["--seed", "18446744073709551615", "--seeds", "2", "--output", "{seed}.tsv"]),
            ),
            ("a summary and texts on standard output", swap(&["--format", "json"])),
            ("no lexicon", perturb(&["--input", "q.tsv", "--kind", "code-switch"])),
            ("a lexicon that is none", swap(&["--lexicon", "l.tsv"]).write("l.tsv", "a\tb\nc\n")),
            ("not UTF-8", swap(&[]).write("q.tsv", b"q1\ta\nq2\t\xff\n")),
            ("no tab", swap(&[]).write("q.tsv", "q1\n")),
            ("no file", swap(&[]).remove("q.tsv")),
        ],
    );
}

#[test]
fn options_that_are_none() {
    for (args, what) in [
        (&["--kind", "swop"][..], "no perturbation \"swop\""),
        (&["--kind", "swap@2"], "is no share"),
        (&["--kind", "swap", "--rate", "0"], "is no share"),
        (&["--kind", "swap", "--edits", "0"], "is no number of edits"),
        (&["--kind", "swap", "--language", "german"], "is no language"),
        (&["--kind", "swap", "--rate", "0.1", "--edits", "1"], "cannot be used with"),
        (&[], "--kind"),
    ] {
        let out = perturb(&["--input", "q.tsv"]).args(args.iter().copied()).stdout("").status(2);
        assert!(out.stderr.contains(what), "{}", out.stderr);
    }
}
