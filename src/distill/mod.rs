//! Distillation: a student learns to embed translations where a teacher embeds their sentences, from bitext alone. Token alignment is optimal transport, the loss the
//! inner product of plan and costs, the plan held fixed for the gradient (OPTICAL: Huang et al., WSDM 2023, arXiv 2301.12566); or one of its rivals.
//!
//! A [`Config`] says everything; a [`Distillation`] goes step by step. Which pairs a step sees, what is drawn and every sum are decided by the configuration alone, so
//! that a student has one SHA-256 whatever the threads, the instruction set, and wherever it was interrupted.

pub mod config;
mod fault;
mod lesson;
mod objective;
mod optimizer;
mod run;
mod sample;
mod sources;
mod state;
mod step;
mod taught;

use ndarray::Array2;

pub use config::Config;
pub use run::{Event, LOG, SUMMARY, VALIDATION};

use fault::DistillFault;
use lesson::{Language, Lesson, Reader};
use objective::{Objective, Terms};
use optimizer::Weights;
use sample::Sampler;
use state::State;
use step::{Pupil, Texts};
use taught::Taught;

use crate::Result;
use crate::attack::text;
use crate::data::bitext::Pair;
use crate::data::digest::Digest;
use crate::encoder::{Batching, How, Located, Model, Recipe, Wanted, WeightGradients};
use crate::kernel::ARITH;
use crate::retrieval::dense;
use config::Noise;

/// What the configuration names.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// What is learned from.
    pub bitext: Vec<Bitext>,
    /// What is looked for along the way.
    pub validation: Vec<Bitext>,
    /// Texts that are not to be learned from.
    pub held_out: Vec<String>,
}

/// Bitext of a language.
#[derive(Clone, Debug)]
pub struct Bitext {
    /// The language.
    pub language: String,
    /// Sentences (`source`) and their translations (`target`).
    pub pairs: Vec<Pair>,
}

/// What is known of a step that was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Its number, from 1.
    pub step: usize,
    /// What was made small: the mean over the texts, clean and others as they are weighted.
    pub loss: f64,
    /// Of clean texts: the cost of transport, before it is weighted.
    pub tokens: f64,
    /// Of clean texts: the squared distance of embeddings, before it is weighted.
    pub pooled: f64,
    /// The loss of shifted or perturbed texts.
    pub other: Option<f64>,
    /// The length of the gradient, before it was shortened.
    pub gradient: f64,
    /// The learning rate.
    pub rate: f64,
    /// How many tokens the student read, clean.
    pub read: usize,
}

/// What a validation gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// After which step.
    pub step: usize,
    /// The share of translations that find their sentences, by language.
    pub accuracy: Vec<(String, f64)>,
}

impl Validated {
    /// Over the languages.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.accuracy.iter().map(|(_, accuracy)| accuracy).sum::<f64>() / self.accuracy.len() as f64
    }
}

/// A student in the making.
pub struct Distillation<'a> {
    config: &'a Config,
    teacher: &'a Model,
    student: Model,
    recipes: [Recipe; 2],
    objective: Objective,
    trained: Wanted,
    languages: Vec<Language>,
    taught: Taught,
    validation: Vec<Found>,
    sampler: Sampler,
    state: State,
    key: String,
    /// Pairs that were left out, as they are held out.
    held_out: usize,
}

/// What validation looks for.
struct Found {
    language: String,
    translations: Vec<String>,
    /// The teacher's embeddings of the sentences.
    sentences: Array2<f32>,
}

impl<'a> Distillation<'a> {
    /// Makes ready: `student` is a model of its own even where it is the teacher's checkpoint.
    ///
    /// # Errors
    /// Models that cannot be used or are not as wide as each other; a layer that one has not; a language without pairs.
    pub fn new(config: &'a Config, teacher: &'a Model, student: Model, data: &Data) -> Result<Self> {
        let refuse = |what: String| DistillFault::Config { file: "the configuration".to_owned(), what };
        let widths = [teacher, &student].map(|model| model.config().hidden);
        if widths[0] != widths[1] {
            let what = format!("the teacher is {} wide, the student {}", widths[0], widths[1]);
            return Err(refuse(what).into());
        }
        let recipe = |model: &Model, prefix: &str| {
            let layer = config.layer.unwrap_or(model.config().layers);
            Recipe { prefix: prefix.to_owned(), layer, ..model.recipe() }
        };
        let recipes = [recipe(teacher, &config.teacher_prefix), recipe(&student, &config.student_prefix)];
        teacher.load(recipes[0].layer)?;
        student.load(recipes[1].layer)?;
        let layers = recipes[1].layer;
        if config.trained.from_layer >= layers && !config.trained.embeddings {
            let from = config.trained.from_layer;
            let what = format!("trained.from_layer = {from}: of {layers} layers none is left (`layer` counts)");
            return Err(refuse(what).into());
        }
        let wanted = Wanted { from: config.trained.from_layer, embeddings: config.trained.embeddings, words: false };
        let weights = Weights { values: student.parameters(wanted)?, ..Weights::default() };
        let state = State { weights, ..State::default() };
        let reader = Reader {
            teacher,
            student: &student,
            prefixes: [&config.teacher_prefix, &config.student_prefix],
            both_sides: config.both_sides,
            longest: config.longest,
        };
        let mut bitext = merged(&data.bitext);
        let held_out = lesson::leave_out(&mut bitext, &data.held_out);
        let languages = bitext.iter().map(|part| reader.language(&part.language, &part.pairs));
        let languages = languages.collect::<Result<Vec<Language>>>()?;
        let sizes: Vec<usize> = languages.iter().map(|language| language.pairs.len()).collect();
        let mut distillation = Self {
            config,
            teacher,
            objective: Objective::of(&config.objective).map_err(refuse)?,
            trained: wanted,
            languages,
            taught: Taught::default(),
            validation: Vec::new(),
            sampler: Sampler::new(config.seed, &sizes, config.temperature),
            state,
            key: key(config, [teacher, &student], data),
            held_out,
            student,
            recipes,
        };
        distillation.check_noise()?;
        let validation = merged(&data.validation);
        distillation.validation = validation.iter().map(|part| distillation.found(part)).collect::<Result<_>>()?;
        Ok(distillation)
    }

    /// A perturbation that changes nothing would be no control.
    fn check_noise(&self) -> Result<()> {
        let Some(noise) = &self.config.noise else { return Ok(()) };
        let mut looked_at = self
            .languages
            .iter()
            .enumerate()
            .flat_map(|(i, language)| language.pairs.iter().take(100).map(move |lesson| (i, lesson)));
        if looked_at.any(|(i, lesson)| self.noisy(noise, "look", i, lesson) != lesson.text) {
            return Ok(());
        }
        let what = format!("noise.kind = {:?}: it changes none of the first 100 texts of any language", noise.kind);
        Err(DistillFault::Config { file: "the configuration".to_owned(), what }.into())
    }

    /// Whether training is over: after the last step, or where validation no longer gets better.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let patience = self.config.validation.as_ref().map_or(0, |validation| validation.patience);
        self.state.step >= self.config.steps || patience > 0 && self.state.stale >= patience
    }

    /// How many pairs are not learned from, as they are held out.
    #[must_use]
    pub fn held_out(&self) -> usize {
        self.held_out
    }

    /// How many pairs more are not learned from, as a side has no tokens or too many.
    #[must_use]
    pub fn unusable(&self) -> usize {
        self.languages.iter().map(|language| language.unusable).sum()
    }

    /// After which step validation was best, if the student of that step is kept.
    #[must_use]
    pub fn best_step(&self) -> Option<usize> {
        let patient = self.config.validation.as_ref().is_some_and(|validation| validation.patience > 0);
        self.state.best.filter(|_| patient).map(|(step, _)| step)
    }

    /// The student as it is now.
    #[must_use]
    pub fn student(&self) -> &Model {
        &self.student
    }

    /// Steps that were made.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.state.step
    }

    /// Whether validation comes next.
    #[must_use]
    pub fn is_to_validate(&self) -> bool {
        let step = self.state.step;
        let every = self.config.validation.as_ref().map(|validation| validation.every);
        step > 0 && every.is_some_and(|every| step.is_multiple_of(every) || step == self.config.steps)
    }

    /// Makes a step.
    ///
    /// # Errors
    /// As [`Self::slope`]; weights that are no longer finite.
    pub fn step(&mut self) -> Result<Report> {
        let (step, steps) = (self.state.step, self.config.steps);
        let fault = |e: crate::Error| DistillFault::Step { step: step + 1, what: e.to_string() };
        let (report, gradients) = self.slope().map_err(fault)?;
        let values = &mut self.state.weights.values;
        let new: Vec<u32> = gradients.words.keys().filter(|id| !values.words.contains_key(id)).copied().collect();
        for (id, row) in new.iter().zip(self.student.word_embeddings(&new)?.rows()) {
            values.words.insert(*id, row.to_vec());
        }
        let gradient = self.config.optimizer.advance(&mut self.state.weights, &gradients, (step, steps));
        let values = &self.state.weights.values;
        self.student.assign(values).map_err(fault)?;
        self.state.step += 1;
        Ok(Report { gradient, ..report })
    }

    /// Draws the pairs of the next step: what they say of it, and the gradient at the weights, before it is shortened.
    ///
    /// # Errors
    /// As [`Model::embed_tokens`] and [`Model::weight_gradients`]; tokens that have no cosine.
    pub fn slope(&mut self) -> Result<(Report, WeightGradients)> {
        let (config, step) = (self.config, self.state.step);
        let drawn = self.sampler.next(config.batch);
        let lessons: Vec<(usize, &Lesson)> =
            drawn.iter().map(|(language, pair)| (*language, &self.languages[*language].pairs[*pair])).collect();
        let sentences: Vec<&Located> = lessons.iter().map(|(_, lesson)| &lesson.taught).collect();
        let targets = self.taught.targets(self.teacher, &self.recipes[0], &sentences)?;
        let pupil = Pupil {
            model: &self.student,
            recipe: &self.recipes[1],
            objective: &self.objective,
            trained: self.trained,
            targets: &targets,
        };
        let sentences = || {
            let of = |(i, (_, lesson)): (usize, &(usize, &'_ Lesson))| Some((lesson.sentence.clone()?, i));
            lessons.iter().enumerate().filter_map(of)
        };
        let translations = lessons.iter().enumerate().map(|(i, (_, lesson))| (lesson.translation.clone(), i));
        let clean = Texts::of(translations.chain(sentences()));
        let (mut pass, mut other) = match (&config.adversary, &config.noise) {
            (Some(adversary), _) => {
                let (pass, terms) = pupil.adversarial(&clean, adversary, config.seed, step)?;
                (pass, Some((adversary.weight, terms)))
            }
            (None, Some(noise)) => (pupil.pass(&clean, 1.0 - noise.weight)?, None),
            (None, None) => (pupil.pass(&clean, 1.0)?, None),
        };
        if let Some(noise) = &config.noise {
            let perturbed = Texts::of(self.perturbed(&lessons, noise)?.into_iter().zip(0..).chain(sentences()));
            let noisy = pupil.pass(&perturbed, noise.weight)?;
            pass.weights.add(noisy.weights);
            other = Some((noise.weight, noisy.terms));
        }
        let Terms { tokens, pooled, loss, .. } = pass.terms;
        let loss = other.map_or(loss, |(weight, other)| (1.0 - weight) * loss + weight * other.loss);
        let report = Report {
            step: step + 1,
            loss,
            tokens,
            pooled,
            other: other.map(|(_, other)| other.loss),
            gradient: 0.0,
            rate: config.optimizer.rate(step, config.steps),
            read: clean.tokens.ids().len(),
        };
        Ok((report, pass.weights))
    }

    /// Translations after their edits, as the student reads them.
    fn perturbed(&self, lessons: &[(usize, &Lesson)], noise: &Noise) -> Result<Vec<Located>> {
        let step = self.state.step;
        let text = |(i, (language, lesson)): (usize, &(usize, &Lesson))| {
            self.noisy(noise, &format!("{step} {i}"), *language, lesson)
        };
        let texts: Vec<String> = lessons.iter().enumerate().map(text).collect();
        self.student.locate(&self.recipes[1].prefix, &texts)
    }

    /// A translation after its edits, which the id draws.
    fn noisy(&self, noise: &Noise, id: &str, language: usize, lesson: &Lesson) -> String {
        let spec = noise.spec().expect("looked at when the configuration was read");
        let language = self.languages[language].name.parse().unwrap_or_default();
        let options = text::Options { language, ..text::Options::default() };
        text::perturb(&spec, self.config.seed, id, &lesson.text, &options).text
    }

    /// Looks for the sentences of held-out translations.
    ///
    /// # Errors
    /// As [`Model::embed`].
    pub fn validate(&mut self) -> Result<Validated> {
        let recipe = &self.recipes[1];
        let mut accuracy = Vec::new();
        for found in &self.validation {
            let how = How { recipe, batching: Batching::default(), first: 0, done: &|_| () };
            let translations = self.student.embed_texts(&how, &found.translations)?;
            let rankings = dense::rank(translations.view(), found.sentences.view(), 1)?;
            let right = rankings.iter().enumerate().filter(|(i, ranking)| ranking[0].document == *i).count();
            accuracy.push((found.language.clone(), right as f64 / rankings.len() as f64));
        }
        Ok(Validated { step: self.state.step, accuracy })
    }

    fn found(&self, part: &Bitext) -> Result<Found> {
        if part.pairs.is_empty() {
            return Err(DistillFault::NothingToFind { language: part.language.clone() }.into());
        }
        let how = How { recipe: &self.recipes[0], batching: Batching::default(), first: 0, done: &|_| () };
        let sentences: Vec<&str> = part.pairs.iter().map(|pair| pair.source.as_str()).collect();
        let translations = part.pairs.iter().map(|pair| pair.target.clone()).collect();
        let sentences = self.teacher.embed_texts(&how, &sentences)?;
        Ok(Found { language: part.language.clone(), translations, sentences })
    }
}

/// The pairs of each language together, languages in the order in which they come.
fn merged(parts: &[Bitext]) -> Vec<Bitext> {
    let mut languages: Vec<Bitext> = Vec::new();
    for part in parts {
        match languages.iter_mut().find(|other| other.language == part.language) {
            Some(other) => other.pairs.extend_from_slice(&part.pairs),
            None => languages.push(part.clone()),
        }
    }
    languages
}

/// SHA-256 over all that decides what the student becomes.
fn key(config: &Config, models: [&Model; 2], data: &Data) -> String {
    let mut digest = Digest::new();
    // Tokenisers are code: another release may split a text otherwise.
    digest.field("distillation").field(ARITH.to_le_bytes()).field(env!("CARGO_PKG_VERSION"));
    digest.field(format!("{config:?}"));
    for model in models {
        digest.field(model.digest());
    }
    for part in data.bitext.iter().chain(&data.validation) {
        digest.field(&part.language);
        for pair in &part.pairs {
            digest.field(&pair.source).field(&pair.target);
        }
    }
    for text in &data.held_out {
        digest.field(text);
    }
    digest.hex()
}
