//! Which pairs a step learns from: decided by the seed, the sizes of the languages and the number of the step.

use crate::kernel::double;
use crate::kernel::random::Stream;

/// Draws pairs of some languages: first the language, then a pair of it that has not been drawn since all of them were.
pub(super) struct Sampler {
    seed: u64,
    /// Up to each language, the share of draws.
    shares: Vec<f64>,
    decks: Vec<Deck>,
    step: usize,
}

/// The pairs of a language, shuffled again and again.
struct Deck {
    order: Vec<usize>,
    /// How many of these were drawn.
    drawn: usize,
    /// How often they were shuffled.
    rounds: u64,
}

impl Sampler {
    /// Languages with so many pairs each, none of them 0, in proportion to pairs^(1/temperature).
    pub(super) fn new(seed: u64, sizes: &[usize], temperature: f64) -> Self {
        // Roots that leave the range of f64 are those of shares of the largest.
        let largest = sizes.iter().max().map_or(1.0, |size| *size as f64);
        let unit = if exponent(largest, temperature) < 700.0 { 1.0 } else { largest };
        let weights: Vec<f64> = sizes.iter().map(|size| root(*size as f64 / unit, temperature)).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let share = |weight: &f64| {
            sum += weight / total;
            sum
        };
        let shares = weights.iter().map(share).collect();
        let deck = |size: &usize| Deck { order: (0..*size).collect(), drawn: *size, rounds: 0 };
        Self { seed, shares, decks: sizes.iter().map(deck).collect(), step: 0 }
    }

    /// The pairs of the next step: languages and places among their pairs.
    pub(super) fn next(&mut self, count: usize) -> Vec<(usize, usize)> {
        let mut stream = Stream::new(self.seed, "distill languages", (self.step as u64).to_le_bytes());
        self.step += 1;
        let mut pair = || {
            let at = stream.unit();
            let language = self.shares.iter().position(|share| at < *share).unwrap_or(self.shares.len() - 1);
            (language, self.decks[language].draw(self.seed, language))
        };
        (0..count).map(|_| pair()).collect()
    }
}

impl Deck {
    fn draw(&mut self, seed: u64, language: usize) -> usize {
        if self.drawn == self.order.len() {
            let item = [language as u64, self.rounds].map(u64::to_le_bytes).concat();
            shuffle(&mut self.order, &mut Stream::new(seed, "distill pairs", item));
            self.rounds += 1;
            self.drawn = 0;
        }
        self.drawn += 1;
        self.order[self.drawn - 1]
    }
}

/// Fisher and Yates's.
fn shuffle(order: &mut [usize], stream: &mut Stream) {
    for i in (1..order.len()).rev() {
        order.swap(i, stream.index(i + 1).expect("it is not 0"));
    }
}

/// x^(1/temperature) in the contract's functions.
fn root(x: f64, temperature: f64) -> f64 {
    let mut value = [exponent(x, temperature)];
    double::exp(&mut value);
    value[0]
}

/// ln x / temperature.
fn exponent(x: f64, temperature: f64) -> f64 {
    let mut value = [x];
    double::ln(&mut value);
    value[0] / temperature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_drawn_before_one_is_drawn_again() {
        let mut sampler = Sampler::new(3, &[7, 5], 1.0);
        let drawn: Vec<(usize, usize)> = (0..40).flat_map(|_| sampler.next(6)).collect();
        for (language, size) in [(0, 7), (1, 5)] {
            let of: Vec<usize> = drawn.iter().filter(|pair| pair.0 == language).map(|pair| pair.1).collect();
            for round in of.chunks_exact(size) {
                let mut round = round.to_vec();
                round.sort_unstable();
                assert_eq!(round, (0..size).collect::<Vec<_>>());
            }
            assert!(of[..size] != of[size..2 * size], "shuffled anew");
        }
    }

    #[test]
    fn languages_are_drawn_in_proportion_to_a_root_of_their_sizes() {
        for (temperature, expected) in [(1.0, 0.9), (2.0, 0.75), (1e9, 0.5), (1e-3, 1.0), (1e-300, 1.0)] {
            let mut sampler = Sampler::new(1, &[900, 100], temperature);
            let first = sampler.next(20_000).iter().filter(|pair| pair.0 == 0).count() as f64 / 20_000.0;
            // Four standard errors.
            assert!((first - expected).abs() < 4.0 * (0.25f64 / 20_000.0).sqrt(), "{temperature}: {first}");
        }
    }
}
