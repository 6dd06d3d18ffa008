//! `snellen report`: the page of what commands left, and what it refuses.

use serde_json::Value;

use crate::test::{Test, root};

/// Results of five commands, beside each other in `all`.
fn results() -> Test {
    let test = Test::new().args(["verify", "--format", "json", "--output", "all/claims/verify.json"]).status(0);
    let student = ["--model", "fixture-student", "--data", "fixture-bitext", "--quiet"];
    let test = test.then().args(["task", "tatoeba", "--output", "all/tatoeba"]).args(student).status(0);
    let robustness = [
        "robustness",
        "--perturb",
        "typo@0.1,typo@0.3",
        "--seeds",
        "2",
        "--samples",
        "100",
        "--output",
        "all/robustness",
    ];
    let test = test.then().args(robustness).args(student).status(0);
    let pairs: String = (0..12).map(|i| format!("{i}\tThe water is cold {i}.\tMaji ni baridi {i}.\n")).collect();
    let config = "teacher = \"fixture-student\"\nsteps = 2\nbatch = 2\nbitext = [{ language = \"swh\", file = \"p.tsv\" }]\nobjective = { pooled = 1.0 }\n";
    let test = test.then().write("p.tsv", pairs).write("c.toml", config);
    let test = test.args(["distill", "--config", "c.toml", "--output", "all/student", "--quiet"]).status(0);
    let align =
        ["align", "--teacher", "fixture-teacher", "--bitext", "p.tsv", "--heat-maps", "3", "--output", "all/align"];
    test.then().args(align).status(0).then()
}

#[test]
fn a_page_of_everything() {
    let out = results().args(["report", "all", "--output", "page.html", "--title", "All <of> it"]).stdout("").status(0);
    assert_eq!(out.stderr, "page.html: 6 results, 7 tables, 13 pictures\n");
    let page = String::from_utf8(out.read("page.html")).unwrap();
    for part in [
        "<title>All &lt;of&gt; it</title>",
        "robustness: fixture-student on fixture-bitext",
        "distillation: fixture-student teaches fixture-student",
        "<code>snellen task tatoeba --output all/tatoeba --model fixture-student --data fixture-bitext --quiet</code>",
        "<td class=\"verdict identical\">identical</td>",
        "<p>Of 40 published cells 40 hold.</p>",
        "alignment: fixture-teacher and fixture-teacher",
        "Transport plan of pair 3: ",
        "alt=\"Bars: accuracy; swh-eng 0.7361, ",
        "deu-eng alone: <code>snellen verify fixture-student --languages deu-eng</code>",
        "deu-eng alone: <code>snellen task tatoeba --model fixture-student --data fixture-bitext --quiet --languages deu-eng</code>",
        "Content-Security-Policy",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Nothing acts, and nothing is fetched: an address may stand in a text, not where one would be opened.
    for part in ["<script", "src=\"http", "url(", "@import", "<link", "onload"] {
        assert!(!page.contains(part), "{part}");
    }
    // Every picture can be read as what it is.
    let mut pictures = 0;
    for picture in page.split("src=\"data:image/svg+xml,").skip(1) {
        let encoded = picture.split('"').next().unwrap();
        let mut bytes = Vec::new();
        let mut rest = encoded.bytes();
        while let Some(byte) = rest.next() {
            let hex = |rest: &mut dyn Iterator<Item = u8>| [rest.next().unwrap(), rest.next().unwrap()];
            let byte = if byte == b'%' {
                u8::from_str_radix(std::str::from_utf8(&hex(&mut rest)).unwrap(), 16).unwrap()
            } else {
                byte
            };
            bytes.push(byte);
        }
        let mut reader = quick_xml::Reader::from_reader(&bytes[..]);
        while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
        pictures += 1;
    }
    assert_eq!(pictures, 13);
    // The same results give the same page, but for how long they took.
    let again = out.then().args(["report", "all", "--output", "again.html", "--title", "All <of> it"]).status(0);
    assert_eq!(again.read("again.html"), page.as_bytes());
}

#[test]
fn tables_that_paste_and_numbers_for_machines() {
    let out = results().args(["report", "all/tatoeba", "all/claims/verify.json", "--format", "json"]).status(0);
    let json: Value = serde_json::from_str(&out.stdout).unwrap();
    let sections = json["page"]["sections"].as_array().unwrap();
    assert_eq!((sections.len(), &json["schema"]), (3, &1.into()));
    assert_eq!(sections[0]["tables"][0]["rows"].as_array().unwrap().len(), 5);
    // Numbers that are equal to the last bit are said to be, whatever their digits.
    let gaps = sections[1..].iter().flat_map(|claim| claim["tables"][0]["rows"].as_array().unwrap()).map(|row| &row[5]);
    assert!(gaps.clone().count() == 40 && gaps.clone().all(|gap| gap == "0.000"), "{:?}", gaps.collect::<Vec<_>>());
    let out = out.then().args(["report", "all/tatoeba"]).status(0);
    assert!(out.stdout.contains("| deu-eng | xx-en | dense | 0.847222 |"), "{}", out.stdout);
    let out = out.then().args(["report", "all/tatoeba", "--output", "t.tex"]).status(0);
    let latex = String::from_utf8(out.read("t.tex")).unwrap();
    assert!(latex.contains("deu-eng & xx-en & dense & 0.847222 &") && latex.contains("\\toprule"), "{latex}");
}

/// A claim of one's own: where it lies and what it was checked on are known from beside the report. Two students of one teacher are told apart.
#[test]
fn what_made_a_report_and_which_student_is_meant_are_said() {
    let claims = root().join("claims");
    let read = |name: &str| std::fs::read_to_string(claims.join(name)).unwrap();
    let claim = read("fixture-teacher.toml").replace("id = \"fixture-teacher\"", "id = \"mine\"");
    let test = Test::new().write("c/mine.toml", claim).write("c/fixture-teacher.csv", read("fixture-teacher.csv"));
    let command = ["verify", "c/mine.toml", "--output", "all/v.json"];
    let page = |test: Test| {
        String::from_utf8(test.args(["report", "all", "--output", "p.html"]).status(0).read("p.html")).unwrap()
    };
    let test = test.args(command).status(0).then();
    let claim = page(test);
    assert!(claim.contains("<code>snellen verify c/mine.toml --output all/v.json</code>"), "{claim}");
    assert!(claim.contains(">threads<") && claim.contains(">isa<"), "{claim}");
    // That of another report is not believed, and one that the program did not write is refused.
    let other = Test::new().args(["verify", "fixture-teacher", "--output", "all/v.json"]).status(0).then();
    let report = std::fs::read_to_string(other.path("all/v.json")).unwrap();
    let other = page(other.write("all/v.json", report + "\n"));
    assert!(!other.contains(">threads<"), "{other}");
    let strange =
        Test::new().args(["verify", "fixture-teacher", "--output", "v.1"]).args(["--format", "json"]).status(0).then();
    let strange =
        strange.write("v.1.made.json", "{\"schema\": 1, \"command\": \"rm\"}").args(["report", "v.1"]).refused();
    assert!(strange.starts_with("snellen: v.1.made.json: not as this program writes it: "), "{strange}");
    let student = |name: &str, test: Test| {
        let pairs: String = (0..12).map(|i| format!("{i}\tThe water is cold {i}.\tMaji ni baridi {i}.\n")).collect();
        let config = "teacher = \"fixture-student\"\nsteps = 1\nbatch = 2\nbitext = [{ language = \"swh\", file = \"p.tsv\" }]\nobjective = { pooled = 1.0 }\n";
        let output = format!("all/{name}");
        test.write("p.tsv", pairs)
            .write("c.toml", config)
            .args(["distill", "--config", "c.toml", "--quiet", "--output", &output])
            .status(0)
            .then()
    };
    let both = page(student("b", student("a", Test::new())));
    for name in ["a", "b"] {
        assert!(
            both.contains(&format!("distillation: fixture-student teaches fixture-student (all/{name})")),
            "{both}"
        );
    }
}

/// Numbers are shown beside the digests that they have, and commands that there are.
#[test]
fn a_distillation_that_was_changed_is_refused() {
    let test = results().args(["report", "all/student", "--output", "page.md"]).status(0);
    let page = String::from_utf8(test.read("page.md")).unwrap();
    assert!(page.contains("snellen distill --config c.toml") && !page.contains("--languages"), "{page}");
    let log = String::from_utf8(test.read("all/student/log.csv")).unwrap();
    let changed = test.then().write("all/student/log.csv", log.replacen("0.", "1.", 1)).args(["report", "all/student"]);
    let said = changed.refused();
    assert!(
        said.starts_with("snellen: all/student/log.csv: SHA-256 ") && said.ends_with(": it was changed\n"),
        "{said}"
    );
}

/// Links that lead back, pipes that nobody writes into.
#[cfg(unix)]
#[test]
fn a_folder_is_gone_through_once() {
    let folders = "mkdir f; ln -s . f/a; ln -s . f/b; mkfifo f/c.json; exec \"$0\" \"$@\"";
    let test = Test::new().args(["report", "f"]).within(folders).status(2);
    assert!(test.stderr.contains("f: no results: "), "{}", test.stderr);
}

/// Elsewhere there may be no such names.
#[cfg(target_os = "linux")]
#[test]
fn a_path_need_not_be_text() {
    let strange = "exec \"$0\" \"$@\" --output \"$(printf 'out\\377')\"";
    let task = ["task", "tatoeba", "--model", "fixture-student", "--data", "fixture-bitext", "--quiet"];
    let _ = Test::new().args(task).within(strange).status(0);
}

#[test]
fn what_has_no_results_is_refused() {
    let refused = |test: Test| test.refused();
    let none = "no results: expected what a command wrote with --output, or `verify --format json`";
    assert_eq!(refused(Test::new().folder("f").args(["report", "f"])), format!("snellen: f: {none}\n"));
    assert!(refused(Test::new().args(["report", "nothing"])).contains("nothing: cannot open: "));
    let broken = Test::new().write("v.json", "{\"claims\": [{}]}").args(["report", "v.json"]);
    assert!(refused(broken).starts_with("snellen: v.json: not what `verify --format json` writes: "));
    let broken = Test::new().write("f/summary.json", "{\"cells\": [}").args(["report", "f"]);
    assert!(refused(broken).starts_with("snellen: f/summary.json, line 1: "));
    let broken = Test::new().write("f/summary.json", "{\"rows\": [], \"means\": [1]}").args(["report", "f"]);
    let _ = broken.status(0);
    let own = Test::new().write("v.json", "{\"claims\": []}").args(["report", "v.json", "--output", "v.json"]);
    assert!(refused(own).contains("v.json: the output would replace an input"));
    let named = Test::new().write("v.json", "{\"claims\": []}").args(["report", "v.json", "--output", "x.doc"]);
    assert!(refused(named).contains("x.doc: which format?"));
    // Among the inputs only pages are replaced.
    let pages = Test::new().args(["verify", "--output", "f/verify.json"]).status(0).then();
    let report = |test: Test, output: &str| test.args(["report", "f", "--output", output]);
    let said = report(pages, "f/verify.json").refused();
    assert!(said.contains("f/verify.json: it is there already, among the inputs, and no page"), "{said}");
    let mut pages = Test::new().args(["verify", "--output", "f/verify.json"]).status(0).then();
    for page in ["f/page.html", "f/page.html", "f/page.json", "f/page.json", "f/page.md"] {
        pages = report(pages, page).status(0).then();
    }
    // What was cut short is named, wherever it lies; so is what no version of the program says.
    let written = Test::new().args(["verify", "--output", "f/g/verify.json"]).status(0).then();
    let whole = String::from_utf8(std::fs::read(written.path("f/g/verify.json")).unwrap()).unwrap();
    let cut = written.write("f/g/verify.json", &whole[..whole.len() / 2]).args(["report", "f"]);
    assert!(refused(cut).starts_with("snellen: f/g/verify.json, line "));
    let strange = whole.replacen("\"identical\"", "\"splendid\"", 1);
    let strange = refused(Test::new().write("v.json", strange).args(["report", "v.json"]));
    assert!(strange.contains("no verdict is called splendid"), "{strange}");
    let license = root().join("LICENSE-MIT").display().to_string();
    assert!(refused(Test::new().args(["report", &license])).contains("LICENSE-MIT, line 1: "));
}
