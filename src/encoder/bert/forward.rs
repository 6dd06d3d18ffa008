//! Forward: from token ids to hidden states.

use ndarray::{ArrayView2, ArrayViewMut2, s};

use super::heads::{Head, each_head, pieces};
use super::tape::Tape;
use super::{Bert, Layer, LayerNorm, Linear, Place, Stopped, Text};
use crate::encoder::Config;
use crate::encoder::space::{HeadSpace, Space, Spaces};
use crate::kernel::product::{Activation, Epilogue, Rows, product, product_then};
use crate::kernel::team::Team;
use crate::kernel::{NotFinite, rows};

impl Bert {
    /// Hidden states [T, H] of `texts` after `layer` layers (0: the embeddings), which `take` sees. The team shares each step.
    pub(in crate::encoder) fn forward<T>(
        &self,
        texts: &[Text<'_>],
        layer: usize,
        team: &Team<'_>,
        take: impl FnOnce(&[f32]) -> T,
    ) -> Result<T, Stopped> {
        self.spaces.pass(|space| {
            self.states(texts, None, layer, team, space, None)?;
            let (tokens, _) = places(texts);
            Ok(take(space.states.sized(tokens, self.config.hidden).as_slice().expect("contiguous")))
        })
    }

    /// Computes hidden states, all finite, into the space. To word embeddings `shift` [T, H] is added. What a way back needs goes on the tape.
    pub(super) fn states(
        &self,
        texts: &[Text<'_>],
        shift: Option<&[f32]>,
        layer: usize,
        team: &Team<'_>,
        space: &mut Space,
        mut tape: Option<&mut Tape>,
    ) -> Result<(), Stopped> {
        let (tokens, places) = places(texts);
        let embedded = space.states.sized(tokens, self.config.hidden);
        self.embed(texts, shift, embedded, team, tape.as_deref_mut());
        for (i, layer) in self.layers.iter().take(layer).enumerate() {
            let done = layer.forward(space, &self.spaces, &places, &self.config, team, tape.as_deref_mut());
            done.map_err(|e| Stopped::at(format!("layer {i}"), &places, e))?;
        }
        let states = space.states.sized(tokens, self.config.hidden);
        match states.rows().into_iter().position(|row| row.iter().any(|x| !x.is_finite())) {
            Some(row) => Err(Stopped::at("hidden states".to_owned(), &places, NotFinite { row })),
            None => Ok(()),
        }
    }

    /// (word + token type 0) + position, then LayerNorm, into `states` [T, H].
    fn embed(
        &self,
        texts: &[Text<'_>],
        shift: Option<&[f32]>,
        mut states: ArrayViewMut2<'_, f32>,
        team: &Team<'_>,
        tape: Option<&mut Tape>,
    ) {
        let h = self.config.hidden;
        let states = states.as_slice_mut().expect("contiguous");
        let words = self.words();
        let mut rows_left = states.chunks_exact_mut(h).enumerate();
        for text in texts {
            for (position, (id, (token, row))) in text.ids.iter().zip(rows_left.by_ref()).enumerate() {
                words.row(*id, row);
                if let Some(shift) = shift {
                    rows::add(row, &shift[token * h..][..h]);
                }
                rows::add(row, &self.token_type);
                rows::add(row, &self.positions[(self.config.first_position + position) * h..][..h]);
            }
        }
        if let Some(tape) = tape {
            tape.embedded.keep(states);
        }
        self.norm.apply(team, states);
    }
}

/// How many tokens all texts have, and where each text's are.
pub(super) fn places(texts: &[Text<'_>]) -> (usize, Vec<Place>) {
    let mut places = Vec::with_capacity(texts.len());
    let mut start = 0;
    for text in texts {
        let end = start + text.ids.len();
        places.push(Place { rows: start..end, attended: text.attended });
        start = end;
    }
    (start, places)
}

impl Layer {
    /// From the states of a layer's input to those of its output, in place.
    fn forward(
        &self,
        space: &mut Space,
        spaces: &Spaces,
        texts: &[Place],
        config: &Config,
        team: &Team<'_>,
        tape: Option<&mut Tape>,
    ) -> Result<(), NotFinite> {
        let (tokens, h) = (texts.last().map_or(0, |last| last.rows.end), config.hidden);
        let Space { states, projected, context, attended, wide, rows, .. } = space;
        let mut kept = tape.map(Tape::layer);
        let mut states = states.sized(tokens, h);
        let mut projected = projected.sized(tokens, 3 * h);
        rows.fill_with(team, states.view())?;
        self.attention.apply(rows, None, None, team, projected.view_mut());
        let mut context = context.sized(tokens, h);
        attend(projected.view(), context.view_mut(), texts, config.heads, spaces, team)?;
        let mut attended = attended.sized(tokens, h);
        rows.fill_with(team, context.view())?;
        self.attention_output.apply(rows, None, Some(states.view()), team, attended.view_mut());
        if let Some(kept) = &mut kept {
            kept.input.keep(contiguous(&states));
            kept.projected.keep(contiguous(&projected));
            kept.context.keep(contiguous(&context));
            kept.attended.keep(contiguous(&attended));
        }
        self.attention_norm.apply(team, attended.as_slice_mut().expect("contiguous"));

        let mut wide = wide.sized(tokens, config.intermediate);
        rows.fill_with(team, attended.view())?;
        if let Some(kept) = &mut kept {
            self.intermediate.apply(rows, None, None, team, wide.view_mut());
            kept.inner.keep(contiguous(&wide));
            let wide = wide.as_slice_mut().expect("contiguous");
            team.rows(wide, config.intermediate, |_, rows| config.activation.apply_to(rows));
        } else {
            self.intermediate.apply(rows, Some(config.activation), None, team, wide.view_mut());
        }
        rows.fill_with(team, wide.view())?;
        self.output.apply(rows, None, Some(attended.view()), team, states.view_mut());
        if let Some(kept) = kept {
            kept.output.keep(contiguous(&states));
        }
        self.output_norm.apply(team, states.as_slice_mut().expect("contiguous"));
        Ok(())
    }
}

fn contiguous<'a>(matrix: &'a ArrayViewMut2<'_, f32>) -> &'a [f32] {
    matrix.as_slice().expect("contiguous")
}

/// Attention: softmax(Q·Kᵀ / √width)·V for each head of each text, from `projected` [T, 3H] into `context` [T, H]. Keys and values are a text's first
/// `attended` tokens.
fn attend(
    projected: ArrayView2<'_, f32>,
    context: ArrayViewMut2<'_, f32>,
    texts: &[Place],
    heads: usize,
    spaces: &Spaces,
    team: &Team<'_>,
) -> Result<(), NotFinite> {
    let h = context.ncols();
    let width = h / heads;
    let cost = texts.iter().map(|text| 2 * text.rows.len() * text.rows.len() * h).sum();
    let mut outputs = Vec::with_capacity(texts.len() * heads);
    for (text, outs) in pieces(context, texts, width).into_iter().enumerate() {
        outputs.extend(outs.into_iter().enumerate().map(|(head, out)| Head { text, head, out }));
    }
    each_head(outputs, texts, cost, spaces, team, |space, Head { text, head, out }| {
        let Place { rows, attended } = &texts[*text];
        let part = |i: usize, n: usize| {
            let column = i * h + *head * width;
            projected.slice(s![rows.start..rows.start + n, column..column + width])
        };
        space.attend([part(0, rows.len()), part(1, *attended), part(2, *attended)], out.view_mut())
    })
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
    pub(super) fn apply(&self, team: &Team<'_>, states: &mut [f32]) {
        let apply = |_, states: &mut [f32]| rows::layer_norm(states, &self.weight, &self.bias, self.epsilon);
        team.rows(states, self.weight.len(), apply);
    }
}
