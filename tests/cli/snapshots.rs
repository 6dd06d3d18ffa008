//! What people and machines are shown of the fixtures, byte for byte.

use snellen::data::digest::Digest;

use crate::test::{OUT, Test, assert_text, fixtures, numbers};

fn report(args: &[&str]) -> String {
    Test::new().args(["verify"]).args(args.iter().copied()).stderr("").status(0).stdout
}

#[test]
fn verdicts_as_a_table() {
    assert_text!("verify-table", report(&[]));
}

#[test]
fn verdicts_in_formats_for_machines() {
    for format in ["json", "csv", "markdown", "junit"] {
        let text = report(&["--languages", "swh-eng", "--format", format]);
        assert_text!(format!("verify-{format}"), text);
    }
}

/// SHA-256, shape, and the first eight bit patterns of each of five sentences.
fn embeddings(fixture: &str, sides: [&str; 5]) -> String {
    let first = |side: &str| {
        let file = std::fs::read_to_string(fixtures().join(format!("bitext/v1/tatoeba.{side}"))).unwrap();
        format!("{}\n", file.lines().next().unwrap())
    };
    let out = Test::encode(fixture).write("texts.txt", sides.map(first).concat()).status(0).read(OUT);
    let (shape, values) = numbers(&out, "embeddings");
    let mut text = format!("{fixture} {shape:?} {}\n", Digest::new().f32s(&values).hex());
    for (side, row) in sides.iter().zip(values.chunks(shape[1])) {
        let bits: Vec<String> = row[..8].iter().map(|x| format!("{:08x}", x.to_bits())).collect();
        text.push_str(&format!("{side} {}\n", bits.join(" ")));
    }
    text
}

#[test]
fn embeddings_to_the_bit() {
    let sides = ["deu-eng.deu", "rus-eng.rus", "spa-eng.spa", "swh-eng.swh", "tur-eng.eng"];
    assert_text!("embeddings", embeddings("student", sides) + &embeddings("teacher", sides));
}
