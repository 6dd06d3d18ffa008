//! The spanning tree of the network simplex: rows, columns and a root, each node with the flow between it and its parent and with its potential.
//!
//! Arcs lead from rows to columns. A tree is strongly feasible if every arc without flow leads up, from child to parent; leaving arcs are chosen so that it stays so, and no
//! tree can come twice. Arcs to the root are no part of the problem: they lead up, nothing can flow through them, and those that leave never come back.

use super::grid::{Costs, Masses};
use crate::kernel::pair::Pair;

/// No node.
const NONE: u32 = u32::MAX;

pub(super) struct Tree {
    /// Nodes below this are rows, the others columns, the last one the root.
    rows: usize,
    parent: Vec<u32>,
    depth: Vec<u32>,
    /// Children as a doubly linked list.
    first: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Between a node and its parent.
    flow: Vec<i128>,
    /// Potentials as pairs: the nearest f64, and what that leaves.
    pub(super) high: Vec<f64>,
    low: Vec<f64>,
    /// No potential is larger.
    pub(super) bound: f64,
}

impl Tree {
    /// A first tree: every row sends what it has to the cheapest columns that still want something.
    pub(super) fn first(costs: &Costs, masses: &Masses) -> Self {
        let (m, n) = (costs.rows(), costs.width());
        let nodes = m + n + 1;
        let mut tree = Self {
            rows: m,
            parent: vec![NONE; nodes],
            depth: vec![0; nodes],
            first: vec![NONE; nodes],
            next: vec![NONE; nodes],
            previous: vec![NONE; nodes],
            flow: vec![0; nodes],
            high: vec![0.0; nodes],
            low: vec![0.0; nodes],
            bound: 0.0,
        };
        let arcs = forest(costs, masses);
        let mut beside: Vec<Vec<(u32, i128)>> = vec![Vec::new(); nodes];
        for (i, j, flow) in arcs {
            beside[i].push(((m + j) as u32, flow));
            beside[m + j].push((i as u32, flow));
        }
        let root = m + n;
        let mut seen = vec![false; nodes];
        let mut open = Vec::new();
        for top in 0..root {
            if seen[top] {
                continue;
            }
            // A component hangs from the root by the first of its nodes.
            seen[top] = true;
            tree.hang(top, root, 0);
            open.push(top);
            while let Some(x) = open.pop() {
                for (y, flow) in &beside[x] {
                    let y = *y as usize;
                    if !seen[y] {
                        seen[y] = true;
                        tree.hang(y, x, *flow);
                        let (row, column) = if y < m { (y, x) } else { (x, y) };
                        tree.put(y, Pair::of(costs.at(row, column - m)).plus(negative(tree.potential(x))));
                        open.push(y);
                    }
                }
            }
        }
        tree
    }

    fn root(&self) -> usize {
        self.parent.len() - 1
    }

    pub(super) fn potential(&self, x: usize) -> Pair {
        Pair(self.high[x], self.low[x])
    }

    fn put(&mut self, x: usize, potential: Pair) {
        (self.high[x], self.low[x]) = (potential.0, potential.1);
        let size = potential.0.abs();
        self.bound = if size > self.bound { size } else { self.bound };
    }

    /// Makes `x`, which has no parent, a child of `parent`.
    fn hang(&mut self, x: usize, parent: usize, flow: i128) {
        let first = self.first[parent];
        self.next[x] = first;
        self.previous[x] = NONE;
        if first != NONE {
            self.previous[first as usize] = x as u32;
        }
        self.first[parent] = x as u32;
        self.parent[x] = parent as u32;
        self.depth[x] = self.depth[parent] + 1;
        self.flow[x] = flow;
    }

    /// Takes `x` from its parent.
    fn cut(&mut self, x: usize) {
        let (previous, next) = (self.previous[x], self.next[x]);
        if previous == NONE {
            self.first[self.parent[x] as usize] = next;
        } else {
            self.next[previous as usize] = next;
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }

    /// Whether pushing flow down to a row takes some from the arc above `x`: it leads up.
    fn gives_down(&self, x: usize) -> bool {
        x < self.rows || self.parent[x] as usize == self.root()
    }

    /// Lets the arc from `row` to `column`, of this reduced cost below 0, enter the tree, and the last arc that limits the flow along the circle so closed, as seen from
    /// where its two sides meet and in the direction of the flow, leave.
    pub(super) fn pivot(&mut self, row: usize, column: usize, reduced: Pair) {
        let (i, j) = (row, self.rows + column);
        let (mut x, mut y) = (i, j);
        // Above the row the first of equal limits is the last along the flow; above the column it is the last.
        let (mut row_limit, mut row_out) = (i128::MAX, NONE);
        let (mut column_limit, mut column_out) = (i128::MAX, NONE);
        while x != y {
            if self.depth[x] >= self.depth[y] {
                if self.gives_down(x) && self.flow[x] < row_limit {
                    (row_limit, row_out) = (self.flow[x], x as u32);
                }
                x = self.parent[x] as usize;
            } else {
                if !self.gives_down(y) && self.flow[y] <= column_limit {
                    (column_limit, column_out) = (self.flow[y], y as u32);
                }
                y = self.parent[y] as usize;
            }
        }
        let flow = row_limit.min(column_limit);
        if flow > 0 {
            self.push(i, j, x, flow);
        }
        if column_limit <= row_limit {
            self.turn(j, i, column_out as usize, flow);
            self.shift(j, reduced);
        } else {
            self.turn(i, j, row_out as usize, flow);
            self.shift(i, reduced);
        }
    }

    /// Sends flow around the circle: down to `i`, over to `j`, up to `meet`.
    fn push(&mut self, i: usize, j: usize, meet: usize, flow: i128) {
        let mut x = i;
        while x != meet {
            self.flow[x] += if self.gives_down(x) { -flow } else { flow };
            x = self.parent[x] as usize;
        }
        let mut y = j;
        while y != meet {
            self.flow[y] += if self.gives_down(y) { flow } else { -flow };
            y = self.parent[y] as usize;
        }
    }

    /// Cuts the arc above `out` and hangs its subtree, in which `x` is, from `parent` by `x`.
    fn turn(&mut self, x: usize, parent: usize, out: usize, flow: i128) {
        let (mut x, mut parent, mut flow) = (x, parent, flow);
        loop {
            let (above, before) = (self.parent[x] as usize, self.flow[x]);
            self.cut(x);
            self.hang(x, parent, flow);
            if x == out {
                return;
            }
            (parent, flow, x) = (x, before, above);
        }
    }

    /// Adds `by` to the potentials of the subtree of `top` on the side of `top`, and takes it from the others, so that the arc above `top` has no reduced cost;
    /// and counts depths anew.
    fn shift(&mut self, top: usize, by: Pair) {
        let rows = self.rows;
        let same = [by, negative(by)];
        let mut x = top;
        loop {
            let step = same[usize::from((x < rows) != (top < rows))];
            let potential = self.potential(x).plus(step);
            self.put(x, potential);
            self.depth[x] = self.depth[self.parent[x] as usize] + 1;
            if self.first[x] != NONE {
                x = self.first[x] as usize;
                continue;
            }
            while x != top && self.next[x] == NONE {
                x = self.parent[x] as usize;
            }
            if x == top {
                return;
            }
            x = self.next[x] as usize;
        }
    }

    /// Row, column and flow of every arc of the tree that is the problem's.
    pub(super) fn flows(&self) -> impl Iterator<Item = (usize, usize, i128)> {
        let root = self.root();
        (0..root).filter(move |x| self.parent[*x] as usize != root).map(|x| {
            let above = self.parent[x] as usize;
            let (row, column) = if x < self.rows { (x, above) } else { (above, x) };
            (row, column - self.rows, self.flow[x])
        })
    }
}

pub(super) fn negative(Pair(high, low): Pair) -> Pair {
    Pair(-high, -low)
}

/// Arcs with flow that meet all masses: every row sends what it has to the cheapest columns that still want something. As each arc exhausts a row or a column, they
/// form no circle.
fn forest(costs: &Costs, masses: &Masses) -> Vec<(usize, usize, i128)> {
    let mut wanted = masses.columns.clone();
    let mut arcs = Vec::with_capacity(costs.rows() + wanted.len());
    let mut open: Vec<usize> = (0..wanted.len()).filter(|j| wanted[*j] > 0).collect();
    for (i, mass) in masses.rows.iter().enumerate() {
        let mut left = *mass;
        while left > 0 {
            let row = costs.row(i);
            let mut best = 0;
            for place in 1..open.len() {
                if row[open[place]] < row[open[best]] {
                    best = place;
                }
            }
            let j = open[best];
            let flow = left.min(wanted[j]);
            left -= flow;
            wanted[j] -= flow;
            if wanted[j] == 0 {
                open.swap_remove(best);
            }
            arcs.push((i, j, flow));
        }
    }
    arcs
}
