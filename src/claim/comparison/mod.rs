//! Claims that one system beats another, or is no worse: runs with their judgements, query by query.

mod pair;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use pair::{Pair, Runs};

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
    /// Rankings that runs and baselines lack.
    lacking: [usize; 2],
}

/// What was found of a pair's files.
#[derive(Default)]
struct Found {
    /// For each measure, how much better each query fares.
    differences: Vec<Vec<f64>>,
    lacking: [usize; 2],
}

impl Comparison {
    /// What the types do not say.
    pub(super) fn check(&self, kind: Kind) -> Result<(), String> {
        self.rules()?;
        if self.pairs.is_empty() || self.measures.is_empty() {
            return Err("`comparison` has no pairs or no measures".to_owned());
        }
        self.pairs.iter().try_for_each(Pair::check)?;
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

    /// All runs and judgements, relative to the claim's own file.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.pairs.iter().flat_map(Pair::parts).flat_map(|Pair { qrels, run, baseline, .. }| {
            [&run, &baseline].into_iter().flat_map(|runs| runs.files().to_vec()).chain([qrels]).collect::<Vec<_>>()
        })
    }

    /// With the pairs that its pairs stand for.
    pub(super) fn written_out(self) -> Self {
        Self { pairs: self.pairs.into_iter().flat_map(Pair::written_out).collect(), ..self }
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
                let why = format!(
                    "{}p = {p:.6} ({test}), d_z = {:.4}, {} queries{}",
                    interval(&mean),
                    mean.effect(),
                    mean.count,
                    lacking(tested.lacking)
                );
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
        let parts = pair.parts().iter().map(|part| Files::of(part, folder)).collect::<Result<Vec<_>>>()?;
        let sha256 = |of: fn(&Files) -> &String| parts.iter().map(of).cloned().collect::<Vec<_>>().join(" + ");
        let (qrels, runs, baselines) =
            (sha256(|p| &p.qrels_sha256), sha256(|p| &p.runs_sha256), sha256(|p| &p.baselines_sha256));
        let key = |measure: &Measure| Key {
            task: "comparison".to_owned(),
            data: pair.qrels.display().to_string(),
            data_sha256: qrels.clone(),
            language: pair.language.clone(),
            direction: kind.to_string(),
            measure: measure.to_string(),
            aggregation: "mean difference over queries".to_owned(),
            model: pair.run.name(),
            model_sha256: runs.clone(),
            system: format!("against {} (sha256 {baselines})", pair.baseline.name()),
            pooling: "none".to_owned(),
            prefix: String::new(),
            perturbation: None,
            ties: dialect.to_string(),
            arith: ARITH,
        };
        if let Some(missing) = parts.iter().find_map(Files::missing) {
            let why = format!("{} is not here", missing.display());
            let untested = |m| Tested { key: key(m), differences: Err(why.clone()), lacking: [0; 2] };
            return Ok(measures.iter().map(untested).collect());
        }
        let mut all = Found { differences: vec![Vec::new(); measures.len()], ..Found::default() };
        for part in &parts {
            let found = part.compare(measures, dialect)?;
            all.differences.iter_mut().zip(found.differences).for_each(|(all, those)| all.extend(those));
            all.lacking.iter_mut().zip(found.lacking).for_each(|(all, those)| *all += those);
        }
        let lacking = all.lacking;
        let tested = |(measure, differences)| Tested { key: key(measure), differences: Ok(differences), lacking };
        Ok(measures.iter().zip(all.differences).map(tested).collect())
    }
}

/// Where the mean lies; of one query there is nothing to say.
fn interval(mean: &Mean) -> String {
    if mean.count < 2 {
        return String::new();
    }
    let [low, high] = mean.interval(0.95);
    format!("95 % from {low:.6} to {high:.6}, ")
}

/// Rankings that are not there count 0: which is said.
fn lacking([runs, baselines]: [usize; 2]) -> String {
    match (runs, baselines) {
        (0, 0) => String::new(),
        _ => format!(", of which the run lacks {runs} and the baseline {baselines}: these count 0"),
    }
}

/// A pair's files, where they are, and what they are.
struct Files {
    qrels: PathBuf,
    runs: Vec<PathBuf>,
    baselines: Vec<PathBuf>,
    qrels_sha256: String,
    runs_sha256: String,
    baselines_sha256: String,
}

impl Files {
    fn of(pair: &Pair, folder: &Path) -> Result<Self> {
        let place = |files: &[PathBuf]| -> Vec<PathBuf> { files.iter().map(|file| folder.join(file)).collect() };
        let (qrels, runs, baselines) =
            (folder.join(&pair.qrels), place(pair.run.files()), place(pair.baseline.files()));
        let sha256 = |files: &[PathBuf]| -> Result<String> {
            let digest = |file: &PathBuf| -> Result<String> {
                if file.exists() { Ok(digest::of_file(file)?.0) } else { Ok("unknown".to_owned()) }
            };
            Ok(files.iter().map(digest).collect::<Result<Vec<_>>>()?.join(" + "))
        };
        Ok(Self {
            qrels_sha256: sha256(std::slice::from_ref(&qrels))?,
            runs_sha256: sha256(&runs)?,
            baselines_sha256: sha256(&baselines)?,
            qrels,
            runs,
            baselines,
        })
    }

    fn missing(&self) -> Option<&PathBuf> {
        [&self.qrels].into_iter().chain(&self.runs).chain(&self.baselines).find(|file| !file.exists())
    }

    fn compare(&self, measures: &[Measure], dialect: Dialect) -> Result<Found> {
        let judgements = Qrels::read(&TrecFile::open(&self.qrels)?)?;
        let judged = judgements.queries().count();
        if judged == 0 {
            return Err(FileFault::content(self.qrels.display(), "no judgements").into());
        }
        let options = Options { dialect, ..Options::default() };
        let of = |file: &PathBuf| {
            let found = evaluate(&judgements, &TrecFile::open(file)?, measures, &options)?;
            if found.missing.len() == judged {
                let what = format!("none of the {judged} queries that {} judges is in it", self.qrels.display());
                return Err(FileFault::content(file.display(), what).into());
            }
            Ok(found)
        };
        let evaluations = self.runs.iter().chain(&self.baselines).map(of).collect::<Result<Vec<_>>>()?;
        let queries = common(&evaluations.iter().collect::<Vec<_>>());
        if queries.is_empty() {
            let what = "no query that the runs of this pair and the judgements all have".to_owned();
            return Err(FileFault::content(self.runs[0].display(), what).into());
        }
        let mean = |values: &[&Query], i: usize| {
            values.iter().fold(0.0, |sum, query| sum + query.values[i]) / values.len() as f64
        };
        let difference = |query: &Vec<&Query>, i: usize| {
            let (ours, others) = query.split_at(self.runs.len());
            mean(ours, i) - mean(others, i)
        };
        let differences =
            (0..measures.len()).map(|i| queries.iter().map(|query| difference(query, i)).collect()).collect();
        let (ours, others) = evaluations.split_at(self.runs.len());
        let lacking = [ours, others].map(|side| side.iter().map(|found| found.missing.len()).sum());
        Ok(Found { differences, lacking })
    }
}
