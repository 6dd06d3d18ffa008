//! One-to-one matchings: pairs of a row and a column, as many as the shorter side has, each of the mass 1/min(m, n). The problem's masses are not looked at.

use super::Status;
use super::outcome::{Sums, Transport};
use super::problem::Problem;

/// How pairs are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The cheapest pair of what is left, again and again; of equal ones the lowest row, then the lowest column (as DR.DECR aligns tokens: Li et al., NAACL 2022).
    Greedy,
    /// The matching that costs least in all: shortest augmenting paths (Jonker & Volgenant, Computing 38, 1987; of unequal sides Crouse, IEEE TAES 52, 2016).
    Hungarian,
}

impl Matching {
    pub(super) fn solve(self, problem: &Problem<'_>) -> Transport {
        match self {
            Self::Greedy => {
                let pairs = greedy(problem);
                one_to_one(problem, &pairs, Status::Greedy).0
            }
            Self::Hungarian => {
                let found = Assignment::find(problem);
                let (transport, share) = one_to_one(problem, &found.pairs, Status::Optimal);
                let [rows, columns] = found.duals;
                let value = rows.iter().chain(&columns).fold(0.0, |sum, x| sum + x) * share;
                let gap = transport.cost - value;
                transport.with([rows, columns], gap)
            }
        }
    }
}

/// The plan of pairs, and the mass of each.
fn one_to_one(problem: &Problem<'_>, pairs: &[(usize, usize)], status: Status) -> (Transport, f64) {
    let n = problem.columns().len();
    let share = 1.0 / pairs.len() as f64;
    let mut plan = vec![0.0; problem.cost().len()];
    pairs.iter().for_each(|(i, j)| plan[i * n + j] = share);
    // Every row and column is in one pair or in none: what is left of the longer side is no error.
    let sums = Sums::of(problem, &plan);
    let off = |sums: &[f64]| sums.iter().fold(0.0, |off, x| off + if *x > share { x - share } else { 0.0 });
    let error = off(&sums.rows) + off(&sums.columns);
    (Transport { marginal_error: error, ..Transport::of(problem, plan, &sums, status, pairs.len()) }, share)
}

fn greedy(problem: &Problem<'_>) -> Vec<(usize, usize)> {
    let (cost, n) = (problem.cost(), problem.columns().len());
    let mut order: Vec<usize> = (0..cost.len()).collect();
    order.sort_unstable_by(|x, y| cost[*x].total_cmp(&cost[*y]).then(x.cmp(y)));
    let (mut row_free, mut column_free) = (vec![true; problem.rows().len()], vec![true; n]);
    let mut pairs = Vec::with_capacity(n.min(row_free.len()));
    for at in order {
        let (i, j) = (at / n, at % n);
        if row_free[i] && column_free[j] {
            (row_free[i], column_free[j]) = (false, false);
            pairs.push((i, j));
        }
    }
    pairs
}

/// The cheapest assignment, and duals that prove it: f + g ≤ C, equal on the pairs, and none above 0 on the longer side.
struct Assignment {
    pairs: Vec<(usize, usize)>,
    duals: [Vec<f64>; 2],
}

impl Assignment {
    fn find(problem: &Problem<'_>) -> Self {
        let (m, n) = (problem.rows().len(), problem.columns().len());
        if m <= n {
            let (partner, [short, long]) = augment(problem.cost(), m, n);
            let pairs = partner.into_iter().enumerate().collect();
            return Self { pairs, duals: [short, long] };
        }
        let turned: Vec<f64> = (0..n * m).map(|at| problem.cost()[at % m * n + at / m]).collect();
        let (partner, [short, long]) = augment(&turned, n, m);
        let mut pairs: Vec<(usize, usize)> = partner.into_iter().enumerate().map(|(j, i)| (i, j)).collect();
        pairs.sort_unstable();
        Self { pairs, duals: [long, short] }
    }
}

/// No column, or none yet.
const NONE: usize = usize::MAX;

/// The column of each of `m` rows, m ≤ n, and duals.
fn augment(cost: &[f64], m: usize, n: usize) -> (Vec<usize>, [Vec<f64>; 2]) {
    let (mut f, mut g) = (vec![0.0; m], vec![0.0; n]);
    let (mut column_of, mut row_of) = (vec![NONE; m], vec![NONE; n]);
    let mut search = Search { length: vec![0.0; n], before: vec![0; n], open: Vec::new(), closed: Vec::new() };
    for start in 0..m {
        let (end, least) = search.shortest(start, cost, &f, &g, &row_of);
        // Duals along the tree of shortest paths, so that its edges are tight.
        f[start] += least;
        for j in search.closed.iter().filter(|j| row_of[**j] != NONE) {
            f[row_of[*j]] += least - search.length[*j];
        }
        search.closed.iter().for_each(|j| g[*j] -= least - search.length[*j]);
        let mut j = end;
        loop {
            let i = search.before[j];
            row_of[j] = i;
            j = std::mem::replace(&mut column_of[i], j);
            if i == start {
                break;
            }
        }
    }
    (column_of, [f, g])
}

/// A shortest path from a row without a column to a column without a row.
struct Search {
    /// Length of the shortest path known to each column, and the row before it.
    length: Vec<f64>,
    before: Vec<usize>,
    open: Vec<usize>,
    closed: Vec<usize>,
}

impl Search {
    /// The column at the path's end, and its length. `closed` are the columns that are no farther.
    fn shortest(&mut self, start: usize, cost: &[f64], f: &[f64], g: &[f64], row_of: &[usize]) -> (usize, f64) {
        let n = g.len();
        self.length.fill(f64::INFINITY);
        self.open.clear();
        self.open.extend(0..n);
        self.closed.clear();
        let (mut i, mut reached) = (start, 0.0);
        loop {
            let row = &cost[i * n..][..n];
            let mut best = (f64::INFINITY, NONE, true);
            for (place, j) in self.open.iter().enumerate() {
                let length = reached + ((row[*j] - f[i]) - g[*j]);
                if length < self.length[*j] {
                    (self.length[*j], self.before[*j]) = (length, i);
                }
                // Of columns equally far, a free one ends the search; then the first.
                let candidate = (self.length[*j], place, row_of[*j] != NONE);
                if best.1 == NONE || candidate.0 < best.0 || candidate.0 == best.0 && best.2 && !candidate.2 {
                    best = candidate;
                }
            }
            let (length, place, taken) = best;
            let j = self.open.swap_remove(place);
            reached = length;
            self.closed.push(j);
            if !taken {
                return (j, reached);
            }
            i = row_of[j];
        }
    }
}
