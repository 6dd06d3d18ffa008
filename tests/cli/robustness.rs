//! `snellen robustness`, and `--perturb` of tasks: what they print and write, and what they refuse.

use serde_json::Value;

use crate::task::{clir, xquad};
use crate::test::{Output, Test, assert_refused, assert_text};

const TATOEBA: [&str; 8] =
    ["robustness", "--model", "fixture-student", "--data", "fixture-bitext", "--samples", "2000", "--perturb"];

fn tatoeba(args: &[&str]) -> Test {
    Test::new().args(TATOEBA).args(args.iter().copied())
}

fn read(out: &Output, file: &str) -> String {
    String::from_utf8(out.read(file)).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A cell of `task`, clean or perturbed, with its key.
fn cell(task: Test, language: &str, measure: &str) -> Value {
    let cells = json(&task.args(["--format", "json"]).status(0).stdout);
    let wanted = |cell: &&Value| {
        let key = &cell["key"];
        key["language"] == language
            && key["measure"] == measure
            && ["xx-en", "pool", "deu-en"].iter().any(|d| key["direction"] == *d)
    };
    cells["cells"].as_array().unwrap().iter().find(wanted).unwrap().clone()
}

#[test]
fn a_table_of_the_fixtures_and_its_files() {
    let args = ["swap@0.1,swap@0.3,upper", "--seeds", "3", "--languages", "deu,rus,swh", "--output", "out"];
    let out = tatoeba(&args).stderr("").status(0);
    assert_text!("robustness-table", &out.stdout);
    assert_text!("robustness-seeds", read(&out, "out/robustness.csv"));
    assert_text!("robustness-curve", read(&out, "out/curve.csv"));
    let svg = read(&out, "out/curve.svg");
    assert!(svg.contains("accuracy, 3 languages, 3 seeds") && svg.matches("<polyline").count() == 1, "{svg}");
    let summary = json(&read(&out, "out/summary.json"));
    let digest = summary["digest"].as_str().unwrap();
    assert_eq!(out.stdout.lines().last().unwrap(), format!("digest  {}", &digest[..16]));
    assert_eq!(summary["rows"][0]["key"]["perturbation"], "swap@0.1, seeds 1 to 3");
    let printed = tatoeba(&args[..5]).args(["--format", "json"]).status(0).stdout;
    assert_eq!(json(&printed), summary);
}

#[test]
fn other_formats_have_the_same_rows() {
    let args = ["swap=2,lower", "--seeds", "2", "--languages", "deu", "--format"];
    assert_text!("robustness-csv", tatoeba(&args).args(["csv"]).status(0).stdout);
    assert_text!("robustness-markdown", tatoeba(&args).args(["markdown"]).status(0).stdout);
}

#[test]
fn the_clean_value_and_its_key_are_the_tasks() {
    let summary = json(&tatoeba(&["upper", "--languages", "deu", "--format", "json"]).status(0).stdout);
    let task = ["task", "tatoeba", "--model", "fixture-student", "--data", "fixture-bitext", "--languages", "deu"];
    let clean = cell(Test::new().args(task), "deu-eng", "accuracy");
    let row = &summary["rows"][0];
    assert_eq!(row["clean"], clean["value"]);
    let mut key = row["key"].clone();
    key["perturbation"] = Value::Null;
    assert_eq!(key, clean["key"]);
    // Upper case is the same whatever the seed, and what the task says of it.
    let upper = cell(Test::new().args(task).args(["--perturb", "upper", "--seed", "7"]), "deu-eng", "accuracy");
    assert_eq!(upper["value"], row["mean"]);
    assert_eq!(upper["key"]["perturbation"], "upper@1, seed 7");
    assert_eq!(row["deviation"], 0.0);
}

#[test]
fn seeds_are_those_of_the_task_and_of_perturb() {
    let args = ["typo@0.3", "--languages", "swh", "--seed", "4", "--seeds", "2", "--output", "out"];
    let csv = read(&tatoeba(&args).status(0), "out/robustness.csv");
    let lines: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.iter().map(|line| line[2]).collect::<Vec<_>>(), ["", "4", "5"]);
    assert_ne!(lines[1][7], lines[2][7], "other seeds, other rankings");
    let task = ["task", "tatoeba", "--model", "fixture-student", "--data", "fixture-bitext", "--languages", "swh"];
    for line in &lines[1..] {
        let one =
            cell(Test::new().args(task).args(["--perturb", "typo@0.3", "--seed", line[2]]), "swh-eng", "accuracy");
        assert_eq!(one["value"].to_string().parse::<f64>().unwrap(), line[3].parse::<f64>().unwrap());
    }
}

#[test]
fn threads_instruction_sets_and_the_cache_do_not_matter() {
    let args = ["swap,unspace=1", "--seeds", "2", "--languages", "deu,tur"];
    let first = tatoeba(&args).args(["--threads", "1"]).status(0);
    let (printed, folder) = (first.stdout.clone(), first.then());
    let entries = |test: &Test| std::fs::read_dir(test.path("cache/embeddings")).unwrap().count();
    let kept = entries(&folder);
    // Resumed after an interruption: half of what was computed is gone.
    let files = std::fs::read_dir(folder.path("cache/embeddings")).unwrap().map(|file| file.unwrap().path());
    files.step_by(2).for_each(|file| std::fs::remove_file(file).unwrap());
    let again = folder.args(TATOEBA).args(args).args(["--threads", "3"]).stdout(&printed).status(0).then();
    assert_eq!(entries(&again), kept);
    // A second run finds everything.
    let second = again.args(TATOEBA).args(args).stdout(&printed).status(0).then();
    assert_eq!(entries(&second), kept);
    let portable = tatoeba(&args).args(["--no-cache", "--isa", "portable", "--threads", "2"]).stdout(&printed);
    assert!(!portable.status(0).then().path("cache/embeddings").exists());
}

#[test]
fn the_corpus_and_unchanged_queries_are_encoded_once() {
    // German and English sides, and no more: there is nothing to drop in queries without punctuation.
    let test = Test::new()
        .write("d/tatoeba.deu-eng.deu", "das Haus\nder Hund\n")
        .write("d/tatoeba.deu-eng.eng", "the house\nthe dog\n");
    let out =
        test.args(["robustness", "--model", "fixture-student", "--data", "d", "--perturb", "punctuation"]).status(0);
    assert!(out.stdout.contains("deu       punctuation@1        2          2  "), "{}", out.stdout);
    assert_eq!(std::fs::read_dir(out.then().path("cache/embeddings")).unwrap().count(), 2);
}

#[test]
fn lareqa_and_collections_start_from_their_tasks_values() {
    let model = ["--model", "fixture-student", "--query-prefix", "q: "];
    let args = ["robustness", "--data", "data", "--perturb", "swap", "--seeds", "2", "--format", "json"];
    let summary = json(&xquad(Test::new()).args(args).args(model).status(0).stdout);
    let task = xquad(Test::new()).args(["task", "lareqa", "--data", "data"]).args(model);
    let clean = cell(task, "de", "AP(norm='min')@20");
    let row = &summary["rows"][0];
    let mut key = row["key"].clone();
    key["perturbation"] = Value::Null;
    assert_eq!((&row["clean"], &key), (&clean["value"], &clean["key"]));
    assert_eq!(summary["until"], 20);

    let args = ["robustness", "--data", "c", "--perturb", "swap", "--seeds", "2", "--format", "json"];
    let summary = json(&clir(Test::new()).args(args).args(model).status(0).stdout);
    let task = ["task", "clir", "--data", "c", "--systems", "dense", "--measures", "nDCG@10", "--k", "100"];
    let clean = cell(clir(Test::new()).args(task).args(model), "deu", "nDCG@10");
    let row = &summary["rows"][0];
    let mut key = row["key"].clone();
    key["perturbation"] = Value::Null;
    assert_eq!((&row["clean"], &key), (&clean["value"], &clean["key"]));
    let perturbed = clir(Test::new()).args(task).args(model).args(["--perturb", "swap", "--seed", "2"]);
    assert_eq!(cell(perturbed, "deu", "nDCG@10")["key"]["perturbation"], "swap@0.1, seed 2");
}

#[test]
fn from_english_and_with_another_measure() {
    let args =
        ["typo", "--seeds", "1", "--languages", "rus", "--direction", "en-xx", "--measure", "RR@10", "--limit", "20"];
    let summary = json(&tatoeba(&args).args(["--format", "json", "--protect", "0"]).status(0).stdout);
    let row = &summary["rows"][0];
    assert_eq!(
        (&row["script"], &row["level"], &row["queries"]),
        (&Value::from("Latin"), &Value::from(4), &Value::from(20))
    );
    assert_eq!(row["key"]["perturbation"], "typo@0.1, seed 1, protect 0");
    assert_eq!((&row["key"]["measure"], &summary["until"]), (&Value::from("RR@10"), &Value::from(10)));
    assert_eq!(row["key"]["aggregation"], "mean, the first 20");
    assert_eq!(row["deviation"], Value::Null);
}

#[test]
fn lexicons_are_in_the_key_and_few_samples_are_named() {
    let test = tatoeba(&["code-switch@1", "--lexicon", "l.tsv", "--languages", "deu", "--seeds", "2"])
        .option("--samples", "9");
    let out = test.write("l.tsv", "ist\tis\ndas\tthe\n").args(["--format", "json"]);
    let out = out.stderr("--samples 9: of 1 rows none can have a p below 0.100 after Holm\n").status(0);
    let key = json(&out.stdout)["rows"][0]["key"]["perturbation"].as_str().unwrap().to_owned();
    assert!(key.starts_with("code-switch@1, seeds 1 to 2, lexicon ") && key.len() == 37 + 16, "{key}");
}

#[test]
fn what_cannot_be_asked() {
    let own = |data: &str, args: &[&str]| {
        let command = ["robustness", "--model", "fixture-student", "--data", data, "--perturb", "swap"];
        Test::new().args(command).args(args.iter().copied())
    };
    assert_refused(
        "errors-robustness",
        [
            ("an unknown language", tatoeba(&["swap", "--languages", "deu,fra", "--output", "out"])),
            ("code-switch without lexicon", tatoeba(&["code-switch", "--output", "out"])),
            ("one perturbation twice", tatoeba(&["swap,swap@0.1"])),
            ("seeds beyond the last", tatoeba(&["swap", "--seed", "18446744073709551615"])),
            ("no queries", own("d", &[]).write("d/tatoeba.deu-eng.deu", "").write("d/tatoeba.deu-eng.eng", "")),
            ("no such data", own("d", &[]).folder("d")),
            ("a measure without cut-off", tatoeba(&["swap", "--measure", "AP"])),
            ("a measure that counts", tatoeba(&["swap", "--measure", "NumRel"])),
            ("deeper than what is kept", tatoeba(&["swap", "--measure", "nDCG@200"])),
            ("lost deeper than what is kept", tatoeba(&["swap", "--until", "200"])),
            ("an option of another task", tatoeba(&["swap", "--join", "none"])),
            ("a direction that is not there", clir(own("c", &["--direction", "en-xx"]))),
            ("an output that is a file", tatoeba(&["swap", "--output", "out"]).write("out", "")),
            (
                "an output that is a folder",
                tatoeba(&["swap,swap=2,swap=3", "--output", "out"]).folder("out").folder("out/curve.svg"),
            ),
            (
                "a task's code-switch without lexicon",
                Test::new()
                    .args(["task", "tatoeba", "--model", "fixture-student", "--perturb", "code-switch"])
                    .args(["--data", "fixture-bitext"]),
            ),
            (
                "translations, which stay as they are",
                clir(Test::new()).args(["task", "clir", "--data", "c", "--systems", "bm25", "--perturb", "swap"]),
            ),
        ],
    );
    let out = tatoeba(&["swap@0", "--output", "out"]).stdout("").status(2);
    assert!(out.stderr.contains("is no share"), "{}", out.stderr);
}
