//! BERT and XLM-RoBERTa, forward, over ragged batches without padding (Devlin et al., arXiv 1810.04805; Conneau et al., arXiv
//! 1911.02116; in the order of Hugging Face's `modeling_bert`).
//!
//! Shapes: T tokens of all texts, H hidden, h heads of width H/h, L tokens of one text.

use std::collections::BTreeSet;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use super::Config;
use super::weights::Weights;
use crate::Result;
use crate::kernel::product::{Activation, Columns, Rows, product};
use crate::kernel::{NotFinite, rows};

/// The weights of an encoder, ready to multiply.
pub(super) struct Bert {
    config: Config,
    weights: Weights,
    word: String,
    positions: Vec<f32>,
    token_type: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
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

struct Linear {
    weight: Columns,
    bias: Vec<f32>,
}

struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

/// Where a forward pass met a value that is not finite: in which stage, and in which of the texts given.
pub(super) struct Stopped {
    pub(super) stage: String,
    pub(super) text: usize,
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
        let layers = (0..config.layers)
            .map(|i| Layer::load(&weights, &format!("{prefix}encoder.layer.{i}"), &config))
            .collect::<Result<_>>()?;
        Ok(Self { config, weights, word, positions, token_type, norm, layers })
    }

    /// Refuses a word embedding of these ids that is not finite. All else was looked at when it was loaded.
    pub(super) fn check_words(&self, ids: &[u32]) -> Result<()> {
        let (h, v) = (self.config.hidden, self.config.vocabulary);
        let words = self.weights.tensor(&self.word, &[v, h])?;
        let mut row = vec![0.0; h];
        for id in ids.iter().collect::<BTreeSet<_>>() {
            words.row(*id as usize, &mut row);
            self.weights.check_finite(&self.word, *id as usize * h, &row)?;
        }
        Ok(())
    }

    /// Hidden states [T, H] of `texts` after `layer` layers (0: the embeddings).
    pub(super) fn forward(&self, texts: &[&[u32]], layer: usize) -> Result<Array2<f32>, Stopped> {
        let mut ranges = Vec::with_capacity(texts.len());
        let mut start = 0;
        for text in texts {
            ranges.push(start..start + text.len());
            start += text.len();
        }
        let of_row = |stage: String| {
            let ranges = &ranges;
            move |e: NotFinite| Stopped { stage, text: ranges.iter().position(|r| r.contains(&e.row)).unwrap_or(0) }
        };
        let mut states = self.embed(texts, start).map_err(of_row("embeddings".to_owned()))?;
        for (i, layer) in self.layers.iter().take(layer).enumerate() {
            states = layer.forward(states, &ranges, &self.config).map_err(of_row(format!("layer {i}")))?;
        }
        match states.rows().into_iter().position(|row| row.iter().any(|x| !x.is_finite())) {
            Some(row) => Err(of_row("hidden states".to_owned())(NotFinite { row })),
            None => Ok(states),
        }
    }

    /// (word + token type 0) + position, then LayerNorm.
    fn embed(&self, texts: &[&[u32]], tokens: usize) -> Result<Array2<f32>, NotFinite> {
        let (h, v) = (self.config.hidden, self.config.vocabulary);
        // The shape was checked when the model was loaded.
        let Ok(words) = self.weights.tensor(&self.word, &[v, h]) else { return Err(NotFinite { row: 0 }) };
        let mut states = vec![0.0; tokens * h];
        let mut rows_left = states.chunks_exact_mut(h);
        for text in texts {
            for (position, (id, row)) in text.iter().zip(rows_left.by_ref()).enumerate() {
                words.row(*id as usize, row);
                rows::add(row, &self.token_type);
                rows::add(row, &self.positions[(self.config.first_position + position) * h..][..h]);
            }
        }
        self.norm.apply(&mut states);
        Ok(Array2::from_shape_vec((tokens, h), states).expect("T × H values"))
    }
}

impl Layer {
    fn load(weights: &Weights, name: &str, config: &Config) -> Result<Self> {
        let (h, f) = (config.hidden, config.intermediate);
        let part = |part: &str| format!("{name}.{part}");
        let self_attention = ["query", "key", "value"].map(|p| part(&format!("attention.self.{p}")));
        Ok(Self {
            attention: Linear::load(weights, &self_attention, h, h)?,
            attention_output: Linear::load(weights, &[part("attention.output.dense")], h, h)?,
            attention_norm: LayerNorm::load(weights, &part("attention.output.LayerNorm"), config)?,
            intermediate: Linear::load(weights, &[part("intermediate.dense")], f, h)?,
            output: Linear::load(weights, &[part("output.dense")], h, f)?,
            output_norm: LayerNorm::load(weights, &part("output.LayerNorm"), config)?,
        })
    }

    fn forward(&self, states: Array2<f32>, texts: &[Range<usize>], config: &Config) -> Result<Array2<f32>, NotFinite> {
        let projected = self.attention.apply(states.view())?;
        let mut context = Array2::zeros(states.dim());
        for text in texts {
            attend(projected.slice(s![text.clone(), ..]), context.slice_mut(s![text.clone(), ..]), config.heads)
                .map_err(|_| NotFinite { row: text.start })?;
        }
        let mut attended = self.attention_output.apply(context.view())?;
        rows::add(flat(&mut attended), states.as_slice().expect("contiguous"));
        self.attention_norm.apply(flat(&mut attended));

        let mut wide = self.intermediate.apply(attended.view())?;
        match config.activation {
            Activation::Gelu => rows::gelu(flat(&mut wide)),
            Activation::GeluNew => rows::gelu_new(flat(&mut wide)),
            Activation::Relu => rows::relu(flat(&mut wide)),
        }
        let mut out = self.output.apply(wide.view())?;
        rows::add(flat(&mut out), attended.as_slice().expect("contiguous"));
        self.output_norm.apply(flat(&mut out));
        Ok(out)
    }
}

/// Attention of one text: softmax(Q·Kᵀ / √width)·V for each head, from `projected` [L, 3H] into `context` [L, H].
fn attend(projected: ArrayView2<'_, f32>, mut context: ArrayViewMut2<'_, f32>, heads: usize) -> Result<(), NotFinite> {
    let (tokens, h) = context.dim();
    let width = h / heads;
    let divisor = (width as f32).sqrt();
    let mut scores = Array2::zeros((tokens, tokens));
    for head in 0..heads {
        let part = |i: usize| projected.slice(s![.., i * h + head * width..i * h + (head + 1) * width]);
        product(&Rows::of(part(0))?, &Columns::of(part(1))?, scores.view_mut());
        rows::softmax(flat(&mut scores), tokens, divisor);
        let out = context.slice_mut(s![.., head * width..(head + 1) * width]);
        product(&Rows::of(scores.view())?, &Columns::of(part(2).t())?, out);
    }
    Ok(())
}

impl Linear {
    /// Weights and biases of one or more layers side by side, each [rows, columns].
    fn load(weights: &Weights, names: &[String], rows: usize, columns: usize) -> Result<Self> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weight.extend(weights.read(&format!("{name}.weight"), &[rows, columns])?);
            bias.extend(weights.read(&format!("{name}.bias"), &[rows])?);
        }
        let weight = ArrayView2::from_shape((names.len() * rows, columns), &weight).expect("read with this shape");
        Ok(Self { weight: Columns::of(weight).expect("every value read is finite"), bias })
    }

    /// x·Wᵀ + b.
    fn apply(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f32>, NotFinite> {
        let mut out = Array2::zeros((x.nrows(), self.bias.len()));
        product(&Rows::of(x)?, &self.weight, out.view_mut());
        flat(&mut out).chunks_exact_mut(self.bias.len()).for_each(|row| rows::add(row, &self.bias));
        Ok(out)
    }
}

impl LayerNorm {
    /// Old checkpoints call weight and bias gamma and beta.
    fn load(weights: &Weights, name: &str, config: &Config) -> Result<Self> {
        let read = |now: &str, once: &str| {
            let old = format!("{name}.{once}");
            let name = if weights.has(&old) { old } else { format!("{name}.{now}") };
            weights.read(&name, &[config.hidden])
        };
        Ok(Self { weight: read("weight", "gamma")?, bias: read("bias", "beta")?, epsilon: config.epsilon })
    }

    fn apply(&self, states: &mut [f32]) {
        rows::layer_norm(states, &self.weight, &self.bias, self.epsilon);
    }
}

fn flat(matrix: &mut Array2<f32>) -> &mut [f32] {
    matrix.as_slice_mut().expect("made contiguous")
}
