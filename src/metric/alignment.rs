//! Word alignments against what people aligned: precision, recall, alignment error rate (Och & Ney, Computational Linguistics 29, 2003, section 6).

use crate::data::links::Links;

/// How many links found are sure or possible, over all sentences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Links found.
    pub found: usize,
    /// Sure links.
    pub sure: usize,
    /// Links found that are sure.
    pub found_sure: usize,
    /// Links found that are possible, or sure.
    pub found_possible: usize,
}

impl Counts {
    /// Adds a sentence pair; of what was found sure and possible links count alike.
    pub fn add(&mut self, found: &Links, gold: &Links) {
        self.found += found.possible.len();
        self.sure += gold.sure.len();
        self.found_sure += found.possible.intersection(&gold.sure).count();
        self.found_possible += found.possible.intersection(&gold.possible).count();
    }

    /// The share of links found that are possible. 0 where none was found.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.found_possible, self.found)
    }

    /// The share of sure links that were found. 0 where none is sure.
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.found_sure, self.sure)
    }

    /// The alignment error rate, 1 − (found sure + found possible) / (found + sure). 0 where there is nothing to find and nothing was found.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        let all = self.found + self.sure;
        if all == 0 { 0.0 } else { 1.0 - (self.found_sure + self.found_possible) as f64 / all as f64 }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let (mut found, mut gold) = (Links::default(), Links::default());
        [(0, 0), (1, 1), (2, 2)].iter().for_each(|link| found.add(*link, true));
        [((0, 0), true), ((1, 1), false), ((3, 3), true)].iter().for_each(|(link, sure)| gold.add(*link, *sure));
        let mut agreement = Counts::default();
        agreement.add(&found, &gold);
        assert_eq!((agreement.precision(), agreement.recall()), (2.0 / 3.0, 1.0 / 2.0));
        assert_eq!(agreement.error_rate(), 1.0 - 3.0 / 5.0);
        let none = Counts::default();
        assert_eq!((none.precision(), none.recall(), none.error_rate()), (0.0, 0.0, 0.0));
    }
}
