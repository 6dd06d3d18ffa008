//! Gradients of encoders: against finite differences of a plain f64 encoder, against PyTorch's, and with the same bits however they are computed.

mod double;
mod pytorch;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use double::Bert;
use ndarray::Array2;
use snellen::data::digest::Digest;
use snellen::data::folder::Folder;
use snellen::encoder::{Batching, How, Model, Order, Pooling, Recipe, Tokens, Wanted};
use snellen::kernel::isa::Isa;
use snellen::kernel::random::Stream;

const TEXTS: [&str; 3] =
    ["The cat sat.", "Wo ist der nächste Bahnhof, bitte?", "Ninapenda kusoma vitabu vya historia."];

/// Half the step of a difference: its error is about 1e-8 of a third derivative, and f64 rounds to 1e-11 of it.
const STEP: f64 = 1e-4;

/// Of the largest gradient of a tensor. A 24-bit grid's step is 6e-8 of the largest value of a row, and two dozen products follow each other; a wrong term is
/// orders of magnitude beyond it.
const TOLERANCE: f64 = 2e-5;

fn how(recipe: &Recipe) -> How<'_> {
    How { recipe, batching: Batching::default(), first: 0, done: &|_| () }
}

/// The scalar is the inner product of the embedding and this.
fn direction(text: usize, width: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, "direction", format!("{text}"));
    (0..width).map(|_| stream.normal() as f32).collect()
}

fn open(folder: &Path) -> (Model, Recipe, Tokens) {
    let model = Model::open("model", Folder::Disk(folder.to_owned())).unwrap();
    let recipe = Recipe { pooling: Pooling::Mean, normalize: true, ..model.recipe() };
    let tokens = model.tokenize("", &TEXTS).unwrap();
    (model, recipe, tokens)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Where SNELLEN_CACHE has a checkpoint; says so if it has not.
fn fetched(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SNELLEN_CACHE").map(|cache| Path::new(&cache).join("data").join(name));
    let found = folder.filter(|folder| folder.is_dir());
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: gradients of {name}: needs SNELLEN_CACHE");
    }
    found
}

fn compare_with_differences(folder: &Path, draws: usize) {
    let (model, recipe, tokens) = open(folder);
    let width = model.config().hidden;
    let slope = |text: usize, _: &[f32], out: &mut [f32]| out.copy_from_slice(&direction(text, width));
    let gradients = model.embedding_gradients(&tokens, &how(&recipe), None, slope).unwrap();

    let mut differences = Differences::new(folder, &tokens, width);
    let mut stream = Stream::new(2, "entries", "");
    let mut worst = ("word embeddings of tokens".to_owned(), 0.0f64);
    let largest = f64::from(largest(gradients.words.iter()));
    for _ in 0..draws {
        let token = stream.index(tokens.ids().len()).unwrap();
        let column = stream.index(width).unwrap();
        let expected = differences.at_token(token, column);
        worst.1 = worst.1.max((f64::from(gradients.words[[token, column]]) - expected).abs() / largest);
    }

    let states = |text: usize, states: &[f32], out: &mut [f32]| recipe.back(states, direction(text, width), out);
    let (again, weights) = model.weight_gradients(&tokens, &how(&recipe), None, Wanted::ALL, states).unwrap();
    assert_eq!(again.words, gradients.words, "gradients at words do not depend on what else is asked for");
    let names: Vec<&String> = weights.tensors.keys().collect();
    // The gradient at a key's bias is zero (softmax does not see what all scores have in common): what comes out is rounding.
    let everywhere = f64::from(self::largest(weights.tensors.values().flatten()));
    for draw in 0..(4 * draws).max(names.len().min(40)) {
        let name = names[draw % names.len()];
        let ours = &weights.tensors[name];
        let at: Vec<usize> = ours.shape().iter().map(|n| stream.index(*n).unwrap()).collect();
        let expected = differences.at_weight(name, &at);
        let scale = f64::from(self::largest(ours.iter())).max(1e-3 * everywhere);
        let error = (f64::from(ours[at.as_slice()]) - expected).abs() / scale;
        if error > worst.1 {
            worst = (name.clone(), error);
        }
    }
    for (id, row) in weights.words.iter().take(draws) {
        let column = stream.index(width).unwrap();
        let expected = differences.at_weight(&differences.word.clone(), &[*id as usize, column]);
        worst.1 = worst.1.max((f64::from(row[column]) - expected).abs() / largest);
    }
    let _ = writeln!(std::io::stderr(), "{}: gradients differ by {:e} at most, {}", folder.display(), worst.1, worst.0);
    assert!(worst.1 < TOLERANCE, "{worst:?}");
}

fn largest<'a>(values: impl Iterator<Item = &'a f32>) -> f32 {
    values.fold(0.0f32, |m, x| m.max(x.abs()))
}

/// Central differences of the sum over all texts of direction · embedding.
struct Differences<'a> {
    double: Bert,
    tokens: &'a Tokens,
    shifts: Vec<Array2<f64>>,
    word: String,
}

impl<'a> Differences<'a> {
    fn new(folder: &Path, tokens: &'a Tokens, width: usize) -> Self {
        let double = Bert::read(folder);
        let word = double.tensors.keys().find(|name| name.ends_with("word_embeddings.weight")).unwrap().clone();
        let shifts = (0..tokens.texts()).map(|text| Array2::zeros((tokens.text(text).len(), width))).collect();
        Self { double, tokens, shifts, word }
    }

    fn scalar(&self, text: usize) -> f64 {
        let embedding = self.double.embed(self.tokens.text(text), &self.shifts[text]);
        embedding.iter().zip(direction(text, embedding.len())).map(|(x, d)| x * f64::from(d)).sum()
    }

    fn at_token(&mut self, token: usize, column: usize) -> f64 {
        let text = self.tokens.offsets().partition_point(|offset| *offset <= token) - 1;
        let at = [token - self.tokens.offsets()[text], column];
        let [after, before] = [STEP, -STEP].map(|by| {
            self.shifts[text][at] = by;
            self.scalar(text)
        });
        self.shifts[text][at] = 0.0;
        (after - before) / (2.0 * STEP)
    }

    fn at_weight(&mut self, name: &str, at: &[usize]) -> f64 {
        let value = self.double.tensors[name][at];
        let [after, before] = [STEP, -STEP].map(|by| {
            self.double.tensors.get_mut(name).unwrap()[at] = value + by;
            (0..self.tokens.texts()).map(|text| self.scalar(text)).sum::<f64>()
        });
        self.double.tensors.get_mut(name).unwrap()[at] = value;
        (after - before) / (2.0 * STEP)
    }
}

#[test]
fn a_fixture_with_gelu_slopes_as_differences_do() {
    compare_with_differences(&fixture("teacher"), 40);
}

#[test]
fn a_fixture_with_gelu_new_slopes_as_differences_do() {
    compare_with_differences(&fixture("student"), 40);
}

#[test]
fn all_minilm_l6_v2_slopes_as_differences_do() {
    if let Some(folder) = fetched("all-MiniLM-L6-v2") {
        compare_with_differences(&folder, 12);
    }
}

/// Of gradients at words and at weights.
fn digest(model: &Model, tokens: &Tokens, recipe: &Recipe, batching: Batching) -> [String; 2] {
    let width = model.config().hidden;
    let slope = |text: usize, _: &[f32], out: &mut [f32]| out.copy_from_slice(&direction(text, width));
    let how = How { batching, ..how(recipe) };
    let words = model.embedding_gradients(tokens, &how, None, slope).unwrap().words;
    let states = |text: usize, states: &[f32], out: &mut [f32]| {
        recipe.back(states, direction(text, width), out);
    };
    let (_, weights) = model.weight_gradients(tokens, &how, None, Wanted::ALL, states).unwrap();
    let bytes = |values: &mut dyn Iterator<Item = &f32>| values.flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let mut of_weights = Digest::new();
    for (name, tensor) in &weights.tensors {
        of_weights.field(name).field(bytes(&mut tensor.iter()));
    }
    for (id, row) in &weights.words {
        of_weights.field(id.to_le_bytes()).field(bytes(&mut row.iter()));
    }
    let mut of_words = Digest::new();
    of_words.field(bytes(&mut words.iter()));
    [of_words.hex(), of_weights.hex()]
}

/// The one that all ways of computing give.
fn one_digest(folder: &Path, threads: &[usize], batchings: &[Batching]) -> [String; 2] {
    let (_, recipe, tokens) = open(folder);
    let mut all = Vec::new();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
        assert!(isa.force());
        // Weights are packed for the instruction set in use.
        let (model, ..) = open(folder);
        for threads in threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(*threads).build().unwrap();
            all.extend(batchings.iter().map(|batching| pool.install(|| digest(&model, &tokens, &recipe, *batching))));
        }
    }
    assert!(Isa::best().force());
    assert!(all.len() > 1 && all.iter().all(|one| *one == all[0]), "{all:#?}");
    all.swap_remove(0)
}

// One test, as it switches the instruction set of the whole process.
#[test]
fn gradients_have_one_digest() {
    let plain = Batching::default();
    let batchings = [plain, Batching { texts: 1, ..plain }, Batching { order: Order::Reversed, ..plain }];
    let digests = ["teacher", "student"].map(|name| one_digest(&fixture(name), &[1, 2, 3], &batchings));
    for name in ["all-MiniLM-L6-v2", "multilingual-e5-small-q4"] {
        if let Some(folder) = fetched(name) {
            one_digest(&folder, &[1, 3], &batchings[1..2]);
        }
    }
    insta::with_settings!({ snapshot_path => "../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_debug_snapshot!("gradient_digests", digests);
    });
}
