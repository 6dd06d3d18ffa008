//! What is held against what: files of rankings and judgements, one by one or by a pattern.

use std::path::PathBuf;

use serde::Deserialize;

/// What stands for each of several languages.
const HOLE: &str = "{}";

/// A run and what it is held against.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The language, or what else tells pairs apart.
    pub language: String,
    /// The pair stands for as many: `{}` in its language and files is each of these in turn.
    #[serde(default)]
    pub each: Vec<String>,
    /// `{}` in its files is each of these in turn, and the queries of all of them make one cell: every query counts the same.
    #[serde(default)]
    pub together: Vec<String>,
    /// Judgements.
    pub qrels: PathBuf,
    /// The run that is claimed to be better, or no worse; of several, as of a training with several seeds, each query's mean counts.
    pub run: Runs,
    /// The other.
    pub baseline: Runs,
}

/// A run or some.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Runs {
    /// One.
    One(PathBuf),
    /// Some of one system.
    Some(Vec<PathBuf>),
}

impl Runs {
    pub(super) fn files(&self) -> &[PathBuf] {
        match self {
            Self::One(file) => std::slice::from_ref(file),
            Self::Some(files) => files,
        }
    }

    /// As keys name them.
    pub(super) fn name(&self) -> String {
        let names: Vec<String> = self.files().iter().map(|file| file.display().to_string()).collect();
        names.join(" + ")
    }

    fn filled(&self, language: &str) -> Self {
        match self {
            Self::One(file) => Self::One(filled(file, language)),
            Self::Some(files) => Self::Some(files.iter().map(|file| filled(file, language)).collect()),
        }
    }
}

fn filled(file: &std::path::Path, language: &str) -> PathBuf {
    PathBuf::from(file.to_string_lossy().replace(HOLE, language))
}

impl Pair {
    /// What the types do not say.
    pub(super) fn check(&self) -> Result<(), String> {
        let pair = &self.language;
        if self.run.files().is_empty() || self.baseline.files().is_empty() {
            return Err(format!("pair {pair} of `comparison` has no run"));
        }
        let open = |text: &str| text.contains(HOLE);
        let files = || self.run.files().iter().chain(self.baseline.files()).chain([&self.qrels]);
        let files_open = files().any(|file| open(&file.to_string_lossy()));
        let all_open = |runs: &Runs| runs.files().iter().all(|file| open(&file.to_string_lossy()));
        let all_files_open = all_open(&self.run) && all_open(&self.baseline) && open(&self.qrels.to_string_lossy());
        match (self.each.is_empty(), self.together.is_empty()) {
            (false, false) => Err(format!("pair {pair} of `comparison` has `each` and `together`: only one can be")),
            // Judgements and baseline may be the same for all.
            (false, true) if !(open(pair) && all_open(&self.run)) => {
                Err(format!("pair {pair} of `comparison` has `each`: {{}} belongs into its language and its runs"))
            }
            (true, false) if open(pair) || !all_files_open => Err(format!(
                "pair {pair} of `comparison` has `together`: {{}} belongs into all its files, not its language"
            )),
            (true, true) if open(pair) || files_open => {
                Err(format!("pair {pair} of `comparison` has {{}}, but neither `each` nor `together`"))
            }
            _ => Ok(()),
        }
    }

    /// The pairs that it stands for.
    pub(super) fn written_out(self) -> Vec<Self> {
        if self.each.is_empty() {
            return vec![self];
        }
        let one = |language: &String| Self {
            language: self.language.replace(HOLE, language),
            each: Vec::new(),
            ..self.of(language)
        };
        self.each.iter().map(one).collect()
    }

    /// Itself, or one for each language whose queries it takes together.
    pub(super) fn parts(&self) -> Vec<Self> {
        if self.together.is_empty() {
            return vec![self.clone()];
        }
        self.together.iter().map(|language| Self { together: Vec::new(), ..self.of(language) }).collect()
    }

    fn of(&self, language: &str) -> Self {
        Self {
            qrels: filled(&self.qrels, language),
            run: self.run.filled(language),
            baseline: self.baseline.filled(language),
            ..self.clone()
        }
    }
}
