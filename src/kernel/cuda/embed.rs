//! Embeddings.

use super::call::Call;
use super::{Buffer, Error};

/// The tables of an encoder's embeddings, and the LayerNorm that follows them.
pub struct Tables {
    width: usize,
    vocabulary: usize,
    positions: usize,
    words: Buffer<f32>,
    places: Buffer<f32>,
    token_type: Buffer<f32>,
    weight: Buffer<f32>,
    bias: Buffer<f32>,
    epsilon: f32,
}

/// Which rows of the tables tokens have.
pub struct Tokens {
    ids: Vec<i32>,
    positions: Vec<i32>,
}

impl Tables {
    /// Rows of `width` numbers: `words`, one an id; `places`, one a position; one `token_type`; the norm's `weight` and `bias`.
    ///
    /// # Panics
    /// Shapes that do not fit.
    #[must_use]
    pub fn new(
        words: Buffer<f32>,
        places: Buffer<f32>,
        token_type: Buffer<f32>,
        [weight, bias]: [Buffer<f32>; 2],
        epsilon: f32,
    ) -> Self {
        let width = weight.len();
        let [vocabulary, positions] = [&words, &places].map(|table| super::rows::rows_of(table, width));
        assert_eq!((bias.len(), token_type.len()), (width, width), "shapes of embeddings");
        Self { width, vocabulary, positions, words, places, token_type, weight, bias, epsilon }
    }
}

impl Tokens {
    /// Tokens with these ids and positions.
    ///
    /// # Panics
    /// Different numbers of them; one beyond 2^31.
    #[must_use]
    pub fn new(ids: &[u32], positions: &[u32]) -> Self {
        assert_eq!(ids.len(), positions.len(), "a position for each id");
        let ints = |x: &[u32]| x.iter().map(|x| i32::try_from(*x).expect("tables are smaller")).collect();
        Self { ids: ints(ids), positions: ints(positions) }
    }
}

/// ((word + shift) + type) + position of each token, and its LayerNorm into `out` [tokens, width]; the sums before it into `kept` if asked for.
/// `shift` has the shape of `out`.
///
/// # Errors
/// As the device says.
///
/// # Panics
/// Shapes that do not fit; ids or positions beyond the tables.
#[allow(unsafe_code)]
pub fn embed(
    tables: &Tables,
    tokens: &Tokens,
    shift: Option<&Buffer<f32>>,
    kept: Option<&mut Buffer<f32>>,
    out: &mut Buffer<f32>,
) -> Result<(), Error> {
    let (count, width) = (tokens.ids.len(), tables.width);
    let below = |x: &[i32], end: usize| x.iter().all(|x| (*x as usize) < end);
    assert!(below(&tokens.ids, tables.vocabulary), "ids within the vocabulary");
    assert!(below(&tokens.positions, tables.positions), "positions within the table");
    let fits = |buffer: &Buffer<f32>| buffer.len() == count * width;
    assert!(fits(out) && shift.is_none_or(fits) && kept.as_deref().is_none_or(fits), "shapes of embeddings");
    let device = out.device().clone();
    let (ids, positions) = (device.upload(&tokens.ids)?, device.upload(&tokens.positions)?);
    let call = Call::new(&device, "embed").buffer(&ids).buffer(&positions).long(count).int(width);
    let call = call.buffer(&tables.words).optional(shift).buffer(&tables.token_type).buffer(&tables.places);
    let call = call.buffer(&tables.weight).buffer(&tables.bias).float(tables.epsilon);
    // SAFETY: shapes, ids and positions were looked at above.
    unsafe { call.optional(kept.as_deref()).buffer(out).launch_warps(count) }
}
