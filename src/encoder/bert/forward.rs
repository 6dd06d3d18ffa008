//! Forward: from token ids to hidden states.

use ndarray::{ArrayView2, ArrayViewMut2, s};

use super::heads::{Head, each_head, pieces};
use super::tape::Tape;
use super::{Bert, Layer, LayerNorm, Linear, Place, Stopped, Text};
use crate::encoder::Config;
use crate::encoder::space::{Buffer, HeadSpace, Space, Spaces};
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
        let (size, kept) = ((tokens, self.config.hidden), tape.as_deref_mut().map(|tape| &mut tape.embedded));
        made(team, size, &mut space.states, kept, |sums| self.embed(texts, shift, sums), |rows| self.norm.apply(rows));
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

    /// (word + token type 0) + position, into `sums` [T, H].
    fn embed(&self, texts: &[Text<'_>], shift: Option<&[f32]>, mut sums: ArrayViewMut2<'_, f32>) {
        let h = self.config.hidden;
        let words = self.words();
        let mut rows_left = sums.as_slice_mut().expect("contiguous").chunks_exact_mut(h).enumerate();
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
    }
}

/// What `write` makes, of `size`, into `out`, and then changed by `change`, row by row. What it was before is `kept` if a way back needs it.
fn made(
    team: &Team<'_>,
    (rows, width): (usize, usize),
    out: &mut Buffer,
    kept: Option<&mut Buffer>,
    write: impl FnOnce(ArrayViewMut2<'_, f32>),
    change: impl Fn(&mut [f32]) + Sync,
) {
    let mut out = out.sized(rows, width);
    let before = match kept {
        Some(kept) => {
            write(kept.sized(rows, width));
            Some(kept.held(rows, width).to_slice().expect("contiguous"))
        }
        None => {
            write(out.view_mut());
            None
        }
    };
    team.rows(out.as_slice_mut().expect("contiguous"), width, |first, rows| {
        if let Some(before) = before {
            rows.copy_from_slice(&before[first * width..][..rows.len()]);
        }
        change(rows);
    });
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
        rows.fill_with(team, states.held(tokens, h))?;
        self.attention.apply(rows, None, None, team, projected.sized(tokens, 3 * h));
        let mut gathered = context.sized(tokens, h);
        attend(projected.held(tokens, 3 * h), gathered.view_mut(), texts, config.heads, spaces, team)?;
        rows.fill_with(team, gathered.view())?;
        let sum = |out: ArrayViewMut2<'_, f32>| {
            self.attention_output.apply(rows, None, Some(states.held(tokens, h)), team, out);
        };
        let before = kept.as_deref_mut().map(|kept| &mut kept.attended);
        made(team, (tokens, h), attended, before, sum, |rows| self.attention_norm.apply(rows));

        rows.fill_with(team, attended.held(tokens, h))?;
        match &mut kept {
            Some(kept) => {
                let inner = |out: ArrayViewMut2<'_, f32>| self.intermediate.apply(rows, None, None, team, out);
                let activate = |rows: &mut [f32]| config.activation.apply_to(rows);
                made(team, (tokens, config.intermediate), wide, Some(&mut kept.inner), inner, activate);
                // The input was added to the last time: `states` is free for the output.
                std::mem::swap(states, &mut kept.input);
            }
            None => {
                let out = wide.sized(tokens, config.intermediate);
                self.intermediate.apply(rows, Some(config.activation), None, team, out);
            }
        }
        rows.fill_with(team, wide.held(tokens, config.intermediate))?;
        let sum = |out: ArrayViewMut2<'_, f32>| {
            self.output.apply(rows, None, Some(attended.held(tokens, h)), team, out);
        };
        let before = kept.as_deref_mut().map(|kept| &mut kept.output);
        made(team, (tokens, h), states, before, sum, |rows| self.output_norm.apply(rows));
        if let Some(kept) = kept {
            std::mem::swap(projected, &mut kept.projected);
            std::mem::swap(context, &mut kept.context);
            std::mem::swap(attended, &mut kept.normal);
            std::mem::swap(wide, &mut kept.active);
        }
        Ok(())
    }
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
    fn apply(&self, states: &mut [f32]) {
        rows::layer_norm(states, &self.weight, &self.bias, self.epsilon);
    }
}
