//! Attention heads of all texts of a batch, shared among a team.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayViewMut2, Axis};

use super::Place;
use crate::encoder::space::{HeadSpace, Spaces};
use crate::kernel::NotFinite;
use crate::kernel::team::Team;

/// Heads of fewer multiplications than this are not worth another thread.
const SPLIT: usize = 1 << 14;

/// Runs of heads that a part of the team's is cut into: several, as texts are not equally long.
const RUNS: usize = 4;

/// One head of one text.
pub(super) struct Head<O> {
    /// The text's number.
    pub(super) text: usize,
    /// The head's number.
    pub(super) head: usize,
    /// Where its results go.
    pub(super) out: O,
}

/// Does `work` for each head, all of them together `cost` multiplications, shared among the team.
///
/// # Errors
/// The first row of the first text of which a head met a value that is not finite.
pub(super) fn each_head<O: Send>(
    mut heads: Vec<Head<O>>,
    places: &[Place],
    cost: usize,
    spaces: &Spaces,
    team: &Team<'_>,
    work: impl Fn(&mut HeadSpace, &mut Head<O>) -> Result<(), NotFinite> + Sync,
) -> Result<(), NotFinite> {
    let parts = match team.parts(heads.len(), cost, SPLIT) {
        1 => 1,
        parts => parts * RUNS,
    };
    let failed = AtomicUsize::new(usize::MAX);
    let run = heads.len().div_ceil(parts).max(1);
    let runs: Vec<_> = heads.chunks_mut(run).map(Mutex::new).collect();
    team.each(runs.len(), |i| {
        spaces.heads(|space| {
            for head in runs[i].lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
                if work(space, head).is_err() {
                    failed.fetch_min(head.text, Ordering::Relaxed);
                }
            }
        });
    });
    match places.get(failed.into_inner()) {
        Some(place) => Err(NotFinite { row: place.rows.start }),
        None => Ok(()),
    }
}

/// Cuts `matrix` [T, n] into the rows of each text, and these into pieces of `width` columns: text by text, from left to right.
pub(super) fn pieces<'a>(
    mut matrix: ArrayViewMut2<'a, f32>,
    places: &[Place],
    width: usize,
) -> Vec<Vec<ArrayViewMut2<'a, f32>>> {
    let mut cut = Vec::with_capacity(places.len());
    for place in places {
        let (mut text, below) = matrix.split_at(Axis(0), place.rows.len());
        matrix = below;
        let mut pieces = Vec::with_capacity(text.ncols() / width);
        while text.ncols() > 0 {
            let (piece, right) = text.split_at(Axis(1), width);
            pieces.push(piece);
            text = right;
        }
        cut.push(pieces);
    }
    cut
}
