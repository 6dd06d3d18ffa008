//! `snellen task` and `snellen retrieve` on small data, with the fixture student.

use std::path::PathBuf;

use serde_json::Value;

use crate::test::{Test, assert_refused, assert_text, fixtures, root};

fn task(args: &[&str]) -> Test {
    Test::new().args(["task"]).args(args.iter().copied())
}

/// Two languages, one paragraph each; a question that both ask.
pub(crate) fn xquad(test: Test) -> Test {
    let file = |context: &str, breaks: &str, question: &str, start: usize| {
        format!(
            r#"{{"data": [{{"paragraphs": [{{"context": "{context}", "sentence_breaks": {breaks}, "qas": [
            {{"id": "q1", "question": "{question}", "answers": [{{"answer_start": {start}, "text": "x"}}]}}]}}]}}]}}"#
        )
    };
    let english = file("The water is cold. The house is big.", "[[0, 18], [19, 36]]", "How is the water?", 4);
    let german = file("Das Wasser ist kalt. Das Haus ist groß.", "[[0, 20], [21, 39]]", "Wie ist das Wasser?", 4);
    test.write("data/en.json", english).write("data/de.json", german)
}

#[test]
fn lareqa_in_all_views_with_a_run_that_scores_alike() {
    let args = ["lareqa", "--model", "fixture-student", "--data", "data", "--output", "out", "--threads", "2"];
    let out = xquad(task(&args)).stderr("").status(0);
    assert_text!("task-lareqa", &out.stdout);
    let again = out.then().args(["score", "--qrels", "out/lareqa.qrels", "--run", "out/lareqa.run"]);
    let scored = again.args(["--measures", "AP(norm='min')@20 AP", "--digits", "6"]).status(0);
    let pool: Vec<&str> = scored.stdout.lines().map(|line| line.rsplit('\t').next().unwrap()).collect();
    let json = xquad(task(&args)).args(["--format", "json"]).status(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    for (measure, expected) in ["AP(norm='min')@20", "AP"].iter().zip(pool) {
        let cell = json["cells"].as_array().unwrap().iter().find(|cell| {
            cell["key"]["measure"] == *measure && cell["key"]["direction"] == "pool" && cell["key"]["language"] == "all"
        });
        assert_eq!(format!("{:.6}", cell.unwrap()["value"].as_f64().unwrap()), expected);
    }
    assert_eq!(json["languages"], serde_json::json!(["de", "en"]));
}

#[test]
fn mewsli_x_on_the_fixture_and_as_xtreme_evaluates_it() {
    let data = root().join("tests/mewsli-x").display().to_string();
    let args = ["mewsli-x", "--model", "fixture-student", "--data", &data, "--output", "out"];
    let lacking = "the mean leaves out languages that XTREME-R has: ar es fa ja pl ro ta tr uk\n";
    let out = task(&args).stderr(lacking).status(0);
    assert_text!("task-mewsli-x", &out.stdout);
    let labels: Value = serde_json::from_slice(&out.read("out/labels/mewslix/test-de.json")).unwrap();
    assert_eq!(labels, serde_json::json!({"m1": ["Q2"], "m2": ["Q4"], "m3": ["Q3"], "m6": ["Q10"]}));
    let predictions: Value = serde_json::from_slice(&out.read("out/predictions/mewslix/test-en.json")).unwrap();
    assert_eq!(predictions["m4"].as_array().unwrap().len(), 6);
}

#[test]
fn xtremes_evaluation_of_written_tatoeba_predictions_is_the_tables() {
    // XTREME wants all of its 36 languages: each is given the German fixture.
    let languages = "ara,heb,vie,ind,jav,tgl,eus,mal,tam,tel,afr,nld,deu,ell,ben,hin,mar,urd,pes,fra,ita,por,spa,bul,\
                     rus,jpn,kat,kor,tha,swh,cmn,kaz,tur,est,fin,hun";
    let read = |side: &str| std::fs::read(fixtures().join(format!("bitext/v1/tatoeba.deu-eng.{side}"))).unwrap();
    let mut test = Test::new();
    for language in languages.split(',') {
        test = test.write(&format!("data/v1/tatoeba.{language}-eng.{language}"), read("deu"));
        test = test.write(&format!("data/v1/tatoeba.{language}-eng.eng"), read("eng"));
    }
    let test = test.args(["task", "tatoeba", "--model", "fixture-student", "--data", "data"]);
    let out = test.args(["--convention", "xtreme", "--languages", "xtreme", "--output", "out"]).status(0);
    let mean = out.stdout.lines().last().unwrap().split_whitespace().nth(1).unwrap().to_owned();
    let evaluated = out.then().args(["task", "xtreme", "--predictions", "out/predictions", "--labels", "out/labels"]);
    let last = evaluated.status(0).stdout.lines().last().unwrap().to_owned();
    let ours: f64 = last.rsplit('\t').next().unwrap().parse().unwrap();
    assert_eq!((last.rsplit_once('\t').unwrap().0, format!("{ours:.6}")), ("tatoeba\taccuracy\tmean", mean));
}

/// The folder of XTREME's mock data, where it is.
fn mock() -> Option<PathBuf> {
    use std::io::Write as _;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/xtreme-mock");
    if !folder.is_dir() {
        let _ = writeln!(std::io::stderr(), "skipped: XTREME's mock data needs {}", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn xtremes_own_results_on_its_mock_data() {
    let Some(folder) = mock() else { return };
    let path = |part: &str| folder.join(part).display().to_string();
    let out = task(&["xtreme", "--predictions", &path("predictions"), "--labels", &path("labels")]).status(0).stdout;
    let means: Vec<&str> = out.lines().filter(|line| line.contains("\tmean\t")).collect();
    assert_eq!(means, ["tatoeba\taccuracy\tmean\t53.611111111111114", "mewslix\tmap@20\tmean\t14.39025156130419"]);
}

/// A collection with translations.
pub(crate) fn clir(test: Test) -> Test {
    test.write("c/queries.deu.tsv", "q2\tDas Haus ist groß.\nq1\tDas Wasser ist kalt.\nq9\tNichts.\n")
        .write("c/queries.deu.pivot-en.tsv", "q1\tThe water is cold.\nq2\tThe house is big.\n")
        .write("c/qrels.deu.txt", "q1 0 d10 1\nq2 0 d2 2\nq2 0 d1 1\n")
        .write(
            "c/corpus.en.jsonl",
            r#"{"_id": "d2", "title": "Houses", "text": "The house is big."}
{"_id": "d10", "text": "The water is cold."}
{"_id": "d1", "title": "", "text": "My father has a house."}
"#,
        )
}

#[test]
fn clir_with_every_system_and_runs_that_score_alike() {
    let args = ["clir", "--model", "fixture-student", "--data", "c", "--output", "out", "--k", "2"];
    let out = clir(task(&args)).stderr("").status(0);
    assert_text!("task-clir", &out.stdout);
    let lines = String::from_utf8(out.read("out/deu.bm25.run")).unwrap();
    assert!(lines.starts_with("q1 Q0 d10 1 "), "{lines}");
    let scored = out.then().args(["score", "--qrels", "c/qrels.deu.txt", "--run", "out/deu.fused.run"]);
    let scored = scored.args(["--measures", "nDCG@10", "--digits", "6"]).status(0).stdout;
    let json = clir(task(&args)).args(["--format", "json"]).status(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let fused: Vec<&Value> = json["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|cell| {
            cell["key"]["system"].as_str().unwrap().starts_with("rrf") && cell["key"]["measure"] == "nDCG@10"
        })
        .collect();
    assert_eq!(scored.trim_end().rsplit('\t').next().unwrap(), format!("{:.6}", fused[0]["value"].as_f64().unwrap()));
    assert_eq!(fused[0]["key"]["system"], "rrf(c=60): dense + late + bm25(k1=0.9,b=0.4,english), terms of pivot-en");
    assert_eq!(fused[0]["key"]["direction"], "deu-en");
}

#[test]
fn retrieve_writes_one_run_however_it_is_cut_and_packed() {
    let retrieve = |args: &[&str]| {
        let test =
            clir(Test::new()).args(["retrieve", "--queries", "c/queries.deu.tsv", "--corpus", "c/corpus.en.jsonl"]);
        test.args(args.iter().copied())
    };
    let model = ["--model", "fixture-student", "--output", "-"];
    let whole = retrieve(&model).stderr("").status(0).stdout;
    assert_text!("retrieve", &whole);
    let parts: String = ["1/2", "2/2"].iter().map(|i| retrieve(&model).args(["--shard", i]).status(0).stdout).collect();
    assert_eq!(parts, whole);
    let packed = ["--model", "fixture-student", "--output", "r.run.gz", "--ir-metadata", "--tag", "mine"];
    let out = retrieve(&packed).status(0);
    let mut run = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&out.read("r.run.gz")[..]), &mut run).unwrap();
    assert!(run.starts_with("# ir_metadata.start\n# tag: \"mine\"\n") && run.contains("# ir_metadata.end\nq2 Q0 "));
    let same = out.then().write("whole.run", &whole).args(["compare", "whole.run", "r.run.gz", "--identical"]);
    let same = same.stderr(
        "queries with fewer than 1000 documents in both runs, whose rbo counts the ranks that are not there as repro_eval's does (--depth, or rbo_ext): 3 (q1, q2, q9)\n",
    );
    let facts = same.status(0).stdout;
    assert!(facts.contains("same_scores\tall\t3\n") && facts.contains("rbo_ext\tall\t1.000000\n"), "{facts}");
    let lexical = retrieve(&["--bm25", "--analyzer", "plain", "--output", "-"]).status(0).stdout;
    assert_eq!(lexical, "", "no term of the German queries stands in the English documents");
    let late = retrieve(&model).args(["--late-interaction", "--k", "1"]).status(0).stdout;
    assert_eq!(late.lines().count(), 3);
}

#[test]
fn runs_that_differ_fail_where_they_must_be_identical() {
    let test = || Test::new().write("a", "q Q0 x 1 2 t\nq Q0 y 2 1 t\n").write("b", "q Q0 y 1 2 t\nq Q0 x 2 1 t\n");
    test().args(["compare", "a", "b"]).status(0);
    test().args(["compare", "a", "b", "--identical"]).status(1);
    let out = test().args(["compare", "a", "b", "-Q", "--p", "0.5", "--depth", "2"]).status(0).stdout;
    // Overlaps 0 and 2 of 2: (0 + 0.5 · 1) / 1.5, and extrapolated 0.5 · 0.5 + 0.25.
    assert!(out.contains("rbo\tq\t0.333333\nrbo_ext\tq\t0.500000\nkendall_tau_union\tq\t-1.000000\n"), "{out}");
}

#[test]
fn what_cannot_be_done_is_refused() {
    let student = ["--model", "fixture-student"];
    assert_refused(
        "errors-task",
        [
            ("no such language", xquad(task(&["lareqa", "--data", "data", "--languages", "fr"])).args(student)),
            ("no XQuAD-R", task(&["lareqa", "--data", "data"]).folder("data").args(student)),
            ("no model for dense", clir(task(&["clir", "--data", "c"]))),
            ("fused alone", clir(task(&["clir", "--data", "c", "--systems", "bm25,fused"]))),
            ("twice", clir(task(&["clir", "--data", "c", "--systems", "bm25,bm25"]))),
            ("no such part", clir(task(&["clir", "--data", "c", "--systems", "bm25", "--part", "-test-"]))),
            (
                "a judged query without translation",
                clir(task(&["clir", "--data", "c", "--systems", "bm25"])).write("c/queries.deu.pivot-en.tsv", "q1\tx\n"),
            ),
            (
                "an id with a blank",
                clir(task(&["clir", "--data", "c", "--systems", "bm25"])).write("c/corpus.en.jsonl", r#"{"_id": "d 1", "text": "x"}"#),
            ),
            ("no predictions", task(&["xtreme", "--predictions", "p", "--labels", "p"]).folder("p")),
            (
                "a mention of what is not there",
                task(&["mewsli-x", "--data", "m"])
                    .write("m/candidate_set_entities.jsonl", "")
                    .write(
                        "m/wikinews_mentions-test.jsonl",
                        r#"{"context": {"language": "de", "text": "Haus", "sentence_spans": [{"start": 0, "end": 4}]}, "mentions": [{"example_id": "m1", "entity_id": "Q1", "mention_span": {"start": 0, "end": 4, "text": "Haus"}}]}"#,
                    )
                    .args(student),
            ),
            (
                "an entity of no format",
                task(&["mewsli-x", "--data", "m"]).write("m/candidate_set_entities.jsonl", "{\"entity_id\": \"Q1\"}\n").args(student),
            ),
            (
                "a run over a folder",
                clir(Test::new()).folder("out").args(["retrieve", "--bm25", "--queries", "c/queries.deu.tsv", "--corpus", "c/corpus.en.jsonl", "--output", "out"]),
            ),
            ("an output that would replace an input", clir(Test::new()).args(["retrieve", "--bm25", "--queries", "c/queries.deu.tsv", "--corpus", "c/corpus.en.jsonl", "--output", "c/corpus.en.jsonl"])),
            ("a query that would be a comment", Test::new().write("q.tsv", "#1\tx\n").write("c.tsv", "d\tx\n").args(["retrieve", "--bm25", "--queries", "q.tsv", "--corpus", "c.tsv", "--output", "-"])),
            ("standard input twice", Test::new().write("q", "q 0 d 1\n").args(["score", "--qrels", "q", "--run", "-", "--baseline", "-"])),
            ("an output folder that is a file", clir(task(&["clir", "--data", "c", "--systems", "bm25", "--output", "f"])).write("f", "")),
            ("documents without the relevant ones", clir(task(&["clir", "--data", "c", "--systems", "bm25", "--corpus", "o.tsv"])).write("o.tsv", "d99\tx\n")),
            ("no mention", task(&["mewsli-x", "--data", "m"]).write("m/candidate_set_entities.jsonl", "").write("m/wikinews_mentions-test.jsonl", "").args(student)),
            (
                "a language that leads elsewhere",
                task(&["mewsli-x", "--data", "m"])
                    .write("m/candidate_set_entities.jsonl", "")
                    .write("m/wikinews_mentions-test.jsonl", r#"{"context": {"language": "../x", "text": "", "sentence_spans": []}, "mentions": []}"#)
                    .args(student),
            ),
            ("nothing in common", Test::new().write("a", "p Q0 x 1 2 t\n").write("b", "q Q0 y 1 2 t\n").args(["compare", "a", "b"])),
        ],
    );
}
