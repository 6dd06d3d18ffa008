//! Which texts are computed together. It cannot change a result: a sequence sees only its own tokens, and every sum has its order.

use std::fmt;
use std::str::FromStr;

use super::Tokens;
use crate::kernel::random::Stream;

/// How texts are put into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// A batch ends with the text that brings it to this many tokens.
    pub tokens: usize,
    /// A batch has at most this many texts; 0 is taken for 1.
    pub texts: usize,
    /// In which order texts are taken.
    pub order: Order,
}

/// The order in which texts are put into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As given.
    Given,
    /// The last first.
    Reversed,
    /// The shortest first.
    Sorted,
    /// Drawn: a text's place depends on its number and on nothing else.
    Shuffled,
}

impl Default for Batching {
    /// 256 tokens in the order given: enough to reuse the weights, few enough for the states to stay in a core's cache.
    fn default() -> Self {
        Self { tokens: 256, texts: usize::MAX, order: Order::Given }
    }
}

impl Batching {
    /// The texts of each batch.
    pub(super) fn batches(self, tokens: &Tokens) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..tokens.texts()).collect();
        match self.order {
            Order::Given => {}
            Order::Reversed => order.reverse(),
            Order::Sorted => order.sort_by_key(|text| tokens.text(*text).len()),
            Order::Shuffled => {
                order.sort_by_cached_key(|text| Stream::new(0, "batch order", (*text as u64).to_le_bytes()).u64());
            }
        }
        let mut batches = Vec::new();
        let (mut batch, mut length) = (Vec::new(), 0);
        for text in order {
            batch.push(text);
            length += tokens.text(text).len();
            if length >= self.tokens || batch.len() >= self.texts {
                batches.push(std::mem::take(&mut batch));
                length = 0;
            }
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        batches
    }
}

impl Order {
    const ALL: [Self; 4] = [Self::Given, Self::Reversed, Self::Sorted, Self::Shuffled];
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "given",
            Self::Reversed => "reversed",
            Self::Sorted => "sorted",
            Self::Shuffled => "shuffled",
        })
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|order| order.to_string() == name)
            .ok_or_else(|| format!("no order {name}: given, reversed, sorted or shuffled"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_in_one_batch() {
        let tokens = Tokens { ids: vec![0; 12], offsets: vec![0, 5, 6, 8, 12], ..Tokens::default() };
        let batches = |most, order| Batching { tokens: most, order, ..Batching::default() }.batches(&tokens);
        assert_eq!(batches(6, Order::Given), [vec![0, 1], vec![2, 3]]);
        assert_eq!(batches(7, Order::Reversed), [vec![3, 2, 1], vec![0]]);
        assert_eq!(batches(1, Order::Sorted), [vec![1], vec![2], vec![3], vec![0]]);
    }

    #[test]
    fn a_batch_has_no_more_texts_than_asked_for() {
        let tokens = Tokens { ids: vec![0; 12], offsets: vec![0, 5, 6, 8, 12], ..Tokens::default() };
        let batches = |texts| Batching { tokens: usize::MAX, texts, order: Order::Given }.batches(&tokens);
        assert_eq!(batches(3), [vec![0, 1, 2], vec![3]]);
        assert_eq!(batches(1).len(), 4);
        assert_eq!(batches(0).len(), 4);
    }

    #[test]
    fn a_shuffled_order_is_another_one_with_every_text_and_always_the_same() {
        let order = |texts: usize| {
            let tokens = Tokens { ids: vec![0; texts], offsets: (0..=texts).collect(), ..Tokens::default() };
            Batching { order: Order::Shuffled, ..Batching::default() }.batches(&tokens).concat()
        };
        let (long, short) = (order(50), order(20));
        let mut sorted = long.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..50) && long != sorted);
        // More texts do not move those that are there among themselves.
        assert_eq!(long.into_iter().filter(|text| *text < 20).collect::<Vec<_>>(), short);
    }
}
