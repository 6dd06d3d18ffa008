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
    let test = test.write("here/data/empty.tsv", "");
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
        ("take = 20", "skip = 2000", "here/data/pairs.tsv: of its "),
        ("skip = 20", "skip = 2000", "pairs none is left after `skip` and `take`"),
        (
            "steps = 4",
            "steps = 4\nlongest = 2",
            "swh: no pair of the 20 that are not held out has tokens on both sides",
        ),
        ("steps = 4", "steps = 4\nlayer = 0", "here/config.toml: layer = 0: it must be at least 1"),
        (
            "language = \"swh\", file = \"data/pairs.tsv\", t",
            "language = \"a,b\", file = \"data/pairs.tsv\", t",
            "bitext: language = \"a,b\"",
        ),
        (
            "file = \"data/pairs.tsv\", t",
            "data = \"ntrex\", file = \"../x.tsv\", t",
            "\"../x.tsv\" is not within ntrex",
        ),
        (
            "sinkhorn\"",
            "sinkhorn\", iterations = 0",
            "here/config.toml: objective.tokens.iterations = 0: it must be at least 1",
        ),
        (
            "sinkhorn\"",
            "sinkhorn\", epsilon = 0.0",
            "here/config.toml: objective.tokens.epsilon = 0: it must be above 0, and finite",
        ),
        ("steps = 4", "steps = 4\nadversary = { method = \"pgd\", radius = 1e20 }", "it must be from 0.000001 to 1000"),
        ("steps = 4", "steps = 4\nnoise = { kind = \"code-switch\" }", "code-switch needs a lexicon"),
        ("steps = 4", "steps = 4\nnoise = { kind = \"romanise\" }", "it changes none of the first 100 texts"),
        ("steps = 4", "steps = 4\nheld_out = [{ data = \"./here/data\" }]", "name its `files`"),
        (
            "steps = 4",
            "steps = 4\nheld_out = [{ files = [\"data/empty.tsv\"] }]",
            "no texts: nothing would be held out",
        ),
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
    let refused = distill(&format!("held_out = [{{}}]\n{CONFIG}")).refused();
    assert!(refused.contains("nothing is held out"), "{refused}");
    let refused = distill(CONFIG).remove("here/config.toml").refused();
    assert!(refused.contains("here/config.toml: cannot read: "), "{refused}");
}

#[test]
fn keys_may_be_given_other_values() {
    let run = |config: &str, settings: &[&str]| {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        distill(config).args(["--quiet"]).args(settings)
    };
    let digest = |test: Test| {
        let summary: Value = serde_json::from_slice(&test.status(0).read("out/run.json")).unwrap();
        (summary["configuration_sha256"].clone(), summary["model_sha256"].clone())
    };
    let written =
        CONFIG.replace("steps = 4", "steps = 3\nseed = 2").replace("validation", "noise = { kind = \"upper\" } #");
    let noise = "noise={ kind = 'upper' }";
    let set = digest(run(CONFIG, &["steps=3", "seed = 2", noise, "validation="]));
    assert_eq!(set, digest(run(&written, &[])));
    assert_ne!(set, digest(run(CONFIG, &["steps=3", "seed = 3", noise, "validation="])));
    for (setting, said) in [
        ("seed", "seed: no =; expected KEY=VALUE as in TOML"),
        (".seed=1", "a key is empty"),
        ("seed=x", "expected KEY=VALUE"),
        ("seed=1\nsteps=2", "more than one value"),
        ("sead=1", "here/config.toml: unknown field `sead`"),
        ("seed=-1", "here/config.toml: invalid value"),
        ("steps.x=1", "here/config.toml: steps.x: steps is no table"),
        ("steps=0", "here/config.toml: steps = 0: it must be at least 1"),
        ("adversari=", "here/config.toml: adversari: there is none to take away"),
    ] {
        let error = run(CONFIG, &[setting]).status(2).stderr;
        assert!(error.contains(said), "{setting}: {error}");
    }
}

#[test]
fn all_that_a_data_set_asks_is_held_out() {
    // Two of the sentences that are learned from stand in each of these, in other letters: a query, and a translation.
    let table = std::fs::read_to_string(root().join("fixtures/recipe/sentences.tsv")).unwrap();
    let sentence = |line: usize, column: usize| table.lines().nth(line).unwrap().split('\t').nth(column).unwrap();
    let (english, swahili) = (sentence(2, 0).to_uppercase(), sentence(3, 4).to_uppercase());
    let paragraph = format!(
        r#"{{"data": [{{"paragraphs": [{{"context": "Ja.", "sentence_breaks": [[0, 3]], "qas": [
        {{"id": "a", "question": "{english}", "answers": [{{"answer_start": 0, "text": "Ja"}}]}},
        {{"id": "b", "question": "{swahili}", "answers": [{{"answer_start": 0, "text": "Ja"}}]}}]}}]}}]}}"#
    );
    for (what, files) in [
        ("tatoeba", vec![("tatoeba.xx-eng.xx", swahili.clone()), ("tatoeba.xx-eng.eng", english.clone())]),
        (
            "collection",
            vec![
                ("queries.xx.tsv", format!("q\t{swahili}\n")),
                ("queries.xx.pivot-en.tsv", format!("q\t{english}\n")),
                ("corpus.en.tsv", "d\tx\n".to_owned()),
                ("qrels.xx.txt", "q 0 d 1\n".to_owned()),
            ],
        ),
        ("xquad", vec![("de.json", paragraph)]),
    ] {
        let config = format!("held_out = [{{ data = \"./set\" }}]\n{CONFIG}");
        let test = files.iter().fold(distill(&config), |test, (name, text)| test.write(&format!("set/{name}"), text));
        let summary: Value = serde_json::from_slice(&test.status(0).read("out/run.json")).unwrap();
        assert_eq!(summary["held_out_pairs"], 2, "{what}");
    }
}

#[test]
fn of_bitext_that_is_held_out_both_sides_are() {
    let config = format!("held_out = [{{ files = [\"data/held.tsv\"] }}]\n{CONFIG}");
    let test = distill(&config);
    let pairs = String::from_utf8(std::fs::read(test.path("here/data/pairs.tsv")).unwrap()).unwrap();
    let fields: Vec<Vec<&str>> = pairs.lines().map(|line| line.split('\t').collect()).collect();
    // A pair of which only the translation is known, and one of which only the sentence is.
    let held = format!("a\tnobody says this\t{}\nb\t{}\tsome translation\n", fields[3][2], fields[5][1]);
    let out = test.write("here/data/held.tsv", held).status(0);
    assert!(out.stderr.contains("pairs that are held out, and are not learned from: 2\n"), "{}", out.stderr);
}

#[test]
fn who_stops_early_says_so() {
    let config = CONFIG.replace("steps = 4", "steps = 40").replace("every = 2,", "every = 2, patience = 1,");
    let out = distill(&config).args(["--set", "optimizer.learning_rate=1e-9"]).status(0);
    assert!(
        out.stderr.ends_with("out: 2 steps of 40: validation got no better; the student of step 0\n"),
        "{}",
        out.stderr
    );
}
