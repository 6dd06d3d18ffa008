//! `snellen attack`: what it prints and writes, how it goes on, and what it refuses.

use std::fmt::Write as _;

use serde_json::Value;

use crate::test::{Output, Test, assert_refused, assert_text, fixtures};

const ALL: &str = "random,worst,greedy,hotflip,fgsm,pgd,freelb";

/// Fourteen Swahili sentences, and English ones among which their translations are.
fn attack(args: &[&str]) -> Test {
    let side =
        |side: &str| std::fs::read_to_string(fixtures().join(format!("bitext/v1/tatoeba.swh-eng.{side}"))).unwrap();
    let first: String = side("swh").lines().take(14).fold(String::new(), |all, line| all + line + "\n");
    let test = Test::new().write("q.txt", first).write("c.txt", side("eng"));
    let model = ["attack", "--model", "fixture-student", "--queries", "q.txt", "--corpus", "c.txt", "--output", "out"];
    test.args(model).args(["--candidates", "8", "--language", "swh"]).args(args.iter().copied())
}

fn last(out: &Output) -> &str {
    out.stdout.lines().last().unwrap()
}

fn text(out: &Output, file: &str) -> String {
    String::from_utf8(out.read(file)).unwrap()
}

/// The rows of states.csv: method, query, budget, edits, rank, margin, text.
fn states(out: &Output) -> Vec<Vec<String>> {
    let bytes = out.read("out/states.csv");
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn every_method_prints_its_curve_and_writes_its_queries() {
    let out = attack(&["--method", ALL]).status(0);
    let queries = ["random", "worst", "greedy", "hotflip"].iter().fold(String::new(), |mut all, method| {
        let _ = write!(all, "\n{method}\n{}", text(&out, &format!("out/queries.{method}.txt")));
        all
    });
    assert_text!("attack", format!("{}{queries}", out.stdout));
    let summary: Value = serde_json::from_slice(&out.read("out/summary.json")).unwrap();
    assert!(last(&out).ends_with(summary["digest"].as_str().unwrap()));
    assert_eq!(summary["methods"].as_array().unwrap().len(), 7);
    assert_eq!(text(&out, "out/curve.csv").lines().count(), 1 + 4 * 4 + 2 + 6 + 6);
    for row in states(&out) {
        let [budget, edits] = [2, 3].map(|i| row[i].parse::<usize>().unwrap());
        assert!(edits <= budget, "{row:?}");
    }
}

#[test]
fn what_chooses_only_gets_worse_for_the_query() {
    let out = attack(&["--method", "worst,greedy,hotflip,pgd,freelb", "--until", "3"]).status(0);
    let rows = states(&out);
    let mut moved = 0;
    for pair in rows.windows(2).filter(|pair| pair[0][..2] == pair[1][..2]) {
        let margin = |row: &[String]| row[5].parse::<f64>().unwrap();
        assert!(margin(&pair[1]) <= margin(&pair[0]), "{pair:?}");
        moved += usize::from(margin(&pair[1]) < margin(&pair[0]));
        // Lost is lost: nothing more is spent on it.
        let lost = pair[0][4].parse::<usize>().unwrap() > 3 && pair[0][0] != "pgd" && pair[0][0] != "freelb";
        assert!(!lost || pair[0][6] == pair[1][6], "{pair:?}");
    }
    assert!(moved > 20, "{moved}");
}

#[test]
fn one_digest_for_any_threads_batches_and_instruction_sets() {
    let first = attack(&["--method", ALL]).status(0);
    for more in [&["--threads", "1"], &["--threads", "3"], &["--batch-tokens", "1"], &["--isa", "portable"]] {
        let out = attack(&["--method", ALL]).args(more).status(0);
        assert_eq!(out.stdout, first.stdout, "{more:?}");
        assert_eq!(out.read("out/states.csv"), first.read("out/states.csv"));
    }
    let other = attack(&["--method", ALL, "--seed", "2"]).status(0);
    assert_ne!(last(&other), last(&first));
}

#[test]
fn another_objective_finds_other_tokens_and_balls_reach_real_ones() {
    let reaching = ["--method", "hotflip,pgd-tokens", "--radius", "2"];
    let margin = attack(&reaching).status(0);
    let transport = attack(&reaching).args(["--objective", "transport"]).status(0);
    let threads = attack(&reaching).args(["--objective", "transport", "--threads", "3"]).status(0);
    assert_eq!(threads.stdout, transport.stdout);
    for method in ["hotflip", "pgd-tokens"] {
        let of = |out| states(out).into_iter().filter(|row| row[0] == method).collect::<Vec<_>>();
        let [margin, transport] = [of(&margin), of(&transport)];
        assert_ne!(margin, transport, "{method}");
        let edits = |rows: &[Vec<String>]| rows.iter().map(|row| row[3].parse::<usize>().unwrap()).sum::<usize>();
        assert!(edits(&margin) > 14 && edits(&transport) > 0, "{method}: {} {}", edits(&margin), edits(&transport));
        // Tokens have no text that is known to be read as they are.
        let last = transport.last().unwrap();
        assert!(method == "hotflip" || transport.iter().filter(|row| row[1] == last[1]).all(|row| row[6] == last[6]));
    }
}

#[test]
fn an_attack_goes_on_where_it_stopped() {
    let journal = "out/journal.greedy.jsonl";
    let args = ["--method", "greedy", "--budget", "2"];
    let whole = attack(&args).status(0);
    let states = whole.read("out/states.csv");
    let kept = text(&whole, journal);
    let half: String = kept.lines().take(6).fold(String::new(), |all, line| all + line + "\n");
    // What was found before counts: a margin that no attack would find is believed.
    let marked = half.replacen("\"rank\":", "\"rank\":7", 1);
    for (content, said, same) in [
        (half.as_str(), "greedy: 5 of 14 queries were attacked before\n", true),
        (&marked, "greedy: 5 of 14 queries were attacked before\n", false),
        // A line that breaks off, and another attack's journal.
        (&half[..half.len() - 9], "", true),
        (&kept.replacen("{\"attack\":\"", "{\"attack\":\"0", 1), "", true),
    ] {
        let out = attack(&args).write(journal, content).status(0);
        assert!(
            out.stderr.starts_with(said) && out.stderr.contains("attacked before") != said.is_empty(),
            "{}",
            out.stderr
        );
        assert_eq!(out.read("out/states.csv") == states, same, "{content}");
        assert!(!same || text(&out, journal) == kept);
    }
}

#[test]
fn judgements_and_formats_of_ones_own() {
    let queries = "{\"id\":\"q1\",\"text\":\"Maji ni baridi.\",\"more\":1.0}\n{\"id\":\"q2\",\"text\":\"\"}\n{\"id\":\"q3\",\"text\":\"?!\"}\n{\"id\":\"q4\",\"text\":\"x\"}\n";
    let test = attack(&["--method", "random,greedy,hotflip", "--limit", "3"]).write("q.jsonl", queries);
    let test = test.write("d.tsv", "d2\tThe water is cold.\nd1\tThe house is big.\nd3\tMy mother is a teacher.\n");
    let test = test.write("r.txt", "q1 0 d2 1\nq2 0 d1 1\nq2 0 d9 1\nq3 0 d1 0\nq3 0 d3 2\nq4 0 d1 1\n");
    let out = test.option("--queries", "q.jsonl").option("--corpus", "d.tsv").option("--qrels", "r.txt").status(0);
    assert!(out.stdout.contains("\n3 queries, "), "{}", out.stdout);
    for line in ["random", "greedy", "hotflip"].map(|method| text(&out, &format!("out/queries.{method}.jsonl"))) {
        let lines: Vec<Value> = line.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(), ["q1", "q2", "q3", "q4"]);
        assert_eq!(lines[0]["more"].to_string(), "1.0");
        assert_eq!([&lines[1]["text"], &lines[2]["text"], &lines[3]["text"]], ["", "?!", "x"]);
    }
    // A query without a relevant document is passed over and counted.
    let out = out.then().write("r.txt", "q1 0 d2 1\nq3 0 d8 1\n").args(["attack", "--model", "fixture-student"]);
    let args =
        ["--queries", "q.jsonl", "--corpus", "d.tsv", "--qrels", "r.txt", "--output", "other", "--method", "fgsm"];
    let out = out.args(args).status(0);
    assert!(
        out.stderr.starts_with("queries without a relevant document, or to which all are relevant: 3,"),
        "{}",
        out.stderr
    );
}

#[test]
fn odd_queries_are_attacked_or_left_alone() {
    let odd = [
        "",
        "…?!",
        &"Maji ni baridi na safi. ".repeat(417),
        "Maji 水 вода पानी ماء",
        "e\u{301}\u{301}\u{301}\u{200d}👩‍👩‍👧",
        "123 456",
    ];
    let lines = |texts: &[&str]| texts.iter().fold(String::new(), |all, line| all + line + "\n");
    let test = attack(&["--method", ALL]).write("q.txt", lines(&odd));
    let test = test.write("c.txt", lines(&["The water is cold."; 6]).replacen("cold", "very cold", 3));
    let out = test.option("--candidates", "2").status(0);
    for method in ["random", "worst", "greedy", "hotflip"] {
        assert_eq!(text(&out, &format!("out/queries.{method}.txt")).lines().count(), 6, "{method}");
    }
}

#[test]
fn what_cannot_be_hurt_is_counted_and_documents_without_tokens_leave_the_margin() {
    let [q, c] = ["\n…\nMaji ni baridi.\n", "\n…\nThe water is cold.\n"];
    let attack = |objective: &str| {
        let test = attack(&["--method", "pgd", "--until", "3", "--objective", objective]);
        test.write("q.txt", q).write("c.txt", c).status(0)
    };
    let [margin, transport] = ["margin", "transport"].map(attack);
    assert!(margin.stderr.contains("pgd: 1 queries that were held are as they were"), "{}", margin.stderr);
    let of_query = |out: &Output, query: &str| -> Vec<String> {
        states(out).into_iter().filter(|row| row[1] == query).map(|row| row[5].clone()).collect()
    };
    // The second query is a mark, whose document has a token too; the first document has none.
    let first = states(&margin)[0][1].clone();
    assert_eq!(of_query(&margin, &first), of_query(&transport, &first));
    let last = states(&margin).last().unwrap()[1].clone();
    assert_ne!(of_query(&margin, &last), of_query(&transport, &last));
}

#[test]
fn another_attack_takes_the_place_of_the_results() {
    let both = attack(&["--method", "greedy,worst", "--budget", "1"]).status(0);
    assert!(both.read("out/queries.worst.txt").len() > 100);
    let inputs = ["--queries", "q.txt", "--corpus", "c.txt", "--output", "out", "--candidates", "8"];
    let one =
        both.then().args(["attack", "--model", "fixture-student", "--method", "greedy", "--seed", "2"]).args(inputs);
    let one = one.status(0);
    assert!(one.stderr.contains("out/queries.worst.txt: of another attack, removed"), "{}", one.stderr);
    assert!(!one.then().path("out/queries.worst.txt").exists());
}

#[test]
fn what_is_refused() {
    assert_refused(
        "attack-refused",
        [
            ("no queries", attack(&["--method", "greedy"]).write("q.txt", "")),
            ("one document", attack(&["--method", "greedy"]).write("c.txt", "x\n")),
            (
                "no document of the query's id",
                attack(&["--method", "greedy"]).write("q.tsv", "x\ty\n").option("--queries", "q.tsv"),
            ),
            ("no relevant document", attack(&["--method", "greedy", "--qrels", "r.txt"]).write("r.txt", "x 0 1 1\n")),
            ("no lexicon", attack(&["--method", "greedy", "--kind", "code-switch"])),
            (
                "an output that is an input",
                attack(&["--method", "greedy"])
                    .write("out/queries.greedy.txt", "x\n")
                    .option("--queries", "out/queries.greedy.txt"),
            ),
            (
                "an input that another method's output would be",
                attack(&["--method", "greedy"])
                    .write("out/queries.worst.txt", "x\n")
                    .option("--queries", "out/queries.worst.txt"),
            ),
            (
                "a journal of the output's folder",
                attack(&["--method", "greedy"])
                    .write("out/journal.greedy.1-of-2.jsonl", "{\"id\": \"x\", \"text\": \"y\"}\n")
                    .option("--queries", "out/journal.greedy.1-of-2.jsonl"),
            ),
            ("an output that is a file", attack(&["--method", "greedy"]).write("out", "")),
            ("not UTF-8", attack(&["--method", "greedy"]).write("q.txt", b"\xff\n")),
            ("no model", attack(&["--method", "greedy"]).option("--model", "none")),
        ],
    );
    let usage = attack(&["--method", "greedy", "--radius", "0"]).status(2);
    assert!(usage.stderr.contains("expected a number above 0"), "{}", usage.stderr);
    for (option, most) in [("--budget", 1_000), ("--candidates", 1_000_000), ("--steps", 10_000)] {
        for wrong in ["0".to_owned(), (most + 1).to_string(), "x".to_owned()] {
            let usage = attack(&["--method", "greedy"]).option(option, &wrong).status(2);
            assert!(usage.stderr.contains(&format!("expected 1 to {most}")), "{}", usage.stderr);
        }
    }
}
