//! The attack of all queries, or of a shard of them, by one method.

use snellen::attack::search::Outcome;
use snellen::attack::victim::{Query, Victim};
use snellen::data::digest::Digest;

use super::journal::{self, Journal};
use super::{Args, Attack, Name};
use crate::cli::{Context, Failure, progress, shard};

/// Queries that are attacked together: what they cost is kept when they are done.
const TOGETHER: usize = 32;

/// What all attacks of a run have in common.
pub(super) struct Attacker<'a> {
    pub(super) args: &'a Args,
    pub(super) context: &'a Context,
    pub(super) victim: &'a Victim<'a>,
    pub(super) queries: &'a [Query],
    /// SHA-256 over all that decides outcomes, but the attack itself.
    pub(super) inputs: String,
}

impl Attacker<'_> {
    /// Attacks all queries; those that an earlier run or a shard is through with are as they were.
    pub(super) fn outcomes(&self, name: Name, attack: &Attack<'_>) -> Result<Vec<Outcome>, Failure> {
        let mut journal = self.journal(name, attack, None);
        let parts =
            journal.absorb(&self.args.output, name.file(), self.queries.iter().map(|query| query.id.as_str()))?;
        self.attack(name, attack, self.queries, &mut journal)?;
        // Only now: what they hold is in the journal.
        journal::remove(parts)?;
        let outcome = |query: &Query| journal.get(&query.id).cloned().expect("each was attacked");
        Ok(self.queries.iter().map(outcome).collect())
    }

    /// Attacks the queries of a shard.
    pub(super) fn ahead(&self, name: Name, attack: &Attack<'_>, shard: (usize, usize)) -> Result<(), Failure> {
        let queries = &self.queries[shard::range(self.queries.len(), Some(shard))];
        // What the whole has of them already is not done again.
        let whole = self.journal(name, attack, None);
        let open: Vec<Query> = queries.iter().filter(|query| whole.get(&query.id).is_none()).cloned().collect();
        self.attack(name, attack, &open, &mut self.journal(name, attack, Some(shard)))?;
        let (i, n) = shard;
        self.context.note(&format!(
            "{}, shard {i}/{n}: {} of {} queries; without --shard the shards are put together",
            name.file(),
            queries.len(),
            self.queries.len()
        ));
        Ok(())
    }

    fn journal(&self, name: Name, attack: &Attack<'_>, shard: Option<(usize, usize)>) -> Journal {
        let mut key = Digest::new();
        key.field(&self.inputs).field(attack.to_string());
        Journal::open(&self.args.output.join(journal::file(name.file(), shard)), &key.hex())
    }

    /// Attacks what the journal lacks of these queries.
    fn attack(&self, name: Name, attack: &Attack<'_>, queries: &[Query], journal: &mut Journal) -> Result<(), Failure> {
        let open: Vec<Query> = queries.iter().filter(|query| journal.get(&query.id).is_none()).cloned().collect();
        let before = queries.len() - open.len();
        if before > 0 {
            self.context.note(&format!("{}: {before} of {} queries were attacked before", name.file(), queries.len()));
        }
        let bar = progress::bar(self.context, queries.len(), name.file());
        bar.inc(before as u64);
        for part in open.chunks(TOGETHER) {
            let outcomes = match attack {
                Attack::Text(search) => search.run(part)?,
                Attack::Embedding(ball, real) => ball.attack(self.victim, part, *real)?,
            };
            journal.add(part.iter().map(|query| query.id.clone()).zip(outcomes))?;
            bar.inc(part.len() as u64);
        }
        bar.finish_and_clear();
        Ok(())
    }
}
