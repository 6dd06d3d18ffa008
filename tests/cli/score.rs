//! `snellen score`: what it prints, in which dialect, and what it refuses.

use serde_json::Value;

use crate::test::{Test, assert_refused};

const QRELS: &str = "q1 0 a 1\nq1 0 b 0\nq1 0 c 2\nq2 0 a 1\nq3 0 x 1\n";
/// q1's b and c are equally good; q3 is missing, q9 was never judged.
const RUN: &str = "q1 Q0 a 1 3.5 t\nq1 Q0 b 2 2 t\nq1 Q0 c 3 2 t\nq2 Q0 z 1 9 t\nq2 Q0 a 2 8 t\nq9 Q0 a 1 1 t\n";

fn score(args: &[&str]) -> Test {
    let test = Test::new().write("q.qrels", QRELS).write("r.run", RUN);
    test.args(["score", "--qrels", "q.qrels", "--run", "r.run"]).args(args.iter().copied())
}

#[test]
fn missing_queries_count_zero_and_are_named() {
    score(&["--measures", "AP, RR NumRet"])
        .stdout("AP                    \tall\t0.4444\nRR                    \tall\t0.5000\nNumRet                \tall\t5\n")
        .stderr(
            "queries judged but not in the run, and count 0: 1 (q3)\n\
             queries in the run without judgements, and do not count: 1 (q9)\n",
        )
        .status(0);
}

#[test]
fn trec_evals_dialect_orders_equal_scores_the_other_way_and_leaves_missing_queries_out() {
    let lines =
        "map                   \tq1\t1.0000\nmap                   \tq2\t0.5000\nmap                   \tall\t0.7500\n";
    score(&["--measures", "map", "--dialect", "trec_eval9", "-Q", "--quiet"]).stdout(lines).stderr("").status(0);
    let all = "map                   \tall\t0.5000\n";
    score(&["--measures", "map", "--dialect", "trec_eval10", "-c", "--quiet"]).stdout(all).status(0);
}

#[test]
fn only_trec_eval_9_takes_scores_for_c_floats() {
    // Two scores that are one float: the higher id comes first there.
    let run = "q1 Q0 a 1 1.00000001 t\nq1 Q0 b 2 1 t\n";
    for (dialect, first) in [("snellen", "1.0"), ("trec_eval10", "1.0"), ("trec_eval9", "0.0")] {
        let out = score(&["--measures", "P@1", "--dialect", dialect, "--digits", "1", "-q", "--rel", "1", "-Q"]);
        let out = out.write("r.run", run).status(0).stdout;
        assert!(out.lines().any(|line| line.split('\t').skip(1).eq(["q1", first])), "{dialect}: {out}");
    }
}

#[test]
fn json_has_every_digit_and_says_what_was_left_out() {
    let out = score(&["--format", "json", "--measures", "AP", "--per-query", "-q"]).status(0).stdout;
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["means"]["AP"], ((1.0 + 2.0 / 3.0) / 2.0 + 0.5) / 3.0);
    assert_eq!(json["queries"][0]["values"]["AP"], (1.0 + 2.0 / 3.0) / 2.0);
    assert_eq!((&json["queries"][1]["unjudged_in_first_10"], &json["queries"][0]["tied"]), (&1.into(), &1.into()));
    assert_eq!((&json["missing"][0], &json["without_judgements"][0]), (&"q3".into(), &"q9".into()));
}

#[test]
fn a_baseline_is_compared_measure_by_measure() {
    let qrels: String = (0..20).map(|q| format!("q{q:02} 0 a 1\n")).collect();
    let run: String =
        (0..20).map(|q| format!("q{q:02} Q0 a 1 {} t\nq{q:02} Q0 b 2 2 t\n", if q % 4 == 0 { 1 } else { 3 })).collect();
    let other: String = (0..20).map(|q| format!("q{q:02} Q0 b 1 2 t\nq{q:02} Q0 a 2 1 t\n")).collect();
    let test = score(&[
        "--baseline",
        "o.run",
        "--measures",
        "RR P@1",
        "--margin",
        "0.1",
        "--samples",
        "9999",
        "--threads",
        "2",
    ]);
    let out = test.write("q.qrels", qrels).write("r.run", run).write("o.run", other).stderr("").status(0).stdout;
    let value = |measure: &str, fact: &str| {
        let line = out.lines().find(|line| line.starts_with(measure) && line.contains(&format!("\t{fact}\t"))).unwrap();
        line.rsplit('\t').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!((value("RR", "queries"), value("RR", "difference"), value("P@1", "difference")), (20.0, 0.375, 0.75));
    assert!(value("RR", "low_95") < 0.375 && value("RR", "high_95") > 0.375);
    // Fifteen of twenty differ, all in one direction: 2 of 2^15 assignments are as far from 0.
    assert_eq!((value("RR", "p_randomization"), value("RR", "p_inferior")), (0.0001, 0.0));
    assert_eq!(value("RR", "p_different"), 1.0);
}

/// The deviation is 0, the effect infinite.
#[test]
fn differences_that_are_all_alike_are_compared_too() {
    let test = score(&["--baseline", "o.run", "--measures", "P@1", "-q"]).write("q.qrels", "q1 0 a 1\nq2 0 a 1\n");
    let test = test.write("r.run", "q1 Q0 a 1 1 t\nq2 Q0 a 1 1 t\n").write("o.run", "q1 Q0 b 1 1 t\nq2 Q0 b 1 1 t\n");
    let out = test.status(0).stdout;
    assert!(
        out.contains("difference\t1.0000\n") && out.contains("power\t1.0000\n") && out.contains("p_t\t0.0000\n"),
        "{out}"
    );
}

#[test]
fn what_cannot_be_scored() {
    assert_refused(
        "errors-score",
        [
            ("an unknown measure", score(&["--measures", "nDGC@10"])),
            ("no cut-off", score(&["--measures", "P"])),
            ("no measures", score(&["--measures", " , "])),
            ("no such file", score(&[]).option("--run", "nosuch.run")),
            ("a document twice", score(&[]).write("r.run", "q1 Q0 a 1 3 t\nq2 Q0 a 1 3 t\nq1 Q0 a 2 1 t\n")),
            (
                "a document twice below the depth",
                score(&["--depth", "1"]).write("r.run", "q1 Q0 a 1 3 t\nq1 Q0 b 2 1 t\nq1 Q0 b 3 0 t\n"),
            ),
            ("a score that is NaN", score(&[]).write("r.run", "q1 Q0 a 1 NaN t\n")),
            ("a short line", score(&[]).write("r.run", "q1 Q0 a 1 2 t\nq1 Q0\n")),
            ("a judgement twice", score(&[]).write("q.qrels", "q1 0 a 1\nq1 0 a 1\n")),
            ("a grade that is no integer", score(&[]).write("q.qrels", "q1 0 a high\n")),
            ("a grade beyond all measure", score(&[]).write("q.qrels", "q1 0 a 5000\n")),
            ("no query in common", score(&["--dialect", "trec_eval9"]).write("r.run", "q7 Q0 a 1 2 t\n")),
            ("no judgements", score(&[]).write("q.qrels", "")),
        ],
    );
}

#[test]
fn fairness_between_languages_is_added_where_they_are_given() {
    let languages = "a\ten\nb\tde\nc\tde\nx\ten\nz\tde\n";
    let out = score(&["--measures", "RR", "--languages", "l.tsv", "-q"]).write("l.tsv", languages).status(0).stdout;
    // q1 has one document of grade 1 and q2 too: one language alone, which is fair.
    assert_eq!(out, "RR                    \tall\t0.5000\nPEER@20               \tall\t1.0000\n");
    let refused = score(&["--languages", "l.tsv"]).write("l.tsv", "b\tde\n").refused();
    assert_eq!(refused, "snellen: document a of query q1 has no language\n");
    let weights = score(&["--languages", "l.tsv", "--peer-weights", "1=0.5"]).write("l.tsv", languages).refused();
    assert!(weights.contains("each grade once, together 1, not 0.5"), "{weights}");
}
