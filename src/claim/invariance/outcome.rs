//! What came of the experiment, and whether it is one and the same.

use super::Way;
use crate::data::digest::Digest;

/// How many cells that differ are named one by one.
const NAMED: usize = 8;

/// SHA-256 of everything that a way gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the token ids.
    pub token_ids: String,
    /// Of every token's state: the bits of f32.
    pub states: String,
    /// Of the pooled embeddings.
    pub embeddings: String,
    /// Of the texts ranked against each other, with the bits of their scores.
    pub ranking: String,
}

/// What came of a way.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// It was computed, in so many seconds.
    Ran {
        /// Of what it gave.
        digests: Digests,
        /// From texts to ranking, by the wall's clock.
        seconds: f64,
    },
    /// It cannot be computed here; says why.
    NotRun(String),
}

/// One way and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The way.
    pub way: Way,
    /// What came of it.
    pub came: Came,
}

/// A model's table.
#[derive(Clone, Debug, PartialEq)]
pub struct Invariance {
    /// The model's name.
    pub model: String,
    /// SHA-256 of every file that decides its embeddings.
    pub model_sha256: String,
    /// How many texts were computed.
    pub texts: usize,
    /// SHA-256 over them.
    pub texts_sha256: String,
    /// Every way that was asked for.
    pub cells: Vec<Cell>,
}

/// Cells that gave the same.
pub struct Group<'a> {
    /// What they gave.
    pub digests: &'a Digests,
    /// Their ways, in the table's order.
    pub ways: Vec<Way>,
}

impl Digests {
    /// The parts with their names.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &str); 4] {
        [
            ("token_ids", &self.token_ids),
            ("states", &self.states),
            ("embeddings", &self.embeddings),
            ("ranking", &self.ranking),
        ]
    }

    /// One digest over all parts.
    #[must_use]
    pub fn whole(&self) -> String {
        let mut digest = Digest::new();
        for (_, part) in self.parts() {
            digest.field(part);
        }
        digest.hex()
    }

    /// The names of the parts in which `other` is another.
    fn differing(&self, other: &Self) -> Vec<&'static str> {
        let pairs = self.parts().into_iter().zip(other.parts());
        pairs.filter(|(ours, theirs)| ours != theirs).map(|(ours, _)| ours.0).collect()
    }
}

impl Invariance {
    /// The cells that ran, those that gave the same together: the largest group first, of equal ones the earlier.
    #[must_use]
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for cell in &self.cells {
            let Came::Ran { digests, .. } = &cell.came else { continue };
            match groups.iter_mut().find(|group| group.digests == digests) {
                Some(group) => group.ways.push(cell.way),
                None => groups.push(Group { digests, ways: vec![cell.way] }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.ways.len()));
        groups
    }

    /// Whether every cell that ran gave the same.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.groups().len() <= 1
    }

    /// Why cells did not run: unit (`cpu amx`), reason, and how many they are.
    #[must_use]
    pub fn not_run(&self) -> Vec<(String, &str, usize)> {
        let mut reasons: Vec<(String, &str, usize)> = Vec::new();
        for cell in &self.cells {
            let Came::NotRun(why) = &cell.came else { continue };
            let unit = cell.way.unit;
            let name = unit.isa().map_or(unit.device().to_owned(), |isa| format!("{} {isa}", unit.device()));
            match reasons.iter_mut().find(|(other, ..)| *other == name) {
                Some((.., n)) => *n += 1,
                None => reasons.push((name, why, 1)),
            }
        }
        reasons
    }

    /// One line: how many cells ran, and that they gave one digest, or which gave another and in what it differs.
    #[must_use]
    pub fn summary(&self) -> String {
        let groups = self.groups();
        let ran: usize = groups.iter().map(|group| group.ways.len()).sum();
        let count = format!("{ran} of {} cells run", self.cells.len());
        let Some((first, others)) = groups.split_first() else { return count };
        let short = |group: &Group<'_>| group.digests.whole()[..16].to_owned();
        if others.is_empty() {
            let alone = if ran == 1 { ", which has nothing to be compared with" } else { "" };
            return format!("{count}, one digest: {}{alone}", short(first));
        }
        let mut line = format!("{count}, {} digests: {} in {}", groups.len(), short(first), first.ways.len());
        for group in others {
            let names: Vec<String> = group.ways.iter().take(NAMED).map(Way::to_string).collect();
            let more = group.ways.len() - names.len();
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            let parts = first.digests.differing(group.digests).join(", ");
            line.push_str(&format!(
                "; {} in {}, of which {parts} differ ({}{more})",
                short(group),
                group.ways.len(),
                names.join("; ")
            ));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;
    use crate::encoder::Order;
    use crate::kernel::isa::Isa;

    fn ran(batch: usize, states: &str) -> Cell {
        let way = Way { unit: Unit::Cpu(Isa::Avx2), threads: 3, order: Order::Shuffled, batch };
        let digests = Digests {
            token_ids: "1".into(),
            states: states.into(),
            embeddings: format!("of {states}"),
            ranking: "2".into(),
        };
        Cell { way, came: Came::Ran { digests, seconds: 0.5 } }
    }

    fn table(cells: Vec<Cell>) -> Invariance {
        Invariance { model: "m".into(), model_sha256: "3".into(), texts: 4, texts_sha256: "5".into(), cells }
    }

    #[test]
    fn one_digest_holds() {
        let cuda = Way { unit: Unit::Cuda, threads: 1, order: Order::Sorted, batch: 1 };
        let cell = Cell { way: cuda, came: Came::NotRun("no such device".into()) };
        let outcome = table(vec![ran(1, "a"), ran(2, "a"), cell]);
        assert!(outcome.holds());
        assert_eq!(outcome.not_run(), [("cuda".to_owned(), "no such device", 1)]);
        let digest = outcome.groups()[0].digests.whole();
        assert_eq!(outcome.summary(), format!("2 of 3 cells run, one digest: {}", &digest[..16]));
    }

    #[test]
    fn one_cell_has_nothing_to_be_compared_with() {
        let summary = table(vec![ran(1, "a")]).summary();
        assert!(summary.ends_with(", which has nothing to be compared with"), "{summary}");
    }

    #[test]
    fn another_digest_does_not_hold_and_the_fewer_are_named() {
        let outcome = table(vec![ran(7, "b"), ran(1, "a"), ran(2, "a")]);
        assert!(!outcome.holds());
        let (a, b) = (outcome.groups()[0].digests.whole(), outcome.groups()[1].digests.whole());
        assert_ne!(a, b);
        let expected = format!(
            "3 of 3 cells run, 2 digests: {} in 2; {} in 1, of which states, embeddings differ (cpu avx2, 3 threads, shuffled, 7 texts \
             a batch)",
            &a[..16],
            &b[..16]
        );
        assert_eq!(outcome.summary(), expected);
    }

    #[test]
    fn any_part_makes_another_digest() {
        let cell = ran(1, "a");
        let Came::Ran { digests, .. } = &cell.came else { unreachable!() };
        type Edit = fn(&mut Digests);
        let edits: [Edit; 4] =
            [|d| d.token_ids.push('x'), |d| d.states.push('x'), |d| d.embeddings.push('x'), |d| d.ranking.push('x')];
        for edit in edits {
            let mut other = digests.clone();
            edit(&mut other);
            assert_ne!(other.whole(), digests.whole());
            let came = Came::Ran { digests: other, seconds: 0.5 };
            assert!(!table(vec![cell.clone(), Cell { way: cell.way, came }]).holds());
        }
    }

    #[test]
    fn many_that_differ_are_counted() {
        let cells = (0..30).map(|batch| ran(batch, if batch < 20 { "a" } else { "b" })).collect();
        let summary = table(cells).summary();
        assert!(summary.contains(" in 20; ") && summary.ends_with("27 texts a batch; and 2 more)"), "{summary}");
    }
}
