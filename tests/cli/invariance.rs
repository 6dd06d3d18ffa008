//! The same bytes, however they are computed.

use serde_json::Value;
use snellen::kernel::isa::Isa;

use crate::test::{OUT, Test, assert_refused, assert_text, fixtures};

/// What `encode` writes of the German sentences, or of their tokens, without a cache.
fn encoded(args: &[&str]) -> Vec<u8> {
    let lines = std::fs::read(fixtures().join("bitext/v1/tatoeba.deu-eng.deu")).unwrap();
    let test = Test::encode("student").write("texts.txt", lines).args(["--no-cache"]);
    test.args(args.iter().copied()).status(0).read(OUT)
}

fn assert_same(ways: &[&[&str]]) {
    for layout in [&[][..], &["--tokens"]] {
        let expected = encoded(layout);
        for way in ways {
            assert!(encoded(&[layout, *way].concat()) == expected, "{layout:?} {way:?}");
        }
    }
}

#[test]
fn any_number_of_threads() {
    assert_same(&[&["--threads", "1"], &["--threads", "2"], &["--threads", "5"]]);
}

#[test]
fn any_batches_in_any_order() {
    let tokens = ["0", "1", "7", "100000"].map(|n| ["--batch-tokens", n]);
    let orders = ["given", "reversed", "sorted"].map(|order| ["--batch-order", order]);
    let both = orders.iter().map(|order| [&order[..], &tokens[2]].concat()).collect::<Vec<_>>();
    let ways: Vec<&[&str]> = tokens.iter().map(|t| &t[..]).chain(both.iter().map(|b| &b[..])).collect();
    assert_same(&ways);
}

#[test]
fn any_instruction_set() {
    let names: Vec<String> = Isa::ALL.into_iter().filter(|isa| isa.present()).map(|isa| isa.to_string()).collect();
    let ways: Vec<[&str; 2]> = names.iter().map(|name| ["--isa", name]).collect();
    assert_same(&ways.iter().map(|way| &way[..]).collect::<Vec<_>>());
}

/// A text's embedding does not depend on its neighbours.
#[test]
fn any_company() {
    let embed = |texts: &str| {
        let out = Test::encode("student").write("texts.txt", texts).args(["--no-cache"]).status(0).read(OUT);
        crate::test::numbers(&out, "embeddings").1
    };
    let both = embed("Mbwa analala.\nOn a long day the goats walk to the river, and nobody knows why.\n");
    assert_eq!(both[..64], embed("Mbwa analala."));
}

/// The table of the portable loops on two threads, first texts only, and of a card that no machine has.
fn table(args: &[&str]) -> Test {
    let common = ["invariance", "--isa", "portable", "--threads", "2", "--limit", "3", "--device", "cpu,cuda:4095"];
    Test::new().args(common).args(args.iter().copied())
}

/// `text` without the reason why there is no card: that depends on the machine.
fn cardless(text: &str) -> String {
    let cut = |line: &str| match line.split_once("no NVIDIA ") {
        Some((before, after)) => format!("{before}[no card]{}", if after.ends_with('"') { "\"" } else { "" }),
        None => line.to_owned(),
    };
    text.lines().map(cut).fold(String::new(), |all, line| all + &line + "\n")
}

/// `text` with a T for everything that is a number with a point: times are all that may differ.
fn timeless(text: &str) -> String {
    let pieces = text.split_inclusive([' ', ',', '\n']);
    let blanked = pieces.map(|piece| {
        let number = piece.trim_end_matches([' ', ',', '\n']);
        let time = number.contains('.') && number.parse::<f64>().is_ok();
        if time { format!("T{}", &piece[number.len()..]) } else { piece.to_owned() }
    });
    blanked.collect()
}

#[test]
fn digests_in_every_format() {
    for format in ["table", "json", "csv", "markdown"] {
        // A card was named that is not there.
        let out = table(&["--batch", "64,2,2", "--format", format]).stderr("").status(2);
        assert_text!(format!("invariance-{format}"), cardless(&timeless(&out.stdout)));
    }
}

/// Whether the driver and a card are here, `doctor` says.
#[test]
fn a_card_gives_the_same_bits_or_it_is_said_what_is_missing() {
    let doctor = Test::new().args(["doctor"]).status(0).stdout;
    let line = doctor.lines().find_map(|line| line.strip_prefix("cuda ")).unwrap().trim().to_owned();
    let table = Test::new().args(["invariance", "--threads", "1", "--batch", "2", "--limit", "2"]);
    let table = table.args(["--device", "cuda"]);
    if line.ends_with("self-test passes") {
        let table = table.status(0).stdout;
        assert_same(&[&["--device", "cpu"], &["--device", "cuda"]]);
        assert!(table.contains("2 of 2 cells run, one digest"), "{table}");
        return;
    }
    assert!(line.contains("NVIDIA"), "{line}");
    let table = table.status(2).stdout;
    assert!(table.contains(&format!("2 cells not run, cuda: {line}\n")), "{table}");
    assert_same(&[&["--device", "cpu"], &["--device", "auto"], &["--device", "cpu,cuda"]]);
    let refused = Test::encode("student").args(["--device", "cuda"]).status(2);
    assert_eq!(refused.stderr, format!("snellen: --device: {line}\n"));
    assert!(!refused.then().path(OUT).exists());
}

#[test]
fn every_instruction_set_of_this_processor_on_any_model_and_texts() {
    let args = ["invariance", "--model", "./model", "--input", "texts.txt", "--batch", "2", "--format", "json"];
    let out = Test::encode("teacher").status(0).then().args(args).status(0);
    let json: Value = serde_json::from_str(&out.stdout).unwrap();
    let model = &json["models"][0];
    assert_eq!((&model["texts"], &model["holds"]), (&3.into(), &true.into()));
    let cells = model["cells"].as_array().unwrap();
    let ran = |isa: Isa| cells.iter().filter(|c| c["isa"] == isa.to_string() && c["digest"].is_string()).count();
    for isa in Isa::ALL {
        // Four numbers of threads, two orders.
        assert_eq!(ran(isa), if isa.present() { 8 } else { 0 }, "{isa}");
    }
    assert!(cells.iter().all(|cell| cell["digest"].is_string() != cell["not_run"].is_string()));
}

#[test]
fn what_cannot_be_computed() {
    let cases = [
        ("an unknown model", table(&["--model", "nosuch"])),
        ("no such file", table(&["--input", "nosuch.txt"])),
        ("no text", table(&["--input", "empty.txt"]).write("empty.txt", "")),
        ("not texts", table(&["--input", "texts.csv"]).write("texts.csv", "a\n")),
    ];
    assert_refused("errors-invariance", cases);
}
