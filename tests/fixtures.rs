//! The fixtures are what the recipe makes, and what they should be.

#[path = "../examples/make_fixtures/recipe/mod.rs"]
mod recipe;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use recipe::Files;
use safetensors::SafeTensors;
use tokenizers::{Encoding, Tokenizer};

/// What the recipe makes; training takes a moment.
static MADE: LazyLock<Files> = LazyLock::new(|| recipe::files().unwrap());

const LANGUAGES: [&str; 5] = ["deu", "rus", "spa", "swh", "tur"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(root().join(path)).unwrap()
}

fn lines(path: &str) -> Vec<String> {
    String::from_utf8(read(path)).unwrap().lines().map(str::to_owned).collect()
}

fn json(path: &str) -> serde_json::Value {
    serde_json::from_slice(&read(path)).unwrap()
}

/// A folder's tokeniser, and the number of rows of its word embeddings.
fn tokenizer(folder: &str, shard: &str, table: &str) -> (Tokenizer, usize) {
    let tokenizer = Tokenizer::from_bytes(read(&format!("{folder}/tokenizer.json"))).unwrap();
    let bytes = read(&format!("{folder}/{shard}"));
    let rows = SafeTensors::deserialize(&bytes).unwrap().tensor(table).unwrap().shape()[0];
    assert_eq!(json(&format!("{folder}/config.json"))["vocab_size"], rows);
    (tokenizer, rows)
}

fn teacher() -> (Tokenizer, usize) {
    tokenizer("teacher", "model.safetensors", "embeddings.word_embeddings.weight")
}

fn student() -> (Tokenizer, usize) {
    tokenizer("student", "model-00001-of-00002.safetensors", "roberta.embeddings.word_embeddings.weight")
}

/// Every sentence of every language, encoded.
fn encoded(tokenizer: &Tokenizer) -> Vec<Encoding> {
    let sides = LANGUAGES.map(|language| [format!("{language}-eng.{language}"), format!("{language}-eng.eng")]);
    let texts = sides.iter().flatten().flat_map(|side| lines(&format!("bitext/v1/tatoeba.{side}")));
    texts.map(|text| tokenizer.encode(text, true).unwrap()).collect()
}

/// The paths of all files below a folder, sorted.
fn walk(folder: &Path, below: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn the_recipe_makes_the_fixtures_byte_for_byte_and_no_others_lie_about() {
    let files = &*MADE;
    assert_eq!(recipe::first_difference(files, &root()).unwrap(), None);
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    // Seeds of fuzzing are nobody's fixtures.
    found.retain(|path| !path.starts_with("recipe/") && !path.starts_with("fuzz/") && !path.starts_with('.'));
    assert_eq!(found, files.keys().cloned().collect::<Vec<_>>());
    assert!(files.values().map(Vec::len).sum::<usize>() < 1_000_000);
}

#[test]
fn a_difference_is_named_with_its_first_byte() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::from([("a/x".to_owned(), b"abc".to_vec()), ("b".to_owned(), b"de".to_vec())]);
    let difference = |x: &[u8]| {
        std::fs::create_dir_all(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/x"), x).unwrap();
        recipe::first_difference(&files, folder.path()).unwrap().unwrap()
    };
    assert_eq!(difference(b"acc"), "a/x: byte 1 is 0x63, the recipe makes 0x62");
    assert_eq!(difference(b"ab"), "a/x: byte 2 is the end, the recipe makes 0x63");
    assert_eq!(difference(b"abcd"), "a/x: byte 3 is 0x64, the recipe makes the end");
    assert_eq!(difference(b"abc"), "b: missing");
}

#[test]
fn the_manifest_lists_every_other_file_with_its_digest() {
    let manifest: toml::Table = String::from_utf8(read("manifest.toml")).unwrap().parse().unwrap();
    let listed = manifest["file"].as_array().unwrap();
    let files = &*MADE;
    assert_eq!(listed.len(), files.len() - 1);
    for (entry, path) in listed.iter().zip(files.keys().filter(|path| *path != "manifest.toml")) {
        assert_eq!(entry["path"].as_str(), Some(path.as_str()));
        let (sha256, size) = snellen::data::digest::of_file(&root().join(path)).unwrap();
        assert_eq!(entry["sha256"].as_str(), Some(sha256.as_str()));
        assert_eq!(entry["size"].as_integer(), Some(size as i64));
    }
}

#[test]
fn both_sides_of_a_bitext_have_the_same_number_of_sentences() {
    for language in LANGUAGES {
        let side = |of: &str| lines(&format!("bitext/v1/tatoeba.{language}-eng.{of}"));
        assert_eq!((side(language).len(), side("eng").len()), (72, 72));
    }
}

#[test]
fn the_weights_are_finite_and_the_index_is_true() {
    let index = json("student/model.safetensors.index.json");
    let map = index["weight_map"].as_object().unwrap();
    let mut names = 0;
    for shard in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] {
        let bytes = read(&format!("student/{shard}"));
        for (name, tensor) in SafeTensors::deserialize(&bytes).unwrap().iter() {
            names += 1;
            assert_eq!(map[name], shard);
            let finite = |b: &[u8]| half::f16::from_le_bytes([b[0], b[1]]).is_finite();
            assert!(tensor.data().chunks(2).all(finite), "{name}");
        }
    }
    assert_eq!(names, map.len());
    let bytes = read("teacher/model.safetensors");
    for (name, tensor) in SafeTensors::deserialize(&bytes).unwrap().iter() {
        let finite = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_finite();
        assert!(name == "embeddings.position_ids" || tensor.data().chunks(4).all(finite), "{name}");
    }
}

#[test]
fn the_student_reads_every_language() {
    let (tokenizer, rows) = student();
    assert_eq!(tokenizer.get_vocab_size(true), rows);
    let ids: Vec<u32> = encoded(&tokenizer).iter().flat_map(|e| e.get_ids().to_vec()).collect();
    assert!(ids.iter().all(|&id| (id as usize) < rows));
    let unknown = ids.iter().filter(|&&id| id == 3).count();
    assert!(unknown * 20 < ids.len(), "{unknown} of {}", ids.len());
}

#[test]
fn the_student_finds_whole_words() {
    let (tokenizer, _) = student();
    let tokens = |text: &str| tokenizer.encode(text, true).unwrap().get_tokens().join(" ");
    assert_eq!(tokens("¿Dónde está el mercado?"), "<s> ▁¿ Dónde ▁está ▁el ▁mercado ? </s>");
    assert_eq!(tokens("Дом старый."), "<s> ▁Дом ▁старый . </s>");
    assert_eq!(tokens("Denizi seviyorum."), "<s> ▁ D e n i z i ▁seviyorum . </s>");
}

#[test]
fn the_teachers_tokenizer_cuts_and_pads_to_sixteen_until_told_otherwise() {
    let (mut tokenizer, rows) = teacher();
    assert_eq!(tokenizer.get_vocab_size(true), rows);
    assert!(encoded(&tokenizer).iter().all(|e| e.len() == 16 && e.get_ids().iter().all(|&id| (id as usize) < rows)));
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).unwrap();
    let lengths: Vec<usize> = encoded(&tokenizer).iter().map(Encoding::len).collect();
    assert!(lengths.iter().any(|&n| n < 16) && lengths.iter().any(|&n| n > 16));
}

#[test]
fn the_teacher_folds_case_and_accents() {
    let (mut tokenizer, _) = teacher();
    tokenizer.with_padding(None);
    let tokens = |text: &str| tokenizer.encode(text, true).unwrap().get_tokens().join(" ");
    assert_eq!(tokens("THE Wáter, is."), "[CLS] the water [UNK] is . [SEP]");
    assert_eq!(tokens("Дом"), "[CLS] [UNK] [SEP]");
}
