//! `snellen distill`: what it writes, how it goes on, and what it refuses.

use serde_json::Value;

use crate::test::{Test, root};

const CONFIG: &str = r#"
teacher = "fixture-student"
steps = 4
batch = 4
bitext = [{ language = "swh", file = "data/pairs.tsv", take = 20 }]
objective = { tokens = { solver = "sinkhorn" } }
validation = { every = 2, bitext = [{ language = "swh", file = "data/pairs.tsv", skip = 20 }] }
"#;

/// Our own sentences and their Swahili translations, beside a configuration.
fn distill(config: &str) -> Test {
    let table = std::fs::read_to_string(root().join("fixtures/recipe/sentences.tsv")).unwrap();
    let pair = |(i, line): (usize, &str)| {
        let fields: Vec<&str> = line.split('\t').collect();
        format!("{i}\t{}\t{}\n", fields[0], fields[4])
    };
    let pairs: String = table.lines().skip(1).enumerate().map(pair).collect();
    let test = Test::new().write("here/config.toml", config).write("here/data/pairs.tsv", pairs);
    test.args(["distill", "--config", "here/config.toml", "--output", "out", "--threads", "1"])
}

#[test]
fn a_student_its_logs_and_pictures() {
    let out = distill(CONFIG).stdout("").status(0);
    assert!(out.stderr.starts_with("step 0: ") && out.stderr.ends_with("out: 4 steps\n"), "{}", out.stderr);
    let text = |name: &str| String::from_utf8(out.read(name)).unwrap();
    assert_eq!(text("out/log.csv").lines().count(), 5);
    assert_eq!(text("out/validation.csv").lines().count(), 4);
    for picture in ["out/loss.svg", "out/accuracy.svg"] {
        assert!(text(picture).starts_with("<svg "), "{picture}");
    }
    let summary: Value = serde_json::from_slice(&out.read("out/run.json")).unwrap();
    assert_eq!((&summary["schema"], &summary["steps"]), (&1.into(), &4.into()));
    let out = out.then().args(["model", "inspect", "./out"]).status(0);
    assert!(out.stdout.contains("880"), "{}", out.stdout);
    // What came out may learn again: of its logs nothing is taken over.
    let config = CONFIG.replace("steps = 4", "student = \"./out\"\nsteps = 2");
    let out = out.then().write("here/next.toml", config);
    let out = out.args(["distill", "--config", "here/next.toml", "--output", "next", "--quiet"]).status(0);
    assert_eq!(String::from_utf8(out.read("next/log.csv")).unwrap().lines().count(), 3);
    let again = ["distill", "--config", "here/config.toml", "--output", "out", "--resume"];
    let refused = out.then().args(again).refused();
    assert_eq!(refused, "snellen: out: a distillation has come to its end here: give another --output\n");
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (from, to, said) in [
        ("steps = 4", "steps = four", "here/config.toml, line 3: "),
        ("steps = 4", "steps = 0", "here/config.toml: steps = 0: it must be at least 1"),
        ("data/pairs.tsv\", take", "data/none.tsv\", take", "here/data/none.tsv: cannot open: "),
        ("file = \"data/pairs.tsv\", take", "data = \"nothing\", file = \"x\", take", "nothing"),
        ("fixture-student", "fixture-scholar", "fixture-scholar"),
        ("steps = 4", "student = \"fixture-teacher\"\nsteps = 4", ""),
        ("take = 20", "skip = 2000", "swh: no pair of which both sides have tokens"),
        ("skip = 20", "skip = 2000", "swh: no pair to validate with"),
        ("teacher =", "layer = 3\nteacher =", "fixture-student"),
    ] {
        assert!(CONFIG.contains(from), "{from}");
        let test = distill(&CONFIG.replace(from, to));
        if said.is_empty() {
            // As wide, and of its own vocabulary: that is no fault.
            test.status(0);
            continue;
        }
        let refused = test.refused();
        assert!(refused.contains(said), "{refused}, not {said}");
    }
    let refused = distill(CONFIG).remove("here/config.toml").refused();
    assert!(refused.contains("here/config.toml: cannot read: "), "{refused}");
}
