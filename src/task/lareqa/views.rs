//! Which candidates stand in the pool and which of them are right: the same rankings, looked at in several ways.

use std::collections::HashMap;
use std::fmt;

use super::Language;
use crate::metric::average_precision;
use crate::retrieval::Hit;

/// XTREME-R looks at so many candidates (Ruder et al., EMNLP 2021, 3.2), and so does the share of languages.
const TOP: usize = 20;

/// What a mean is taken over.
///
/// The last four have the names that the paper gives to what its models were trained on (section 4): the pool is what such a model's training batches hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The task itself: candidates of all languages, right is the answer in any of them.
    Pool,
    /// English questions, English candidates.
    EnEn,
    /// Candidates of all languages without the answers in other languages than the question's.
    XX,
    /// Candidates of the question's language.
    XXMono,
    /// Candidates of all languages with the answer in one only, which is not the question's; the mean over such languages.
    XY,
}

/// Means of both average precisions for each language of questions (rows) and of right answers (columns).
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    sums: Vec<[f64; 2]>,
    counts: Vec<usize>,
    width: usize,
}

/// A mean and what it is a mean of.
pub(super) struct Cell {
    pub(super) language: String,
    pub(super) view: View,
    pub(super) measure: &'static str,
    pub(super) value: f64,
}

/// Names of the average precisions: XTREME-R's, over the first 20 and divided by min(right answers, 20), and the paper's, over all.
pub const MEASURES: [&str; 2] = ["AP(norm='min')@20", "AP"];

/// Sums over questions.
#[derive(Clone, Debug)]
pub struct Views {
    /// Codes of the languages.
    pub languages: Vec<String>,
    /// By the question's language, one column: candidates of all languages, right answers in all.
    pub pool: Grid,
    /// Candidates of the answer's language only: whether both sides of a pair of languages agree.
    pub mono: Grid,
    /// Candidates of all languages, and of the right answers those in one language.
    pub single: Grid,
    /// Of the first 20 candidates for questions of a language (rows): how many are of each language.
    top: Vec<usize>,
    /// The language of every candidate.
    of_candidate: Vec<usize>,
    /// The language of every question, and its right answers.
    questions: Vec<(usize, Vec<usize>)>,
}

impl Views {
    /// No question looked at yet.
    pub(super) fn of(languages: &[Language]) -> Self {
        let n = languages.len();
        let mut answers: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut of_candidate = Vec::new();
        for (i, language) in languages.iter().enumerate() {
            let first = of_candidate.len();
            for question in &language.questions {
                answers.entry(&question.id).or_default().extend(question.answers.iter().map(|answer| first + answer));
            }
            of_candidate.resize(of_candidate.len() + language.candidates.len(), i);
        }
        let all = languages.iter().enumerate().flat_map(|(i, language)| language.questions.iter().map(move |q| (i, q)));
        let questions = all.map(|(i, question)| (i, answers[question.id.as_str()].clone())).collect();
        Self {
            languages: languages.iter().map(|language| language.code.clone()).collect(),
            pool: Grid::new(n, 1),
            mono: Grid::new(n, n),
            single: Grid::new(n, n),
            top: vec![0; n * n],
            of_candidate,
            questions,
        }
    }

    /// Looks at a question's ranking of all candidates.
    pub(super) fn add(&mut self, question: usize, ranking: &[Hit]) {
        let n = self.languages.len();
        let (asking, right) = &self.questions[question];
        let (mut pool, mut mono, mut single) = (Vec::new(), vec![Vec::new(); n], vec![Vec::new(); n]);
        let (mut seen, mut wrong) = (vec![0; n], 0);
        for (rank, hit) in ranking.iter().enumerate() {
            let language = self.of_candidate[hit.document];
            if rank < TOP {
                self.top[asking * n + language] += 1;
            }
            if right.binary_search(&hit.document).is_ok() {
                pool.push(rank);
                mono[language].push(seen[language]);
                let before = wrong + single[language].len();
                single[language].push(before);
            } else {
                wrong += 1;
            }
            seen[language] += 1;
        }
        self.pool.add(*asking, 0, &pool);
        for language in (0..n).filter(|language| !mono[*language].is_empty()) {
            self.mono.add(*asking, language, &mono[language]);
            self.single.add(*asking, language, &single[language]);
        }
    }

    /// The candidates that answer a question, counted as in [`super::Scored::rankings`].
    #[must_use]
    pub fn answers(&self, question: usize) -> &[usize] {
        &self.questions[question].1
    }

    /// Of the first 20 candidates for questions of language `asking`, the share of those in language `answering`.
    #[must_use]
    pub fn share(&self, asking: usize, answering: usize) -> f64 {
        let n = self.languages.len();
        let all: usize = self.top[asking * n..(asking + 1) * n].iter().sum();
        self.top[asking * n + answering] as f64 / all as f64
    }

    /// A view's mean of the measure over all questions; none where no pair of languages is of that kind.
    #[must_use]
    pub fn mean(&self, view: View, measure: usize) -> Option<f64> {
        let english = self.languages.iter().position(|code| code == "en");
        match view {
            View::Pool => self.pool.mean(measure, |_, _| true),
            View::EnEn => english.and_then(|en| self.mono.mean(measure, |a, b| a == en && b == en)),
            View::XX => self.single.mean(measure, |a, b| a == b),
            View::XXMono => self.mono.mean(measure, |a, b| a == b),
            View::XY => self.single.mean(measure, |a, b| a != b),
        }
    }

    /// All means: of the views, of each language of questions, and of every pair of languages.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (i, measure) in MEASURES.into_iter().enumerate() {
            let mut push = |language: String, view, value: Option<f64>| {
                cells.extend(value.map(|value| Cell { language, view, measure, value }));
            };
            for view in View::ALL {
                push("all".to_owned(), view, self.mean(view, i));
            }
            for (asking, code) in self.languages.iter().enumerate() {
                push(code.clone(), View::Pool, self.pool.at(asking, 0, i));
            }
            for (asking, question) in self.languages.iter().enumerate() {
                for (answering, answer) in self.languages.iter().enumerate() {
                    let pair = || format!("{question}-{answer}");
                    let crossed = if asking == answering { View::XX } else { View::XY };
                    push(pair(), crossed, self.single.at(asking, answering, i));
                    push(pair(), View::XXMono, self.mono.at(asking, answering, i));
                }
            }
        }
        cells
    }
}

impl Grid {
    fn new(rows: usize, width: usize) -> Self {
        Self { sums: vec![[0.0; 2]; rows * width], counts: vec![0; rows * width], width }
    }

    /// A question whose right answers have these ranks, from 0.
    fn add(&mut self, row: usize, column: usize, ranks: &[usize]) {
        let cell = row * self.width + column;
        let first = ranks.iter().copied().take_while(|rank| *rank < TOP);
        self.sums[cell][0] += average_precision(first, ranks.len().min(TOP));
        self.sums[cell][1] += average_precision(ranks.iter().copied(), ranks.len());
        self.counts[cell] += 1;
    }

    /// A cell's mean; none if no question is in it.
    #[must_use]
    pub fn at(&self, row: usize, column: usize, measure: usize) -> Option<f64> {
        self.mean(measure, |a, b| a == row && b == column)
    }

    /// The mean over the questions of all cells that `wanted` picks.
    fn mean(&self, measure: usize, wanted: impl Fn(usize, usize) -> bool) -> Option<f64> {
        let cells = (0..self.counts.len()).filter(|cell| wanted(cell / self.width, cell % self.width));
        let (sum, count) =
            cells.fold((0.0, 0), |(sum, count), cell| (sum + self.sums[cell][measure], count + self.counts[cell]));
        (count > 0).then(|| sum / count as f64)
    }
}

impl View {
    /// All of them, the task's own first.
    pub const ALL: [Self; 5] = [Self::Pool, Self::EnEn, Self::XX, Self::XXMono, Self::XY];
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pool => "pool",
            Self::EnEn => "En-En",
            Self::XX => "X-X",
            Self::XXMono => "X-X-mono",
            Self::XY => "X-Y",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::lareqa::{Candidate, Question};

    fn language(code: &str, answers: &[usize], candidates: usize) -> Language {
        let question = |(i, answer): (usize, &usize)| Question {
            id: format!("q{i}"),
            text: String::new(),
            answers: vec![*answer],
        };
        let candidate = |i| Candidate { id: format!("{code}_1_{i}"), text: String::new() };
        Language {
            code: code.to_owned(),
            questions: answers.iter().enumerate().map(question).collect(),
            candidates: (0..candidates).map(candidate).collect(),
        }
    }

    fn ranking(documents: &[usize]) -> Vec<Hit> {
        documents.iter().map(|document| Hit { document: *document, score: 0.0 }).collect()
    }

    #[test]
    fn each_view_by_hand() {
        // Candidates 0–2 are German, 3–4 English; question q0 is answered by 1 and by 4.
        let mut views = Views::of(&[language("de", &[1], 3), language("en", &[1], 2)]);
        views.add(0, &ranking(&[0, 1, 3, 4, 2]));
        views.add(1, &ranking(&[4, 3, 0, 2, 1]));
        let (german, english) = ((1.0 / 2.0 + 2.0 / 4.0) / 2.0, (1.0 + 2.0 / 5.0) / 2.0);
        assert_eq!(views.pool.at(0, 0, 1), Some(german));
        assert_eq!(views.pool.at(1, 0, 0), Some(english));
        let mean = |view| views.mean(view, 1).unwrap();
        assert_eq!(mean(View::Pool), (german + english) / 2.0);
        // The English answer is first of both English candidates.
        assert_eq!(mean(View::EnEn), 1.0);
        // German: second of three; with all languages but without the English answer, second too. English: first.
        assert_eq!(mean(View::XXMono), (0.5 + 1.0) / 2.0);
        assert_eq!(mean(View::XX), (0.5 + 1.0) / 2.0);
        // The German question finds the English answer after 0 and 3, the English one the German answer after 3, 0 and 2.
        assert_eq!(mean(View::XY), (1.0 / 3.0 + 1.0 / 4.0) / 2.0);
        assert_eq!(views.mono.at(1, 0, 1), Some(1.0 / 3.0));
        assert_eq!((views.share(0, 0), views.share(0, 1)), (0.6, 0.4));
    }

    #[test]
    fn the_first_twenty_are_divided_by_what_they_could_hold() {
        let mut grid = Grid::new(1, 1);
        grid.add(0, 0, &(0..25).map(|i| i * 2).collect::<Vec<_>>());
        let precisions: f64 = (0..10).map(|i| (i + 1) as f64 / (2 * i + 1) as f64).sum();
        assert!((grid.at(0, 0, 0).unwrap() - precisions / 20.0).abs() < 1e-15);
    }

    #[test]
    fn a_question_that_one_language_has_is_answered_in_one() {
        let mut views = Views::of(&[language("de", &[0, 0], 1), language("en", &[0], 1)]);
        views.add(1, &ranking(&[1, 0]));
        assert_eq!((views.mono.at(0, 0, 1), views.mono.at(0, 1, 1)), (Some(1.0), None));
        assert_eq!(views.pool.at(0, 0, 1), Some(0.5));
        assert_eq!(views.mean(View::EnEn, 0), None);
    }
}
