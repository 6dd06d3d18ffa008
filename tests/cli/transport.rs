//! `snellen transport` and `snellen align`: what they print and write, and what they refuse.

use safetensors::SafeTensors;
use serde_json::Value;

use crate::test::{Test, assert_refused, assert_text};

const COSTS: &str = "0,1\n1,0\n";

fn transport(args: &[&str]) -> Test {
    let test = Test::new().write("c.csv", COSTS).write("a.csv", "0.75,0.25\n");
    test.args(["transport", "--cost", "c.csv"]).args(args.iter().copied())
}

#[test]
fn a_plan_by_hand() {
    let facts = "solver          exact\ncost            0.25\nmass            1.0\niterations      0\nmarginal_error  0.0\nduality_gap     0.0\n\
                 status          optimal\ndigest          de76c9c1c1fe6c37ec09bbb66ef1d7c64b13c23c5e04fe11a7ad3f6b5bb49c72\n";
    let exact = ["--solver", "exact", "--rows", "a.csv", "--output", "p.csv"];
    let out = transport(&exact).stderr("").status(0);
    let digest = out.stdout.lines().last().unwrap().to_owned();
    assert_eq!(out.stdout, facts.replace(facts.lines().last().unwrap(), &digest));
    assert_eq!(out.read("p.csv"), b"0.5,0.25\n0,0.25\n");
    let out = transport(&exact).option("--output", "p.safetensors").args(["--format", "json"]).status(0);
    let json: Value = serde_json::from_str(&out.stdout).unwrap();
    assert!(digest.ends_with(json["digest"].as_str().unwrap()), "{digest} {json}");
    let file = out.read("p.safetensors");
    let file = SafeTensors::deserialize(&file).unwrap();
    let plan = file.tensor("plan").unwrap();
    assert_eq!((plan.dtype(), plan.shape()), (safetensors::Dtype::F64, &[2, 2][..]));
    assert_eq!(plan.data(), [0.5f64, 0.25, 0.0, 0.25].map(f64::to_le_bytes).concat());
}

#[test]
fn what_did_not_converge_fails() {
    let out = transport(&["--rows", "a.csv", "--iterations", "1", "--epsilon", "0.5"]).status(1);
    assert!(out.stdout.contains("status          iteration-limit\n"), "{}", out.stdout);
    assert_eq!(out.stderr, "1 of 1 problems were not solved: no plan to rely on\n");
    transport(&["--rows", "a.csv", "--epsilon", "0.5"]).stderr("").status(0);
}

#[test]
fn several_problems_are_printed_one_by_one() {
    let mut npy = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1, 2), }".to_vec();
    npy.resize(79, b' ');
    npy.push(b'\n');
    npy.extend([1.0f64, 3.0, 5.0, 7.0].map(f64::to_le_bytes).concat());
    let out = Test::new().write("c.npy", npy).args(["transport", "--cost", "c.npy", "--solver", "exact"]).status(0);
    let costs: Vec<&str> = out.stdout.lines().filter(|line| line.contains("cost")).collect();
    assert_eq!(costs, ["0\tcost            2.0", "1\tcost            6.0"]);
    let out = out.then().args(["transport", "--cost", "c.npy", "--solver", "greedy", "--format", "json"]).status(0);
    let json: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!((json["problems"][1]["cost"].as_f64(), &json["problems"][1]["duality_gap"]), (Some(5.0), &Value::Null));
}

#[test]
fn what_is_no_transport_problem() {
    let with = |costs: &str| transport(&[]).write("c.csv", costs);
    assert_refused(
        "transport-refused",
        [
            ("a negative cost", with("0,1\n-1,0\n")),
            ("NaN", with("0,1\n1,nan\n")),
            ("no number", with("0,1\n1,x\n")),
            ("rows of two lengths", with("0,1\n1\n")),
            ("nothing", with("")),
            ("masses for other rows", transport(&["--columns", "a.csv", "--rows", "a.csv"]).write("c.csv", "1,2\n")),
            ("masses that sum to more", transport(&["--rows", "a.csv"]).write("a.csv", "0.75,0.5\n")),
            ("an ε that f64 cannot serve", transport(&["--epsilon", "1e-12"])),
            ("a negative ε", transport(&["--epsilon", "-1"])),
            ("an option of another solver", transport(&["--solver", "exact", "--epsilon", "1"])),
            ("an output that would replace the costs", transport(&["--output", "c.csv"])),
            ("masses for a matching", transport(&["--solver", "greedy", "--rows", "a.csv"])),
            ("an output of no kind", transport(&["--output", "p.txt"])),
            ("one axis", transport(&[]).option("--cost", "c.npy").write("c.npy", one_axis())),
            ("a .npy that is none", Test::new().write("c.npy", "x").args(["transport", "--cost", "c.npy"])),
        ],
    );
}

fn one_axis() -> Vec<u8> {
    let mut npy = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }".to_vec();
    npy.resize(79, b' ');
    npy.push(b'\n');
    npy.extend(1.0f64.to_le_bytes());
    npy
}

const BITEXT: &str =
    "the dog sleeps . ||| mbwa analala .\ngood morning ||| habari za asubuhi\nwater is cold ||| maji ni baridi\n";
const GOLD: &str = "1-1 2-1 3p2 4-3\n1p1 2-3\n1-1 2-2 3-3\n";

fn align(args: &[&str]) -> Test {
    let test = Test::new().write("b.txt", BITEXT).write("b.gold", GOLD);
    test.args(["align", "--teacher", "fixture-teacher", "--bitext", "b.txt"]).args(args.iter().copied())
}

#[test]
fn alignments_of_the_fixtures() {
    let gold = ["--gold", "b.gold", "--gold-from", "1", "--student", "fixture-student", "--output", "out"];
    let out = align(&gold).args(["--heat-maps", "3", "--plans"]).stderr("").status(0);
    assert_text!("align-table", out.stdout.clone());
    let read = |file: &str| String::from_utf8(out.read(&format!("out/{file}"))).unwrap();
    assert_text!("align-files", [read("pairs.csv"), read("alignments.txt"), read("lexicon.tsv")].join("\n"));
    assert_text!("align-heat-map", read("3.svg"));
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    assert_eq!(summary["pairs"], 3);
    let plans = out.read("out/plans.safetensors");
    let plans = SafeTensors::deserialize(&plans).unwrap();
    let (plan, words) = (plans.tensor("3.plan").unwrap(), plans.tensor("3.target_words").unwrap());
    assert_eq!((plan.shape()[1], words.data()[0]), (words.shape()[0], 0));
}

#[test]
fn one_digest_for_any_threads_and_batches() {
    let digest = |args: &[&str]| align(args).status(0).stdout.lines().last().unwrap().to_owned();
    for solver in ["sinkhorn", "ipot", "exact", "unbalanced", "partial", "greedy", "hungarian"] {
        let one = digest(&["--solver", solver, "--threads", "1"]);
        assert!(one.starts_with("digest"), "{one}");
        assert_eq!(digest(&["--solver", solver, "--threads", "2", "--batch-tokens", "3"]), one);
        assert_eq!(digest(&["--solver", solver, "--threads", "3", "--isa", "portable"]), one);
    }
}

#[test]
fn masses_and_distances_make_another_plan() {
    let digest = |args: &[&str]| align(args).status(0).stdout.lines().last().unwrap().to_owned();
    let all = [
        &[][..],
        &["--masses", "norm"],
        &["--masses", "idf"],
        &["--distance", "euclidean"],
        &["--distance", "squared"],
    ];
    let digests: std::collections::BTreeSet<String> = all.map(digest).into();
    assert_eq!(digests.len(), all.len());
}

#[test]
fn a_side_without_words_is_counted() {
    let out = align(&["--output", "out"]).write("b.txt", "a ||| b\n ||| c\n").status(0);
    assert_eq!(out.stderr, "pairs of which a side has no words: 1, and do not count\n");
    assert_eq!(out.read("out/alignments.txt"), b"0-0\n\n");
}

#[test]
fn what_cannot_be_aligned() {
    assert_refused(
        "align-refused",
        [
            ("no bitext", align(&[]).write("b.txt", "")),
            ("a line of one side", align(&[]).write("b.txt", "a b\n")),
            ("gold of another length", align(&["--gold", "b.gold", "--gold-from", "1"]).write("b.gold", "1-1\n")),
            ("gold that counts from 1", align(&["--gold", "b.gold", "--gold-from", "0"])),
            ("gold that counts from 0", align(&["--gold", "b.gold", "--gold-from", "1"]).write("b.gold", "0-0\n\n\n")),
            ("no such pair", align(&["--output", "out", "--heat-maps", "4"])),
            ("too few pairs for a representation", align(&["--representation"])),
            (
                "an output that would replace the bitext",
                align(&["--output", "."]).option("--bitext", "alignments.txt").write("alignments.txt", BITEXT),
            ),
            (
                "pictures of one name",
                align(&["--output", "out", "--heat-maps", "all"])
                    .option("--bitext", "b.tsv")
                    .write("b.tsv", "a/b\tx\ty\na_B\tx\ty\n"),
            ),
            ("three bitexts", align(&["--bitext", "b.txt", "b.txt"])),
            ("no such layer", align(&["--layer", "99"])),
            ("an output that is a file", align(&["--output", "b.gold"])),
        ],
    );
}
