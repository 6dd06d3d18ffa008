//! Attention over ragged batches.

use super::call::{Call, MAX_SHARED};
use super::faults::Stage;
use super::grids::{BLOCK_TERMS, ColumnGrids, Grids, Reading, report_to};
use super::texts::Texts;
use super::{Buffer, Device, Error};

/// Queries of a block, and its threads.
const QUERIES: usize = 16;
const THREADS: u32 = 128;

/// Memory of attention, to be used again.
pub struct Attention {
    queries: Grids,
    keys: Grids,
    values: ColumnGrids,
}

impl Attention {
    /// None yet.
    ///
    /// # Errors
    /// As the device says.
    pub fn new(device: &Device) -> Result<Self, Error> {
        Ok(Self { queries: Grids::new(device)?, keys: Grids::new(device)?, values: ColumnGrids::new(device)? })
    }

    /// softmax(Q·Kᵀ / √width)·V for each text and head, from `projected` [T, 3·heads·width] (Q, K and V side by side) into `context`
    /// [T, heads·width]; keys and values are each text's attended tokens. A text with a value that is not finite is reported by its first row (T).
    ///
    /// # Errors
    /// As the device says; [`Error::TooLarge`] where a text attends to more than about 11,700 tokens, or heads are wider than 32,768.
    ///
    /// # Panics
    /// Shapes that do not fit; a text that attends to nothing.
    #[allow(unsafe_code)]
    pub fn apply(
        &mut self,
        projected: &Buffer<f32>,
        texts: &Texts,
        heads: usize,
        context: &mut Buffer<f32>,
        stage: Stage<'_>,
    ) -> Result<(), Error> {
        let tokens = texts.tokens;
        if tokens == 0 {
            return Ok(());
        }
        assert!(texts.each_attends, "every text attends to a token");
        let h = super::rows::rows_of(context, tokens);
        assert!(h.is_multiple_of(heads) && projected.len() == 3 * context.len(), "shapes of attention");
        let width = h / heads;
        let part = |i: usize| Reading {
            offset: i * h,
            rows: tokens * heads,
            k: width,
            inner: heads,
            outer: 3 * h,
            between: width,
        };
        // Queries and keys that are not finite make probabilities that are not, which are reported; a key that nobody attends to may be anything.
        self.queries.fill(projected, part(0), None)?;
        self.keys.fill(projected, part(1), None)?;
        self.values.fill(projected, 2 * h, 3 * h, h, texts, stage)?;

        // Scores of a query: f32 filled up to whole steps, and 16 bytes.
        let pitch = 4 * texts.most_attended.next_multiple_of(32) + 16;
        let rows = QUERIES.min(MAX_SHARED / pitch);
        if rows == 0 || width > BLOCK_TERMS {
            return Err(Error::TooLarge(format!("attention to {} tokens, {width} wide", texts.most_attended)));
        }
        let (queries, keys, values) = (&self.queries, &self.keys, &self.values);
        let call = Call::new(context.device(), "attention").buffer(&queries.digits).buffer(&queries.exponents);
        let call = call.buffer(&keys.digits).buffer(&keys.exponents);
        let call = call.buffer(&values.digits).long(values.plane).buffer(&values.offsets).buffer(&values.exponents);
        let call = call.buffer(&texts.starts).buffer(&texts.lengths).buffer(&texts.attended);
        let call = call.long(tokens).int(heads).int(width).int(queries.stride).int(rows);
        let call = report_to(call.float((width as f32).sqrt()).buffer(context), Some(stage));
        // SAFETY: shapes were compared above; the grids have just been filled for these texts, heads and widths.
        unsafe { call.launch([texts.longest.div_ceil(rows), heads, texts.count], THREADS, rows * pitch) }
    }
}
