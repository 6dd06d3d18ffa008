//! How many edits are made, and where.

use super::Amount;
use crate::kernel::random::Stream;

/// A text with the places where a kind can edit it.
pub(super) trait Editor {
    /// How many places there are.
    fn units(&self) -> usize;

    /// Edits there; false, and nothing is done, where another edit is in the way or no grapheme would be left whole.
    fn edit(&mut self, unit: usize, stream: &mut Stream) -> bool;

    /// The text as it is now.
    fn text(&self) -> String;
}

/// What was to be done and what was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) asked: usize,
    pub(super) edits: usize,
}

/// Edits units in a random order until there are as many edits as asked for, or no unit is left. The order does not depend on the amount: a greater one edits
/// the same units and more.
pub(super) fn apply(editor: &mut dyn Editor, amount: Amount, stream: &mut Stream) -> Made {
    let mut units: Vec<usize> = (0..editor.units()).collect();
    let mut made = Made { asked: amount.of(units.len()), edits: 0 };
    let mut done = 0;
    while made.edits < made.asked
        && let Some(drawn) = stream.index(units.len() - done)
    {
        units.swap(done, done + drawn);
        made.edits += usize::from(editor.edit(units[done], stream));
        done += 1;
    }
    made
}
