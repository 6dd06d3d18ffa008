//! The same encoder on a card: its weights stay there, and so do states from layer to layer. Step by step what [`super::forward`] does.

use std::sync::{Mutex, PoisonError};

use super::{Bert, Layer, LayerNorm, Linear, Text};
use crate::encoder::Config;
use crate::encoder::weights::Weights;
use crate::kernel::cuda::attention::Attention;
use crate::kernel::cuda::embed::{Tables, Tokens, embed};
use crate::kernel::cuda::faults::Stage;
use crate::kernel::cuda::grids::{Grids, Reading};
use crate::kernel::cuda::product::{Epilogue, product};
use crate::kernel::cuda::rows::layer_norm;
use crate::kernel::cuda::texts::{Length, Texts};
use crate::kernel::cuda::{Buffer, Device, Error, Faults};

/// Steps of a layer in which a value that is not finite is met: before each of four products, and in attention.
const STEPS: usize = 5;

/// An encoder on a card.
pub(in crate::encoder) struct Card {
    device: Device,
    config: Config,
    tables: Tables,
    layers: Vec<CardLayer>,
    /// Lent to one pass at a time.
    space: Mutex<Space>,
}

struct CardLayer {
    attention: CardLinear,
    attention_output: CardLinear,
    attention_norm: CardNorm,
    intermediate: CardLinear,
    output: CardLinear,
    output_norm: CardNorm,
}

struct CardLinear {
    weight: Grids,
    bias: Buffer<f32>,
}

struct CardNorm {
    weight: Buffer<f32>,
    bias: Buffer<f32>,
    epsilon: f32,
}

/// What a pass computes in, T tokens of all texts.
struct Space {
    /// [T, H].
    states: Buffer<f32>,
    /// Query, key and value: [T, 3H].
    projected: Buffer<f32>,
    /// What attention gathered: [T, H].
    context: Buffer<f32>,
    /// A half of a layer before its norm, and after it: [T, H] both.
    sum: Buffer<f32>,
    attended: Buffer<f32>,
    /// The inner values: [T, intermediate].
    wide: Buffer<f32>,
    grids: Grids,
    attention: Attention,
}

/// Why a pass gave nothing.
pub(in crate::encoder) enum Halt {
    /// A value that is not finite: in which stage, and in which of the texts given.
    NotFinite { stage: String, text: usize },
    /// What the card said.
    Card(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Card(error)
    }
}

impl Bert {
    /// A copy on a card.
    pub(in crate::encoder) fn on_card(&self, device: &Device) -> Result<Card, Error> {
        let config = &self.config;
        let mut words = vec![0.0; config.vocabulary * config.hidden];
        let table = self.words();
        words.chunks_exact_mut(config.hidden).zip(0..).for_each(|(row, id)| table.row(id, row));
        let norm = CardNorm::of(&self.norm, device)?;
        let tables = Tables::new(
            device.upload(&words)?,
            device.upload(&self.positions)?,
            device.upload(&self.token_type)?,
            [norm.weight, norm.bias],
            norm.epsilon,
        );
        let layers = self.layers.iter().map(|layer| CardLayer::of(layer, &self.weights, device));
        let layers = layers.collect::<Result<_, _>>()?;
        let space = Mutex::new(Space::new(device)?);
        Ok(Card { device: device.clone(), config: config.clone(), tables, layers, space })
    }
}

impl Card {
    /// Bytes that a pass takes for each token.
    pub(in crate::encoder) fn bytes_a_token(&self) -> usize {
        let Config { hidden, intermediate, .. } = &self.config;
        // States and others in f32; of gridded rows 3 bytes a number: of queries, keys and values, and of the widest product.
        4 * (7 * hidden + intermediate) + 3 * (3 * hidden + intermediate.max(hidden))
    }

    /// The card.
    pub(in crate::encoder) fn device(&self) -> &Device {
        &self.device
    }

    /// Hidden states [T, H] of `texts` after `layer` layers (0: the embeddings), all finite, which `take` sees.
    pub(in crate::encoder) fn forward<T>(
        &self,
        texts: &[Text<'_>],
        layer: usize,
        take: impl FnOnce(&Buffer<f32>, &Texts) -> Result<T, Error>,
    ) -> Result<T, Halt> {
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.pass(texts, layer, &mut space, take);
        if let Err(Halt::Card(Error::Memory { .. })) = done {
            // What has grown for this batch would be missing for its halves.
            *space = Space::new(&self.device)?;
        }
        done
    }

    fn pass<T>(
        &self,
        texts: &[Text<'_>],
        layer: usize,
        space: &mut Space,
        take: impl FnOnce(&Buffer<f32>, &Texts) -> Result<T, Error>,
    ) -> Result<T, Halt> {
        let lengths: Vec<Length> =
            texts.iter().map(|text| Length { tokens: text.ids.len(), attended: text.attended }).collect();
        let ragged = Texts::new(&self.device, &lengths)?;
        let layers = &self.layers[..layer];
        let faults = Faults::new(&self.device, STEPS * layers.len() + 1)?;
        self.embed(texts, &mut space.states)?;
        for (i, layer) in layers.iter().enumerate() {
            let stage = |step: usize| faults.stage(STEPS * i + step);
            layer.forward(space, &ragged, &self.config, stage)?;
        }
        let Space { states, grids, .. } = space;
        // Looked at as a product would: what is not finite has no grid.
        let all = Reading::matrix(ragged.tokens(), self.config.hidden);
        grids.fill(states, all, Some(faults.stage(STEPS * layers.len())))?;
        if let Some(fault) = faults.first()? {
            let layer = fault.stage / STEPS;
            let stage = if layer < layers.len() { format!("layer {layer}") } else { "hidden states".to_owned() };
            let ends = lengths.iter().scan(0, |end, length| {
                *end += length.tokens;
                Some(*end)
            });
            let text = ends.take_while(|end| *end <= fault.row).count();
            return Err(Halt::NotFinite { stage, text });
        }
        Ok(take(states, &ragged)?)
    }

    fn embed(&self, texts: &[Text<'_>], states: &mut Buffer<f32>) -> Result<(), Error> {
        let ids: Vec<u32> = texts.iter().flat_map(|text| text.ids).copied().collect();
        let first = self.config.first_position;
        let place = |place: usize| u32::try_from(first + place).expect("fewer than 2^32 positions");
        let positions: Vec<u32> = texts.iter().flat_map(|text| (0..text.ids.len()).map(place)).collect();
        states.resize(ids.len() * self.config.hidden)?;
        embed(&self.tables, &Tokens::new(&ids, &positions), None, None, states)
    }
}

impl Space {
    fn new(device: &Device) -> Result<Self, Error> {
        let buffer = || device.allocate(0);
        Ok(Self {
            states: buffer()?,
            projected: buffer()?,
            context: buffer()?,
            sum: buffer()?,
            attended: buffer()?,
            wide: buffer()?,
            grids: Grids::new(device)?,
            attention: Attention::new(device)?,
        })
    }
}

impl CardLayer {
    fn of(layer: &Layer, weights: &Weights, device: &Device) -> Result<Self, Error> {
        let linear = |linear| CardLinear::of(linear, weights, device);
        Ok(Self {
            attention: linear(&layer.attention)?,
            attention_output: linear(&layer.attention_output)?,
            attention_norm: CardNorm::of(&layer.attention_norm, device)?,
            intermediate: linear(&layer.intermediate)?,
            output: linear(&layer.output)?,
            output_norm: CardNorm::of(&layer.output_norm, device)?,
        })
    }

    /// From the states of a layer's input to those of its output, in place.
    fn forward<'a>(
        &self,
        space: &mut Space,
        texts: &Texts,
        config: &Config,
        stage: impl Fn(usize) -> Stage<'a>,
    ) -> Result<(), Error> {
        let (tokens, h, inner) = (texts.tokens(), config.hidden, config.intermediate);
        let Space { states, projected, context, sum, attended, wide, grids, attention } = space;
        let none = Epilogue::default();
        projected.resize(tokens * 3 * h)?;
        for buffer in [&mut *context, &mut *sum, &mut *attended] {
            buffer.resize(tokens * h)?;
        }
        wide.resize(tokens * inner)?;

        grids.fill(states, Reading::matrix(tokens, h), Some(stage(0)))?;
        self.attention.apply(grids, &none, projected)?;
        attention.apply(projected, texts, config.heads, context, stage(1))?;
        grids.fill(context, Reading::matrix(tokens, h), Some(stage(2)))?;
        self.attention_output.apply(grids, &Epilogue { residual: Some(states), ..none }, sum)?;
        self.attention_norm.apply(sum, attended)?;

        grids.fill(attended, Reading::matrix(tokens, h), Some(stage(3)))?;
        let activated = Epilogue { activation: Some(config.activation), ..none };
        self.intermediate.apply(grids, &activated, wide)?;
        grids.fill(wide, Reading::matrix(tokens, inner), Some(stage(4)))?;
        self.output.apply(grids, &Epilogue { residual: Some(attended), ..none }, sum)?;
        self.output_norm.apply(sum, states)
    }
}

impl CardLinear {
    fn of(linear: &Linear, weights: &Weights, device: &Device) -> Result<Self, Error> {
        let (rows, columns) = (linear.names.len() * linear.shape.0, linear.shape.1);
        let weight = device.upload(&linear.read(weights))?;
        // Every value was looked at when it was read.
        let faults = Faults::new(device, 1)?;
        Ok(Self { weight: Grids::of(&weight, rows, columns, faults.stage(0))?, bias: device.upload(&linear.bias)? })
    }

    /// activation(x·Wᵀ + b) + residual into `out`.
    fn apply(&self, x: &Grids, epilogue: &Epilogue<'_>, out: &mut Buffer<f32>) -> Result<(), Error> {
        product(x, &self.weight, &Epilogue { bias: Some(&self.bias), ..*epilogue }, out)
    }
}

impl CardNorm {
    fn of(norm: &LayerNorm, device: &Device) -> Result<Self, Error> {
        let (weight, bias) = (device.upload(&norm.weight)?, device.upload(&norm.bias)?);
        Ok(Self { weight, bias, epsilon: norm.epsilon })
    }

    fn apply(&self, x: &Buffer<f32>, out: &mut Buffer<f32>) -> Result<(), Error> {
        layer_norm(x, &self.weight, &self.bias, self.epsilon, out)
    }
}
