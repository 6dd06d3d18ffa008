//! Random streams that depend on what they are for and on nothing else.
//!
//! A [`Stream`] is keyed by (seed, stream name, item id): the noise of query 17 is the same whichever thread draws it, in
//! whatever order, alone or in a batch. Nothing is shared between streams, so none can disturb another.
//!
//! - **Generator**: Philox4x32-10, a keyed bijection of 128-bit counters (Salmon, Moraes, Dror, Shaw, "Parallel random
//!   numbers: as easy as 1, 2, 3", SC 2011). Integers only.
//! - **Key**: SHA-256 over a tag, the seed, the name and the item, each with its length first. Bytes 0–7 are Philox's key,
//!   bytes 8–15 the upper half of its counter; the lower half counts blocks from 0. So 128 bits tell streams apart.
//! - **Sampling** is ours, because the distributions of other crates may change between versions: additions and
//!   multiplications that are exact or rounded once, never a function of the platform's libm.
//!
//! A stream is a sequence of 32-bit words, and every draw takes the next words of it, so the order of draws *within* a stream
//! matters. Give each item a stream of its own.

use sha2::{Digest as _, Sha256};

/// Sets these streams apart from every other use of SHA-256; the number is raised if a stream ever changes.
const TAG: &[u8] = b"snellen random stream 1";

/// One stream of random words.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    /// The upper half of the counter.
    lane: [u32; 2],
    /// The lower half: how many blocks were drawn.
    blocks: u64,
    /// The block being handed out, and how many of its words were taken.
    block: [u32; 4],
    taken: usize,
}

impl Stream {
    /// The stream called `name` of `item` under `seed`, from its beginning.
    #[must_use]
    pub fn new(seed: u64, name: &str, item: impl AsRef<[u8]>) -> Self {
        Streams::new(seed, name).of(item)
    }

    /// The next 32 random bits.
    pub fn u32(&mut self) -> u32 {
        if self.taken == self.block.len() {
            let counter = [self.blocks as u32, (self.blocks >> 32) as u32, self.lane[0], self.lane[1]];
            self.block = philox4x32_10(counter, self.key);
            self.blocks = self.blocks.wrapping_add(1);
            self.taken = 0;
        }
        let word = self.block[self.taken];
        self.taken += 1;
        word
    }

    /// The next 64 random bits: two words, the lower first.
    pub fn u64(&mut self) -> u64 {
        let low = u64::from(self.u32());
        low | u64::from(self.u32()) << 32
    }

    /// A number in [0, 1): a multiple of 2⁻⁵³, each equally likely.
    pub fn unit(&mut self) -> f64 {
        (self.u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// An index below `n`, each exactly equally likely; `None` where there is nothing to choose from.
    ///
    /// The upper half of a 64 × 64-bit product; the few lower halves that would favour some indices are drawn again (Lemire,
    /// "Fast random integer generation in an interval", ACM TOMACS 29, 2019).
    pub fn index(&mut self, n: usize) -> Option<usize> {
        let n = n as u64;
        if n == 0 {
            return None;
        }
        loop {
            let product = u128::from(self.u64()) * u128::from(n);
            // There are fewer unfair halves than n: the division is seldom needed.
            if product as u64 >= n || product as u64 >= n.wrapping_neg() % n {
                return Some((product >> 64) as usize);
            }
        }
    }

    /// A number with mean 0 and variance 1, near enough to normal for noise and for initial weights.
    ///
    /// The sum of twelve uniform numbers less six (Irwin–Hall), each a word's centre, (w + ½)/2³². The sum is an integer and so
    /// exact. It never leaves (−6, 6) and its fourth moment is 2.9 (a normal one's is 3): do not draw rare tails from it.
    pub fn normal(&mut self) -> f64 {
        let sum: i64 = (0..12).map(|_| 2 * i64::from(self.u32()) + 1).sum();
        (sum - (12 << 32)) as f64 * (1.0 / (1u64 << 33) as f64)
    }
}

/// The streams of one seed and name, of which many are wanted: what they have in common is hashed once.
#[derive(Clone, Debug)]
pub struct Streams(Sha256);

impl Streams {
    /// The streams called `name` under `seed`.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hash = Sha256::new();
        [TAG, &seed.to_le_bytes(), name.as_bytes()].into_iter().for_each(|field| add(&mut hash, field));
        Self(hash)
    }

    /// The stream of `item`, from its beginning.
    #[must_use]
    pub fn of(&self, item: impl AsRef<[u8]>) -> Stream {
        let mut hash = self.0.clone();
        add(&mut hash, item.as_ref());
        let hash = hash.finalize();
        let word = |i: usize| u32::from_le_bytes([hash[4 * i], hash[4 * i + 1], hash[4 * i + 2], hash[4 * i + 3]]);
        Stream { key: [word(0), word(1)], lane: [word(2), word(3)], blocks: 0, block: [0; 4], taken: 4 }
    }
}

fn add(hash: &mut Sha256, field: &[u8]) {
    hash.update((field.len() as u64).to_le_bytes());
    hash.update(field);
}

/// Philox4x32-10: the block of four words that `key` assigns to `counter`.
#[must_use]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let (high0, low0) = wide_product(0xD251_1F53, c0);
        let (high1, low1) = wide_product(0xCD9E_8D57, c2);
        (c0, c1, c2, c3) = (high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0);
        (k0, k1) = (k0.wrapping_add(0x9E37_79B9), k1.wrapping_add(0xBB67_AE85));
    }
    [c0, c1, c2, c3]
}

/// The upper and the lower half of a product.
fn wide_product(a: u32, b: u32) -> (u32, u32) {
    let product = u64::from(a) * u64::from(b);
    ((product >> 32) as u32, product as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers() {
        // Random123's kat_vectors: zeros, ones, and the digits of pi.
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32_10([!0; 4], [!0; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let answer = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(philox4x32_10(pi, [0xa409_3822, 0x299f_31d0]), answer);
    }

    #[test]
    fn a_streams_words_are_pinned() {
        // Computed by an independent implementation of the module's first paragraph.
        let mut stream = Stream::new(7, "noise", "query-17");
        let words: Vec<u32> = (0..6).map(|_| stream.u32()).collect();
        assert_eq!(words, [0x0d80_f351, 0x56f7_dabb, 0xf558_5a6d, 0xbdef_ac0a, 0xeb11_9893, 0xca9f_309c]);
    }

    #[test]
    fn every_part_of_the_key_counts_and_parts_do_not_run_together() {
        let first = |seed, name, item: &str| Stream::new(seed, name, item).u64();
        let all = [first(1, "a", "b"), first(2, "a", "b"), first(1, "ab", ""), first(1, "", "ab"), first(1, "a", "c")];
        for (i, x) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|y| x != y), "stream {i}");
        }
    }

    #[test]
    fn streams_do_not_disturb_each_other() {
        let draw = |s: &mut Stream| (s.normal(), s.index(10), s.unit());
        let alone: Vec<_> = (0..4).map(|i| draw(&mut Stream::new(3, "x", format!("{i}")))).collect();
        let mut streams: Vec<_> = (0..4).map(|i| Stream::new(3, "x", format!("{i}"))).collect();
        let mut backwards: Vec<_> = streams.iter_mut().rev().map(draw).collect();
        backwards.reverse();
        assert_eq!(alone, backwards);
    }

    #[test]
    fn units_fill_the_interval() {
        let mut stream = Stream::new(1, "unit", "");
        let units: Vec<f64> = (0..100_000).map(|_| stream.unit()).collect();
        assert!(units.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = units.iter().sum::<f64>() / units.len() as f64;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
    }

    #[test]
    fn indices_are_below_n_and_even() {
        let mut stream = Stream::new(1, "index", "");
        assert_eq!(stream.index(0), None);
        assert_eq!(stream.index(1), Some(0));
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[stream.index(7).unwrap()] += 1;
        }
        assert!(counts.iter().all(|c| (9_600..10_400).contains(c)), "{counts:?}");
    }

    #[test]
    fn unfair_draws_are_drawn_again() {
        // With n just above half of all numbers nearly every other draw is unfair: they must end, below n.
        let n = (1usize << (usize::BITS - 1)) + 1;
        let mut stream = Stream::new(1, "unfair", "");
        assert!((0..1000).all(|_| stream.index(n).unwrap() < n));
    }

    #[test]
    fn normals_have_the_moments_they_should() {
        let mut stream = Stream::new(1, "normal", "");
        let draws: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let moment = |k| draws.iter().map(|x| (0..k).fold(1.0, |p, _| p * x)).sum::<f64>() / draws.len() as f64;
        assert!(moment(1).abs() < 0.01 && moment(3).abs() < 0.03, "{} {}", moment(1), moment(3));
        assert!((moment(2) - 1.0).abs() < 0.015 && (moment(4) - 2.9).abs() < 0.1, "{} {}", moment(2), moment(4));
    }
}
