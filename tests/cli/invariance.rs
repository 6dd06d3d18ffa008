//! The same bytes, however they are computed.

use snellen::kernel::isa::Isa;

use crate::test::{OUT, Test, fixtures};

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
