//! The seeds of `fuzz/`, and what fuzzing found, through the same readers: none may panic, hang or pass for what it is not.

use std::path::Path;

// Of another crate, where more of it is used and public.
#[allow(dead_code, unreachable_pub)]
#[path = "../fuzz/src/lib.rs"]
mod readers;

/// A test for each reader, which run side by side.
macro_rules! replayed {
    ($($reader:ident)*) => {
        const REPLAYED: &[&str] = &[$(stringify!($reader)),*];
        $(
            #[test]
            fn $reader() {
                replay(stringify!($reader), readers::$reader);
            }
        )*
    };
}

replayed! {
    bitext bundle checkpoint claim collection config distillation index lexicon links manifest matrix mewsli pins q4 qrels run texts tokenizer wheel xquad xtreme
}

fn replay(name: &str, reader: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz").join(name);
    let seeds: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for seed in seeds {
        let bytes = std::fs::read(&seed).unwrap();
        // Files that break off and bytes that flip are what disks and networks make of good ones.
        let step = bytes.len() / 24 + 1;
        for length in (0..bytes.len()).step_by(step) {
            reader(&bytes[..length]);
            let mut flipped = bytes.clone();
            flipped[length] ^= 1 << (length % 8);
            reader(&flipped);
        }
        reader(&bytes);
    }
}

#[test]
fn every_folder_of_seeds_has_a_reader_and_every_reader_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stems = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let mut stems: Vec<_> =
            entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        stems.sort();
        stems
    };
    assert_eq!(stems("fixtures/fuzz"), REPLAYED);
    assert_eq!(stems("fuzz/fuzz_targets"), REPLAYED);
}
