//! Texts of different lengths as the embeddings of their tokens, without padding.

use std::ops::Range;

use ndarray::{ArrayView2, s};

use super::fault::RetrievalFault;
use crate::Result;

/// Token embeddings of some texts: text i has the rows `offsets[i]..offsets[i + 1]` of `tokens` [total, d], as `encode --tokens` writes
/// them. A text may have no tokens.
#[derive(Clone, Copy, Debug)]
pub struct Ragged<'a> {
    tokens: ArrayView2<'a, f32>,
    offsets: &'a [usize],
}

impl<'a> Ragged<'a> {
    /// Takes `tokens` [total, d] and their `offsets` [texts + 1].
    ///
    /// # Errors
    /// Offsets that do not ascend from 0 to the number of tokens.
    pub fn of(tokens: ArrayView2<'a, f32>, offsets: &'a [usize]) -> Result<Self> {
        let what = match (offsets.first(), offsets.windows(2).position(|o| o[0] > o[1]), offsets.last()) {
            (Some(0), None, Some(end)) if *end == tokens.nrows() => return Ok(Self { tokens, offsets }),
            (Some(0), None, Some(end)) => format!("the last is {end}, but there are {} tokens", tokens.nrows()),
            (Some(0), Some(text), _) => format!("text {text} ends before it begins"),
            (first, ..) => format!("the first must be 0, not {first:?}"),
        };
        Err(RetrievalFault::Offsets(what).into())
    }

    /// How many texts there are.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.offsets.len() - 1
    }

    /// d.
    #[must_use]
    pub fn width(&self) -> usize {
        self.tokens.ncols()
    }

    /// The rows of the tokens of some texts.
    pub(super) fn rows(&self, texts: Range<usize>) -> Range<usize> {
        self.offsets[texts.start]..self.offsets[texts.end]
    }

    /// Those rows.
    pub(super) fn tokens(&self, rows: Range<usize>) -> ArrayView2<'a, f32> {
        self.tokens.slice_move(s![rows, ..])
    }

    /// The text that has this row, and the row's place among its tokens.
    pub(super) fn place(&self, row: usize) -> (usize, usize) {
        // Texts without tokens begin where the next one does: the last that begins here or before has the row.
        let text = self.offsets.partition_point(|offset| *offset <= row) - 1;
        (text, row - self.offsets[text])
    }

    /// The texts cut into runs, each as short as has `tokens` tokens or `texts` texts.
    pub(super) fn runs(&self, tokens: usize, texts: usize) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut start = 0;
        for end in 1..=self.texts() {
            if self.offsets[end] - self.offsets[start] >= tokens || end - start == texts || end == self.texts() {
                runs.push(start..end);
                start = end;
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn offsets_ascend_from_zero_to_the_number_of_tokens() {
        let tokens = Array2::zeros((5, 3));
        let message = |offsets: &[usize]| Ragged::of(tokens.view(), offsets).unwrap_err().to_string();
        assert_eq!(message(&[]), "token offsets: the first must be 0, not None");
        assert_eq!(message(&[1, 5]), "token offsets: the first must be 0, not Some(1)");
        assert_eq!(message(&[0, 3, 2, 5]), "token offsets: text 1 ends before it begins");
        assert_eq!(message(&[0, 3, 4]), "token offsets: the last is 4, but there are 5 tokens");
    }

    #[test]
    fn rows_know_their_texts_and_runs_cover_all() {
        let tokens = Array2::zeros((7, 1));
        let ragged = Ragged::of(tokens.view(), &[0, 0, 3, 3, 4, 7, 7]).unwrap();
        assert_eq!((0..7).map(|row| ragged.place(row).0).collect::<Vec<_>>(), [1, 1, 1, 3, 4, 4, 4]);
        assert_eq!(ragged.place(5), (4, 1));
        assert_eq!(ragged.runs(3, 9), [0..2, 2..5, 5..6]);
        assert_eq!(ragged.runs(99, 4), [0..4, 4..6]);
        assert_eq!(ragged.runs(1, 1).len(), 6);
    }
}
