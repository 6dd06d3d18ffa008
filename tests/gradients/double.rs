//! BERT in f64, plainly, without a line of the crate's own: what finite differences are taken of.

use std::collections::BTreeMap;
use std::path::Path;

use half::f16;
use ndarray::{Array1, Array2, ArrayD, Axis, Ix1, Ix2, IxDyn, s};
use safetensors::{Dtype, SafeTensors};

/// A checkpoint in f64.
pub(crate) struct Bert {
    pub(crate) tensors: BTreeMap<String, ArrayD<f64>>,
    config: serde_json::Value,
    /// What stands before the tensors' names.
    prefix: String,
}

impl Bert {
    pub(crate) fn read(folder: &Path) -> Self {
        let config = serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
        let mut tensors = BTreeMap::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "safetensors") {
                let bytes = std::fs::read(path).unwrap();
                for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
                    let values = match view.dtype() {
                        Dtype::F16 => {
                            view.data().as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f64()).collect()
                        }
                        Dtype::F32 => {
                            view.data().as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
                        }
                        _ => continue,
                    };
                    tensors.insert(name, ArrayD::from_shape_vec(IxDyn(view.shape()), values).unwrap());
                }
            }
        }
        let word = "embeddings.word_embeddings.weight";
        let prefix = tensors.keys().find_map(|name| name.strip_suffix(word)).unwrap().to_owned();
        Self { tensors, config, prefix }
    }

    fn size(&self, name: &str) -> usize {
        self.config[name].as_u64().unwrap() as usize
    }

    fn matrix(&self, name: &str) -> ndarray::ArrayView2<'_, f64> {
        self.tensors[&format!("{}{name}", self.prefix)].view().into_dimensionality::<Ix2>().unwrap()
    }

    fn vector(&self, name: &str) -> ndarray::ArrayView1<'_, f64> {
        self.tensors[&format!("{}{name}", self.prefix)].view().into_dimensionality::<Ix1>().unwrap()
    }

    /// The mean state of a text, divided by its length; `shift` is added to the word embeddings.
    pub(crate) fn embed(&self, ids: &[u32], shift: &Array2<f64>) -> Array1<f64> {
        let first = if self.config["model_type"] == "xlm-roberta" { self.size("pad_token_id") + 1 } else { 0 };
        let mut states = shift.clone();
        for (i, (id, mut state)) in ids.iter().zip(states.rows_mut()).enumerate() {
            state += &self.matrix("embeddings.word_embeddings.weight").row(*id as usize);
            state += &self.matrix("embeddings.position_embeddings.weight").row(first + i);
            state += &self.matrix("embeddings.token_type_embeddings.weight").row(0);
        }
        self.norm("embeddings.LayerNorm", &mut states);
        for layer in 0..self.size("num_hidden_layers") {
            states = self.layer(&format!("encoder.layer.{layer}"), &states);
        }
        let mean = states.mean_axis(Axis(0)).unwrap();
        let norm = mean.dot(&mean).sqrt();
        mean / norm
    }

    fn layer(&self, name: &str, states: &Array2<f64>) -> Array2<f64> {
        let [q, k, v] = ["query", "key", "value"].map(|p| self.linear(&format!("{name}.attention.self.{p}"), states));
        let heads = self.size("num_attention_heads");
        let width = q.ncols() / heads;
        let mut context = Array2::zeros(q.dim());
        for head in 0..heads {
            let part = s![.., head * width..(head + 1) * width];
            let mut scores = q.slice(part).dot(&k.slice(part).t()) / (width as f64).sqrt();
            for mut row in scores.rows_mut() {
                let largest = row.fold(f64::MIN, |m, x| m.max(*x));
                row.mapv_inplace(|x| exp(x - largest));
                let total = row.sum();
                row /= total;
            }
            context.slice_mut(part).assign(&scores.dot(&v.slice(part)));
        }
        let mut attended = self.linear(&format!("{name}.attention.output.dense"), &context) + states;
        self.norm(&format!("{name}.attention.output.LayerNorm"), &mut attended);
        let mut wide = self.linear(&format!("{name}.intermediate.dense"), &attended);
        match self.config["hidden_act"].as_str().unwrap() {
            "gelu" => wide.mapv_inplace(|x| 0.5 * x * (1.0 + erf(x / 2.0f64.sqrt()))),
            "gelu_new" => wide.mapv_inplace(|x| {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                x / (1.0 + exp(-2.0 * inner))
            }),
            "relu" => wide.mapv_inplace(|x| x.max(0.0)),
            other => panic!("{other}"),
        }
        let mut out = self.linear(&format!("{name}.output.dense"), &wide) + attended;
        self.norm(&format!("{name}.output.LayerNorm"), &mut out);
        out
    }

    fn linear(&self, name: &str, x: &Array2<f64>) -> Array2<f64> {
        x.dot(&self.matrix(&format!("{name}.weight")).t()) + self.vector(&format!("{name}.bias"))
    }

    fn norm(&self, name: &str, states: &mut Array2<f64>) {
        let (weight, bias) = (self.vector(&format!("{name}.weight")), self.vector(&format!("{name}.bias")));
        for mut row in states.rows_mut() {
            let mean = row.mean().unwrap();
            row -= mean;
            let deviation = (row.dot(&row) / row.len() as f64 + self.config["layer_norm_eps"].as_f64().unwrap()).sqrt();
            row /= deviation;
            row *= &weight;
            row += &bias;
        }
    }
}

/// e^x by halving the argument and squaring the series of what is left.
fn exp(x: f64) -> f64 {
    let small = x / 1024.0;
    let mut value = (1..12).rev().fold(1.0, |sum, n| 1.0 + sum * small / f64::from(n));
    for _ in 0..10 {
        value *= value;
    }
    value
}

/// 2/√π·e^(−x²)·Σ 2ⁿx^(2n+1)/(2n+1)!! (Abramowitz & Stegun 7.1.6).
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        n += 2.0;
        term *= 2.0 * x * x / n;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * exp(-x * x) * sum
}
