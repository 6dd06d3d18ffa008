//! A run against its judgements: every measure of every query, and their means.

use std::collections::HashMap;

use super::Dialect;
use super::measure::{Kind, Measure};
use super::ranked::{Judged, Ranked};
use crate::Result;
use crate::data::trec::{Entry, Judgement, Qrels, TrecFile};

/// How a run is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whose rules apply.
    pub dialect: Dialect,
    /// Judged queries that the run lacks count 0, whatever the dialect says (trec_eval -c).
    pub complete: bool,
    /// The lowest relevant grade where a measure does not say it (trec_eval -l).
    pub rel: i32,
    /// How much of each ranking is looked at (trec_eval -M).
    pub depth: usize,
}

impl Options {
    /// Whether judged queries that the run lacks count.
    #[must_use]
    pub fn missing_count(&self) -> bool {
        self.complete || self.dialect == Dialect::Snellen
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { dialect: Dialect::default(), complete: false, rel: 1, depth: usize::MAX }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The measures that were asked for.
    pub measures: Vec<Measure>,
    /// Every query that counts, in the ascending order of their bytes.
    pub queries: Vec<Query>,
    /// Judged queries that the run lacks.
    pub missing: Vec<String>,
    /// Queries of the run without judgements, which do not count.
    pub without_judgements: Vec<String>,
}

/// A query that counts.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its id.
    pub id: String,
    /// The values of the measures.
    pub values: Vec<f64>,
    /// How many of its first ten documents have no judgement.
    pub unjudged: usize,
    /// How many of its documents have the score of the one before them.
    pub tied: usize,
}

/// Evaluates a run.
///
/// # Errors
/// What reading the run says; a document that a query has twice.
pub fn evaluate(qrels: &Qrels, run: &TrecFile, measures: &[Measure], options: &Options) -> Result<Evaluation> {
    let found = run.each_query(|query, entries| {
        let tied = rank(entries, options.dialect);
        let judgements = qrels.of(query).unwrap_or_default();
        let ranked = judge(entries, options.depth, judgements).map_err(|document| run.twice(query, document))?;
        Ok(qrels.of(query).is_some().then(|| Query {
            id: query.to_owned(),
            values: values(&ranked, measures, options),
            unjudged: ranked.without_judgement(10),
            tied,
        }))
    })?;
    let without_judgements = found.iter().filter(|(_, query)| query.is_none()).map(|(id, _)| id.clone()).collect();
    let missing: Vec<String> =
        qrels.queries().map(|(id, _)| id).filter(|id| !found.contains_key(*id)).map(str::to_owned).collect();
    let mut queries: Vec<Query> = found.into_values().flatten().collect();
    if options.missing_count() {
        let nothing = |id: &String| {
            let ranked = Ranked::new(Vec::new(), qrels.of(id).unwrap_or_default().iter().map(|j| j.grade));
            Query { id: id.clone(), values: values(&ranked, measures, options), unjudged: 0, tied: 0 }
        };
        queries.extend(missing.iter().map(nothing));
        queries.sort_by(|a, b| a.id.cmp(&b.id));
    }
    Ok(Evaluation { measures: measures.to_vec(), queries, missing, without_judgements })
}

fn values(ranked: &Ranked, measures: &[Measure], options: &Options) -> Vec<f64> {
    measures.iter().map(|measure| ranked.value(measure, options.rel, options.dialect)).collect()
}

/// Puts the best first; how many have the score of the one before.
pub(super) fn rank(entries: &mut [Entry<'_>], dialect: Dialect) -> usize {
    if dialect == Dialect::TrecEval9 {
        entries.iter_mut().for_each(|entry| entry.score = f64::from(entry.score as f32));
    }
    let by_score = |a: &Entry<'_>, b: &Entry<'_>| b.score.partial_cmp(&a.score).expect("no score is NaN");
    let by_id = |a: &Entry<'_>, b: &Entry<'_>| match dialect {
        Dialect::Snellen => a.document.cmp(b.document),
        Dialect::TrecEval9 | Dialect::TrecEval10 => b.document.cmp(a.document),
    };
    entries.sort_unstable_by(|a, b| by_score(a, b).then_with(|| by_id(a, b)));
    entries.windows(2).filter(|pair| pair[0].score == pair[1].score).count()
}

/// What is known of the first `depth` documents of a ranking; a document that it has twice, wherever, is refused.
fn judge<'a>(entries: &[Entry<'a>], depth: usize, judgements: &[Judgement]) -> Result<Ranked, &'a str> {
    let mut retrieved = vec![Judged::Unpooled; entries.len().min(depth)];
    let mut ranks = HashMap::with_capacity(entries.len());
    for (rank, entry) in entries.iter().enumerate() {
        if ranks.insert(entry.document, rank).is_some() {
            return Err(entry.document);
        }
    }
    let mut others = Vec::new();
    for judgement in judgements {
        let rank = ranks.get(judgement.document.as_str());
        match rank.and_then(|rank| retrieved.get_mut(*rank)) {
            Some(place) if judgement.grade < 0 => *place = Judged::Unjudged,
            Some(place) => *place = Judged::Grade(judgement.grade),
            None => others.push(judgement.grade),
        }
    }
    Ok(Ranked::new(retrieved, others))
}

impl Evaluation {
    /// The mean of each measure over the queries, added in their order; counts are added up. NaN of no queries.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let sum = |i: usize| self.queries.iter().fold(0.0, |sum, query| sum + query.values[i]);
        let count = self.queries.len() as f64;
        let of = |(i, measure): (usize, &Measure)| if measure.kind.is_count() { sum(i) } else { sum(i) / count };
        self.measures.iter().enumerate().map(of).collect()
    }
}

/// The queries that count in all of `evaluations`, in the ascending order of their bytes, and what each of these says of them.
#[must_use]
pub fn common<'a>(evaluations: &[&'a Evaluation]) -> Vec<Vec<&'a Query>> {
    let of = |evaluation: &&'a Evaluation, id: &str| -> Option<&'a Query> {
        let place = evaluation.queries.binary_search_by(|query| query.id.as_str().cmp(id)).ok()?;
        Some(&evaluation.queries[place])
    };
    let first = evaluations.first().map_or(&[][..], |evaluation| &evaluation.queries);
    first.iter().filter_map(|query| evaluations.iter().map(|evaluation| of(evaluation, &query.id)).collect()).collect()
}

impl Kind {
    /// Whether it counts documents, so that its total is a sum.
    #[must_use]
    pub fn is_count(self) -> bool {
        matches!(self, Self::NumRet | Self::NumRelRet | Self::NumRel)
    }
}
