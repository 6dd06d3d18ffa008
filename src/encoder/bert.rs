//! BERT and XLM-RoBERTa, forward, over ragged batches without padding (Devlin et al., arXiv 1810.04805; Conneau et al., arXiv
//! 1911.02116; in the order of Hugging Face's `modeling_bert`).
//!
//! Shapes: T tokens of all texts, H hidden, h heads of width H/h, L tokens of one text.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

use super::Config;
use super::space::{HeadSpace, Space, Spaces};
use super::weights::Weights;
use crate::Result;
use crate::kernel::product::{Activation, Columns, Epilogue, Form, Rows, product, product_then};
use crate::kernel::team::Team;
use crate::kernel::{NotFinite, rows};

/// Heads of fewer multiplications than this are not worth another thread.
const HEADS: usize = 1 << 14;

/// The weights of an encoder, ready to multiply.
pub(super) struct Bert {
    config: Config,
    weights: Weights,
    word: String,
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
        let form = Form::active();
        // Collected in two steps, so that the first fault is reported whichever thread meets one first.
        let layers: Vec<_> = (0..config.layers)
            .into_par_iter()
            .map(|i| Layer::load(&weights, &format!("{prefix}encoder.layer.{i}"), &config, form))
            .collect();
        let layers = layers.into_iter().collect::<Result<_>>()?;
        Ok(Self { config, weights, word, positions, token_type, norm, layers, spaces: Spaces::new(form) })
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

    /// Hidden states [T, H] of `texts` after `layer` layers (0: the embeddings), which `take` sees. The team shares each step.
    pub(super) fn forward<T>(
        &self,
        texts: &[Text<'_>],
        layer: usize,
        team: &Team<'_>,
        take: impl FnOnce(&[f32]) -> T,
    ) -> Result<T, Stopped> {
        let mut places = Vec::with_capacity(texts.len());
        let mut start = 0;
        for text in texts {
            let end = start + text.ids.len();
            places.push(Place { rows: start..end, attended: text.attended });
            start = end;
        }
        let of_row = |stage: String| {
            let places = &places;
            move |e: NotFinite| {
                let text = places.iter().position(|place| place.rows.contains(&e.row));
                Stopped { stage, text: text.unwrap_or(0) }
            }
        };
        self.spaces.pass(|space| {
            self.embed(texts, space.states.sized(start, self.config.hidden));
            for (i, layer) in self.layers.iter().take(layer).enumerate() {
                let done = layer.forward(space, &self.spaces, &places, &self.config, team);
                done.map_err(of_row(format!("layer {i}")))?;
            }
            let states = space.states.sized(start, self.config.hidden);
            if let Some(row) = states.rows().into_iter().position(|row| row.iter().any(|x| !x.is_finite())) {
                return Err(of_row("hidden states".to_owned())(NotFinite { row }));
            }
            Ok(take(states.as_slice().expect("contiguous")))
        })
    }

    /// (word + token type 0) + position, then LayerNorm, into `states` [T, H].
    fn embed(&self, texts: &[Text<'_>], mut states: ArrayViewMut2<'_, f32>) {
        let h = self.config.hidden;
        let states = states.as_slice_mut().expect("contiguous");
        let words = self
            .weights
            .tensor(&self.word, &[self.config.vocabulary, h])
            .expect("its shape was checked when it was loaded");
        let mut rows_left = states.chunks_exact_mut(h);
        for text in texts {
            for (position, (id, row)) in text.ids.iter().zip(rows_left.by_ref()).enumerate() {
                words.row(*id as usize, row);
                rows::add(row, &self.token_type);
                rows::add(row, &self.positions[(self.config.first_position + position) * h..][..h]);
            }
        }
        self.norm.apply(states);
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

    /// From the states of a layer's input to those of its output, in place.
    fn forward(
        &self,
        space: &mut Space,
        spaces: &Spaces,
        texts: &[Place],
        config: &Config,
        team: &Team<'_>,
    ) -> Result<(), NotFinite> {
        let (tokens, h) = (texts.last().map_or(0, |last| last.rows.end), config.hidden);
        let Space { states, projected, context, attended, wide, rows } = space;
        let mut states = states.sized(tokens, h);
        let mut projected = projected.sized(tokens, 3 * h);
        rows.fill(states.view())?;
        self.attention.apply(rows, None, None, team, projected.view_mut());
        let mut context = context.sized(tokens, h);
        for text in texts {
            let rows = s![text.rows.clone(), ..];
            attend(projected.slice(rows), context.slice_mut(rows), text.attended, config.heads, spaces, team)
                .map_err(|_| NotFinite { row: text.rows.start })?;
        }
        let mut attended = attended.sized(tokens, h);
        rows.fill(context.view())?;
        self.attention_output.apply(rows, None, Some(states.view()), team, attended.view_mut());
        self.attention_norm.apply(attended.as_slice_mut().expect("contiguous"));

        let mut wide = wide.sized(tokens, config.intermediate);
        rows.fill(attended.view())?;
        self.intermediate.apply(rows, Some(config.activation), None, team, wide.view_mut());
        rows.fill(wide.view())?;
        self.output.apply(rows, None, Some(attended.view()), team, states.view_mut());
        self.output_norm.apply(states.as_slice_mut().expect("contiguous"));
        Ok(())
    }
}

/// Attention of one text: softmax(Q·Kᵀ / √width)·V for each head, from `projected` [L, 3H] into `context` [L, H]. Keys and values are the
/// first `attended` tokens.
fn attend(
    projected: ArrayView2<'_, f32>,
    mut context: ArrayViewMut2<'_, f32>,
    attended: usize,
    heads: usize,
    spaces: &Spaces,
    team: &Team<'_>,
) -> Result<(), NotFinite> {
    let (tokens, h) = context.dim();
    let width = h / heads;
    let mut outputs = context.axis_chunks_iter_mut(Axis(1), width).enumerate();
    let attend = |space: &mut HeadSpace, head: usize, out: ArrayViewMut2<'_, f32>| {
        let part = |i: usize, n: usize| projected.slice(s![..n, i * h + head * width..i * h + (head + 1) * width]);
        space.attend([part(0, tokens), part(1, attended), part(2, attended)], out)
    };
    let parts = team.parts(heads, 2 * tokens * tokens * h, HEADS);
    if parts == 1 {
        return spaces.heads(|space| outputs.try_for_each(|(head, out)| attend(space, head, out)));
    }
    let outputs: Vec<Mutex<_>> = outputs.map(Mutex::new).collect();
    let finite = AtomicBool::new(true);
    team.each(parts, |part| {
        spaces.heads(|space| {
            for output in &outputs[heads * part / parts..heads * (part + 1) / parts] {
                let (head, out) = &mut *output.lock().expect("each head is one part's");
                if attend(space, *head, out.view_mut()).is_err() {
                    finite.store(false, Ordering::Relaxed);
                }
            }
        });
    });
    // Which head it was is not said; the row is that of the text in any case.
    if finite.into_inner() { Ok(()) } else { Err(NotFinite { row: 0 }) }
}

impl HeadSpace {
    /// One head: Q [L, width], K and V [attended, width] each.
    fn attend(&mut self, [q, k, v]: [ArrayView2<'_, f32>; 3], out: ArrayViewMut2<'_, f32>) -> Result<(), NotFinite> {
        let (tokens, width) = q.dim();
        let attended = k.nrows();
        let mut scores = self.scores.sized(tokens, attended);
        self.rows.fill(q)?;
        self.columns.fill(k)?;
        product(&self.rows, &self.columns, scores.view_mut());
        rows::softmax(scores.as_slice_mut().expect("contiguous"), attended, (width as f32).sqrt());
        self.rows.fill(scores.view())?;
        self.columns.fill(v.t())?;
        product(&self.rows, &self.columns, out);
        Ok(())
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
        Ok(Self { weight: Columns::of(weight, form).expect("every value read is finite"), bias })
    }

    /// activation(x·Wᵀ + b) + residual into `out`.
    fn apply(
        &self,
        x: &Rows,
        activation: Option<Activation>,
        residual: Option<ArrayView2<'_, f32>>,
        team: &Team<'_>,
        out: ArrayViewMut2<'_, f32>,
    ) {
        let epilogue = Epilogue { bias: Some(&self.bias), activation, residual };
        product_then(team, x, &self.weight, &epilogue, out);
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
