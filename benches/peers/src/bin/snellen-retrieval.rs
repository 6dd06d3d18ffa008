//! Snellen's late interaction and exhaustive dense search over synthetic vectors as a player: FOLDER THREADS ISA.
//!
//! Requests: `maxsim QUERIES PASSAGES [FILE]` and `dense QUERIES DOCUMENTS [FILE]` give seconds; the file gets the 100 best scores. Shapes are
//! those of `synthetic.py`.

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};
use peers::{Fault, read_f32, seconds, serve, write_f32};
use serde_json::Value;
use snellen::retrieval::{Hit, dense, late};

const QUERY: usize = 32;
const PASSAGE: usize = 64;
const WIDTH: usize = 128;
const DENSE: usize = 384;
const BEST: usize = 100;

/// Documents of a dense corpus that are read at a time.
const BLOCK: usize = 8192;

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, threads, isa] = &arguments[..] else { return Err("FOLDER THREADS ISA".into()) };
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    peers::force(isa)?;
    let folder = PathBuf::from(folder);
    serve(|words| match words {
        ["maxsim", queries, passages, file @ ..] => maxsim(&folder, queries.parse()?, passages.parse()?, file),
        ["dense", queries, documents, file @ ..] => dense(&folder, queries.parse()?, documents.parse()?, file),
        _ => Err(format!("no search {}", words.join(" ")).into()),
    })
}

/// The first rows of a file of vectors.
fn read(file: &Path, rows: usize, width: usize) -> Result<Array2<f32>, Fault> {
    let mut values = vec![0.0; rows * width];
    read_f32(&mut File::open(file)?, &mut values)?;
    Ok(Array2::from_shape_vec((rows, width), values)?)
}

fn maxsim(folder: &Path, queries: usize, passages: usize, file: &[&str]) -> Result<Value, Fault> {
    let query_tokens = read(&folder.join("queries.f32"), queries * QUERY, WIDTH)?;
    let passage_tokens = read(&folder.join("passages.f32"), passages * PASSAGE, WIDTH)?;
    let offsets = |texts: usize, tokens: usize| (0..=texts).map(|i| i * tokens).collect::<Vec<_>>();
    let (query_offsets, passage_offsets) = (offsets(queries, QUERY), offsets(passages, PASSAGE));
    let queries = late::Ragged::of(query_tokens.view(), &query_offsets)?;
    let passages = late::Ragged::of(passage_tokens.view(), &passage_offsets)?;
    let mut found = Vec::new();
    let taken = seconds(|| {
        found = late::rank(queries, passages, BEST)?;
        Ok(())
    })?;
    write_scores(file, &found)?;
    Ok(taken.into())
}

/// Reading the corpus is part of it.
fn dense(folder: &Path, queries: usize, documents: usize, file: &[&str]) -> Result<Value, Fault> {
    let queries = read(&folder.join("dense-queries.f32"), queries, DENSE)?;
    let mut corpus = File::open(folder.join("corpus.f32"))?;
    let blocks: Vec<usize> = (0..documents).step_by(BLOCK).map(|start| BLOCK.min(documents - start)).collect();
    let (mut block, mut next) = (vec![0.0; BLOCK * DENSE], vec![0.0; BLOCK * DENSE]);
    let mut found = Vec::new();
    let taken = seconds(|| {
        let mut search = dense::Search::of(queries.view(), BEST)?;
        // One block is read while another is searched. The first search is of none.
        let mut rows = 0;
        for ahead in blocks.into_iter().chain([0]) {
            let documents = ArrayView2::from_shape((rows, DENSE), &block[..rows * DENSE])?;
            let (read, searched) = rayon::join(
                || read_f32(&mut corpus, &mut next[..ahead * DENSE]).map_err(|e| e.to_string()),
                || search.add(documents),
            );
            (read?, searched?);
            std::mem::swap(&mut block, &mut next);
            rows = ahead;
        }
        found = search.finish();
        Ok(())
    })?;
    write_scores(file, &found)?;
    Ok(taken.into())
}

fn write_scores(file: &[&str], found: &[Vec<Hit>]) -> Result<(), Fault> {
    let scores: Vec<f32> = found.iter().flatten().map(|hit| hit.score).collect();
    file.first().map_or(Ok(()), |file| write_f32(Path::new(file), &scores))
}
