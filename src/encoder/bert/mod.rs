//! BERT and XLM-RoBERTa, forward and backward, over ragged batches without padding (Devlin et al., arXiv 1810.04805; Conneau et al., arXiv
//! 1911.02116; in the order of Hugging Face's `modeling_bert`).
//!
//! Shapes: T tokens of all texts, H hidden, h heads of width H/h, L tokens of one text.

mod backward;
#[cfg(feature = "cuda")]
mod card;
mod forward;
mod gradients;
mod heads;
mod parameters;
mod tape;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use ndarray::ArrayView2;
use rayon::prelude::*;

#[cfg(feature = "cuda")]
pub(super) use card::{Card, Halt};
pub use gradients::{Wanted, WeightGradients};
pub use parameters::Parameters;
pub(super) use tape::Tape;

use super::Config;
use super::space::Spaces;
use super::weights::{Tensor, Weights};
use crate::Result;
use crate::kernel::NotFinite;
use crate::kernel::product::{Columns, Form};

/// The weights of an encoder, ready to multiply.
pub(super) struct Bert {
    config: Config,
    weights: Weights,
    word: String,
    /// Rows of the word embeddings that are not the checkpoint's.
    changed: BTreeMap<u32, Vec<f32>>,
    positions: Vec<f32>,
    token_type: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// Their operands have the form in which the weights are packed.
    spaces: Spaces,
}

struct Layer {
    /// Query, key and value side by side: [3H, H].
    attention: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

/// The word embeddings of a checkpoint, some of them changed.
pub(super) struct WordTable<'a> {
    tensor: Tensor<'a>,
    changed: &'a BTreeMap<u32, Vec<f32>>,
}

/// A text to be encoded.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) ids: &'a [u32],
    /// How many of its first tokens attention looks at, at least one.
    pub(super) attended: usize,
}

/// Where a text's tokens are among those of a batch.
struct Place {
    rows: Range<usize>,
    attended: usize,
}

/// x·Wᵀ + b.
struct Linear {
    /// Of one or more layers side by side.
    names: Vec<String>,
    /// The shape of each layer's weight.
    shape: (usize, usize),
    weight: Columns,
    bias: Vec<f32>,
    /// W's columns, for gradients: packed when the first is asked for.
    transposed: OnceLock<Columns>,
}

struct LayerNorm {
    names: [String; 2],
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

/// Where a pass met a value that is not finite: in which stage, and in which of the texts given.
pub(super) struct Stopped {
    pub(super) stage: String,
    pub(super) text: usize,
}

impl Stopped {
    fn at(stage: String, places: &[Place], NotFinite { row }: NotFinite) -> Self {
        Self { stage, text: places.iter().position(|place| place.rows.contains(&row)).unwrap_or(0) }
    }
}

impl Bert {
    /// Reads every weight that the forward pass needs and puts the matrices on their grids.
    pub(super) fn load(config: Config, weights: Weights) -> Result<Self> {
        let prefix = ["", "bert.", "roberta.", "model."]
            .into_iter()
            .find(|p| weights.has(&format!("{p}embeddings.word_embeddings.weight")))
            .unwrap_or_default();
        let h = config.hidden;
        let name = |part: &str| format!("{prefix}embeddings.{part}");
        let word = name("word_embeddings.weight");
        weights.tensor(&word, &[config.vocabulary, h])?;
        let positions = weights.read(&name("position_embeddings.weight"), &[config.positions, h])?;
        let mut token_type = weights.read(&name("token_type_embeddings.weight"), &[config.types, h])?;
        token_type.truncate(h);
        let norm = LayerNorm::load(&weights, &name("LayerNorm"), &config)?;
        let form = Form::active();
        // Collected in two steps, so that the first fault is reported whichever thread meets one first.
        let layers: Vec<_> = (0..config.layers)
            .into_par_iter()
            .map(|i| Layer::load(&weights, &format!("{prefix}encoder.layer.{i}"), &config, form))
            .collect();
        let layers = layers.into_iter().collect::<Result<_>>()?;
        let (changed, spaces) = (BTreeMap::new(), Spaces::new(form));
        Ok(Self { config, weights, word, changed, positions, token_type, norm, layers, spaces })
    }

    /// The word embeddings.
    pub(super) fn words(&self) -> WordTable<'_> {
        let shape = [self.config.vocabulary, self.config.hidden];
        let tensor = self.weights.tensor(&self.word, &shape).expect("its shape was checked when it was loaded");
        WordTable { tensor, changed: &self.changed }
    }

    /// Refuses a word embedding of these ids that is not finite. All else was looked at when it was loaded.
    pub(super) fn check_words(&self, ids: &[u32]) -> Result<()> {
        let (h, words) = (self.config.hidden, self.words());
        let mut row = vec![0.0; h];
        for id in ids.iter().collect::<BTreeSet<_>>() {
            words.row(*id, &mut row);
            self.weights.check_finite(&self.word, *id as usize * h, &row)?;
        }
        Ok(())
    }
}

impl WordTable<'_> {
    /// The embedding of a token.
    pub(super) fn row(&self, id: u32, out: &mut [f32]) {
        match self.changed.get(&id) {
            Some(row) => out.copy_from_slice(row),
            None => self.tensor.row(id as usize, out),
        }
    }
}

impl Layer {
    fn load(weights: &Weights, name: &str, config: &Config, form: Form) -> Result<Self> {
        let (h, f) = (config.hidden, config.intermediate);
        let part = |part: &str| format!("{name}.{part}");
        let self_attention = ["query", "key", "value"].map(|p| part(&format!("attention.self.{p}")));
        Ok(Self {
            attention: Linear::load(weights, &self_attention, h, h, form)?,
            attention_output: Linear::load(weights, &[part("attention.output.dense")], h, h, form)?,
            attention_norm: LayerNorm::load(weights, &part("attention.output.LayerNorm"), config)?,
            intermediate: Linear::load(weights, &[part("intermediate.dense")], f, h, form)?,
            output: Linear::load(weights, &[part("output.dense")], h, f, form)?,
            output_norm: LayerNorm::load(weights, &part("output.LayerNorm"), config)?,
        })
    }
}

impl Linear {
    /// Weights and biases of one or more layers side by side, each [rows, columns].
    fn load(weights: &Weights, names: &[String], rows: usize, columns: usize, form: Form) -> Result<Self> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weight.extend(weights.read(&format!("{name}.weight"), &[rows, columns])?);
            bias.extend(weights.read(&format!("{name}.bias"), &[rows])?);
        }
        let weight = ArrayView2::from_shape((names.len() * rows, columns), &weight).expect("read with this shape");
        let weight = Columns::of(weight, form).expect("every value read is finite");
        Ok(Self { names: names.to_vec(), shape: (rows, columns), weight, bias, transposed: OnceLock::new() })
    }
}

impl Linear {
    /// The weight once more, [layers · rows, columns]: it is kept packed only.
    fn read(&self, weights: &Weights) -> Vec<f32> {
        let (rows, columns) = self.shape;
        let read = |name: &String| weights.read(&format!("{name}.weight"), &[rows, columns]).expect("read before");
        self.names.iter().flat_map(read).collect()
    }
}

impl LayerNorm {
    /// Old checkpoints call weight and bias gamma and beta.
    fn load(weights: &Weights, name: &str, config: &Config) -> Result<Self> {
        let called = |now: &str, once: &str| {
            let old = format!("{name}.{once}");
            if weights.has(&old) { old } else { format!("{name}.{now}") }
        };
        let names = [called("weight", "gamma"), called("bias", "beta")];
        let [weight, bias] = names.each_ref().map(|name| weights.read(name, &[config.hidden]));
        Ok(Self { names, weight: weight?, bias: bias?, epsilon: config.epsilon })
    }
}
