//! Beside PyTorch's autograd, whose gradients `benches/peers/gradients.py` wrote.

use std::io::Write as _;
use std::path::Path;

use safetensors::SafeTensors;
use snellen::data::folder::Folder;
use snellen::encoder::{Model, Wanted};

use super::{fetched, how, largest};

const TEXTS: [&str; 3] = [
    "The cat sat on the mat.",
    "Where is the nearest railway station, please?",
    "Ninapenda kusoma vitabu vya historia.",
];

/// Of the largest value of a tensor: both round, PyTorch a little less.
const TOLERANCE: f32 = 2e-5;

fn values(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    file.tensor(name).unwrap().data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// The largest difference, as a share of the largest value expected, or of `least` where that is more.
fn difference<'a>(ours: impl Iterator<Item = &'a f32>, theirs: &[f32], least: f32) -> f32 {
    let most = ours.zip(theirs).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    most / largest(theirs.iter()).max(least)
}

#[test]
fn all_minilm_l6_v2_slopes_as_pytorch_says() {
    let Some(folder) = fetched("all-MiniLM-L6-v2") else { return };
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradients/all-MiniLM-L6-v2.safetensors");
    let bytes = std::fs::read(reference).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let model = Model::open("model", Folder::Disk(folder)).unwrap();
    let (recipe, width) = (model.recipe(), model.config().hidden);
    let tokens = model.tokenize("", &TEXTS).unwrap();
    let direction: Vec<f32> = (0..width).map(|i| (((i * 7919 + 13) % 1009) as f64 / 504.5 - 1.0) as f32).collect();
    let slope = |_: usize, states: &[f32], out: &mut [f32]| recipe.back(states, direction.clone(), out);
    let (gradients, weights) = model.weight_gradients(&tokens, &how(&recipe), None, Wanted::ALL, slope).unwrap();

    let mut worst = 0.0f32;
    for text in 0..TEXTS.len() {
        let ids = file.tensor(&format!("ids_{text}")).unwrap();
        let ids: Vec<u32> = ids.data().as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as u32).collect();
        assert_eq!(tokens.text(text), ids);
        let rows = tokens.offsets()[text]..tokens.offsets()[text + 1];
        let ours = gradients.words.slice(ndarray::s![rows, ..]);
        worst = worst.max(difference(ours.iter(), &values(&file, &format!("words_{text}")), 0.0));
    }
    let everywhere = largest(weights.tensors.values().flatten());
    let mut worst_weight = 0.0f32;
    let mut compared = 0;
    for name in file.names().into_iter().filter(|name| name.starts_with("weight.")) {
        let theirs = values(&file, name);
        // A pooler's weights have no gradient here.
        let Some(tensor) = weights.tensors.get(&name["weight.".len()..]) else { panic!("{name}") };
        let norm = tensor.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt() as f32;
        let ours: Vec<f32> = std::iter::once(norm).chain(tensor.iter().take(8).copied()).collect();
        worst_weight = worst_weight.max(difference(ours.iter(), &theirs, 1e-3 * everywhere));
        compared += 1;
    }
    let _ = writeln!(
        std::io::stderr(),
        "all-MiniLM-L6-v2: largest difference to PyTorch's autograd: at words {worst:e}, at weights {worst_weight:e} ({compared} tensors)"
    );
    assert_eq!(compared, 4 + 6 * 16);
    assert!(worst < TOLERANCE && worst_weight < TOLERANCE);
}
