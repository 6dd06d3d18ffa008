//! Which arc enters the tree.

use super::grid::Costs;
use super::tree::{Tree, negative};
use crate::kernel::double;
use crate::kernel::pair::Pair;

/// Costs that are looked at for one entering arc, at least, if there is one among them.
const BLOCK: usize = 1 << 13;

/// Rows are priced in turn, some at a time, and of these the arc with the least reduced cost enters. Reduced costs in f64 decide where they are
/// beyond their error; where none is, exact ones do.
pub(super) struct Prices {
    columns: usize,
    rows: usize,
    /// The row to begin with.
    next: usize,
}

impl Prices {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { columns, rows, next: 0 }
    }

    /// An arc with a reduced cost below 0, and that; none if there is none.
    pub(super) fn entering(&mut self, costs: &Costs, tree: &Tree) -> Option<(usize, usize, Pair)> {
        self.by_f64(costs, tree).or_else(|| self.by_pairs(costs, tree))
    }

    /// The error of a reduced cost in f64: two roundings of potentials, two of differences.
    fn error(tree: &Tree) -> f64 {
        const EPSILON: f64 = f64::EPSILON;
        (2.0 + 2.0 * tree.bound) * (2.0 * EPSILON)
    }

    fn by_f64(&mut self, costs: &Costs, tree: &Tree) -> Option<(usize, usize, Pair)> {
        let error = Self::error(tree);
        let (f, g) = tree.high.split_at(self.rows);
        let (mut best, mut row) = (-error, None);
        let mut seen = 0;
        for _ in 0..self.rows {
            let i = self.next;
            self.next = if i + 1 == self.rows { 0 } else { i + 1 };
            let least = double::least_difference(costs.row(i), &g[..self.columns]) - f[i];
            if least < best {
                (best, row) = (least, Some(i));
            }
            seen += self.columns;
            if seen >= BLOCK && row.is_some() {
                break;
            }
        }
        let i = row?;
        let j = (0..self.columns).find(|j| (costs.at(i, *j) - g[*j]) - f[i] <= best)?;
        Some((i, j, reduced(costs, tree, i, self.rows, j)))
    }

    /// As [`Self::by_f64`], where f64 cannot tell.
    fn by_pairs(&mut self, costs: &Costs, tree: &Tree) -> Option<(usize, usize, Pair)> {
        let error = Self::error(tree);
        let (f, g) = tree.high.split_at(self.rows);
        for _ in 0..self.rows {
            let i = self.next;
            let mut best: Option<(usize, usize, Pair)> = None;
            for (j, c) in costs.row(i).iter().enumerate() {
                if (c - g[j]) - f[i] <= error {
                    let exact = reduced(costs, tree, i, self.rows, j);
                    let least = best.as_ref().map_or(Pair::of(0.0), |(_, _, least)| *least);
                    if is_less(exact, least) {
                        best = Some((i, j, exact));
                    }
                }
            }
            if best.is_some() {
                return best;
            }
            self.next = if i + 1 == self.rows { 0 } else { i + 1 };
        }
        None
    }
}

/// C − f − g, exactly.
fn reduced(costs: &Costs, tree: &Tree, i: usize, rows: usize, j: usize) -> Pair {
    let less = Pair::of(costs.at(i, j)).plus(negative(tree.potential(i)));
    less.plus(negative(tree.potential(rows + j)))
}

/// Pairs are normal: the first parts decide, and where they are equal the second.
fn is_less(x: Pair, y: Pair) -> bool {
    (x.0, x.1) < (y.0, y.1)
}
