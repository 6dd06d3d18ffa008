//! Backward: from gradients at hidden states to those at the word embeddings, and at weights.
//!
//! With y = x·Wᵀ the gradient at x is that at y times W, and at W that at y, transposed, times x: exact products again, on grids of their own
//! rows. All else is row by row ([`crate::kernel::reference::backward`]). A text's gradient at its embeddings depends on no other text; the weights' are
//! sums over all tokens of a batch.

use ndarray::{ArrayView2, ArrayViewMut2, s};
use rayon::prelude::*;

use super::forward::places;
use super::heads::{Head, each_head, pieces};
use super::tape::{LayerTape, Tape};
use super::{Bert, Layer, LayerNorm, Linear, Place, Stopped, Text, Wanted, WeightGradients};
use crate::encoder::Config;
use crate::encoder::space::{HeadSpace, Space};
use crate::encoder::weights::Weights;
use crate::kernel::product::{Columns, Epilogue, Rows, product, product_then};
use crate::kernel::team::Team;
use crate::kernel::{NotFinite, backward, rows};

/// What one way back is made with.
struct Way<'a> {
    bert: &'a Bert,
    places: &'a [Place],
    team: &'a Team<'a>,
    wanted: Wanted,
}

impl Bert {
    /// Packs what gradients need besides what states need.
    pub(in crate::encoder) fn prepare_backward(&self, wanted: Wanted) {
        let passed = self.layers.par_iter().enumerate().filter(|(i, _)| !wanted.ends_before(*i));
        passed.for_each(|(_, layer)| {
            for linear in [&layer.attention, &layer.attention_output, &layer.intermediate, &layer.output] {
                linear.transposed(&self.weights);
            }
        });
    }

    /// Hidden states after `layer` layers, `shift` added to the word embeddings, of which `slope` makes the gradient of a scalar at the states
    /// ([T, H] both; the gradient is 0 when it comes). Returns what that returns, and what is `wanted`: the gradient at the word embeddings, [T, H], or
    /// nothing, and those at weights.
    pub(in crate::encoder) fn gradient<T>(
        &self,
        texts: &[Text<'_>],
        shift: Option<&[f32]>,
        layer: usize,
        team: &Team<'_>,
        wanted: Wanted,
        slope: impl FnOnce(&[f32], &mut [f32]) -> T,
    ) -> Result<(T, Vec<f32>, WeightGradients), Stopped> {
        let (tokens, places) = places(texts);
        let way = Way { bert: self, places: &places, team, wanted };
        self.spaces.pass(|space| {
            self.spaces.tape(|tape| {
                tape.rewind();
                self.states(texts, shift, layer, team, space, Some(tape))?;
                let h = self.config.hidden;
                let states = space.states.sized(tokens, h);
                let mut gradient = space.gradient.sized(tokens, h);
                gradient.fill(0.0);
                let given = slope(states.as_slice().expect("contiguous"), contiguous(&mut gradient));
                let mut weights = WeightGradients::default();
                // Nothing comes of nothing: whoever asks for no slope pays for no way back.
                if wanted != Wanted::WORDS || gradient.iter().any(|x| *x != 0.0) {
                    way.back(space, tape, texts, &mut weights)?;
                }
                let words = space.gradient.sized(if wanted.words { tokens } else { 0 }, h);
                Ok((given, words.as_slice().expect("contiguous").to_vec(), weights))
            })
        })
    }
}

impl Way<'_> {
    /// From the gradient at the states to that at the word embeddings, in the space's `gradient`, or as far as is wanted.
    fn back(
        &self,
        space: &mut Space,
        tape: &Tape,
        texts: &[Text<'_>],
        weights: &mut WeightGradients,
    ) -> Result<(), Stopped> {
        let (bert, places, wanted) = (self.bert, self.places, self.wanted);
        for (i, (layer, kept)) in bert.layers.iter().zip(tape.layers()).enumerate().rev() {
            if wanted.ends_before(i) {
                return Ok(());
            }
            let done = self.layer(layer, kept, space, (i >= wanted.from).then_some(&mut *weights));
            done.map_err(|e| Stopped::at(format!("gradient of layer {i}"), places, e))?;
        }
        let h = bert.config.hidden;
        let tokens = places.last().map_or(0, |last| last.rows.end);
        let mut gradient = space.gradient.sized(tokens, h);
        let gradient = contiguous(&mut gradient);
        bert.norm.back(self.team, tape.embedded.held(tokens, h), gradient, wanted.embeddings.then_some(&mut *weights));
        if let Some(row) = gradient.chunks_exact(h).position(|row| row.iter().any(|x| !x.is_finite())) {
            return Err(Stopped::at("gradient of the embeddings".to_owned(), places, NotFinite { row }));
        }
        if wanted.embeddings {
            weights.embeddings(bert, texts, gradient);
        }
        Ok(())
    }

    /// From the gradient at a layer's output to that at its input, in place.
    fn layer(
        &self,
        layer: &Layer,
        kept: &LayerTape,
        space: &mut Space,
        mut weights: Option<&mut WeightGradients>,
    ) -> Result<(), NotFinite> {
        let (config, team) = (&self.bert.config, self.team);
        let (tokens, h) = (self.places.last().map_or(0, |last| last.rows.end), config.hidden);
        let Space { gradient, projected, context, attended, wide, rows, across, .. } = space;
        let mut gradient = gradient.sized(tokens, h);
        let mut wide = wide.sized(tokens, config.intermediate);
        let mut attended = attended.sized(tokens, h);
        let mut context = context.sized(tokens, h);
        let mut projected = projected.sized(tokens, 3 * h);

        layer.output_norm.back(team, kept.output.held(tokens, h), contiguous(&mut gradient), weights.as_deref_mut());
        rows.fill_with(team, gradient.view())?;
        if let Some(weights) = weights.as_deref_mut() {
            let active = kept.active.held(tokens, config.intermediate);
            weights.linear(&layer.output, active, gradient.view(), across, team);
        }
        self.through(&layer.output, rows, None, wide.view_mut());
        let inner = kept.inner.held(tokens, config.intermediate).to_slice().expect("contiguous");
        team.rows(contiguous(&mut wide), config.intermediate, |first, rows| {
            let x = &inner[first * config.intermediate..][..rows.len()];
            backward::activation(config.activation, x, rows);
        });
        rows.fill_with(team, wide.view())?;
        if let Some(weights) = weights.as_deref_mut() {
            weights.linear(&layer.intermediate, kept.normal.held(tokens, h), wide.view(), across, team);
        }
        self.through(&layer.intermediate, rows, Some(gradient.view()), attended.view_mut());

        let before = kept.attended.held(tokens, h);
        layer.attention_norm.back(team, before, contiguous(&mut attended), weights.as_deref_mut());
        rows.fill_with(team, attended.view())?;
        if let Some(weights) = weights.as_deref_mut() {
            weights.linear(&layer.attention_output, kept.context.held(tokens, h), attended.view(), across, team);
        }
        self.through(&layer.attention_output, rows, None, context.view_mut());
        self.attention(kept, context.view(), projected.view_mut())?;
        rows.fill_with(team, projected.view())?;
        if let Some(weights) = weights {
            weights.linear(&layer.attention, kept.input.held(tokens, h), projected.view(), across, team);
        }
        self.through(&layer.attention, rows, Some(attended.view()), gradient.view_mut());
        Ok(())
    }

    /// From the gradient at a linear layer's output to that at its input, plus what reaches the input by another way.
    fn through(
        &self,
        linear: &Linear,
        gradient: &Rows,
        residual: Option<ArrayView2<'_, f32>>,
        out: ArrayViewMut2<'_, f32>,
    ) {
        let epilogue = Epilogue { residual, ..Epilogue::default() };
        product_then(self.team, gradient, linear.transposed(&self.bert.weights), &epilogue, out);
    }

    /// From the gradient at what attention gathered, [T, H], to that at query, key and value, [T, 3H].
    fn attention(
        &self,
        kept: &LayerTape,
        context: ArrayView2<'_, f32>,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<(), NotFinite> {
        let Config { hidden: h, heads, .. } = self.bert.config;
        let width = h / heads;
        let projected = kept.projected.held(context.nrows(), 3 * h);
        let cost = self.places.iter().map(|text| 5 * text.rows.len() * text.rows.len() * h).sum();
        let mut outputs = Vec::with_capacity(self.places.len() * heads);
        for (text, outs) in pieces(out, self.places, width).into_iter().enumerate() {
            let mut parts: Vec<_> = outs.into_iter().map(Some).collect();
            let mut of = |head: usize| [0, 1, 2].map(|i| parts[i * heads + head].take().expect("one head's"));
            outputs.extend((0..heads).map(|head| Head { text, head, out: of(head) }));
        }
        each_head(outputs, self.places, cost, &self.bert.spaces, self.team, |space, Head { text, head, out }| {
            let Place { rows, attended } = &self.places[*text];
            let (first, column) = (rows.start, *head * width);
            let part =
                |i: usize, n: usize| projected.slice(s![first..first + n, i * h + column..i * h + column + width]);
            let gradient = context.slice(s![rows.clone(), column..column + width]);
            space.back([part(0, rows.len()), part(1, *attended), part(2, *attended)], gradient, out)
        })
    }
}

impl HeadSpace {
    /// One head: from Q [L, width], K and V [attended, width] each, and the gradient at its context to those at Q, K and V ([L, width] each: keys
    /// and values that nobody looks at have none).
    fn back(
        &mut self,
        [q, k, v]: [ArrayView2<'_, f32>; 3],
        gradient: ArrayView2<'_, f32>,
        [q_out, k_out, v_out]: &mut [ArrayViewMut2<'_, f32>; 3],
    ) -> Result<(), NotFinite> {
        let ((tokens, width), attended) = (q.dim(), k.nrows());
        let root = (width as f32).sqrt();
        let Self { scores, slopes, rows, columns } = self;
        let mut scores = scores.sized(tokens, attended);
        let mut slopes = slopes.sized(tokens, attended);
        rows.fill(q)?;
        columns.fill(k)?;
        product(rows, columns, scores.view_mut());
        rows::softmax(contiguous(&mut scores), attended, root);
        rows.fill(gradient)?;
        columns.fill(v)?;
        product(rows, columns, slopes.view_mut());
        let mut give = |out: &mut ArrayViewMut2<'_, f32>, left: ArrayView2<'_, f32>, right: ArrayView2<'_, f32>| {
            rows.fill(left)?;
            columns.fill(right)?;
            product(rows, columns, out.slice_mut(s![..left.nrows(), ..]));
            out.slice_mut(s![left.nrows().., ..]).fill(0.0);
            Ok(())
        };
        give(v_out, scores.t(), gradient.t())?;
        backward::softmax(scores.as_slice().expect("contiguous"), contiguous(&mut slopes), attended, root);
        give(q_out, slopes.view(), k.t())?;
        give(k_out, slopes.t(), q.t())
    }
}

impl Linear {
    /// W's columns.
    fn transposed(&self, weights: &Weights) -> &Columns {
        self.transposed.get_or_init(|| {
            let weight = self.read(weights);
            let weight = ArrayView2::from_shape((self.names.len() * self.shape.0, self.shape.1), &weight);
            let weight = weight.expect("read with this shape");
            Columns::of(weight.t(), self.weight.form()).expect("every value read is finite")
        })
    }
}

impl LayerNorm {
    /// From the gradient at the norm's output to that at its input `x`, in place.
    fn back(
        &self,
        team: &Team<'_>,
        x: ArrayView2<'_, f32>,
        gradient: &mut [f32],
        weights: Option<&mut WeightGradients>,
    ) {
        let x = x.to_slice().expect("contiguous");
        if let Some(weights) = weights {
            weights.norm(self, x, gradient, team);
        }
        let width = self.weight.len();
        team.rows(gradient, width, |first, gradient| {
            backward::layer_norm(&x[first * width..][..gradient.len()], gradient, &self.weight, self.epsilon);
        });
    }
}

fn contiguous<'a>(matrix: &'a mut ArrayViewMut2<'_, f32>) -> &'a mut [f32] {
    matrix.as_slice_mut().expect("contiguous")
}
