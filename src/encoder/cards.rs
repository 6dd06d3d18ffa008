//! A model on cards: batches go to whichever is free, and are halved where memory does not suffice. Results cannot change.

use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use super::bert::{Bert, Card, Halt, Text};
use super::{Batching, EncoderFault, How, Model, Pooling, Tokens};
use crate::Result;
use crate::kernel::cuda::rows::{Pool, normalize, pool};
use crate::kernel::cuda::texts::Texts;
use crate::kernel::cuda::{Buffer, Device, Error};
use crate::kernel::devices::Devices;

/// Tokens of a batch, if the memory has room for them: a card wants more at once than a core.
const TOKENS: usize = 32_768;

/// Texts of a batch at most: as many as a launch takes.
const TEXTS: usize = 65_535;

/// What of a card's free memory a batch may take.
const SHARE: f64 = 0.5;

/// Cards, and the model on each of them once it was needed.
pub(super) struct Cards {
    devices: Vec<Device>,
    ready: OnceLock<Vec<Card>>,
}

/// What is to be done, and what came of it.
struct Progress<T> {
    /// Batches that nobody has taken, the first last.
    open: Vec<Vec<usize>>,
    done: Vec<T>,
    faults: Vec<(usize, EncoderFault)>,
}

impl Cards {
    /// Cards, if there are any among the devices.
    pub(super) fn on(devices: &Devices) -> Option<Self> {
        let devices = devices.as_cards().to_vec();
        (!devices.is_empty()).then(|| Self { devices, ready: OnceLock::new() })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.devices.len()
    }

    /// Gives `finish` each text with its states (tokens × hidden); what that returns comes in no order.
    pub(super) fn each_text<T: Send>(
        &self,
        model: &Model,
        tokens: &Tokens,
        how: &How<'_>,
        finish: impl Fn(usize, &[f32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let width = model.config().hidden;
        let finished = self.each_batch(model, tokens, how, |texts, states, _| {
            let states = states.download()?;
            let mut rest = states.as_slice();
            let each = texts.iter().map(|text| {
                let (states, after) = rest.split_at(tokens.text(*text).len() * width);
                rest = after;
                (*text, states)
            });
            Ok(each.map(|(text, states)| finish(text, states)).collect::<Vec<T>>())
        })?;
        Ok(finished.into_iter().flatten().collect())
    }

    /// The embedding of each text, with its number, in no order.
    pub(super) fn embed(&self, model: &Model, tokens: &Tokens, how: &How<'_>) -> Result<Vec<(usize, Vec<f32>)>> {
        let width = model.config().hidden;
        let kind = match how.recipe.pooling {
            Pooling::Cls => Pool::First,
            Pooling::Max => Pool::Largest,
            Pooling::Mean | Pooling::None => Pool::Mean,
        };
        let finished = self.each_batch(model, tokens, how, |texts, states, ragged| {
            let mut pooled = states.device().allocate(texts.len() * width)?;
            pool(kind, states, ragged, width, &mut pooled)?;
            if how.recipe.normalize {
                normalize(&mut pooled, width)?;
            }
            let rows = pooled.download()?;
            Ok(texts.iter().copied().zip(rows.chunks_exact(width).map(<[f32]>::to_vec)).collect::<Vec<_>>())
        })?;
        Ok(finished.into_iter().flatten().collect())
    }

    /// The model on each card.
    fn ready(&self, bert: &Bert) -> Result<&[Card]> {
        if let Some(cards) = self.ready.get() {
            return Ok(cards);
        }
        let loaded: Vec<_> = self.devices.par_iter().map(|device| bert.on_card(device)).collect();
        let loaded = loaded.into_iter().collect::<Result<Vec<_>, _>>().map_err(EncoderFault::Card)?;
        Ok(self.ready.get_or_init(|| loaded))
    }

    /// Gives `take` the states of each batch, with its texts.
    fn each_batch<T: Send>(
        &self,
        model: &Model,
        tokens: &Tokens,
        how: &How<'_>,
        take: impl Fn(&[usize], &Buffer<f32>, &Texts) -> Result<T, Error> + Sync,
    ) -> Result<Vec<T>> {
        let cards = self.ready(model.fit(tokens, how)?)?;
        let mut most = how.batching.tokens.max(TOKENS);
        for card in cards {
            let (free, _) = card.device().memory().map_err(EncoderFault::Card)?;
            most = most.min((free as f64 * SHARE) as usize / card.bytes_a_token());
        }
        // Each card is to get something.
        most = most.min(tokens.ids().len().div_ceil(cards.len()));
        let texts = how.batching.texts.min(TEXTS);
        let mut open = Batching { tokens: most.max(1), texts, ..how.batching }.batches(tokens);
        open.reverse();
        let progress = Mutex::new(Progress { open, done: Vec::new(), faults: Vec::new() });
        std::thread::scope(|scope| {
            for card in cards {
                scope.spawn(|| work(card, &progress, model, tokens, how, &take));
            }
        });
        let Progress { done, faults, .. } = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        // The first text that failed, whichever card met its fault first.
        match faults.into_iter().min_by_key(|(text, _)| *text) {
            Some((_, fault)) => Err(fault.into()),
            None => Ok(done),
        }
    }
}

/// Takes batches and computes them on a card, until there are none.
fn work<T>(
    card: &Card,
    progress: &Mutex<Progress<T>>,
    model: &Model,
    tokens: &Tokens,
    how: &How<'_>,
    take: impl Fn(&[usize], &Buffer<f32>, &Texts) -> Result<T, Error>,
) {
    let progress = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(texts) = progress().open.pop() else { return };
        let given = |text: &usize| Text { ids: tokens.text(*text), attended: tokens.attended(*text) };
        let given: Vec<Text<'_>> = texts.iter().map(given).collect();
        match card.forward(&given, how.recipe.layer, |states, ragged| take(&texts, states, ragged)) {
            Ok(done) => {
                progress().done.push(done);
                (how.done)(texts.len());
            }
            Err(Halt::Card(Error::Memory { .. })) if texts.len() > 1 => {
                let (first, second) = texts.split_at(texts.len() / 2);
                progress().open.extend([second.to_vec(), first.to_vec()]);
            }
            Err(Halt::Card(error)) => {
                let mut progress = progress();
                progress.faults.push((texts[0], EncoderFault::Card(error)));
                // Whatever it is, it is not this batch's fault.
                progress.open.clear();
            }
            Err(Halt::NotFinite { stage, text }) => {
                let text = texts[text];
                progress().faults.push((text, model.not_finite(stage, how.first + text)));
            }
        }
    }
}
