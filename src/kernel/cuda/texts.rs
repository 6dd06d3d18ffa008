//! Which rows of a batch belong to which text.

use super::{Buffer, Device, Error};

/// The texts of a batch, whose tokens are rows of one matrix.
pub struct Texts {
    pub(super) count: usize,
    pub(super) tokens: usize,
    /// Whether every text has a token, and attends to one.
    pub(super) each_has_one: bool,
    pub(super) each_attends: bool,
    /// The tokens of the longest text, and of the one that attends to the most.
    pub(super) longest: usize,
    pub(super) most_attended: usize,
    /// Of the digits of the attended rows as columns: bytes a column and plane, all texts together.
    pub(super) padded: usize,
    /// One more than there are texts.
    pub(super) starts: Buffer<i32>,
    pub(super) lengths: Buffer<i32>,
    pub(super) attended: Buffer<i32>,
    /// Before each text, of `padded`.
    pub(super) before: Vec<usize>,
}

/// How many tokens a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// All of them.
    pub tokens: usize,
    /// How many of its first tokens attention looks at, and gridded columns have.
    pub attended: usize,
}

impl From<usize> for Length {
    /// All tokens are attended to.
    fn from(tokens: usize) -> Self {
        Self { tokens, attended: tokens }
    }
}

impl Texts {
    /// Texts of these lengths, one after the other.
    ///
    /// # Errors
    /// As the device says.
    ///
    /// # Panics
    /// A text that attends to more tokens than it has; more than 2^31 tokens.
    pub fn new(device: &Device, lengths: &[Length]) -> Result<Self, Error> {
        assert!(lengths.iter().all(|length| length.attended <= length.tokens), "no more than there are");
        let int = |x: usize| i32::try_from(x).expect("fewer than 2^31 tokens");
        let (mut starts, mut before) = (vec![0], Vec::with_capacity(lengths.len()));
        let (mut tokens, mut padded) = (0, 0);
        for length in lengths {
            tokens += length.tokens;
            starts.push(int(tokens));
            before.push(padded);
            padded += length.attended.next_multiple_of(32);
        }
        let of = |f: fn(&Length) -> usize| lengths.iter().map(f).collect::<Vec<_>>();
        let (all, attended) = (of(|length| length.tokens), of(|length| length.attended));
        let upload = |x: &[usize]| device.upload(&x.iter().map(|x| int(*x)).collect::<Vec<_>>());
        Ok(Self {
            count: lengths.len(),
            tokens,
            each_has_one: !all.contains(&0),
            each_attends: !attended.contains(&0),
            longest: all.iter().copied().max().unwrap_or(0),
            most_attended: attended.iter().copied().max().unwrap_or(0),
            padded,
            starts: device.upload(&starts)?,
            lengths: upload(&all)?,
            attended: upload(&attended)?,
            before,
        })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many tokens all of them have.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens
    }
}
