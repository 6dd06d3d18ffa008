//! The measures against trec_eval's own test files and ir_measures' values, which are real data: skipped where the folder is absent.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use snellen::data::trec::{Qrels, TrecFile};
use snellen::metric::evaluate::{Evaluation, Options};
use snellen::metric::{Dialect, Kind, Measure, evaluate};

/// The folder of TREC files, if it is there.
fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/trec");
    let there = folder.is_dir();
    if !there {
        let _ = writeln!(std::io::stderr(), "skipped: {} is not there", folder.display());
    }
    there.then_some(folder)
}

/// Lines of an expected output, of which we have the measure: measure, query, value as printed.
fn expected(file: &Path) -> Vec<(Measure, String, String)> {
    let text = std::fs::read_to_string(file).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        Some((fields[0].parse().ok()?, fields[1].to_owned(), fields[2].to_owned()))
    };
    text.lines().filter_map(line).collect()
}

fn check(folder: &Path, output: &str, [qrels, run]: [&str; 2], options: &Options, values: usize) {
    let expected = expected(&folder.join(output));
    assert_eq!(expected.len(), values, "{output}: values that we have the measure of");
    let mut measures: Vec<Measure> = Vec::new();
    for (measure, ..) in &expected {
        if !measures.contains(measure) {
            measures.push(*measure);
        }
    }
    let qrels = Qrels::read(&TrecFile::open(&folder.join(qrels)).unwrap()).unwrap();
    let found = evaluate(&qrels, &TrecFile::open(&folder.join(run)).unwrap(), &measures, options).unwrap();
    for (measure, query, value) in expected {
        // The files are version 10's, which takes the recall in documents for another number than 9.
        if options.dialect == Dialect::TrecEval9 && matches!(measure.kind, Kind::IPrec { .. }) {
            continue;
        }
        let i = measures.iter().position(|m| *m == measure).unwrap();
        let found = value_of(&found, &query, i);
        let printed = if measure.kind.is_count() { format!("{found:.0}") } else { format!("{found:.4}") };
        assert_eq!(printed, value, "{output}: {measure} of {query}");
    }
}

fn value_of(found: &Evaluation, query: &str, measure: usize) -> f64 {
    match query {
        "all" => found.means()[measure],
        id => found.queries.iter().find(|query| query.id == id).unwrap().values[measure],
    }
}

#[test]
fn every_value_of_trec_evals_tests() {
    let Some(folder) = shared().map(|folder| folder.join("trec_eval-test")) else { return };
    for dialect in [Dialect::TrecEval9, Dialect::TrecEval10] {
        let plain = Options { dialect, ..Options::default() };
        let complete = Options { complete: true, ..plain };
        let files = ["qrels.test", "results.test"];
        let truncated = ["qrels.test", "results.trunc"];
        check(&folder, "out.test", files, &plain, 27);
        check(&folder, "out.test.a", files, &plain, 64);
        check(&folder, "out.test.aq", files, &plain, 256);
        check(&folder, "out.test.aqc", truncated, &complete, 256);
        check(&folder, "out.test.aqcM", truncated, &Options { depth: 100, ..complete }, 256);
        check(&folder, "out.test.aql", ["qrels.rel_level", "results.test"], &Options { rel: 2, ..plain }, 256);
        check(&folder, "out.test.meas_params", files, &plain, 64);
    }
}

#[test]
fn compatibility_as_ir_measures_has_it() {
    let Some(folder) = shared().map(|folder| folder.join("ir_measures-test")) else { return };
    let qrels = Qrels::read(&TrecFile::open(&folder.join("compat.qrels")).unwrap()).unwrap();
    let run = TrecFile::open(&folder.join("compat.run")).unwrap();
    let expected = expected(&folder.join("expected.compat.tsv"));
    assert_eq!(expected.len(), 7);
    for (measure, query, value) in expected {
        let found = evaluate(&qrels, &run, &[measure], &Options::default()).unwrap();
        let (found, value) = (value_of(&found, &query, 0), value.parse::<f64>().unwrap());
        // The mean is printed to nine digits; single values are sums of a thousand terms, taken in the same order.
        assert!(
            (found - value).abs() <= if query == "all" { 5e-10 } else { 1e-16 },
            "{measure} {query}: {found} {value}"
        );
    }
}
