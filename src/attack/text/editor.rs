//! How many edits are made, and where.

use super::Amount;
use crate::kernel::random::Stream;

/// A text with the places where a kind can edit it.
pub(super) trait Editor {
    /// The places, which are to be asked for once.
    fn units(&mut self) -> Vec<usize>;

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

/// Edits units in a random order until there are as many edits as asked for, or no unit is left; and the new text, if there is any edit. The order does not depend on the
/// amount: a greater one edits the same units and more.
pub(super) fn apply(mut editor: impl Editor, amount: Amount, stream: &mut Stream) -> (Made, Option<String>) {
    let mut units = editor.units();
    let mut made = Made { asked: amount.of(units.len()), edits: 0 };
    let mut done = 0;
    while made.edits < made.asked
        && let Some(drawn) = stream.index(units.len() - done)
    {
        units.swap(done, done + drawn);
        made.edits += usize::from(editor.edit(units[done], stream));
        done += 1;
    }
    (made, (made.edits > 0).then(|| editor.text()))
}

/// Draws from what there is, again and again without what was drawn, until one fits.
pub(super) fn first_fit<T: Clone>(stream: &mut Stream, of: &[T], mut fits: impl FnMut(&T) -> bool) -> bool {
    let Some(drawn) = stream.index(of.len()) else { return false };
    if fits(&of[drawn]) {
        return true;
    }
    // Nearly always the first fits: only now is there need of a list that can lose some.
    let mut rest = of.to_vec();
    rest.swap_remove(drawn);
    while let Some(drawn) = stream.index(rest.len()) {
        if fits(&rest.swap_remove(drawn)) {
            return true;
        }
    }
    false
}
