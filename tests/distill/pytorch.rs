//! Beside PyTorch, whose losses and gradients `benches/peers/distill.py` wrote.

use std::io::Write as _;
use std::path::Path;

use safetensors::SafeTensors;
use snellen::data::bitext::{self, Pair};
use snellen::data::folder::Folder;
use snellen::distill::{Bitext, Config, Data, Distillation};
use snellen::encoder::Model;

use super::fetched;

/// Of PyTorch's losses, over up to 200 steps: both round, and each step is taken from where the rounding of those before led.
const LOSS: f64 = 1e-3;

/// Of the largest gradient of a weight: both round, PyTorch a little less.
const GRADIENT: f32 = 2e-5;

/// As above, at shifted embeddings, whose direction is a sum of rounded gradients too.
const SHIFTED: f32 = 1e-3;

const COMMON: &str = r#"
teacher = "all-MiniLM-L6-v2"
batch = 10
bitext = [{ language = "deu", file = "pairs.tsv" }]
"#;

const CURVE: &str = "steps = 200\noptimizer = { learning_rate = 5e-5, warmup = 20 }\n";

fn case(name: &str) -> (String, f32) {
    let sinkhorn = r#"tokens = { solver = "sinkhorn", epsilon = 0.1, tolerance = 1e-12 }"#;
    match name {
        "sinkhorn" => (format!("{CURVE}objective = {{ {sinkhorn} }}"), GRADIENT),
        "greedy" => (format!("{CURVE}objective = {{ tokens = {{ solver = \"greedy\", weight = 2.0 }} }}"), GRADIENT),
        "pooled" => (format!("{CURVE}objective = {{ pooled = 1.0 }}"), GRADIENT),
        _ => (
            format!(
                "steps = 1\nobjective = {{ {sinkhorn}, pooled = 0.5 }}\n\
                 adversary = {{ method = \"pgd\", radius = 0.3, steps = 2, consistency = 0.5 }}\noptimizer = {{ learning_rate = 5e-5 }}"
            ),
            SHIFTED,
        ),
    }
}

fn values(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    file.tensor(name).unwrap().data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn pairs(bytes: &[u8]) -> Vec<Pair> {
    let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
    let text: String = serde_json::from_str(&header.metadata().as_ref().unwrap()["pairs"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pairs.tsv"), text).unwrap();
    bitext::read(&folder.path().join("pairs.tsv"), None).unwrap()
}

#[test]
fn gradients_and_losses_are_pytorchs() {
    let Some(folder) = fetched("all-MiniLM-L6-v2") else { return };
    let open = || Model::open("all-MiniLM-L6-v2", Folder::Disk(folder.clone())).unwrap();
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/distill/all-MiniLM-L6-v2.safetensors"));
    let bytes = bytes.unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let bitext = vec![Bitext { language: "deu".to_owned(), pairs: pairs(&bytes) }];
    let data = Data { bitext, ..Data::default() };
    let teacher = open();
    for name in ["sinkhorn", "greedy", "pooled", "mixed-pgd"] {
        let (text, tolerance) = case(name);
        let config = Config::parse(&format!("{COMMON}{text}"), "test.toml", &[]).unwrap();
        let distillation = || Distillation::new(&config, &teacher, open(), &data).unwrap();
        let (_, gradients) = distillation().slope().unwrap();
        let largest = gradients.tensors.values().flatten().fold(0.0f32, |most, x| most.max(x.abs()));
        let (mut worst, mut compared) = (0.0f32, 0);
        for tensor in file.names().into_iter().filter(|tensor| !tensor.ends_with("/losses")) {
            let Some(weight) = tensor.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')) else { continue };
            let theirs = values(&file, tensor);
            let ours = &gradients.tensors[weight];
            let norm = ours.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt() as f32;
            let ours = std::iter::once(norm).chain(ours.iter().take(8).copied());
            let scale = theirs.iter().fold(1e-3 * largest, |most, x| most.max(x.abs()));
            worst = ours.zip(&theirs).map(|(x, y)| (x - y).abs() / scale).fold(worst, f32::max);
            compared += 1;
        }
        let mut distillation = distillation();
        let mut apart = 0.0f64;
        // One curve to its end; it takes long.
        let steps = if name == "sinkhorn" { 200 } else { 40 };
        for theirs in values(&file, &format!("{name}/losses")).into_iter().take(steps) {
            let ours = distillation.step().unwrap().loss;
            apart = apart.max((ours - f64::from(theirs)).abs());
        }
        let steps = distillation.steps();
        let line =
            format!("{name}: gradients differ from PyTorch's by {worst:e}, losses of {steps} steps by {apart:e}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        assert!(worst < tolerance && apart < LOSS && compared == 6 * 16, "{line}");
    }
}
