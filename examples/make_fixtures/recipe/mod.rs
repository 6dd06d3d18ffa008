//! The recipe of everything in `fixtures/` but `fixtures/recipe/`, which it reads: a small multilingual bitext, a teacher that learns English from a model that
//! was built to know some, and a student that learns the teacher's embeddings of English sentences from their translations.
//!
//! The same bytes come out on every machine: random numbers are counter-based integers, what is built is only ever added, multiplied, divided and
//! square-rooted, one after the other, and training follows the arithmetic contract.

mod bitext;
mod checkpoint;
mod space;
mod student;
mod teacher;
mod tokenizer;
mod training;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;
use snellen::data::digest;

use bitext::Bitext;
use space::Space;

/// What the recipe returns: the thing, or one line that says what is wrong with the sentences.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Files by their path below `fixtures/`.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The seed of every random stream: OPTICAL's number on arXiv.
const SEED: u64 = 2301_12566;

/// The sentences as they lie in the repository.
const SENTENCES: &str = include_str!("../../../fixtures/recipe/sentences.tsv");

/// Every file that the recipe makes.
pub(crate) fn files() -> Result<Files> {
    let bitext = Bitext::parse(SENTENCES)?;
    let space = Space::new(bitext::INDEXED);
    let founder = teacher::checkpoint(&bitext, |piece, seen| space.embedding(piece, seen));
    let untaught = teacher::checkpoint(&bitext, |piece, _| space::noise("teacher", piece));
    let teacher = training::taught(untaught, &founder, training::TEACHER, vec![bitext.indexed(0)])?;
    let others = bitext.columns().skip(1).map(|column| bitext.indexed(column)).collect();
    let student = training::taught(student::untaught(&bitext), &teacher, training::STUDENT, others)?;
    let mut files = Files::new();
    bitext.write(&mut files);
    files.extend(teacher.files()?);
    files.extend(student.files()?);
    let manifest = manifest(&files);
    files.insert("manifest.toml".into(), manifest.into_bytes());
    Ok(files)
}

/// Path, size and digest of every file.
fn manifest(files: &Files) -> String {
    let mut text = String::from("# Written by `cargo run --release --example make_fixtures`; `-- --check` compares.\n");
    for (path, bytes) in files {
        let (size, sha256) = (bytes.len(), digest::of_bytes(bytes));
        text += &format!("\n[[file]]\npath = \"{path}\"\nsize = {size}\nsha256 = \"{sha256}\"\n");
    }
    text
}

/// The first file below `root` that differs from `files`, and where: `None` where all are the same.
pub(crate) fn first_difference(files: &Files, root: &Path) -> Result<Option<String>> {
    for (path, expected) in files {
        let found = match std::fs::read(root.join(path)) {
            Ok(found) => found,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Some(format!("{path}: missing"))),
            Err(e) => return Err(format!("{path}: {e}").into()),
        };
        if let Some(at) = first_differing_byte(expected, &found) {
            let show = |bytes: &[u8]| bytes.get(at).map_or("the end".to_owned(), |byte| format!("{byte:#04x}"));
            let (is, should) = (show(&found), show(expected));
            return Ok(Some(format!("{path}: byte {at} is {is}, the recipe makes {should}")));
        }
    }
    Ok(None)
}

/// Where two files part, counted from 0; where one ends early, its end.
fn first_differing_byte(a: &[u8], b: &[u8]) -> Option<usize> {
    let common = a.iter().zip(b).position(|(x, y)| x != y);
    common.or((a.len() != b.len()).then_some(a.len().min(b.len())))
}

/// A JSON file as people read it.
fn json_file(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
