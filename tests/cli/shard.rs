//! Several machines that do one thing: the bytes are those of one machine.

use std::path::{Path, PathBuf};

use crate::test::Test;

/// Texts of different lengths.
fn texts(count: usize) -> String {
    (0..count).map(|i| format!("t{i}\tText number {i}{}.\n", " and more of it".repeat(i % 5))).collect()
}

fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The program in a folder that stays.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::write(place.path("texts.tsv"), texts(11)).unwrap();
        std::fs::write(place.path("queries.tsv"), texts(5)).unwrap();
        place
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn run(&self, status: i32, line: &str) -> String {
        let words = line.split(' ').filter(|word| !word.is_empty());
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_snellen"))
            .current_dir(self.0.path())
            .env("SNELLEN_CACHE", self.path("cache"))
            .args(words)
            .output()
            .unwrap();
        let (stdout, stderr) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
        assert_eq!(out.status.code(), Some(status), "{line}\n{stdout}{stderr}");
        stdout + &stderr
    }

    fn same(&self, one: &str, other: &str) {
        assert!(read(self.0.path(), one) == read(self.0.path(), other), "{one} and {other} differ");
    }
}

#[test]
fn merged_embeddings_are_the_bytes_of_one_machine() {
    let place = Place::new();
    for kind in ["", "--tokens"] {
        let encode = |more: &str| {
            place.run(
                0,
                &format!("encode --model fixture-student --input texts.tsv --prefix q: --no-cache {kind} {more}"),
            )
        };
        encode("--output whole.safetensors");
        for i in 1..=3 {
            encode(&format!("--shard {i}/3 --output {i}.safetensors"));
        }
        // In any order.
        place.run(0, "merge 3.safetensors 1.safetensors 2.safetensors --output merged.safetensors");
        place.same("whole.safetensors", "merged.safetensors");
    }
    let refused = |parts: &str, what: &str| {
        let said = place.run(2, &format!("merge {parts} --output none.safetensors"));
        assert!(said.contains(what), "{said}");
        assert!(!place.path("none.safetensors").exists());
    };
    refused("1.safetensors 3.safetensors", "3.safetensors: shard 2/3 is missing");
    refused("1.safetensors 2.safetensors", "1.safetensors: of its 3 shards the last 1 are missing");
    refused("1.safetensors 1.safetensors", "1.safetensors: named twice");
    refused("whole.safetensors", "whole.safetensors: no part of `encode --shard`: its header has no shard");
    std::fs::copy(place.path("1.safetensors"), place.path("again.safetensors")).unwrap();
    refused(
        "1.safetensors again.safetensors 2.safetensors 3.safetensors",
        "again.safetensors: shard 1/3 is named twice",
    );
    place.run(0, "encode --model fixture-teacher --input texts.tsv --tokens --shard 2/3 --output other.safetensors");
    refused(
        "1.safetensors other.safetensors 3.safetensors",
        "other.safetensors: not a part of the same whole as 1.safetensors",
    );
    let said = place.run(2, "merge 1.safetensors 2.safetensors 3.safetensors --output merged.run");
    assert!(said.contains("ends with .safetensors"), "{said}");
    // A part of other texts, and token ids that are others.
    place.run(0, "encode --model fixture-student --input queries.tsv --prefix q: --tokens --shard 2/3 --output other.safetensors");
    refused("1.safetensors other.safetensors 3.safetensors", "other.safetensors: not a part of the same whole");
    let mut bytes = read(place.0.path(), "2.safetensors");
    let good = bytes.clone();
    let last = bytes.len() - 8;
    bytes[last] ^= 1;
    std::fs::write(place.path("2.safetensors"), &bytes).unwrap();
    refused("1.safetensors 2.safetensors 3.safetensors", "2.safetensors: damaged: its token ids");
    std::fs::write(place.path("2.safetensors"), &good).unwrap();
    // One number of the rows is another.
    let mut bytes = read(place.0.path(), "2.safetensors");
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[header + 5] ^= 1;
    std::fs::write(place.path("2.safetensors"), &bytes).unwrap();
    refused("1.safetensors 2.safetensors 3.safetensors", "2.safetensors: damaged");
    std::fs::write(place.path("2.safetensors"), &bytes[..40]).unwrap();
    refused("1.safetensors 2.safetensors 3.safetensors", "2.safetensors: not safetensors");
}

#[test]
fn merged_runs_are_the_bytes_of_one_machine() {
    let place = Place::new();
    let retrieve = |more: &str| {
        place.run(0, &format!("retrieve --model fixture-student --k 4 --tag ours --queries queries.tsv {more}"))
    };
    retrieve("--corpus texts.tsv --output whole.run");
    for i in 1..=3 {
        retrieve(&format!("--corpus texts.tsv --shard {i}/3 --output {i}.run"));
    }
    place.run(0, "merge 1.run 2.run 3.run --output merged.run");
    place.same("whole.run", "merged.run");
    // Parts of the corpus.
    let all = texts(11);
    let lines: Vec<&str> = all.lines().collect();
    for (i, part) in lines.chunks(4).enumerate() {
        std::fs::write(place.path(&format!("corpus{i}.tsv")), part.join("\n")).unwrap();
        retrieve(&format!("--corpus corpus{i}.tsv --output corpus{i}.run.gz"));
    }
    place.run(0, "merge corpus0.run.gz corpus1.run.gz corpus2.run.gz --k 4 --output merged.run");
    place.same("whole.run", "merged.run");
    let said = place.run(2, "merge whole.run 1.run --output none.run");
    assert!(said.contains("1.run, line 1: query t0: document"), "{said}");
    assert!(!place.path("none.run").exists());
    let said = place.run(2, "merge whole.run --output whole.run");
    assert!(said.contains("would replace a part"), "{said}");
}

#[test]
fn shards_of_a_task_leave_the_ranking_to_the_command_without_them() {
    let place = Place::new();
    let task = "task tatoeba --model fixture-student --data fixture-bitext";
    place.run(0, &format!("{task} --output alone --no-cache"));
    for i in [2, 1] {
        let said = place.run(0, &format!("{task} --shard {i}/3"));
        assert!(said.contains(&format!("shard {i}/3: ")), "{said}");
    }
    // Again: nothing is computed twice.
    let said = place.run(0, &format!("{task} --shard 1/3"));
    let encoded = said.split("shard 1/3: ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(said.contains(&format!(", {encoded} of them encoded before")), "{said}");
    // The third never ran.
    place.run(0, &format!("{task} --output together"));
    for file in ["cells.csv", "summary.json"] {
        place.same(&format!("alone/{file}"), &format!("together/{file}"));
    }
    let said = place.run(2, &format!("{task} --shard 1/3 --output x"));
    assert!(said.contains("cannot be used with"), "{said}");
    let said = place.run(2, &format!("{task} --shard 4/3"));
    assert!(said.contains("4/3 is not I/N"), "{said}");
    std::fs::write(place.path("qrels.x.txt"), "t0 0 t0 1\n").unwrap();
    std::fs::rename(place.path("texts.tsv"), place.path("corpus.x.tsv")).unwrap();
    std::fs::rename(place.path("queries.tsv"), place.path("queries.x.tsv")).unwrap();
    let said = place.run(2, "task clir --data . --systems bm25 --shard 1/2");
    assert!(said.contains("only embeddings of dense are kept"), "{said}");
    place.run(0, "task clir --data . --model fixture-student --shard 1/2");
}

#[test]
fn shards_of_an_attack_share_a_folder() {
    let place = Place::new();
    let attack = |more: &str| {
        let line = "attack --model fixture-student --queries queries.tsv --corpus texts.tsv --method random,greedy,pgd --candidates 4";
        place.run(0, &format!("{line} {more}"))
    };
    attack("--output alone");
    attack("--output together --shard 3/3");
    let said = attack("--output together --shard 1/3");
    assert!(said.contains("greedy, shard 1/3: 1 of 5 queries"), "{said}");
    assert!(place.path("together/journal.greedy.1-of-3.jsonl").exists());
    // What another attack left is not taken for one's own.
    std::fs::copy(place.path("together/journal.random.1-of-3.jsonl"), place.path("together/journal.pgd.2-of-3.jsonl"))
        .unwrap();
    attack("--output together");
    for file in ["states.csv", "summary.json", "curve.csv", "queries.greedy.tsv"] {
        place.same(&format!("alone/{file}"), &format!("together/{file}"));
    }
    assert!(!place.path("together/journal.greedy.1-of-3.jsonl").exists());
    // Nor is it removed.
    assert!(place.path("together/journal.pgd.2-of-3.jsonl").exists());
    // A shard that comes late finds nothing to do for the whole.
    attack("--output together --shard 2/3");
    attack("--output together");
    place.same("alone/states.csv", "together/states.csv");
}

#[test]
fn runs_and_embeddings_do_not_mix() {
    let test = Test::new().write("a.run", "q Q0 d 1 1 x\n").write("b.safetensors", "");
    let refused = test.args(["merge", "a.run", "b.safetensors", "--output", "c"]).refused();
    assert!(refused.contains("cannot be put together"), "{refused}");
}
