//! What the teacher's teacher knows: random indexing.
//!
//! Every indexed sentence gets a random vector, and a word the sum of the vectors of the sentences that it occurs in. So sentences with words in common
//! are close, with no training (Sahlgren, "An introduction to random indexing", TKE 2005).

use snellen::kernel::random::Stream;

use super::SEED;
use super::bitext::Occurrences;
use super::checkpoint::HIDDEN;

/// How far a word strays from the sum of its sentences.
const NOISE: f64 = 0.6;

/// The root mean square of an embedding that is built, and of one that is to learn: small ones turn faster.
const SIZE: [f64; 2] = [0.5, 0.1];

/// A vector of the shared space.
pub(crate) type Vector = [f64; HIDDEN];

/// The vectors of the indexed sentences.
pub(crate) struct Space {
    sentences: Vec<Vector>,
}

impl Space {
    /// The vectors of `n` sentences.
    pub(crate) fn new(n: usize) -> Self {
        Self { sentences: (0..n).map(|i| normal_vector("sentence", &i.to_string())).collect() }
    }

    /// The embedding of `piece`; all noise if it occurs nowhere.
    pub(crate) fn embedding(&self, piece: &str, seen: &Occurrences) -> Vector {
        let mut vector = [0.0; HIDDEN];
        for &sentence in &seen.sentences {
            add(&mut vector, 1.0, &self.sentences[sentence]);
        }
        let mut embedding = [0.0; HIDDEN];
        add(&mut embedding, 1.0 / (seen.sentences.len().max(1) as f64).sqrt(), &vector);
        add(&mut embedding, NOISE, &normal_vector("word", piece));
        scaled(embedding, SIZE[0])
    }
}

/// The embedding of a piece of which nothing is known, in the vocabulary called `vocabulary`.
pub(crate) fn noise(vocabulary: &str, piece: &str) -> Vector {
    scaled(normal_vector(vocabulary, piece), SIZE[1])
}

/// A vector of normal numbers, its own for every (stream, item).
fn normal_vector(stream: &str, item: &str) -> Vector {
    let mut stream = Stream::new(SEED, stream, item);
    std::array::from_fn(|_| stream.normal())
}

/// Adds `factor` times `b` to `a`.
fn add(a: &mut Vector, factor: f64, b: &Vector) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += factor * b;
    }
}

/// `vector` with a root mean square of `size`.
fn scaled(vector: Vector, size: f64) -> Vector {
    let mut squares = 0.0;
    for x in vector {
        squares += x * x;
    }
    let factor = size / (squares / HIDDEN as f64).sqrt();
    vector.map(|x| x * factor)
}
