//! Asking the same queries in many forms.

use std::collections::HashMap;

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;
use snellen::encoder::{Batching, Cache, How, Model, Recipe, Towers};
use snellen::metric::robustness::Asked;
use snellen::retrieval::{self, Hit, dense};

use super::subjects::Subject;
use crate::cli::Failure;

/// Encodes and searches.
pub(super) struct Asker<'a> {
    pub(super) models: Towers<'a>,
    /// Of queries and of documents.
    pub(super) recipes: &'a [Recipe; 2],
    pub(super) batching: Batching,
    pub(super) cache: &'a Cache,
    /// How many documents are kept for each query.
    pub(super) depth: usize,
    /// Hears how many more texts are done, from any thread.
    pub(super) done: &'a (dyn Fn(usize) + Sync),
}

/// A subject's queries as they are, and the corpus that they are asked of.
pub(super) struct Forms<'a> {
    asker: &'a Asker<'a>,
    corpus: ArrayView2<'a, f32>,
    subject: &'a Subject,
    rankings: Vec<Vec<Hit>>,
    pub(super) clean: Form,
}

/// What came of a subject's queries in one form.
pub(super) struct Form {
    pub(super) asked: Asked,
    /// Which queries are as they were.
    pub(super) unchanged: Vec<bool>,
    /// SHA-256 over rankings and scores.
    pub(super) digest: String,
}

impl Asker<'_> {
    /// Embeddings of a corpus, which are encoded once for all that is asked of it.
    pub(super) fn corpus(&self, parts: &[Vec<String>]) -> Result<Array2<f32>, Failure> {
        let parts = parts
            .iter()
            .map(|part| self.embed(self.models.documents(), &self.recipes[1], part))
            .collect::<Result<Vec<_>, _>>()?;
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        if views.is_empty() {
            return Ok(Array2::zeros((0, self.models.queries().config().hidden)));
        }
        Ok(concatenate(Axis(0), &views).expect("all as wide"))
    }

    fn embed<T: AsRef<str> + Sync>(&self, model: &Model, recipe: &Recipe, texts: &[T]) -> Result<Array2<f32>, Failure> {
        let how = How { recipe, batching: self.batching, first: 0, done: self.done };
        Ok(self.cache.embed(model, &how, texts)?)
    }

    fn rank<T: AsRef<str> + Sync>(&self, corpus: ArrayView2<'_, f32>, texts: &[T]) -> Result<Vec<Vec<Hit>>, Failure> {
        let asked = self.embed(self.models.queries(), &self.recipes[0], texts)?;
        Ok(dense::rank_on(self.models.devices(), asked.view(), corpus, self.depth)?)
    }
}

impl<'a> Forms<'a> {
    /// Asks the queries as they are.
    pub(super) fn of(asker: &'a Asker<'a>, corpus: ArrayView2<'a, f32>, subject: &'a Subject) -> Result<Self, Failure> {
        let texts: Vec<&str> = subject.queries.iter().map(|query| query.text.as_str()).collect();
        let rankings = asker.rank(corpus, &texts)?;
        let all: Vec<&[Hit]> = rankings.iter().map(Vec::as_slice).collect();
        let clean = form(subject, &all, vec![true; all.len()]);
        Ok(Self { asker, corpus, subject, rankings, clean })
    }

    /// Asks the queries in other words, `seeds[s][q]`. A text is encoded and searched for once, whichever query or seed has it, and not at all where it is
    /// what it was: an embedding depends on its text alone.
    pub(super) fn ask(&self, seeds: Vec<Vec<String>>) -> Result<Vec<Form>, Failure> {
        let queries = &self.subject.queries;
        let mut known: HashMap<&str, usize> = HashMap::new();
        queries.iter().enumerate().for_each(|(i, query)| _ = known.entry(&query.text).or_insert(i));
        let mut others: Vec<Vec<Hit>> = Vec::new();
        let mut places = Vec::new();
        for texts in &seeds {
            let mut new: Vec<&str> = Vec::new();
            let first = queries.len() + others.len();
            let mut of_seed = Vec::with_capacity(texts.len());
            for text in texts.iter().map(String::as_str) {
                let at = *known.entry(text).or_insert_with(|| {
                    new.push(text);
                    first + new.len() - 1
                });
                of_seed.push(at);
            }
            // What need not be encoded is done.
            (self.asker.done)(texts.len() - new.len());
            if !new.is_empty() {
                others.extend(self.asker.rank(self.corpus, &new)?);
            }
            places.push(of_seed);
        }
        let ranking = |place: usize| match place.checked_sub(self.rankings.len()) {
            Some(other) => others[other].as_slice(),
            None => self.rankings[place].as_slice(),
        };
        let one = |(texts, places): (&Vec<String>, Vec<usize>)| {
            let rankings: Vec<&[Hit]> = places.into_iter().map(ranking).collect();
            let unchanged = texts.iter().zip(queries).map(|(text, query)| *text == query.text).collect();
            form(self.subject, &rankings, unchanged)
        };
        Ok(seeds.par_iter().zip(places).map(one).collect())
    }
}

fn form(subject: &Subject, rankings: &[&[Hit]], unchanged: Vec<bool>) -> Form {
    let (values, found) = rankings.iter().enumerate().map(|(i, ranking)| subject.judge(i, ranking)).unzip();
    let documents = |ranking: &&[Hit]| ranking.iter().map(|hit| hit.document).collect();
    let asked = Asked { values, found, rankings: rankings.iter().map(documents).collect() };
    Form { asked, unchanged, digest: retrieval::digest(rankings) }
}
