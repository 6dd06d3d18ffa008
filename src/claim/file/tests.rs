use super::{ClaimFile, Content, Kind};
use crate::claim::Task;
use crate::encoder::Pooling;
use crate::task::tatoeba::{Convention, Direction};

const TOML: &str = r#"id = "c"
title = "A claim"
kind = "equals"
cells = "c.csv"
[source]
title = "Table 1"
url = "https://example.org"
[recipe]
task = "tatoeba"
model = "m"
data = "d"
direction = "en-xx"
convention = "xtreme"
"#;
const CSV: &str = "language,measure,value,digest\nafr-eng,f1,1.50e-05,\nafr-eng,accuracy,53.6,\n";

fn error(toml: &str, csv: &str) -> String {
    ClaimFile::parse("c.toml", toml, "c.csv", csv).unwrap_err().to_string()
}

#[test]
fn a_claim_is_read_as_it_was_written() {
    let toml = format!(
        "{TOML}prefix = \"query: \"\npooling = \"cls\"\nlayer = 7\n[tolerance]\nvalue = 0.1\nreason = \"4 bits\""
    );
    let csv = format!("{CSV}amh-eng,f1,0.0,{}\n", "0f".repeat(32));
    let claim = ClaimFile::parse("c.toml", &toml, "c.csv", &csv).unwrap();
    assert_eq!(claim.kind, Kind::Equals);
    assert_eq!(claim.source.to_string(), "Table 1; https://example.org");
    let Content::Numbers(claim) = claim.content else { panic!("a claim of numbers") };
    assert_eq!(claim.recipe.task, Task::Tatoeba);
    assert_eq!((claim.recipe.direction, claim.recipe.convention), (Direction::EnglishToForeign, Convention::Xtreme));
    assert_eq!((claim.recipe.prefix.as_str(), claim.recipe.pooling), ("query: ", Some(Pooling::Cls)));
    assert_eq!((claim.recipe.layer, claim.tolerance.unwrap().value), (Some(7), 0.1));
    let digits: Vec<usize> = claim.cells.iter().map(|cell| cell.digits).collect();
    assert_eq!(digits, [7, 1, 1]);
    assert_eq!((claim.cells[0].value.as_str(), &claim.cells[0].digest), ("1.50e-05", &None));
    assert_eq!(claim.cells[2].digest, Some("0f".repeat(32)));
}

#[test]
fn bad_heads_are_refused_with_their_place() {
    for (from, to, expected) in [
        (
            "\"equals\"",
            "\"likely\"",
            "c.toml, line 3: no kind `likely` of claims: `equals`, `greater`, `non-inferior`, `property` or `blocked`",
        ),
        ("\"xtreme\"", "\"x\"", "c.toml, line 13: unknown variant `x`, expected `mteb` or `xtreme`"),
        ("model = \"m\"", "modle = \"m\"", "c.toml, line 10: unknown field `modle`, expected one of"),
        ("model = \"m\"\n", "", "c.toml, line 8: missing field `model`"),
        ("model = \"m\"", "model = \"\"", "c.toml: `recipe.model` is empty"),
        ("url = \"https://example.org\"", "", "c.toml: `source.url` is missing"),
        ("cells = \"c.csv\"\n", "", "c.toml: `cells` is missing"),
        ("\"equals\"", "\"greater\"", "c.toml: `comparison` is missing"),
        ("\"equals\"", "\"property\"", "c.toml: `property` is missing"),
        ("\"equals\"", "\"blocked\"", "c.toml: `missing` is missing"),
        ("\"equals\"", "\"blocked\"\nmissing = \" \"", "c.toml: `missing` is empty"),
        ("\"equals\"", "\"blocked\"\nmissing = \"all\"", "c.toml: `cells` is not of claims of kind `blocked`"),
        ("[source]", "property = { check = \"documents-unchanged\" }\n[source]", "c.toml: `property` is not of claims"),
        ("[source]", "[source", "c.toml, line 5: "),
    ] {
        let error = error(&TOML.replace(from, to), CSV);
        assert!(error.starts_with(expected), "{error}");
    }
    let tolerance = |value, reason| error(&format!("{TOML}[tolerance]\nvalue = {value}\n{reason}"), CSV);
    assert_eq!(tolerance("0.1", ""), "c.toml, line 14: missing field `reason`");
    assert_eq!(tolerance("0.1", "reason = \" \""), "c.toml: `tolerance.reason` is empty");
    assert_eq!(tolerance("-0.1", "reason = \"r\""), "c.toml: `tolerance.value` is not a distance");
    assert_eq!(tolerance("nan", "reason = \"r\""), "c.toml: `tolerance.value` is not a distance");
}

#[test]
fn bad_cells_are_refused_with_their_line() {
    for (line, expected) in [
        ("afr-eng,f1,0.5,", "afr-eng f1 stands in line 2 already"),
        ("x,f1,nan,", "value \"nan\" is not a finite decimal number"),
        ("x,f1,,", "value \"\" is not a finite decimal number"),
        ("x,f1,1e999,", "value \"1e999\" is not a finite decimal number"),
        ("x,f1,0.5", "3 fields instead of 4"),
        ("x,f1,0,5,", "5 fields instead of 4"),
        (",f1,0.5,", "language \"\" is empty or has blanks in it"),
        ("x, f1,0.5,", "measure \" f1\" is empty or has blanks in it"),
        ("x,f1,0.5,ABC", "digest \"ABC\" is not 64 lower-case hexadecimal digits"),
    ] {
        assert_eq!(error(TOML, &format!("{CSV}{line}\n")), format!("c.csv, line 4: {expected}"));
    }
    assert_eq!(error(TOML, "language,value\n"), "c.csv, line 1: the columns have to be language,measure,value,digest");
    assert_eq!(error(TOML, ""), "c.csv: no cells");
    let toml = format!("{TOML}languages = [\"amh-eng\"]");
    assert_eq!(error(&toml, CSV), "c.csv, line 2: afr-eng is not among the recipe's languages");
}

#[test]
fn cells_are_found_beside_the_claim_and_have_to_be_utf8() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, TOML).unwrap();
    assert!(ClaimFile::read(&path).unwrap_err().to_string().contains("c.csv: cannot read"));
    std::fs::write(folder.path().join("c.csv"), CSV).unwrap();
    let (read, parsed) = (ClaimFile::read(&path).unwrap(), ClaimFile::parse("c.toml", TOML, "c.csv", CSV).unwrap());
    assert_eq!(read.content, parsed.content);
    let written = |claim: &ClaimFile| claim.written.iter().map(|file| file.text.clone()).collect::<Vec<_>>();
    assert_eq!(written(&read), [TOML, CSV]);
    assert_eq!(written(&read), written(&parsed));
    std::fs::write(folder.path().join("c.csv"), b"language,measure,value,digest\n\xff").unwrap();
    assert!(ClaimFile::read(&path).unwrap_err().to_string().ends_with("c.csv, line 2: not UTF-8"));
}

const COMPARISON: &str = r#"id = "c"
title = "The student is no worse"
kind = "non-inferior"
[source]
title = "Ours"
recorded = true
[comparison]
measures = ["nDCG@10", "RR"]
margin = 0.01
[[comparison.pairs]]
language = "swa"
qrels = "swa.qrels"
run = "student.run"
baseline = "teacher.run"
"#;

#[test]
fn a_comparison_is_read_with_what_it_leaves_open() {
    let mut claim = ClaimFile::parse("folder/c.toml", COMPARISON, "", "").unwrap();
    assert_eq!((claim.kind, claim.cell_count()), (Kind::NonInferior, 2));
    assert!(claim.has("swa") && !claim.has("bem"));
    claim.retain(&["swa".to_owned()]);
    assert_eq!(claim.cell_count(), 2);
    let Content::Comparison { comparison, folder } = claim.content else { panic!("a comparison") };
    assert_eq!((comparison.alpha, comparison.samples, comparison.dialect.as_str()), (0.05, 100_000, "snellen"));
    assert_eq!(folder.display().to_string(), "folder");
}

#[test]
fn a_comparison_that_cannot_be_decided_is_refused() {
    for (from, to, expected) in [
        ("margin = 0.01", "", "`comparison.margin` has to be a number above 0"),
        ("non-inferior", "greater", "`comparison.margin` is of non-inferior claims only"),
        ("margin = 0.01", "margin = 0.01\nalpha = 1.0", "`comparison.alpha` is a level between 0 and 1"),
        ("margin = 0.01", "margin = 0.01\ndialect = \"x\"", "no dialect x"),
        ("nDCG@10", "nDCG@x", "measure nDCG@x: @x: expected a number of documents"),
        ("[\"nDCG@10\", \"RR\"]", "[]", "`comparison` has no pairs or no measures"),
        ("[source]", "cells = \"c.csv\"\n[source]", "`cells` is not of claims of kind `non-inferior`"),
    ] {
        let error = ClaimFile::parse("c.toml", &COMPARISON.replace(from, to), "", "").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_property_says_what_is_looked_at() {
    let claim = |property: &str| {
        let head = "id = \"p\"\ntitle = \"So it is\"\nkind = \"property\"\n[source]\ntitle = \"Ours\"\nrecorded = true\n[property]\n";
        ClaimFile::parse("folder/p.toml", &format!("{head}{property}"), "", "")
    };
    let read = claim("check = \"languages\"\nconfig = \"c.toml\"\nat_least = 7\nlow_resource = 4").unwrap();
    assert_eq!((read.kind, read.cell_count(), read.has("deu")), (Kind::Property, 2, false));
    for (property, expected) in [
        ("check = \"truth\"", "unknown variant `truth`"),
        ("check = \"languages\"", "missing field `config`"),
        ("check = \"documents-unchanged\"\nconfig = \"c\"", "unknown field `config`"),
        ("check = \"manifests\"\nsay = [\"tatoeba\"]", "`property.say`: \"tatoeba\" is not DATA: PHRASE"),
        ("check = \"manifests\"\nsay = []", "`property.say` is empty"),
        ("check = \"judged-queries\"\ndata = []\nbelow = 1", "`property.data` is empty"),
    ] {
        let error = claim(property).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
