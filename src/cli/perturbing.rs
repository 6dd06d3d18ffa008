//! Options of every command that perturbs queries before it encodes them.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use snellen::attack::text::{self, Kind, Language, Lexicon, Options, Spec};
use snellen::data::digest;
use snellen::data::text::Text;

use super::Failure;

/// What holds for all perturbations.
#[derive(clap::Args)]
pub(crate) struct Means {
    /// Of a perturbation: how many letters at the beginning of a word slips of typing leave alone.
    #[arg(long, value_name = "N", default_value_t = Options::default().protect)]
    protect: usize,
    /// Of a perturbation: translations, for code-switch: .tsv (word, tab, translation; also `align`'s) or .csv with a heading, each also .gz.
    #[arg(long, value_name = "FILE")]
    lexicon: Option<PathBuf>,
}

/// A perturbation of a task's queries.
#[derive(clap::Args)]
pub(crate) struct Perturbing {
    /// Perturb the queries first: KIND[@SHARE|=EDITS], joined by + (`snellen perturb --list`). Documents stay as they are.
    #[arg(long, value_name = "SPEC")]
    perturb: Option<Spec>,
    /// Of --perturb: what is drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    means: Means,
}

/// A perturbation of a task's queries, with what it needs.
pub(crate) struct Perturbation {
    spec: Spec,
    seed: u64,
    perturber: Perturber,
}

/// Perturbs queries.
pub(crate) struct Perturber {
    protect: usize,
    /// With the digest of its file.
    lexicon: Option<(Lexicon, String)>,
}

impl Perturbing {
    /// The perturbation, if one was asked for.
    pub(crate) fn read(&self) -> Result<Option<Perturbation>, Failure> {
        let Some(spec) = &self.perturb else { return Ok(None) };
        let perturber = self.means.read(std::slice::from_ref(spec))?;
        Ok(Some(Perturbation { spec: spec.resolved(), seed: self.seed, perturber }))
    }
}

impl Perturbation {
    /// As keys have it.
    pub(crate) fn name(&self) -> String {
        self.perturber.name(&self.spec, &format!("seed {}", self.seed))
    }

    /// Texts that are known by their places, from 0.
    pub(crate) fn lines(&self, language: &str, lines: &mut [String]) {
        let language = code(language);
        lines.par_iter_mut().enumerate().for_each(|(i, line)| {
            *line = self.perturber.perturb(&self.spec, self.seed, &language, &i.to_string(), line);
        });
    }

    /// Texts with ids.
    pub(crate) fn texts<'a>(&self, language: &str, texts: impl Iterator<Item = (&'a str, &'a mut String)>) {
        let language = code(language);
        for (id, text) in texts {
            *text = self.perturber.perturb(&self.spec, self.seed, &language, id, text);
        }
    }
}

impl Means {
    /// The file of translations, if there is one.
    pub(crate) fn lexicon(&self) -> Option<&Path> {
        self.lexicon.as_deref()
    }

    /// Reads what `specs` need.
    pub(crate) fn read(&self, specs: &[Spec]) -> Result<Perturber, Failure> {
        if self.lexicon.is_none() && specs.iter().any(switches) {
            return Err(Failure::Usage("code-switch needs --lexicon FILE".to_owned()));
        }
        let lexicon = match &self.lexicon {
            Some(file) => Some((Lexicon::read(file)?, digest::of_file(file)?.0)),
            None => None,
        };
        Ok(Perturber { protect: self.protect, lexicon })
    }
}

impl Perturber {
    /// What holds for all perturbations, of texts in a language.
    pub(crate) fn options(&self, language: &Language) -> Options<'_> {
        let lexicon = self.lexicon.as_ref().map(|(lexicon, _)| lexicon);
        Options { language: language.clone(), lexicon, protect: self.protect, ..Options::default() }
    }

    /// A query in another form.
    pub(crate) fn perturb(&self, spec: &Spec, seed: u64, language: &Language, id: &str, text: &str) -> String {
        text::perturb(spec, seed, id, text, &self.options(language)).text
    }

    /// Queries in another form.
    pub(crate) fn texts(&self, spec: &Spec, seed: u64, language: &Language, texts: &[Text]) -> Vec<String> {
        texts.par_iter().map(|text| self.perturb(spec, seed, language, &text.id, &text.text)).collect()
    }

    /// As keys have it: the spec, the seeds, and what else decides the texts.
    pub(crate) fn name(&self, spec: &Spec, seeds: &str) -> String {
        let mut name = format!("{spec}, {seeds}");
        if self.protect != Options::default().protect {
            name += &format!(", protect {}", self.protect);
        }
        if let Some((_, digest)) = self.lexicon.as_ref().filter(|_| switches(spec)) {
            name += &format!(", lexicon {}", &digest[..16]);
        }
        name
    }
}

fn switches(spec: &Spec) -> bool {
    spec.steps().iter().any(|step| step.kind == Kind::CodeSwitch)
}

/// The language that a data set's name for a set of queries stands for; where it stands for none, keyboards go by script.
pub(crate) fn code(name: &str) -> Language {
    name.parse().unwrap_or_default()
}
