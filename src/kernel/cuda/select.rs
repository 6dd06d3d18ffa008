//! The best of many scores, and late interaction.

use super::call::{Call, MAX_SHARED};
use super::grids::{BLOCK_TERMS, Grids};
use super::rows::rows_of;
use super::texts::Texts;
use super::{Buffer, Error};

/// As many are selected at once at most.
pub const MAX_BEST: usize = 4096;

/// Query tokens of late interaction at most.
pub const MAX_QUERY: usize = MAX_SHARED / 4;
/// How wide they are at most.
pub const MAX_WIDTH: usize = BLOCK_TERMS;

/// Threads of a block: a row of scores, a pair of texts.
const SELECT_THREADS: u32 = 256;
const PAIR_THREADS: u32 = 128;

/// The `k` best of each row of `scores` [rows, n]: the score descending, then the place ascending. NaNs, which have no sign here, come first.
/// Places and scores are [rows, k] each.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// No rows of n numbers; a k of 0, above n or above [`MAX_BEST`]; an n beyond 31 bits.
#[allow(unsafe_code)]
pub fn best(scores: &Buffer<f32>, n: usize, k: usize) -> Result<(Buffer<i32>, Buffer<f32>), Error> {
    let rows = rows_of(scores, n);
    assert!((1..=n.min(MAX_BEST)).contains(&k) && i32::try_from(n).is_ok(), "1 to {MAX_BEST} of those there are");
    let device = scores.device();
    let (places, values) = (device.allocate(rows * k)?, device.allocate(rows * k)?);
    let size = k.next_power_of_two();
    let call = Call::new(device, "select_best").buffer(scores).long(n).int(k).int(size).buffer(&places).buffer(&values);
    // SAFETY: shapes were looked at above; keys have eight bytes.
    unsafe { call.launch([rows, 1, 1], SELECT_THREADS, 8 * size)? };
    Ok((places, values))
}

/// [`crate::kernel::reference::max_sim`] of each query with each passage, [queries, passages]: their tokens are gridded, a row a token, and
/// belong to texts as said. NaN where products are beyond the range of f32 of both signs.
///
/// # Errors
/// As the device says; [`Error::TooLarge`] where a query has more than [`MAX_QUERY`] tokens, or they are wider than [`MAX_WIDTH`].
///
/// # Panics
/// Shapes that do not fit.
#[allow(unsafe_code)]
pub fn max_sim(queries: &Grids, query_texts: &Texts, passages: &Grids, texts: &Texts) -> Result<Buffer<f32>, Error> {
    assert_eq!((queries.rows, passages.rows), (query_texts.tokens, texts.tokens), "a row for each token");
    assert_eq!(queries.k, passages.k, "tokens of one width");
    let device = texts.starts.device();
    let out = device.allocate(query_texts.count * texts.count)?;
    let call = Call::new(device, "max_sim").buffer(&queries.digits).buffer(&queries.exponents);
    let call = call.long(queries.rows).buffer(&query_texts.starts).buffer(&passages.digits).buffer(&passages.exponents);
    let call = call.long(passages.rows).buffer(&texts.starts).int(queries.stride).buffer(&out);
    if query_texts.longest > MAX_QUERY || queries.k > MAX_WIDTH {
        let what = format!("late interaction of {} query tokens, {} wide", query_texts.longest, queries.k);
        return Err(Error::TooLarge(what));
    }
    let shared = 4 * query_texts.longest;
    // SAFETY: shapes were compared above.
    unsafe { call.launch([texts.count, query_texts.count, 1], PAIR_THREADS, shared)? };
    Ok(out)
}
