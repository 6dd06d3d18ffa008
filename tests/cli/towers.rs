//! Queries and documents encoded by two models: `--document-model`.

use crate::test::{OUT, Test, copy, fixtures, numbers};

const LINES: usize = 60;

fn lines(side: &str) -> String {
    let file = fixtures().join(format!("bitext/v1/tatoeba.swh-eng.{side}"));
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().take(LINES).map(|line| format!("{line}\n")).collect()
}

/// Swahili queries and English documents, a translation each.
fn bitext(command: &str, args: &str) -> Test {
    let (swahili, english) = (lines("swh"), lines("eng"));
    let ids = |text: &str, name: &str| -> String {
        text.lines().enumerate().map(|(i, line)| format!("{name}{i}\t{line}\n")).collect()
    };
    let qrels: String = (0..LINES).map(|i| format!("q{i} 0 d{i} 1\n")).collect();
    let test = Test::new().write("queries.txt", &swahili).write("corpus.txt", &english);
    let test = test.write("t/tatoeba.swh-eng.swh", &swahili).write("t/tatoeba.swh-eng.eng", &english);
    let test = test.write("c/queries.swh.tsv", ids(&swahili, "q")).write("c/corpus.en.tsv", ids(&english, "d"));
    test.write("c/qrels.swh.txt", qrels).args(command.split(' ')).args(args.split(' '))
}

fn embeddings(model: &str, side: &str) -> Vec<Vec<f32>> {
    let args = ["encode", "--model", model, "--input", "texts.txt", "--output", OUT];
    let out = Test::new().write("texts.txt", lines(side)).args(args).status(0).read(OUT);
    let (shape, values) = numbers(&out, "embeddings");
    values.chunks(shape[1]).map(<[f32]>::to_vec).collect()
}

/// The share of queries whose translation is their best document, from what `encode` writes.
fn accuracy(queries: &str, documents: &str) -> f64 {
    let (asked, offered) = (embeddings(queries, "swh"), embeddings(documents, "eng"));
    let cosine = |a: &[f32], b: &[f32]| {
        let inner = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        inner(a, b) / (inner(a, a) * inner(b, b)).sqrt()
    };
    let right = |(i, query): (usize, &Vec<f32>)| {
        let score = |document: &Vec<f32>| cosine(query, document);
        offered.iter().map(score).max_by(f64::total_cmp) == Some(score(&offered[i]))
    };
    asked.iter().enumerate().filter(|one| right(*one)).count() as f64 / LINES as f64
}

const STUDENT: &str = "--model fixture-student --document-model fixture-teacher";

#[test]
fn every_command_searches_the_documents_of_the_other_model() {
    let expected = accuracy("fixture-student", "fixture-teacher");
    let alone = accuracy("fixture-student", "fixture-student");
    assert!(expected != alone, "the test cannot tell the two apart: {expected}");
    let number = format!("{expected:.6}");
    for (command, args) in [
        ("task tatoeba", "--data t"),
        ("task clir", "--data c --systems dense --measures Success@1"),
        ("robustness", "--data t --perturb upper --seeds 1"),
        ("robustness", "--data c --perturb upper --seeds 1 --measure Success@1"),
    ] {
        let out = bitext(command, args).args(STUDENT.split(' ')).args(["--format", "json"]).status(0).stdout;
        assert!(out.contains("student over fixture-teacher"), "{command}: {out}");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let value = json["cells"].as_array().map_or(&json["rows"][0]["clean"], |cells| &cells[0]["value"]);
        assert_eq!(value.as_f64().map(|value| format!("{value:.6}")), Some(number.clone()), "{command}: {out}");
    }
    let files = "--queries queries.txt --corpus corpus.txt";
    let run = bitext("retrieve", files).args(STUDENT.split(' ')).args(["--output", "-", "--k", "1"]).status(0).stdout;
    let fields = run.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let right = fields.filter(|fields| fields[0] == fields[2]).count();
    assert_eq!(right as f64 / LINES as f64, expected, "{run}");
    let attack = "--method random --kind upper --budget 1 --output out";
    let out = bitext("attack", files).args(attack.split(' ')).args(STUDENT.split(' ')).status(0);
    let states = String::from_utf8(out.read("out/states.csv")).unwrap();
    let held = states.lines().filter(|line| line.split(',').nth(2) == Some("0") && line.split(',').nth(4) == Some("1"));
    assert_eq!(held.count() as f64 / LINES as f64, expected, "{states}");
}

#[test]
fn one_model_given_twice_is_one() {
    let tatoeba = |args: &str| bitext("task tatoeba --data t", args).args(["--format", "json"]).status(0).stdout;
    let once = tatoeba("--model fixture-student");
    assert_eq!(tatoeba("--model fixture-student --document-model fixture-student"), once);
    assert_ne!(tatoeba(STUDENT), once);
}

#[test]
fn models_that_do_not_fit_each_other_are_refused() {
    let narrow = |test: Test| {
        copy(&fixtures().join("student"), &test.path("narrow"));
        test.json("narrow/config.json", |config| config["hidden_size"] = 32.into())
    };
    // The parser's own refusal has several lines.
    let error = bitext("task clir", "--data c --systems bm25 --document-model fixture-teacher").status(2).stderr;
    assert!(error.contains("--model <MODEL>"), "{error}");
    let tatoeba = bitext("task tatoeba", "--data t --model fixture-student --document-model narrow");
    let error = narrow(tatoeba).status(2).stderr;
    let expected = "snellen: fixture-student: 64 numbers an embedding, but those of narrow have 32\n";
    assert_eq!(error, expected);
}
