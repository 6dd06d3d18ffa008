//! Embeddings, token states and token ids against reference values that PyTorch computed in f32 on another machine.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use snellen::data::folder::Folder;
use snellen::encoder::{Batching, How, Model, Recipe};

/// Pooled embeddings agree to about 1e-6. Single coordinates of token states come close to the bound (8.8e-6 for all-MiniLM-L6-v2): the step of an
/// activation's grid is that of its row's largest value. Any wrong layer, pooling or activation is orders of magnitude beyond it.
const TOLERANCE: f32 = 1e-5;

#[derive(serde::Deserialize)]
struct Text {
    text: String,
    prefix: String,
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

/// The checkpoint `name` in the cache that SNELLEN_CACHE names, and the folder of reference values beside the checkout.
fn inputs(name: &str) -> Option<(Model, PathBuf)> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    let folder = std::env::var_os("SNELLEN_CACHE").map(|cache| Path::new(&cache).join("data").join(name))?;
    (reference.is_dir() && folder.is_dir()).then(|| (Model::open(name, Folder::Disk(folder)).unwrap(), reference))
}

fn compare(name: &str, short: &str) {
    use std::io::Write as _;
    let Some((model, reference)) = inputs(name) else {
        let _ =
            writeln!(std::io::stderr(), "skipped: {name} against PyTorch: needs ../shared/reference and SNELLEN_CACHE");
        return;
    };
    let texts = std::fs::read_to_string(reference.join(format!("{short}_texts.json"))).unwrap();
    let texts: Vec<Text> = serde_json::from_str(&texts).unwrap();
    let bytes = std::fs::read(reference.join(format!("{short}_ref.safetensors"))).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(texts.len(), 51);

    let prefix = texts[0].prefix.clone();
    let recipe = Recipe { prefix: prefix.clone(), ..model.recipe() };
    let tokens = model.tokenize(&prefix, &texts.iter().map(|t| &t.text).collect::<Vec<_>>()).unwrap();
    let how = |recipe| How { recipe, batching: Batching::default(), first: 0, done: &|_| () };
    let plain = Recipe { normalize: false, ..recipe.clone() };
    let states = model.embed_tokens(&tokens, &how(&plain)).unwrap();
    let mut worst_state = 0.0f32;
    for (i, text) in texts.iter().enumerate() {
        let ids: Vec<u32> = expected
            .tensor(&format!("ids_{i:02}"))
            .unwrap()
            .data()
            .chunks_exact(8)
            .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as u32)
            .collect();
        assert_eq!(tokens.text(i), ids, "ids of text {i}: {:?}", text.text);
        let ours = states.slice(ndarray::s![tokens.offsets()[i]..tokens.offsets()[i + 1], ..]);
        let theirs = f32s(expected.tensor(&format!("tok_{i:02}")).unwrap().data());
        worst_state = worst_state.max(largest_difference(ours.as_slice().unwrap(), &theirs));
    }
    let pooled = model.embed(&tokens, &how(&recipe)).unwrap();
    let worst = largest_difference(pooled.as_slice().unwrap(), &f32s(expected.tensor("pooled").unwrap().data()));
    let _ = writeln!(
        std::io::stderr(),
        "{name}: largest difference to PyTorch: pooled {worst:e}, token states {worst_state:e}"
    );
    assert!(worst < TOLERANCE && worst_state < TOLERANCE);
}

#[test]
fn all_minilm_l6_v2_agrees_with_pytorch() {
    compare("all-MiniLM-L6-v2", "minilm");
}

#[test]
fn multilingual_e5_small_q4_agrees_with_pytorch() {
    compare("multilingual-e5-small-q4", "me5");
}
