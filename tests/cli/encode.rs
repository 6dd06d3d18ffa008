//! `snellen encode`: its options, its inputs, and the layout of what it writes.

use safetensors::{Dtype, SafeTensors};
use snellen::data::digest::Digest;

use crate::test::{OUT, Test, assert_refused, numbers};

fn teacher() -> Test {
    Test::encode("teacher")
}

#[test]
fn what_is_written_is_said_on_standard_error_only() {
    let out = teacher().stdout("").status(0);
    let digest = Digest::new().f32s(&numbers(&out.read(OUT), "embeddings").1).hex();
    assert_eq!(out.stderr, format!("out.safetensors: 3 texts, {digest}\n"));
    teacher().args(["--quiet"]).stdout("").stderr("").status(0);
}

#[test]
fn no_texts_are_no_rows() {
    let out = teacher().write("texts.txt", "").status(0).read(OUT);
    assert_eq!(numbers(&out, "embeddings"), (vec![0, 64], vec![]));
    let out = teacher().write("texts.txt", "").args(["--tokens"]).status(0).read(OUT);
    assert_eq!(numbers(&out, "tokens"), (vec![0, 64], vec![]));
    assert_eq!(SafeTensors::deserialize(&out).unwrap().tensor("offsets").unwrap().data(), [0; 8]);
}

#[test]
fn what_cannot_be_done_is_refused_without_texts_too() {
    for (option, value) in [("--layer", "99"), ("--pooling", "none"), ("--model", "nosuch")] {
        let (some, none) = (teacher(), teacher().write("texts.txt", ""));
        let [some, none] = [some, none].map(|test| test.option(option, value).stdout("").status(2));
        assert!(none.stderr.starts_with("snellen: "), "{}", none.stderr);
        assert_eq!(none.stderr, some.stderr, "{option} {value}");
    }
}

/// The tensor `name` of `file`, which must hold a row of i64.
fn integers(file: &[u8], name: &str) -> Vec<i64> {
    let read = SafeTensors::deserialize(file).unwrap();
    let tensor = read.tensor(name).unwrap();
    let (values, _) = tensor.data().as_chunks::<8>();
    assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::I64, &[values.len()][..]));
    values.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

#[test]
fn token_states_come_with_offsets_and_ids() {
    let out = teacher().args(["--tokens"]).status(0).read(OUT);
    let (offsets, ids) = (integers(&out, "offsets"), integers(&out, "token_ids"));
    assert_eq!((offsets.len(), offsets[0], offsets[3]), (4, 0, ids.len() as i64));
    let ends = offsets.windows(2).map(|text| (ids[text[0] as usize], ids[text[1] as usize - 1]));
    assert!(ends.into_iter().all(|ends| ends == (2, 3)), "[CLS] … [SEP]");
    assert_eq!(numbers(&out, "tokens").0, [ids.len(), 64]);
    let (_, metadata) = SafeTensors::read_metadata(&out).unwrap();
    let metadata = metadata.metadata().as_ref().unwrap();
    let facts = ["arith", "prefix", "pooling"].map(|name| metadata[name].as_str());
    assert_eq!(facts, ["1", "", "none"]);
}

#[test]
fn the_first_tokens_state_is_cls_pooling() {
    let out = teacher().args(["--tokens"]).status(0).read(OUT);
    let (tokens, offsets) = (numbers(&out, "tokens").1, integers(&out, "offsets"));
    // Tokens are never normalised: the same model without its last module, which does that.
    let plain = teacher().json("model/modules.json", |modules| drop(modules.as_array_mut().unwrap().pop()));
    let pooled = numbers(&plain.args(["--pooling", "cls"]).status(0).read(OUT), "embeddings").1;
    let firsts: Vec<f32> = offsets[..3].iter().flat_map(|o| tokens[*o as usize * 64..][..64].to_vec()).collect();
    assert_eq!(pooled, firsts);
}

#[test]
fn parts_in_order_are_the_whole() {
    let lines = std::fs::read(crate::test::fixtures().join("bitext/v1/tatoeba.deu-eng.deu")).unwrap();
    let whole = numbers(&Test::encode("student").write("texts.txt", &lines).status(0).read(OUT), "embeddings").1;
    let mut parts = Vec::new();
    for part in ["1/3", "2/3", "3/3"] {
        let test = Test::encode("student").write("texts.txt", &lines).args(["--shard", part]);
        parts.extend(numbers(&test.status(0).read(OUT), "embeddings").1);
    }
    assert_eq!(parts, whole);
}

#[test]
fn a_part_of_very_many_is_empty() {
    let out = teacher().args(["--shard", "18446744073709551614/18446744073709551615"]).status(0).read(OUT);
    assert_eq!(numbers(&out, "embeddings").0, [0, 64]);
    let out = teacher().args(["--shard", "18446744073709551615/18446744073709551615"]).status(0).read(OUT);
    assert_eq!(numbers(&out, "embeddings").0, [1, 64]);
}

#[test]
fn inputs_that_cannot_be_read() {
    let input = |file: &str, content: &[u8]| teacher().write(file, content).option("--input", file);
    let cases = [
        ("not UTF-8", teacher().write("texts.txt", b"good\nb\xe4d\n")),
        ("no tab", input("texts.tsv", b"1\tgood\n2 bad\n")),
        ("not JSON", input("texts.jsonl", b"{\"id\": \"1\", \"text\": \"good\"}\n{\n")),
        ("no text", input("texts.jsonl", b"{\"id\": \"1\"}\n")),
        ("an id twice", input("texts.tsv", b"1\ta\n1\tb\n")),
        ("not gzip", input("texts.txt.gz", b"good\n")),
        ("an unknown kind", input("texts.pdf", b"good\n")),
        ("no file", teacher().remove("texts.txt")),
        ("a folder", teacher().folder("f.txt").option("--input", "f.txt")),
    ];
    assert_refused("errors-inputs", cases);
}

#[test]
fn outputs_and_options_that_cannot_be() {
    let cases = [
        ("output is a folder", teacher().folder("f").option("--output", "f")),
        ("output is in a file", teacher().option("--output", "texts.txt/out.safetensors")),
        ("layer 99", teacher().option("--layer", "99")),
        ("no pooling", teacher().option("--pooling", "none")),
        ("an unknown model", teacher().option("--model", "nosuch")),
        ("no such folder", teacher().option("--model", "./nosuch")),
        ("a file for a model", teacher().option("--model", "model/config.json")),
        ("the cache is a file", teacher().option("--cache", "texts.txt")),
    ];
    assert_refused("errors-options", cases);
}

#[test]
fn options_that_make_no_sense_are_usage() {
    for (option, value) in [
        ("--shard", "0/3"),
        ("--shard", "4/3"),
        ("--shard", "1/0"),
        ("--shard", "1"),
        ("--threads", "0"),
        ("--pooling", "median"),
        ("--isa", "mmx"),
        ("--batch-order", "random"),
        ("--layer", "-1"),
    ] {
        let out = teacher().option(option, value).stdout("").status(2);
        assert!(out.stderr.starts_with("error: ") && out.stderr.contains(value), "{}", out.stderr);
        assert!(!out.stderr.contains("panicked"), "{}", out.stderr);
    }
}

/// Renaming a finished file over a device would put a file in its place.
#[cfg(unix)]
#[test]
fn what_is_not_a_file_is_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;
    let test = teacher().option("--output", "socket");
    let path = test.path("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let out = test.stderr("snellen: socket: cannot be written: it is there and not a file\n").status(2);
    assert!(path.symlink_metadata().unwrap().file_type().is_socket());
    drop(out);
}

/// A shell whose files may not grow stands in for a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    for cached in [true, false] {
        let test = teacher().args(if cached { &[][..] } else { &["--no-cache"] });
        let line = test.within("trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"").refused();
        assert!(line.contains("cannot write: File too large"), "{line}");
        assert_eq!(line.contains("out.safetensors"), !cached, "{line}");
    }
}
