//! Embeddings that were computed before: used where they are whole, never believed where they are not.

use std::path::PathBuf;

use crate::test::{OUT, Test};

const AGAIN: [&str; 7] = ["encode", "--model", "model", "--input", "texts.txt", "--output", OUT];

/// A folder in which the student was run once, the one file that its cache then holds, and the output.
fn once() -> (Test, PathBuf, Vec<u8>) {
    let out = Test::encode("student").status(0);
    let bytes = out.read(OUT);
    let test = out.then().remove(OUT).args(AGAIN);
    let kept: Vec<PathBuf> =
        std::fs::read_dir(test.path("cache/embeddings")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    (test, kept[0].clone(), bytes)
}

#[test]
fn a_second_run_gives_the_same_bytes_and_writes_nothing_anew() {
    let (test, kept, bytes) = once();
    let before = (std::fs::read(&kept).unwrap(), kept.metadata().unwrap().modified().unwrap());
    let out = test.status(0);
    assert!(out.read(OUT) == bytes);
    assert_eq!((std::fs::read(&kept).unwrap(), kept.metadata().unwrap().modified().unwrap()), before);
}

#[test]
fn a_damaged_file_is_computed_anew_and_mended() {
    let good = once().1.metadata().unwrap().len() as usize;
    for place in [0, 7, 9, 30, 100, good / 2, good - 1] {
        let (test, kept, bytes) = once();
        let whole = std::fs::read(&kept).unwrap();
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        std::fs::write(&kept, &damaged).unwrap();
        let out = test.status(0);
        assert!(out.read(OUT) == bytes, "byte {place}");
        assert!(std::fs::read(&kept).unwrap() == whole, "byte {place}");
    }
}

#[test]
fn a_cut_empty_or_foreign_file_is_computed_anew() {
    let foreign = once().2;
    for content in [&[][..], &[0; 8], &foreign[..foreign.len() - 4], &foreign[..]] {
        let (test, kept, bytes) = once();
        std::fs::write(&kept, content).unwrap();
        assert!(test.status(0).read(OUT) == bytes);
    }
}

#[test]
fn a_sound_entry_of_other_texts_is_not_believed_under_this_name() {
    let (test, kept, bytes) = once();
    let test = test.args(["--prefix", "other: "]).status(0).then().remove(OUT);
    let entries = std::fs::read_dir(test.path("cache/embeddings")).unwrap();
    let other = entries.map(|entry| entry.unwrap().path()).find(|path| *path != kept).unwrap();
    std::fs::copy(other, &kept).unwrap();
    assert!(test.args(AGAIN).status(0).read(OUT) == bytes);
}

#[test]
fn each_thing_that_decides_an_embedding_has_its_own_entry() {
    let entries = |test: &Test| std::fs::read_dir(test.path("cache/embeddings")).unwrap().count();
    let (mut test, ..) = once();
    for (i, args) in
        [["--prefix", "query: "], ["--pooling", "max"], ["--layer", "1"], ["--threads", "1"]].iter().enumerate()
    {
        test = test.args(*args).status(0).then().args(AGAIN);
        assert_eq!(entries(&test), (2 + i).min(4), "{args:?}");
    }
    let other = test.json("model/config.json", |config| config["layer_norm_eps"] = 0.5.into()).status(0).then();
    assert_eq!(entries(&other), 5);
}

#[test]
fn without_a_cache_nothing_is_kept() {
    let out = Test::encode("student").args(["--no-cache"]).status(0);
    assert!(!out.then().path("cache/embeddings").exists());
}
