//! Without the feature `cuda` a model is on no cards.

use super::{How, Model, Tokens};
use crate::Result;
use crate::kernel::devices::Devices;

/// No cards.
pub(super) enum Cards {}

impl Cards {
    pub(super) fn on(_: &Devices) -> Option<Self> {
        None
    }

    pub(super) fn count(&self) -> usize {
        match *self {}
    }

    pub(super) fn each_text<T>(
        &self,
        _: &Model,
        _: &Tokens,
        _: &How<'_>,
        _: impl Fn(usize, &[f32]) -> T,
    ) -> Result<Vec<T>> {
        match *self {}
    }

    pub(super) fn embed(&self, _: &Model, _: &Tokens, _: &How<'_>) -> Result<Vec<(usize, Vec<f32>)>> {
        match *self {}
    }
}
