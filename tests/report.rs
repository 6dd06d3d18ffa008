//! Reports: one hand-made outcome in every format.
#![allow(missing_docs)]

use snellen::claim::{Cell, ClaimOutcome, Outcome, Verdict};
use snellen::report::{self, Format};
use snellen::task::Key;

/// Characters that some format gives a meaning to.
const AWKWARD: &str = "a|b <c> & \"d\", 'e' `f` *g* _h_ \\";

fn cell(language: &str, measure: &str, published: &str, digits: usize, value: Option<f64>, verdict: Verdict) -> Cell {
    Cell {
        key: Key {
            task: "tatoeba".into(),
            data: "tatoeba@1".into(),
            data_sha256: "da".repeat(32),
            language: language.into(),
            direction: "xx-en".into(),
            measure: measure.into(),
            aggregation: "mean over sentences".into(),
            model: "tiny, \"student\"".into(),
            model_sha256: "0e".repeat(32),
            system: "dense".into(),
            pooling: "mean+l2".into(),
            prefix: "query: ".into(),
            perturbation: None,
            ties: "id ascending".into(),
            arith: 1,
        },
        published: published.into(),
        value,
        digits,
        verdict,
        digest: value.map(|_| "5e".repeat(32)),
        why: None,
    }
}

fn because(cell: Cell, why: &str) -> Cell {
    Cell { why: Some(why.into()), ..cell }
}

/// Two claims in which every verdict occurs.
fn outcome() -> Outcome {
    let needs = "the model `big & bold` is missing: <https://example.org/big?a=1&b=2>";
    let first = vec![
        cell("gle-eng", "accuracy", "0.042", 3, Some(0.042), Verdict::Identical),
        cell("gle-eng", "f1", "0.02748326673326673", 17, Some(0.02748326673326673), Verdict::Reproduced),
        cell("日本語", "accuracy", "0.9", 1, Some(0.9125), Verdict::Higher),
        because(
            cell("日本語", "f1", "1e-05", 5, Some(0.00001), Verdict::Differs),
            &format!("ranking digest {}, recorded {}", "5e".repeat(32), "bb".repeat(32)),
        ),
        cell("x|<&\">,'y", "accuracy", "53.6", 1, Some(53.5), Verdict::Within),
        because(cell("x|<&\">,'y", "f1", "0.1", 1, None, Verdict::Blocked), needs),
    ];
    let second = vec![
        because(cell("ქართული", "accuracy", "0.5", 1, None, Verdict::Blocked), needs),
        because(cell("ქართული", "f1", "0.5", 1, None, Verdict::Blocked), needs),
    ];
    let claim = |id: &str, title: &str, source: &str, cells| ClaimOutcome {
        id: id.into(),
        title: title.into(),
        source: source.into(),
        cells,
    };
    Outcome {
        claims: vec![
            claim("first", AWKWARD, "Table 1; snapshot 1; https://example.org/some_results?a=1&b=2", first),
            claim("second-claim", "Nothing can\nbe \u{1b}[31mcomputed", "Table 2", second),
        ],
    }
}

fn written(outcome: &Outcome, format: Format) -> String {
    let mut bytes = Vec::new();
    report::write(outcome, format, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

macro_rules! assert_report {
    ($name:literal, $text:expr) => {
        insta::with_settings!({
            snapshot_path => "../snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!($name, $text) })
    };
}

#[test]
fn table() {
    assert_report!("report-table", written(&outcome(), Format::Table));
}

#[test]
fn json() {
    assert_report!("report-json", written(&outcome(), Format::Json));
}

#[test]
fn csv_rows() {
    assert_report!("report-csv", written(&outcome(), Format::Csv));
}

#[test]
fn markdown() {
    assert_report!("report-markdown", written(&outcome(), Format::Markdown));
}

#[test]
fn junit() {
    assert_report!("report-junit", written(&outcome(), Format::Junit));
}

#[test]
fn one_claim_that_holds_is_a_short_table() {
    let cells = vec![cell("gle-eng", "accuracy", "0.042", 3, Some(0.042), Verdict::Reproduced)];
    let claim = ClaimOutcome { id: "one".into(), title: "All is well".into(), source: "Table 3".into(), cells };
    assert_report!("report-table-one-claim", written(&Outcome { claims: vec![claim] }, Format::Table));
}

#[test]
fn colours_add_nothing_but_colours() {
    let mut bytes = Vec::new();
    report::write_table(&outcome(), true, &mut bytes).unwrap();
    let colored = String::from_utf8(bytes).unwrap();
    assert!(colored.contains("\x1b[32m") && colored.contains("\x1b[31m") && colored.contains("\x1b[33m"));
    let plain =
        ["\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"].iter().fold(colored, |s, c| s.replace(c, ""));
    assert_eq!(plain, written(&outcome(), Format::Table));
}

#[test]
fn json_parses_and_keeps_every_bit() {
    let json: serde_json::Value = serde_json::from_str(&written(&outcome(), Format::Json)).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["claims"][0]["title"], AWKWARD);
    let f1 = &json["claims"][0]["cells"][1];
    assert_eq!(f1["value"].as_f64().unwrap().to_bits(), 0.02748326673326673f64.to_bits());
    assert_eq!((&f1["key"]["prefix"], &f1["verdict"]), (&"query: ".into(), &"reproduced".into()));
    assert!(json["claims"][1]["cells"][0]["value"].is_null());
    let counts: Vec<(&str, u64)> =
        json["counts"].as_object().unwrap().iter().map(|(k, n)| (k.as_str(), n.as_u64().unwrap())).collect();
    let expected = [("identical", 1), ("reproduced", 1), ("within", 1), ("higher", 1), ("differs", 1), ("blocked", 3)];
    assert_eq!(counts, expected);
}

#[test]
fn csv_parses() {
    let text = written(&outcome(), Format::Csv);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name| header.iter().position(|h| h == name).unwrap();
    let (language, value, prefix) = (column("language"), column("value"), column("prefix"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 8);
    assert_eq!(&rows[4][language], "x|<&\">,'y");
    assert_eq!(rows[1][value].parse(), Ok(0.02748326673326673));
    assert_eq!(&rows[6][value], "");
    assert!(rows.iter().all(|row| &row[prefix] == "query: "));
}

#[test]
fn junit_parses() {
    use quick_xml::events::Event;
    let text = written(&outcome(), Format::Junit);
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut cases, mut failures, mut skipped, mut titles) = (0, 0, 0, Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(e) | Event::Empty(e) => {
                let attributes: Vec<_> = e.attributes().map(Result::unwrap).collect();
                match e.name().as_ref() {
                    "testcase" => cases += 1,
                    "failure" => failures += 1,
                    "skipped" => skipped += 1,
                    "property" => titles.push(quick_xml::escape::unescape(&attributes[1].value).unwrap().into_owned()),
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((cases, failures, skipped), (8, 2, 3));
    assert_eq!(titles[0], AWKWARD);
}

#[test]
fn formats_are_known_by_name() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    let error = "xml".parse::<Format>().unwrap_err().to_string();
    assert_eq!(error, "no format is called `xml`: it is one of table, json, csv, markdown, latex, junit");
}
