//! From a configuration to the texts that it names.

use std::path::{Path, PathBuf};

use super::config::{HeldOut, Source};
use super::{Bitext, Config, Data};
use crate::Result;
use crate::data::folder::Folder;
use crate::data::shelf::{Found, Shelf};
use crate::data::{FileFault, bitext, text};
use crate::task::clir::Topics;
use crate::task::lareqa::{self, Join};
use crate::task::tatoeba::{self, Pair};

impl Data {
    /// Reads what a configuration names: fetched data, and files beside it, in the folder `beside`.
    ///
    /// # Errors
    /// Data that are not here; files that cannot be read.
    pub fn read(config: &Config, shelf: &Shelf, beside: &Path) -> Result<Self> {
        let read = |sources: &[Source]| -> Result<Vec<Bitext>> {
            sources.iter().map(|source| pairs(shelf, beside, source)).collect()
        };
        let held_out = config.held_out.iter().map(|part| held_out(shelf, beside, part));
        Ok(Self {
            bitext: read(&config.bitext)?,
            validation: config.validation.as_ref().map_or(Ok(Vec::new()), |validation| read(&validation.bitext))?,
            held_out: held_out.collect::<Result<Vec<_>>>()?.concat(),
        })
    }
}

/// A file of fetched data, or one beside the configuration.
fn place(shelf: &Shelf, beside: &Path, data: Option<&str>, file: &str) -> Result<PathBuf> {
    let Some(name) = data else { return Ok(beside.join(file)) };
    match shelf.find(name)?.folder {
        Folder::Disk(folder) => Ok(folder.join(file)),
        Folder::Builtin { .. } => Err(FileFault::content(name, "built in: it has no such files").into()),
    }
}

/// The pairs of a file.
fn pairs(shelf: &Shelf, beside: &Path, source: &Source) -> Result<Bitext> {
    let file = place(shelf, beside, source.data.as_deref(), &source.file)?;
    let mut pairs = bitext::read(&file, None)?;
    let all = pairs.len();
    pairs.drain(..source.skip.min(all));
    pairs.truncate(source.take.unwrap_or(usize::MAX));
    if pairs.is_empty() {
        let what = format!("of its {all} pairs none is left after `skip` and `take`");
        return Err(FileFault::content(file.display(), what).into());
    }
    Ok(Bitext { language: source.language.clone(), pairs })
}

/// What is asked of the student afterwards.
fn held_out(shelf: &Shelf, beside: &Path, part: &HeldOut) -> Result<Vec<String>> {
    if let (Some(name), []) = (&part.data, &part.files[..]) {
        return asked(&shelf.find(name)?);
    }
    let mut texts = Vec::new();
    for file in &part.files {
        let file = place(shelf, beside, part.data.as_deref(), file)?;
        let found = text::read(&file)?;
        if found.is_empty() {
            return Err(FileFault::content(file.display(), "no texts: nothing would be held out").into());
        }
        // Of bitext both sides.
        texts.extend(found.iter().flat_map(|text| text.text.split('\t')).map(str::to_owned));
    }
    Ok(texts)
}

/// All that a data set asks, and its translations.
fn asked(data: &Found) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    if let Ok(languages) = tatoeba::languages(data) {
        for language in languages {
            let pair = Pair::read(data, &language)?;
            texts.extend(pair.foreign.into_iter().chain(pair.english));
        }
    } else if let Ok(topics) = Topics::of(data) {
        for topics in topics {
            let asked = topics.read(data, "")?;
            let translated = asked.pivot.map_or(Vec::new(), |(_, texts)| texts);
            texts.extend(asked.queries.into_iter().chain(translated).map(|query| query.text));
        }
    } else {
        let languages = lareqa::languages(data).map_err(|_| {
            let what = "neither pairs, nor queries, nor questions in it that could be held out: name its `files`";
            FileFault::content(&data.name, what)
        })?;
        for code in languages {
            let questions = lareqa::Language::read(data, &code, Join::default())?.questions;
            texts.extend(questions.into_iter().map(|question| question.text));
        }
    }
    Ok(texts)
}
