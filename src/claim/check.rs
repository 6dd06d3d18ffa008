//! Checking a claim: its recipe is run and every cell gets a verdict.

use super::property::statement;
use super::{Cell, ClaimFile, ClaimOutcome, Content, Numbers, Published, Verdict, judge};
use crate::Result;
use crate::data::FileFault;
use crate::data::shelf::{Found, Lookup, Shelf};
use crate::encoder::{Ahead, Batching, Cache, How, Model, Recipe, Towers};
use crate::kernel::ARITH;
use crate::kernel::devices::Devices;
use crate::task::Key;
use crate::task::tatoeba::{Pair, Scored, Setup};

/// Hears how a long check gets on.
pub trait Progress: Sync {
    /// A claim is begun that encodes so many sentences.
    fn begin(&self, claim: &str, sentences: usize);
    /// So many more sentences are done; called from any thread.
    fn advance(&self, sentences: usize);
}

/// Checks claims with what is on a shelf.
pub struct Checker<'a> {
    /// Where data sets and models are looked up.
    pub shelf: &'a Shelf,
    /// Embeddings that were computed before.
    pub cache: &'a Cache,
    /// Where embeddings are computed.
    pub devices: &'a Devices,
    /// Which sentences are computed together, which cannot change a bit.
    pub batching: Batching,
    /// Hears how it gets on.
    pub progress: &'a dyn Progress,
}

impl Checker<'_> {
    /// Runs the claim's recipe. Where data or model are not here, every cell is `blocked` and says how to get them.
    ///
    /// # Errors
    /// Data or a model that is damaged or cannot be used; a cell's language that the data has not, or a measure that the convention has not.
    pub fn check(&self, claim: &ClaimFile) -> Result<ClaimOutcome> {
        let cells = match &claim.content {
            Content::Numbers(numbers) => self.numbers(claim, numbers)?,
            Content::Comparison { comparison, folder } => comparison.cells(claim.kind, folder)?,
            Content::Property { property, folder } => property.cells(self.shelf, folder)?,
            Content::Blocked(missing) => vec![missing_cell(&claim.id, missing)],
        };
        Ok(ClaimOutcome { id: claim.id.clone(), title: claim.title.clone(), source: claim.source.to_string(), cells })
    }

    /// Only encodes the share of shard `i` of `n` of the texts, and keeps it in the cache: [`Self::check`] finds it there. Of a claim that needs no texts there is nothing to do; where data or model are
    /// not here it says which.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn ahead(&self, claim: &ClaimFile, shard: (usize, usize)) -> Result<Result<Ahead, String>> {
        let Some(numbers) = claim.numbers() else { return Ok(Ok(Ahead::default())) };
        let found = match self.found(numbers)? {
            Ok(found) => found,
            Err(absent) => return Ok(Err(absent)),
        };
        let ahead = self.prepared(claim, numbers, &found, |Prepared { setup, models, pairs, .. }| {
            let work: Vec<_> = pairs.iter().flat_map(|pair| setup.work(pair, models)).collect();
            self.cache.ahead(&work, shard, self.batching, &|sentences| self.progress.advance(sentences))
        })?;
        Ok(Ok(ahead))
    }

    fn numbers(&self, claim: &ClaimFile, numbers: &Numbers) -> Result<Vec<Cell>> {
        match self.found(numbers)? {
            Ok(found) => self.prepared(claim, numbers, &found, |prepared| self.compute(claim, numbers, &prepared)),
            Err(absent) => Ok(blocked(numbers, &absent)),
        }
    }

    /// The data, the model of queries, and that of documents if it is another; or what is not here.
    fn found(&self, numbers: &Numbers) -> Result<Result<Vec<Found>, String>> {
        let recipe = &numbers.recipe;
        let names = [Some(&recipe.data), Some(&recipe.model), recipe.document_model.as_ref()];
        let (mut found, mut absent) = (Vec::new(), Vec::new());
        for name in names.into_iter().flatten() {
            match self.shelf.look_up(name)? {
                Lookup::Found(one) => found.push(one),
                Lookup::Absent(why) => absent.push(why),
            }
        }
        Ok(if absent.is_empty() { Ok(found) } else { Err(absent.join("; ")) })
    }

    /// Opens the models and reads the sentences, for `then`.
    fn prepared<T>(
        &self,
        claim: &ClaimFile,
        numbers: &Numbers,
        found: &[Found],
        then: impl FnOnce(Prepared<'_>) -> Result<T>,
    ) -> Result<T> {
        let (data, models) = found.split_first().expect("data comes first");
        let open = |found: &Found| Ok(Model::open(found.name.clone(), found.folder.clone())?.on(self.devices));
        let models = models.iter().map(open).collect::<Result<Vec<_>>>()?;
        let models = Towers::new(&models[0], models.last().expect("there is one of queries"))?;
        let setup = setup(numbers, models);
        let languages = languages(numbers);
        let pairs = languages
            .iter()
            .map(|language| match language.strip_suffix("-eng") {
                Some(foreign) => Pair::read(data, foreign),
                None => Err(FileFault::content(
                    format!("claim {}", claim.id),
                    format!("language {language} is not LANG-eng"),
                )
                .into()),
            })
            .collect::<Result<Vec<_>>>()?;
        self.progress.begin(&claim.id, pairs.iter().map(|pair| 2 * pair.english.len()).sum());
        then(Prepared { data, models, setup: &setup, languages: &languages, pairs: &pairs })
    }

    fn compute(&self, claim: &ClaimFile, numbers: &Numbers, prepared: &Prepared<'_>) -> Result<Vec<Cell>> {
        let Prepared { data, models, setup, languages, pairs } = *prepared;
        let advance = |sentences| self.progress.advance(sentences);
        let how = How { recipe: &setup.queries, batching: self.batching, first: 0, done: &advance };
        let scored =
            pairs.iter().map(|pair| setup.score(data, pair, models, &how, self.cache)).collect::<Result<Vec<_>>>()?;
        numbers
            .cells
            .iter()
            .filter_map(|cell| Some((cell, languages.iter().position(|language| *language == cell.language)?)))
            .map(|(cell, language)| judged(claim, numbers, cell, &scored[language]))
            .collect()
    }
}

/// What a claim's recipe is about, ready to be encoded.
#[derive(Clone, Copy)]
struct Prepared<'a> {
    data: &'a Found,
    models: Towers<'a>,
    setup: &'a Setup,
    languages: &'a [&'a str],
    pairs: &'a [Pair],
}

/// The claim's recipe with the model's own where the claim is silent.
fn setup(claim: &Numbers, models: Towers<'_>) -> Setup {
    let recipe = &claim.recipe;
    let of = |model: &Model| {
        let own = model.recipe();
        Recipe {
            prefix: recipe.prefix.clone(),
            pooling: recipe.pooling.unwrap_or(own.pooling),
            layer: recipe.layer.unwrap_or(own.layer),
            ..own
        }
    };
    Setup {
        direction: recipe.direction,
        convention: recipe.convention,
        queries: of(models.queries()),
        corpus: of(models.documents()),
        perturbation: None,
    }
}

/// The languages that the claim is about, in the order of its cells.
fn languages(claim: &Numbers) -> Vec<&str> {
    let mut languages: Vec<&str> = Vec::new();
    for cell in &claim.cells {
        let wanted = claim.recipe.languages.as_ref().is_none_or(|only| only.contains(&cell.language));
        if wanted && !languages.contains(&cell.language.as_str()) {
            languages.push(&cell.language);
        }
    }
    languages
}

fn judged(claim: &ClaimFile, numbers: &Numbers, published: &Published, scored: &Scored) -> Result<Cell> {
    let Some((key, value)) = scored.cells.iter().find(|(key, _)| key.measure == published.measure) else {
        let known: Vec<&str> = scored.cells.iter().map(|(key, _)| key.measure.as_str()).collect();
        let what = format!("no measure {} in this convention, only {}", published.measure, known.join(", "));
        return Err(FileFault::content(format!("claim {}", claim.id), what).into());
    };
    let tolerance = numbers.tolerance.as_ref().map(|tolerance| tolerance.value);
    let (verdict, why) = judge(published, *value, Some(&scored.digest), tolerance, claim.source.recorded);
    Ok(Cell {
        key: key.clone(),
        published: published.value.clone(),
        value: Some(*value),
        digits: published.digits,
        verdict,
        digest: Some(scored.digest.clone()),
        why,
    })
}

/// Of a claim that cannot be checked.
fn missing_cell(id: &str, missing: &str) -> Cell {
    Cell {
        key: statement("statement", id.to_owned(), "none"),
        published: "none".to_owned(),
        value: None,
        digits: 0,
        verdict: Verdict::Blocked,
        digest: None,
        why: Some(missing.to_owned()),
    }
}

/// Every cell `blocked`, with as much of its key as is known without data and model.
fn blocked(claim: &Numbers, why: &str) -> Vec<Cell> {
    let recipe = &claim.recipe;
    let unknown = || "unknown".to_owned();
    let cell = |published: &Published| Cell {
        key: Key {
            task: "tatoeba".to_owned(),
            data: recipe.data.clone(),
            data_sha256: unknown(),
            language: published.language.clone(),
            direction: recipe.direction.to_string(),
            measure: published.measure.clone(),
            aggregation: unknown(),
            model: recipe.model.clone(),
            model_sha256: unknown(),
            system: "dense".to_owned(),
            pooling: recipe.pooling.map_or_else(unknown, |pooling| pooling.to_string()),
            prefix: recipe.prefix.clone(),
            perturbation: None,
            ties: unknown(),
            arith: ARITH,
        },
        published: published.value.clone(),
        value: None,
        digits: published.digits,
        verdict: Verdict::Blocked,
        digest: None,
        why: Some(why.to_owned()),
    };
    claim.cells.iter().map(cell).collect()
}
