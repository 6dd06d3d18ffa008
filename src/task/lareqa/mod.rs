//! LAReQA on XQuAD-R: answers to questions in any language, among sentences of all languages (Roy et al., EMNLP 2020, arXiv 2004.05484).
//!
//! A language is a file `LANG.json` in the format of SQuAD, with the breaks between the sentences of every paragraph. Every sentence is a
//! candidate, with its paragraph as context; it answers a question where the annotated span begins in it. A sentence that stands twice in a
//! paragraph answers twice, as in the authors' evaluation. Questions with the same id in other languages ask the same, so that a question has an answer in every language.

mod file;
mod views;

pub use file::{Candidate, Join, Language, Question, languages};
pub use views::{Grid, MEASURES, View, Views};

use super::Key;
use crate::Result;
use crate::data::digest::Digest;
use crate::data::shelf::Found;
use crate::encoder::{Cache, How, Recipe, Towers, Work};
use crate::kernel::ARITH;
use crate::retrieval::dense::rank_on;
use crate::retrieval::{self, Hit};
use ndarray::{Array2, Axis, concatenate, s};

/// Questions that are ranked together: every candidate's score is kept for each.
const TOGETHER: usize = 512;

/// How deep rankings are kept.
pub const DEPTH: usize = 100;

/// What decides a table besides data and model.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// How questions become embeddings; they are normalised in any case, for scores are cosines.
    pub questions: Recipe,
    /// How candidates do.
    pub candidates: Recipe,
    /// How the candidates' texts were joined, for the key.
    pub join: Join,
    /// What was done to the questions, for the key.
    pub perturbation: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Means over questions, in every view.
    pub views: Views,
    /// Every mean with its key.
    pub cells: Vec<(Key, f64)>,
    /// For each question, by language and then as in the file, the first [`DEPTH`] candidates: their places among all candidates.
    pub rankings: Vec<Vec<Hit>>,
    /// SHA-256 over all candidates of every ranking, with their scores.
    pub digest: String,
    /// SHA-256 over the embeddings of questions and candidates.
    pub embeddings: String,
}

impl Setup {
    /// Evaluates the questions of `languages` against all their candidates.
    ///
    /// # Errors
    /// As [`Cache::embed`].
    pub fn score(
        &self,
        data: &Found,
        languages: &[Language],
        models: Towers<'_>,
        how: &How<'_>,
        cache: &Cache,
    ) -> Result<Scored> {
        let mut digest = Digest::new();
        let mut sides = [Vec::new(), Vec::new()];
        for language in languages {
            for (side, Work { model, recipe, texts }) in sides.iter_mut().zip(self.work(language, models)) {
                let embedded = cache.embed(model, &How { recipe: &recipe, ..*how }, &texts)?;
                digest.f32s(embedded.as_slice().expect("embeddings are contiguous"));
                side.push(embedded);
            }
        }
        let [asked, offered] = sides.map(|side| stack(&side, models.queries().config().hidden));
        let (mut views, mut all) = (Views::of(languages), Digest::new());
        let mut rankings = Vec::with_capacity(asked.nrows());
        for first in (0..asked.nrows()).step_by(TOGETHER) {
            let part = asked.slice(s![first..asked.nrows().min(first + TOGETHER), ..]);
            let ranked = rank_on(models.devices(), part, offered.view(), offered.nrows())?;
            for (i, ranking) in ranked.into_iter().enumerate() {
                views.add(first + i, &ranking);
                all.field(retrieval::digest(std::slice::from_ref(&ranking)));
                // A copy, for what is cut short in place would lie about between the free room of the others.
                rankings.push(ranking[..ranking.len().min(DEPTH)].to_vec());
            }
        }
        let key = self.key(data, models);
        let cells = views.cells().into_iter().map(|cell| {
            let key = Key {
                language: cell.language,
                direction: cell.view.to_string(),
                measure: cell.measure.to_owned(),
                ..key.clone()
            };
            (key, cell.value)
        });
        Ok(Scored { cells: cells.collect(), views, rankings, digest: all.hex(), embeddings: digest.hex() })
    }

    /// What is encoded of one language: questions, and candidates.
    #[must_use]
    pub fn work<'a>(&self, language: &'a Language, models: Towers<'a>) -> [Work<'a>; 2] {
        let questions = language.questions.iter().map(|question| question.text.as_str()).collect();
        let candidates = language.candidates.iter().map(|candidate| candidate.text.as_str()).collect();
        [
            Work { model: models.queries(), recipe: self.questions.cosine(), texts: questions },
            Work { model: models.documents(), recipe: self.candidates.cosine(), texts: candidates },
        ]
    }

    /// What all cells have in common.
    #[must_use]
    pub fn key(&self, data: &Found, models: Towers<'_>) -> Key {
        Key {
            task: "lareqa".to_owned(),
            data: data.name.clone(),
            data_sha256: data.digest.clone(),
            language: String::new(),
            direction: String::new(),
            measure: String::new(),
            aggregation: "mean over questions".to_owned(),
            model: models.name(),
            model_sha256: models.digest(),
            system: format!("dense, sentence and context joined by {}", self.join),
            pooling: self.questions.cosine().name(models.queries().config()),
            prefix: super::prefixes(&self.questions.prefix, &self.candidates.prefix),
            perturbation: self.perturbation.clone(),
            ties: "id ascending".to_owned(),
            arith: ARITH,
        }
    }
}

fn stack(parts: &[Array2<f32>], width: usize) -> Array2<f32> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    if views.is_empty() { Array2::zeros((0, width)) } else { concatenate(Axis(0), &views).expect("all as wide") }
}
