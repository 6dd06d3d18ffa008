//! Claims that one system beats another, or is no worse: runs with their judgements, query by query.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Cell, Kind, Verdict};
use crate::Result;
use crate::data::trec::{Qrels, TrecFile};
use crate::data::{FileFault, digest};
use crate::kernel::ARITH;
use crate::metric::evaluate::{Options, Query, common};
use crate::metric::significance::{Mean, holm, randomization, t_test};
use crate::metric::{Dialect, Measure, evaluate};
use crate::task::Key;

/// What is compared, and how it is decided.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The measures, each of which has to hold.
    pub measures: Vec<String>,
    /// How much worse still counts as no worse; of non-inferiority only.
    pub margin: Option<f64>,
    /// The level of the tests.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// Assignments of signs that the randomisation test draws.
    #[serde(default = "samples")]
    pub samples: usize,
    /// The seed of what is drawn.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Whose rules measures follow: `snellen`, `trec_eval9`, `trec_eval10`.
    #[serde(default = "dialect")]
    pub dialect: String,
    /// The runs, relative to the claim's own file.
    pub pairs: Vec<Pair>,
}

/// A run and what it is held against.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The language, or what else tells pairs apart.
    pub language: String,
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
    fn files(&self) -> &[PathBuf] {
        match self {
            Self::One(file) => std::slice::from_ref(file),
            Self::Some(files) => files,
        }
    }

    /// As keys name them.
    fn name(&self) -> String {
        let names: Vec<String> = self.files().iter().map(|file| file.display().to_string()).collect();
        names.join(" + ")
    }
}

fn alpha() -> f64 {
    0.05
}

fn samples() -> usize {
    100_000
}

fn seed() -> u64 {
    1
}

fn dialect() -> String {
    Dialect::default().to_string()
}

/// A measure of a pair: the differences, query by query; none where a file is not here, and then why.
struct Tested {
    key: Key,
    differences: Result<Vec<f64>, String>,
}

impl Comparison {
    /// What the types do not say.
    pub(super) fn check(&self, kind: Kind) -> Result<(), String> {
        self.rules()?;
        if self.pairs.is_empty() || self.measures.is_empty() {
            return Err("`comparison` has no pairs or no measures".to_owned());
        }
        if self.pairs.iter().any(|pair| pair.run.files().is_empty() || pair.baseline.files().is_empty()) {
            return Err("`comparison` has a pair without a run".to_owned());
        }
        let drawn = (1..=100_000_000).contains(&self.samples);
        if !(drawn && self.alpha > 0.0 && self.alpha < 1.0) {
            return Err("`comparison.alpha` is a level between 0 and 1, `samples` from 1 to 100000000".to_owned());
        }
        match (kind, self.margin) {
            (Kind::NonInferior, Some(margin)) if margin > 0.0 && margin < 1e300 => Ok(()),
            (Kind::NonInferior, _) => Err("`comparison.margin` has to be a number above 0".to_owned()),
            (_, Some(_)) => Err("`comparison.margin` is of non-inferior claims only".to_owned()),
            (_, None) => Ok(()),
        }
    }

    fn rules(&self) -> Result<(Vec<Measure>, Dialect), String> {
        let measures = self.measures.iter().map(|name| name.parse()).collect::<Result<Vec<Measure>, _>>()?;
        Ok((measures, self.dialect.parse()?))
    }

    /// A cell for each measure of each pair; files are looked for in `folder`.
    ///
    /// `greater`: the mean difference is above 0, and the two-sided paired randomisation test, corrected after Holm over all cells of the claim, is below the level.
    /// `non-inferior`: the lower end of the one-sided t interval of the mean difference is above −margin; every cell has to hold, so that nothing needs
    /// correction. A file that is not here makes its cells `blocked`.
    ///
    /// # Errors
    /// A file that cannot be read as what it should be.
    pub(super) fn cells(&self, kind: Kind, folder: &Path) -> Result<Vec<Cell>> {
        let (measures, dialect) = self.rules().expect("checked when the claim was read");
        let mut tested = Vec::new();
        for pair in &self.pairs {
            tested.extend(self.test(pair, &measures, dialect, kind, folder)?);
        }
        let p = |one: &Tested| match (&one.differences, self.margin) {
            (Err(_), _) => 1.0,
            (Ok(differences), None) => randomization(differences, self.samples, self.seed),
            (Ok(differences), Some(margin)) => t_test(differences, -margin).map_or(1.0, |test| test.above),
        };
        let raw: Vec<f64> = tested.iter().map(p).collect();
        let decided = if kind == Kind::Greater { holm(&raw) } else { raw };
        Ok(tested.into_iter().zip(decided).map(|(one, p)| self.judged(one, p, kind)).collect())
    }

    fn judged(&self, tested: Tested, p: f64, kind: Kind) -> Cell {
        let bound = self.margin.map_or("0".to_owned(), |margin| format!("-{margin}"));
        let published = format!("> {bound} (p < {})", self.alpha);
        let (value, verdict, why) = match tested.differences {
            Err(why) => (None, Verdict::Blocked, why),
            Ok(differences) => {
                let mean = Mean::of(&differences);
                let holds = p < self.alpha && (kind == Kind::NonInferior || mean.mean > 0.0);
                let verdict = if holds { Verdict::Reproduced } else { Verdict::Differs };
                let test = if kind == Kind::Greater { "randomisation, Holm" } else { "t, one-sided" };
                let why = format!("p = {p:.6} ({test}), d_z = {:.4}, {} queries", mean.effect(), mean.count);
                (Some(mean.mean), verdict, why)
            }
        };
        Cell { key: tested.key, published, value, digits: 6, verdict, digest: None, why: Some(why) }
    }

    fn test(
        &self,
        pair: &Pair,
        measures: &[Measure],
        dialect: Dialect,
        kind: Kind,
        folder: &Path,
    ) -> Result<Vec<Tested>> {
        let place = |files: &[PathBuf]| -> Vec<PathBuf> { files.iter().map(|file| folder.join(file)).collect() };
        let (qrels, runs, baselines) =
            (folder.join(&pair.qrels), place(pair.run.files()), place(pair.baseline.files()));
        let missing = [&qrels].into_iter().chain(&runs).chain(&baselines).find(|file| !file.exists());
        let sha256 = |files: &[PathBuf]| -> Result<String> {
            let digest = |file: &PathBuf| -> Result<String> {
                if file.exists() { Ok(digest::of_file(file)?.0) } else { Ok("unknown".to_owned()) }
            };
            Ok(files.iter().map(digest).collect::<Result<Vec<_>>>()?.join(" + "))
        };
        let (qrels_sha256, run_sha256) = (sha256(std::slice::from_ref(&qrels))?, sha256(&runs)?);
        let baseline_sha256 = sha256(&baselines)?;
        let key = |measure: &Measure| -> Key {
            Key {
                task: "comparison".to_owned(),
                data: pair.qrels.display().to_string(),
                data_sha256: qrels_sha256.clone(),
                language: pair.language.clone(),
                direction: kind.to_string(),
                measure: measure.to_string(),
                aggregation: "mean difference over queries".to_owned(),
                model: pair.run.name(),
                model_sha256: run_sha256.clone(),
                system: format!("against {} (sha256 {baseline_sha256})", pair.baseline.name()),
                pooling: "none".to_owned(),
                prefix: String::new(),
                perturbation: None,
                ties: dialect.to_string(),
                arith: ARITH,
            }
        };
        if let Some(missing) = missing {
            let why = format!("{} is not here", missing.display());
            return Ok(measures.iter().map(|m| Tested { key: key(m), differences: Err(why.clone()) }).collect());
        }
        let judgements = Qrels::read(&TrecFile::open(&qrels)?)?;
        let options = Options { dialect, ..Options::default() };
        let of = |file: &PathBuf| evaluate(&judgements, &TrecFile::open(file)?, measures, &options);
        let evaluations = runs.iter().chain(&baselines).map(of).collect::<Result<Vec<_>>>()?;
        let queries = common(&evaluations.iter().collect::<Vec<_>>());
        if queries.is_empty() {
            let what = "no query that the runs of this pair and the judgements all have".to_owned();
            return Err(FileFault::content(runs[0].display(), what).into());
        }
        let mean = |values: &[&Query], i: usize| {
            values.iter().fold(0.0, |sum, query| sum + query.values[i]) / values.len() as f64
        };
        let tested = measures.iter().enumerate().map(|(i, measure)| {
            let difference = |query: &Vec<&Query>| {
                let (ours, others) = query.split_at(runs.len());
                mean(ours, i) - mean(others, i)
            };
            Tested { key: key(measure), differences: Ok(queries.iter().map(difference).collect()) }
        });
        Ok(tested.collect())
    }
}
