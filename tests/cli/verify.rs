//! `snellen verify`: what holds, what does not, and what cannot be told.

use std::process::Stdio;

use serde_json::Value;

use crate::test::{Test, assert_refused, assert_text, root};

/// The built-in student's claim as a file of one's own.
fn copy() -> Test {
    let read =
        |extension: &str| std::fs::read_to_string(root().join(format!("claims/fixture-student.{extension}"))).unwrap();
    let toml = read("toml").replace("fixture-student.csv", "copy.csv");
    Test::new().write("copy.toml", toml).write("copy.csv", read("csv")).args(["verify", "copy.toml"])
}

/// The copy with some text of its two files exchanged.
fn altered(from: &str, to: &str) -> Test {
    let exchange = |bytes: &mut Vec<u8>| {
        *bytes = String::from_utf8(bytes.clone()).unwrap().replace(from, to).into_bytes();
    };
    let test = copy();
    let both = ["copy.toml", "copy.csv"].map(|file| std::fs::read_to_string(test.path(file)).unwrap()).concat();
    assert!(both.contains(from), "{from}");
    test.bytes("copy.toml", exchange).bytes("copy.csv", exchange)
}

/// The verdicts other than `identical`, each with its language and measure.
fn exceptions(json: &[u8]) -> Vec<String> {
    let json: Value = serde_json::from_slice(json).unwrap();
    let cells = json["claims"].as_array().unwrap().iter().flat_map(|claim| claim["cells"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let told = cells.filter(|cell| cell["verdict"] != "identical");
    told.map(|c| [&c["key"]["language"], &c["key"]["measure"], &c["verdict"]].map(text).join(" ")).collect()
}

#[test]
fn a_copy_of_a_claim_holds_too() {
    let out = copy().args(["--format", "json"]).stderr("").status(0);
    assert!(exceptions(out.stdout.as_bytes()).is_empty());
}

#[test]
fn one_altered_digit_is_one_verdict() {
    for (to, verdict) in [("0.8101851851851852", "differs"), ("0.8101851851851850", "higher")] {
        let out =
            altered("deu-eng,f1,0.8101851851851851", &format!("deu-eng,f1,{to}")).args(["--format", "json"]).status(1);
        assert_eq!(exceptions(out.stdout.as_bytes()), [format!("deu-eng f1 {verdict}")]);
    }
}

#[test]
fn one_altered_digest_is_told_with_both() {
    let out = altered("0.8472222222222222,f1ad6dcf", "0.8472222222222222,00000000").status(1);
    assert!(out.stdout.contains("f1ad6dcf") && out.stdout.contains("recorded 00000000"), "{}", out.stdout);
}

/// A bitext of one's own of so many lines, and the claim about it.
fn bitext(german: &str, english: &str) -> Test {
    let test = altered("\"fixture-bitext\"", "\"./data\"");
    let csv = "language,measure,value,digest\ndeu-eng,accuracy,1.0,\n";
    test.write("copy.csv", csv)
        .write("data/v1/tatoeba.deu-eng.deu", german)
        .write("data/v1/tatoeba.deu-eng.eng", english)
}

#[test]
fn claims_that_cannot_be_checked() {
    let broken = |toml: &str| copy().write("copy.toml", toml);
    let cases = [
        ("an unknown claim", Test::new().args(["verify", "nosuch"])),
        ("an unknown file", Test::new().args(["verify", "nosuch.toml"])),
        ("an unknown folder", Test::new().args(["verify", "--claims", "nosuch"])),
        ("an unknown measure", altered("deu-eng,f1,", "deu-eng,f2,")),
        ("an unknown language", altered("deu-eng,", "xyz-eng,")),
        ("an unknown language, asked for", copy().args(["--languages", "xyz-eng"])),
        ("an unknown model", altered("\"fixture-student\"\ndata", "\"nosuch\"\ndata")),
        ("an unknown data set", altered("\"fixture-bitext\"", "\"nosuch\"")),
        ("no such folder of data", altered("\"fixture-bitext\"", "\"./nosuch\"")),
        ("no such layer", altered("prefix = \"\"", "layer = 3")),
        ("no pooling", altered("prefix = \"\"", "pooling = \"none\"")),
        ("no file of cells", copy().remove("copy.csv")),
        ("not UTF-8", copy().bytes("copy.csv", |bytes| bytes[40] = 0xff)),
        ("not a number", altered("deu-eng,f1,0.81", "deu-eng,f1,O.81")),
        ("broken TOML", broken("id = \"copy\"\ntitle = \n")),
        ("an unknown field", altered("convention =", "konvention =")),
        ("sides of unequal length", bitext("eins\nzwei\n", "one\n")),
        ("no sentence", bitext("", "")),
        ("a side is missing", bitext("eins\n", "one\n").remove("data/v1/tatoeba.deu-eng.eng")),
        ("a side is not UTF-8", bitext("eins\n", "one\n").write("data/v1/tatoeba.deu-eng.deu", b"eins\n\xff")),
    ];
    assert_refused("errors-claims", cases);
}

#[test]
fn data_of_ones_own_is_read() {
    let csv = bitext("eins\n", "one\n").args(["--format", "csv"]).status(0).stdout;
    assert!(csv.contains("deu-eng") && csv.contains("reproduced"), "{csv}");
}

const REAL: &str = "mteb-tatoeba-all-MiniLM-L6-v2";

#[test]
fn what_is_not_here_is_blocked_and_says_how_to_get_it() {
    for (require, status) in [("available", 0), ("all", 2)] {
        let args = ["verify", REAL, "--require", require, "--languages", "afr-eng", "--format", "json"];
        let note = "snellen: 4 cells are blocked: nothing was found out about them\n";
        let json: Value = serde_json::from_str(&Test::new().args(args).stderr(note).status(status).stdout).unwrap();
        assert_eq!((&json["counts"]["blocked"], &json["claims"][0]["cells"][0]["value"]), (&4.into(), &Value::Null));
        let why = json["claims"][0]["cells"][0]["why"].as_str().unwrap();
        assert!(
            why.contains("`snellen data fetch tatoeba`")
                && why.contains(&format!("`snellen data fetch {}`", &REAL[13..])),
            "{why}"
        );
    }
}

#[test]
fn a_cell_that_fails_outweighs_one_that_is_blocked() {
    let test = altered("deu-eng,f1,0.8101851851851851", "deu-eng,f1,0.7").args([REAL, "--require", "all"]);
    test.status(1);
}

#[test]
fn a_report_goes_where_it_is_asked_to() {
    let expected = Test::new().args(["verify", "--format", "json"]).status(0).stdout;
    let out =
        Test::new().args(["verify", "--format", "json", "--output", "new/f.json"]).stdout("").stderr("").status(0);
    assert_eq!(out.read("new/f.json"), expected.as_bytes());
    let line = Test::new().folder("f").args(["verify", "--output", "f"]).refused();
    assert_eq!(line, "snellen: f: cannot be written: it is there and not a file\n");
}

#[test]
fn junit_is_xml_with_a_case_a_cell() {
    let junit = altered("deu-eng,f1,0.81", "deu-eng,f1,0.99").args(["--format", "junit"]).status(1).stdout;
    let mut reader = quick_xml::Reader::from_str(&junit);
    let (mut cases, mut failures) = (0, 0);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(e) | quick_xml::events::Event::Empty(e) => {
                cases += u32::from(e.name().as_ref() == "testcase");
                failures += u32::from(e.name().as_ref() == "failure");
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((cases, failures), (20, 1));
}

/// The exit status where nobody reads what is printed.
fn unread(test: &Test) -> Option<i32> {
    let mut child = test.command().stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    child.wait().unwrap().code()
}

#[test]
fn a_reader_that_stops_early_changes_no_verdict() {
    for format in ["table", "json", "csv", "markdown", "junit"] {
        assert_eq!(unread(&copy().args(["--format", format])), Some(0), "{format}");
    }
    assert_eq!(unread(&altered("deu-eng,f1,0.81", "deu-eng,f1,0.99")), Some(1));
    assert_eq!(unread(&Test::new().args(["verify", REAL, "--require", "all"])), Some(2));
    for args in [&["verify", "--list"][..], &["doctor"], &["data", "list"], &["completions", "bash"]] {
        assert_eq!(unread(&Test::new().args(args.iter().copied())), Some(0), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let out = copy().command().stdout(full).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(said, "snellen: standard output: No space left on device (os error 28)\n");
}

/// Twenty queries; in `better` the run finds the document first in all but two, in `same` in as many as the baseline.
fn compared(kind: &str, margin: &str) -> Test {
    let toml = format!(
        "id = \"c\"\ntitle = \"One beats the other\"\nkind = \"{kind}\"\n[source]\ntitle = \"Ours\"\nrecorded = true\n\
         [comparison]\nmeasures = [\"RR\"]\n{margin}\n\
         [[comparison.pairs]]\nlanguage = \"swa\"\nqrels = \"q.qrels\"\nrun = \"better.run\"\nbaseline = \"base.run\"\n\
         [[comparison.pairs]]\nlanguage = \"bem\"\nqrels = \"q.qrels\"\nrun = \"same.run\"\nbaseline = \"base.run\"\n"
    );
    let run = |first: &dyn Fn(usize) -> bool| -> String {
        (0..20).map(|q| format!("q{q} Q0 a 1 {} t\nq{q} Q0 b 2 2 t\n", if first(q) { 3 } else { 1 })).collect()
    };
    Test::new()
        .write("claims/c.toml", toml)
        .write("claims/q.qrels", (0..20).map(|q| format!("q{q} 0 a 1\n")).collect::<String>())
        .write("claims/base.run", run(&|q| q % 2 == 0))
        .write("claims/better.run", run(&|q| q > 1))
        .write("claims/same.run", run(&|q| q % 2 == 1))
        .args(["verify", "claims/c.toml", "--format", "csv"])
}

#[test]
fn one_system_beats_another_where_chance_does_not_explain_it() {
    let out = compared("greater", "").status(1).stdout;
    assert_text!("verify-greater", &out);
    compared("greater", "").args(["--languages", "swa"]).status(0);
    let missing = compared("greater", "").remove("claims/same.run").status(0).stdout;
    assert!(missing.contains("blocked") && missing.contains("claims/same.run is not here"), "{missing}");
}

#[test]
fn one_system_is_no_worse_than_another_by_a_margin() {
    // Without a difference in the mean, the interval reaches further down than a tenth, but not than a half.
    compared("non-inferior", "margin = 0.1").status(1);
    let out = compared("non-inferior", "margin = 0.5").status(0).stdout;
    assert_text!("verify-non-inferior", &out);
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    let broken = compared("greater", "").write("claims/better.run", "q1 Q0 a 1 x t\n").refused();
    assert_eq!(broken, "snellen: claims/better.run, line 1: the score x is not a number\n");
    // Judged queries that a run lacks count 0, which is told; a run that lacks all of them is the wrong one.
    let lines = |name: &str, count: usize| {
        let cut = move |run: &mut Vec<u8>| {
            let text = String::from_utf8(std::mem::take(run)).unwrap();
            *run = text.lines().take(count).map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        };
        compared("greater", "").bytes(&format!("claims/{name}"), cut)
    };
    let some = lines("base.run", 10).option("--format", "json").status(0).stdout;
    assert!(some.contains("20 queries, of which the run lacks 0 and the baseline 15: these count 0"), "{some}");
    for file in ["base.run", "better.run"] {
        let none = "none of the 20 queries that claims/q.qrels judges is in it\n";
        assert_eq!(lines(file, 0).refused(), format!("snellen: claims/{file}: {none}"));
        let other = compared("greater", "").write(&format!("claims/{file}"), "p Q0 a 1 1 t\n").refused();
        assert_eq!(other, format!("snellen: claims/{file}: {none}"));
    }
    let empty = compared("greater", "").write("claims/q.qrels", "").refused();
    assert!(empty.contains("claims/q.qrels"), "{empty}");
}

#[test]
fn languages_are_looked_for_in_all_claims() {
    let claims = |language: &str| {
        let blocked = "id = \"d\"\ntitle = \"Nobody knows\"\nkind = \"blocked\"\nmissing = \"all\"\n[source]\ntitle = \"Ours\"\nrecorded = true\n";
        compared("greater", "").write("claims/d.toml", blocked).args(["claims/d.toml", "--languages", language])
    };
    let out = claims("swa").status(0).stdout;
    assert!(out.contains("swa") && !out.contains("bem") && !out.contains("blocked"), "{out}");
    assert_eq!(claims("deu").refused(), "snellen: none of 2 claims has a cell of language deu\n");
}

#[test]
fn of_several_runs_of_a_system_each_querys_mean_counts() {
    let seeds = |better: &str, base: &str| {
        let change = |toml: &mut Vec<u8>| {
            let text = String::from_utf8(std::mem::take(toml)).unwrap();
            *toml = text.replace("\"base.run\"", base).replace("\"better.run\"", better).into_bytes();
        };
        compared("greater", "").bytes("claims/c.toml", change).args(["--languages", "swa"])
    };
    // Reciprocal ranks: 0.95, and twice 0.75 of different queries; too few to tell the difference from chance.
    let out = seeds("[\"better.run\", \"same.run\"]", "[\"base.run\"]").option("--format", "json").status(1).stdout;
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let cell = &json["claims"][0]["cells"][0];
    assert!((cell["value"].as_f64().unwrap() - 0.1).abs() < 1e-12, "{out}");
    assert_eq!(cell["key"]["model"], "better.run + same.run");
    let same = seeds("[\"same.run\", \"base.run\"]", "[\"base.run\", \"same.run\"]").status(1).stdout;
    assert!(same.contains("p = 1.000000 (randomisation, Holm), d_z = 0.0000, 20 queries"), "{same}");
    let missing = seeds("[\"better.run\", \"other.run\"]", "\"base.run\"").status(0).stdout;
    assert!(missing.contains("claims/other.run is not here"), "{missing}");
    let none = seeds("[]", "\"base.run\"").refused();
    assert!(none.ends_with("pair swa of `comparison` has no run\n"), "{none}");
}

#[test]
fn a_pair_may_stand_for_several_or_take_their_queries_together() {
    let pairs = |language: &str, list: &str| {
        let (qrels, baseline) = if list == "together" { ("{}.qrels", "{}-base.run") } else { ("q.qrels", "base.run") };
        let change = |toml: &mut Vec<u8>| {
            let text = String::from_utf8(std::mem::take(toml)).unwrap();
            let (head, _) = text.split_once("[[comparison.pairs]]").unwrap();
            *toml = format!(
                "{head}[[comparison.pairs]]\nlanguage = \"{language}\"\n{list} = [\"better\", \"same\"]\n\
                 qrels = \"{qrels}\"\nrun = \"{{}}.run\"\nbaseline = \"{baseline}\"\n"
            )
            .into_bytes();
        };
        let mut test = compared("greater", "");
        // The same judgements and baseline for all, or for each its own.
        for name in ["better", "same"] {
            let copy = |test: &Test, file: &str| std::fs::read(test.path(&format!("claims/{file}"))).unwrap();
            let (judged, base) = (copy(&test, "q.qrels"), copy(&test, "base.run"));
            test = test.write(&format!("claims/{name}.qrels"), judged).write(&format!("claims/{name}-base.run"), base);
        }
        test.bytes("claims/c.toml", change)
    };
    let cells = |out: &str| -> Vec<serde_json::Value> {
        let json: serde_json::Value = serde_json::from_str(out).unwrap();
        json["claims"][0]["cells"].as_array().unwrap().clone()
    };
    let written = cells(&compared("greater", "").option("--format", "json").status(1).stdout);
    let each = cells(&pairs("{}-typed", "each").option("--format", "json").status(1).stdout);
    assert_eq!(each.len(), 2);
    for ((one, other), name) in each.iter().zip(&written).zip(["better", "same"]) {
        assert_eq!((&one["value"], &one["why"]), (&other["value"], &other["why"]));
        assert_eq!(one["key"]["model_sha256"], other["key"]["model_sha256"]);
        assert_eq!(one["key"]["language"], format!("{name}-typed"));
    }
    pairs("{}-typed", "each").args(["--languages", "better-typed"]).status(0);
    // Forty queries; 0.95 and 0.75 against 0.75.
    let together = cells(&pairs("both", "together").option("--format", "json").status(1).stdout);
    assert_eq!(together.len(), 1);
    assert!((together[0]["value"].as_f64().unwrap() - 0.1).abs() < 1e-12, "{together:?}");
    assert!(together[0]["why"].as_str().unwrap().ends_with(", 40 queries"), "{together:?}");
    assert_eq!(together[0]["key"]["model"], "{}.run");

    let missing = pairs("both", "together").remove("claims/same.run").status(0).stdout;
    assert!(missing.contains("blocked") && missing.contains("claims/same.run is not here"), "{missing}");
    let half = |field: &str| {
        let change = |toml: &mut Vec<u8>| {
            let text = String::from_utf8(std::mem::take(toml)).unwrap();
            *toml = text.replace(&format!("{field} = \"{{}}"), &format!("{field} = \"better")).into_bytes();
        };
        pairs("both", "together").bytes("claims/c.toml", change)
    };
    for (test, said) in [
        (pairs("both", "each"), "has `each`: {} belongs into its language and its runs"),
        (pairs("{}", "together"), "has `together`: {} belongs into all its files, not its language"),
        (half("baseline"), "has `together`: {} belongs into all its files, not its language"),
        (half("qrels"), "has `together`: {} belongs into all its files, not its language"),
        (pairs("{}", "each = [\"a\"]\ntogether"), "has `each` and `together`: only one can be"),
    ] {
        let refused = test.refused();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn the_ledger_says_of_each_statement_whether_it_holds_or_what_is_missing() {
    // A copy: beside the original there may be runs of the experiment.
    let config = "experiments/low-resource.toml";
    let mut test = Test::new().write(config, std::fs::read(root().join(config)).unwrap());
    for claim in std::fs::read_dir(root().join("claims/ledger")).unwrap() {
        let path = claim.unwrap().path();
        let name = format!("claims/ledger/{}", path.file_name().unwrap().display());
        test = test.write(&name, std::fs::read(path).unwrap());
    }
    let out = test.args(["verify", "--claims", "claims/ledger", "--format", "json"]).status(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let claims = json["claims"].as_array().unwrap();
    let ids: Vec<&str> = claims.iter().map(|claim| claim["id"].as_str().unwrap()).collect();
    let all: Vec<String> = (1..=17).map(|i| format!("c{i:02}")).collect();
    assert_eq!(ids, all);
    let verdicts = |claim: &serde_json::Value| -> Vec<String> {
        let cells = claim["cells"].as_array().unwrap();
        cells.iter().map(|cell| cell["verdict"].as_str().unwrap().to_owned()).collect()
    };
    // Whatever needs neither data nor the runs of the experiment is decided here.
    for id in ["c03", "c05", "c06", "c09", "c10", "c11", "c12", "c13", "c16"] {
        let claim = claims.iter().find(|claim| claim["id"] == id).unwrap();
        assert!(verdicts(claim).iter().all(|verdict| verdict == "reproduced"), "{claim:#}");
    }
    for id in ["c04", "c07"] {
        let claim = claims.iter().find(|claim| claim["id"] == id).unwrap();
        assert_eq!(verdicts(claim), ["blocked"]);
    }
}

#[test]
fn a_statement_that_is_not_so_differs() {
    let config = std::fs::read_to_string(root().join("experiments/low-resource.toml")).unwrap();
    let property = |body: &str| {
        let claim = format!(
            "id = \"p\"\ntitle = \"So it is\"\nkind = \"property\"\n[source]\ntitle = \"Ours\"\nrecorded = true\n[property]\n{body}\n"
        );
        let qrels: String = (0..5).map(|q| format!("q{q} 0 d 1\n")).collect();
        let queries: String = (0..5).map(|q| format!("q{q}\tswali\n")).collect();
        let test = Test::new().write("claims/p.toml", claim).write("claims/c.toml", &config);
        let test = test.write("c/qrels.swh.txt", qrels).write("c/queries.swh.tsv", queries);
        test.write("c/corpus.en.tsv", "d\tx\n").args(["verify", "claims/p.toml", "--format", "csv"])
    };
    for (body, status, said) in [
        ("check = \"manifests\"\nsay = [\"mmarco: machine translated\"]", 0, "machine translated"),
        ("check = \"manifests\"\nsay = [\"mmarco: written by hand\"]", 1, "written by hand"),
        ("check = \"manifests\"\nsay = [\"nosuch: x\"]", 0, "no manifest of nosuch"),
        ("check = \"manifests\"\nsay = [\"mmarco: \"]", 2, ""),
        ("check = \"judged-queries\"\ndata = [\"./c\"]\nbelow = 6", 0, "swh 5"),
        ("check = \"judged-queries\"\ndata = [\"./c\"]\nbelow = 5", 1, "swh 5"),
        ("check = \"judged-queries\"\ndata = [\"ciral\"]\nbelow = 5", 0, "run `snellen data fetch ciral`"),
        ("check = \"languages\"\nconfig = \"c.toml\"\nat_least = 8\nlow_resource = 6", 0, "amh, hau, mar"),
        ("check = \"languages\"\nconfig = \"c.toml\"\nat_least = 9\nlow_resource = 6", 1, "amh, hau, mar"),
        ("check = \"languages\"\nconfig = \"c.toml\"\nat_least = 8\nlow_resource = 7", 1, "amh, hau, mar"),
        ("check = \"bitext\"\nconfig = \"c.toml\"\nat_most = 10", 0, "run `snellen data fetch"),
    ] {
        let out = property(body).status(status).stdout;
        assert!(out.contains(said), "{body}: {out}");
    }
    let error = property("check = \"bitext\"\nconfig = \"none.toml\"\nat_most = 10").refused();
    assert!(error.contains("claims/none.toml: cannot read"), "{error}");
}

#[test]
fn an_explanation_leads_from_the_cell_to_the_bytes() {
    let out = Test::new().args(["verify", "fixture-student", "--explain", "--languages", "deu-eng"]).status(0);
    assert_text!("verify-explain", &out.stdout);
    // The command that it gives makes each number again.
    let words = |text: &str, name: &str| -> Vec<String> {
        let of = |line: &str| line.trim_start().strip_prefix(name).map(|rest| rest.trim().to_owned());
        text.lines().filter_map(of).collect()
    };
    let (commands, values) = (words(&out.stdout, "command"), words(&out.stdout, "ours"));
    assert_eq!((commands.len(), values.len()), (4, 4));
    let args = commands[0].strip_prefix("snellen ").unwrap().split(' ');
    let again = Test::new().args(args).args(["--format", "json"]).status(0).stdout;
    let json: Value = serde_json::from_str(&again).unwrap();
    let found: Vec<String> = json["cells"].as_array().unwrap().iter().map(|cell| cell["value"].to_string()).collect();
    assert_eq!(found, values);
    // Of what is not here, of comparisons and of properties too.
    let blocked = Test::new().args(["verify", REAL, "--explain", "--languages", "afr-eng"]).status(0).stdout;
    assert!(
        blocked.contains("blocked: nothing could be computed") && blocked.contains("snellen data fetch"),
        "{blocked}"
    );
    let compared = compared("greater", "").args(["--languages", "swa", "--explain"]);
    let refused = compared.status(2).stderr;
    assert!(refused.contains("cannot be used with"), "{refused}");
}

#[test]
fn a_repository_keeps_its_claims() {
    let kept = |text: &str| compared("greater", "").write("snellen.toml", text);
    let verify = |text: &str| {
        let mut test = kept(text);
        test = test.then_args(&["verify", "--format", "csv"]);
        test
    };
    let out = verify("claims = [\"claims/c.toml\", \"fixture-teacher\"]").status(1).stdout;
    assert!(out.contains("fixture-teacher") && out.contains("\nc,comparison,"), "{out}");
    let out = verify("folders = [\"claims\"]").status(1).stdout;
    assert_eq!(out.lines().count(), 3, "{out}");
    // The list itself is no claim, and --list knows what is kept.
    assert_eq!(verify("folders = [\".\", \"claims\"]").status(2).stderr, "snellen: .: no claim (*.toml) in it\n");
    assert!(
        kept("folders = [\"claims\"]")
            .then_args(&["verify", "--list"])
            .status(0)
            .stdout
            .contains("One beats the other")
    );
    let folder = kept("folders = [\"claims\"]").then_args(&["verify", "claims"]).refused();
    assert!(folder.contains("claims is a folder: --claims claims checks"), "{folder}");
    let json = kept("folders = [\"claims\"]").then_args(&["verify", "--output", "out.json"]).status(1).read("out.json");
    assert!(json.starts_with(b"{"));
    // In a folder of the repository it holds too, and its paths begin at it; above the repository, or outside of one, a file is not ours.
    let deep = |repository: &str, script| {
        let test = kept("folders = [\"claims\"]").folder("deep").folder(repository);
        test.then_args(&["verify", "--format", "csv"]).within(script)
    };
    let below = deep(".git", "cd deep && exec \"$0\" \"$@\"").status(1);
    assert!(below.stdout.contains("\nc,comparison,") && below.stderr.contains("claims of ../snellen.toml"));
    for repository in ["deep/.git", "none"] {
        let out = deep(repository, "cd deep && exec \"$0\" \"$@\"").status(0).stdout;
        assert!(!out.contains("\nc,comparison,"), "{out}");
    }
    let nowhere = deep(".git", "ln -s nowhere deep/snellen.toml && cd deep && exec \"$0\" \"$@\"").status(2).stderr;
    assert!(nowhere.contains("snellen.toml: cannot read"), "{nowhere}");
    // What is asked for by name is not what is kept.
    let named = kept("folders = [\"claims\"]").then_args(&["verify", "fixture-student"]);
    assert!(!named.status(0).stdout.contains("One beats the other"));
    let blocked = |text: &str| verify(text).remove("claims/better.run").remove("claims/same.run");
    blocked("folders = [\"claims\"]").status(0);
    blocked("folders = [\"claims\"]\nrequire = \"all\"").status(2);
    blocked("folders = [\"claims\"]\nrequire = \"all\"").args(["--require", "available"]).status(0);
    let bytes = kept("").write("snellen.toml", b"# d\xe9j\xe0 vu\n").then_args(&["verify"]).refused();
    assert!(bytes.contains("snellen.toml, line 1: not UTF-8"), "{bytes}");
    for (text, said) in [
        ("folders = []", "snellen.toml: it names no claims"),
        ("\nclaim = [\"x\"]", "snellen.toml, line 2: unknown field `claim`"),
        ("folders = [\"none\"]", "none: cannot read the folder"),
        ("claims = [\"none\"]", "no claim none"),
    ] {
        let refused = verify(text).refused();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn a_bundle_is_all_it_takes_to_check_again() {
    let paper =
        || compared("greater", "").write("snellen.toml", "folders = [\"claims\"]\nclaims = [\"fixture-teacher\"]");
    let made = paper().then_args(&["verify", "--bundle", "paper.zip"]).status(1);
    assert!(made.stderr.contains("paper.zip: 2 claims, "), "{}", made.stderr);
    let bundle = made.read("paper.zip");
    // The same again, byte for byte.
    assert_eq!(paper().then_args(&["verify", "--bundle", "paper.zip"]).status(1).read("paper.zip"), bundle);
    let elsewhere = |bytes: &[u8]| Test::new().write("b.zip", bytes).args(["verify", "b.zip", "--format", "csv"]);
    let checked = elsewhere(&bundle).status(1);
    assert!(checked.stdout.contains("\nc,comparison,") && checked.stdout.contains("fixture-teacher"));
    assert!(checked.stderr.contains("that are not: 0; computed only here or only there: 0"), "{}", checked.stderr);

    // A member edited, and what bundle.json says of it too, if it is to pass for whole.
    let rewritten = |member: &str, whole: bool, edit: &dyn Fn(String) -> Option<String>| {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bundle)).unwrap();
        let mut members = std::collections::BTreeMap::new();
        for i in 0..archive.len() {
            let mut file = archive.by_index(i).unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut file, &mut text).unwrap();
            members.insert(file.name().unwrap().into_owned(), text);
        }
        let before = members.remove(member).unwrap_or_default();
        let after = edit(before.clone());
        if let (Some(after), true) = (&after, whole) {
            let digest = |text: &str| snellen::data::digest::of_bytes(text.as_bytes());
            let contents = members.get_mut("bundle.json").unwrap();
            *contents = contents.replace(&digest(&before), &digest(after));
        }
        members.extend(after.map(|after| (member.to_owned(), after)));
        let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in members {
            out.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut out, text.as_bytes()).unwrap();
        }
        out.finish().unwrap().into_inner()
    };
    let edited = |member: &str, edit: &dyn Fn(String) -> String| {
        rewritten(member, member != "bundle.json", &|text| Some(edit(text)))
    };
    // A value that its author did not find; cells that it does not tell of, or tells of and has not.
    let other = edited("bundle.json", &|text| text.replacen("\"value\": 0.", "\"value\": 0.1", 1));
    let said = elsewhere(&other).status(1).stderr;
    assert!(said.contains("not as the bundle says") && said.contains("that are not: 1;"), "{said}");
    // Another model of that name.
    let needs = edited("bundle.json", &|text| {
        let (before, needs) = text.split_once("\"needs\": [").unwrap();
        format!("{before}\"needs\": [{}", needs.replacen("\"sha256\": \"", "\"sha256\": \"0", 1))
    });
    let said = elsewhere(&needs).status(1).stderr;
    assert!(
        said.contains(": not the data or model that the bundle names") && said.contains("that are not: 0;"),
        "{said}"
    );
    let without = edited("bundle.json", &|text| {
        let mut contents: Value = serde_json::from_str(&text).unwrap();
        contents["report"]["claims"].as_array_mut().unwrap().remove(1);
        contents.to_string()
    });
    assert!(elsewhere(&without).status(1).stderr.contains("c, swa, RR: not as the bundle says"));
    let renamed = edited("bundle.json", &|text| text.replace("\"id\": \"c\"", "\"id\": \"e\""));
    assert!(elsewhere(&renamed).status(1).stderr.contains("that are not: 4;"));
    // Files that are not those that were put into it.
    let run = "files/better.run";
    for (bytes, what) in [
        (rewritten(run, false, &|text| Some(text + "\n")), "b.zip: files/better.run: SHA-256 "),
        (rewritten(run, false, &|_| None), "b.zip: files/better.run: bundle.json names it, and it cannot be read"),
        (
            rewritten("files/other", false, &|_| Some(String::new())),
            "b.zip: it has files that bundle.json does not name",
        ),
        (rewritten("files/c.toml/x", false, &|_| Some(String::new())), "b.zip: member \"files/c.toml/x\": "),
    ] {
        let refused = elsewhere(&bytes).refused();
        assert!(refused.contains(what), "{refused}");
    }
    // What its author did not have is missing wherever it is checked, and said to be missing in it.
    let partly =
        paper().remove("claims/same.run").then_args(&["verify", "--bundle", "paper.zip"]).status(0).read("paper.zip");
    let partly = elsewhere(&partly).status(0).stdout;
    assert!(
        partly.contains(",blocked,,files/same.run is not here") || partly.contains("blocked,,\"files/same.run"),
        "{partly}"
    );
    let explained = Test::new().write("b.zip", &bundle).args(["verify", "b.zip", "--explain"]).status(1).stdout;
    assert!(explained.contains("command    snellen verify b.zip"), "{explained}");

    let elsewhere_claimed = edited("bundle.json", &|text| {
        let mut contents: Value = serde_json::from_str(&text).unwrap();
        contents["claims"][0] = "../c.toml".into();
        contents.to_string()
    });
    let claimed_twice = edited("bundle.json", &|text| {
        let mut contents: Value = serde_json::from_str(&text).unwrap();
        contents["claims"] = vec!["files/c.toml"; 2].into();
        contents.to_string()
    });
    for (bytes, what) in [
        (edited("bundle.json", &|_| "{}".to_owned()), "is not of a version that this program knows"),
        (elsewhere_claimed, "is no claim of it"),
        (claimed_twice, "b.zip: bundle.json: \"files/c.toml\" stands twice among its claims"),
        (bundle[..bundle.len() / 2].to_vec(), "b.zip: no bundle"),
        (b"PK".to_vec(), "b.zip: no bundle"),
    ] {
        let refused = elsewhere(&bytes).refused();
        assert!(refused.contains(what), "{refused}");
    }
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    out.start_file("../escaped", zip::write::SimpleFileOptions::default()).unwrap();
    let refused = elsewhere(&out.finish().unwrap().into_inner()).refused();
    assert!(refused.contains("would leave its folder"), "{refused}");
    // A bomb.
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    out.start_file("bundle.json", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut out, &vec![b' '; (64 << 20) + 1]).unwrap();
    let refused = elsewhere(&out.finish().unwrap().into_inner()).refused();
    assert!(refused.contains("unpacks to more than 67108864 bytes"), "{refused}");
    // What would lead out of it, or replace what is checked.
    let toml = "files/c.toml";
    let out = edited(toml, &|text| text.replace("better.run", "../../../better.run"));
    let refused = elsewhere(&out).refused();
    assert!(refused.contains("claim c names a file that is not in the bundle"), "{refused}");
    // What is wrong with a file in it is said of the bundle.
    for (member, text, what) in [
        (toml, "title = 1", "b.zip: files/c.toml"),
        ("files/better.run", "q1 Q0 d1\n", "b.zip: files/better.run, line 1"),
    ] {
        let refused = elsewhere(&edited(member, &|_| text.to_owned())).refused();
        assert!(refused.contains(what), "{refused}");
    }
    let refused = paper().then_args(&["verify", "claims/c.toml", "--bundle", "claims/c.toml"]).refused();
    assert!(refused.contains("claims/c.toml: the output would replace an input"), "{refused}");
    let refused = paper().then_args(&["verify", "--bundle", "paper.tar"]).refused();
    assert!(refused.contains("ends with .zip"), "{refused}");
    let refused = elsewhere(&bundle).args(["fixture-teacher"]).refused();
    assert!(refused.contains("a bundle is checked by itself"), "{refused}");
}

#[test]
fn a_table_pastes_into_a_paper() {
    let out = Test::new().args(["verify", "fixture-teacher", "--format", "latex"]).status(0).stdout;
    assert!(
        out.contains("\\begin{table}\n\\centering\n\\caption{") && out.contains("\\begin{tabular}{lrrrr}"),
        "{out}"
    );
    assert_eq!(out.lines().filter(|line| line.starts_with("deu-eng & 0.")).count(), 1, "{out}");
    // Nothing in a name is obeyed.
    let read = |name: &str| std::fs::read_to_string(root().join("claims").join(name)).unwrap();
    let odd = read("fixture-teacher.toml").replace("title = \"", "title = \"[*] `--` ");
    let test = Test::new().write("odd.toml", odd).write("fixture-teacher.csv", read("fixture-teacher.csv"));
    let odd = test.args(["verify", "odd.toml", "--format", "latex"]).status(0).stdout;
    assert!(odd.contains("\\caption{{[}{*}{]} \\textasciigrave{}-{}-\\textasciigrave{} Tatoeba"), "{odd}");
    let failing = compared("greater", "").then_args(&["verify", "claims/c.toml", "--output", "t.tex"]).status(1);
    let latex = String::from_utf8(failing.read("t.tex")).unwrap();
    assert!(latex.contains(" !") && latex.contains("!: another than the published one"), "{latex}");
}

#[test]
fn standard_output_has_a_name() {
    let out = Test::new().args(["verify", "--output", "-", "--format", "csv"]).status(0);
    assert!(out.stdout.starts_with("claim,task,"), "{}", out.stdout);
}

#[test]
fn the_command_of_a_claim_from_a_file_names_the_file() {
    let explained = compared("greater", "").then_args(&["verify", "claims/c.toml", "--languages", "swa", "--explain"]);
    let out = explained.status(0).stdout;
    assert!(out.contains("snellen verify claims/c.toml\n"), "{out}");
}
