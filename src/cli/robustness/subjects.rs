//! What is asked: the queries of every language, what is relevant to them, and where it is looked for.

use std::collections::BTreeMap;

use snellen::attack::text::Language as Spoken;
use snellen::data::levels;
use snellen::data::shelf::Found;
use snellen::data::text::Text;
use snellen::encoder::{Batching, Cache, PART, Recipe, Towers};
use snellen::metric::ranked::{Judged, Ranked};
use snellen::metric::{Dialect, Measure};
use snellen::retrieval::bm25::Parameters;
use snellen::retrieval::{Analyzer, Hit};
use snellen::task::Key;
use snellen::task::clir::{self, Collection, System, Topics};
use snellen::task::lareqa::{self, View};
use snellen::task::search::Searcher;
use snellen::task::tatoeba::{self, Convention, Direction, Pair};
use unicode_script::{Script, UnicodeScript as _};

use super::Args;
use crate::cli::perturbing::code;
use crate::cli::task::chosen;
use crate::cli::task::clir::tell_absent;
use crate::cli::task::tatoeba::named;
use crate::cli::{Context, Failure};

/// How much is asked, and how deep is looked.
pub(super) struct Limits {
    pub(super) queries: Option<usize>,
    pub(super) depth: usize,
}

/// The queries of a language.
pub(super) struct Subject {
    /// Its code, as files have it.
    pub(super) language: String,
    /// Its language for perturbations: whose keyboard, which case rules.
    pub(super) spoken: Spoken,
    /// What most letters of the queries belong to.
    pub(super) script: &'static str,
    /// Its class by resources.
    pub(super) level: Option<u8>,
    pub(super) queries: Vec<Text>,
    judged: Vec<Judgements>,
    /// Which corpus is searched.
    pub(super) corpus: usize,
    /// What the value on clean text is a value of.
    pub(super) key: Key,
    measured: Measured,
}

/// What is measured of a ranking.
#[derive(Clone, Copy)]
struct Measured {
    measure: Measure,
    /// A query is found if a relevant document is among its first so many.
    until: usize,
}

/// What is known of a query's documents.
#[derive(Default)]
struct Judgements {
    /// Grades of documents by their places.
    here: BTreeMap<usize, i32>,
    /// Grades of documents that the corpus has not.
    absent: Vec<i32>,
}

/// Everything that is asked and searched.
pub(super) struct Read {
    /// Documents, in the parts in which the cache has them.
    pub(super) corpora: Vec<Vec<Vec<String>>>,
    /// In the order of their corpora.
    pub(super) subjects: Vec<Subject>,
    /// How queries and documents become embeddings.
    pub(super) recipes: [Recipe; 2],
    /// The measure, as keys have it.
    pub(super) measure: String,
    /// The first so many documents decide whether a query is lost.
    pub(super) until: usize,
}

impl Subject {
    fn new(language: &str, spoken: &str, queries: Vec<Text>, corpus: usize, measured: Measured, key: Key) -> Self {
        let judged = queries.iter().map(|_| Judgements::default()).collect();
        let script = script(&queries);
        let language = language.to_owned();
        let level = levels::class(spoken);
        Self { language, spoken: code(spoken), script, level, queries, judged, corpus, key, measured }
    }

    /// A query's value, and whether it is found.
    pub(super) fn judge(&self, query: usize, ranking: &[Hit]) -> (f64, bool) {
        let Judgements { here, absent } = &self.judged[query];
        let of = |hit: &Hit| match here.get(&hit.document) {
            Some(grade) if *grade < 0 => Judged::Unjudged,
            Some(grade) => Judged::Grade(*grade),
            None => Judged::Unpooled,
        };
        let retrieved: Vec<Judged> = ranking.iter().map(of).collect();
        let seen = |document: &usize| ranking.iter().any(|hit| hit.document == *document);
        let missed = here.iter().filter(|(document, _)| !seen(document)).map(|(_, grade)| *grade);
        let rel = self.measured.measure.rel.unwrap_or(1);
        let relevant = |judged: &Judged| matches!(judged, Judged::Grade(grade) if *grade >= rel);
        let found = retrieved.iter().take(self.measured.until).any(relevant);
        let ranked = Ranked::new(retrieved, missed.chain(absent.iter().copied()));
        (ranked.value(&self.measured.measure, 1, Dialect::default()), found)
    }
}

/// The script that most letters belong to; those of no script of their own do not count.
fn script(queries: &[Text]) -> &'static str {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for c in queries.iter().flat_map(|query| query.text.chars()) {
        match c.script() {
            Script::Common | Script::Inherited | Script::Unknown => {}
            script => *counts.entry(script.full_name()).or_default() += 1,
        }
    }
    // Of equal ones the first by name.
    let most = counts.values().copied().max();
    counts.into_iter().find(|(_, count)| Some(*count) == most).map_or("none", |(name, _)| name)
}

/// Reads whatever the data are: Tatoeba's pairs of files, a collection with judgements, or XQuAD-R's files.
pub(super) fn read(
    args: &Args,
    context: &Context,
    data: &Found,
    models: Towers<'_>,
    recipes: [Recipe; 2],
    limits: &Limits,
) -> Result<Read, Failure> {
    let only = |given: bool, option: &str, of: &str| {
        if given { Err(Failure::Usage(format!("{option} is of {of}, and {} is not it", args.data))) } else { Ok(()) }
    };
    let tatoeba = tatoeba::languages(data);
    let topics = Topics::of(data);
    only(args.direction.is_some() && tatoeba.is_err(), "--direction", "Tatoeba")?;
    only(args.join.is_some() && (tatoeba.is_ok() || topics.is_ok()), "--join", "LAReQA")?;
    only(!args.part.is_empty() && topics.is_err(), "--part", "a collection with judgements")?;
    let mut read = if let Ok(languages) = tatoeba {
        of_tatoeba(args, data, models, recipes, &languages)?
    } else if let Ok(topics) = topics {
        of_collection(args, context, data, models, recipes, topics)?
    } else if let Ok(languages) = lareqa::languages(data) {
        of_lareqa(args, data, models, recipes, &languages)?
    } else {
        let what =
            "no files of Tatoeba (tatoeba.LANG-eng.LANG), of a collection (qrels.NAME.txt) or of XQuAD-R (LANG.json)";
        return Err(Failure::Usage(format!("{}: {what}", args.data)));
    };
    for subject in &mut read.subjects {
        if let Some(limit) = limits.queries.filter(|limit| *limit < subject.queries.len()) {
            subject.queries.truncate(limit);
            subject.judged.truncate(limit);
            subject.key.aggregation += &format!(", the first {limit}");
        }
    }
    if read.until > limits.depth {
        return Err(Failure::Usage(format!("--until {} looks deeper than --k {}", read.until, limits.depth)));
    }
    Ok(read)
}

/// The measure that was asked for, or the task's own; how keys call it, and how deep a query is looked for.
fn measured(args: &Args, own: &str, name: &str) -> Result<(Measured, String), Failure> {
    let measure = match args.measure {
        Some(measure) => measure,
        None => own.parse().map_err(Failure::Usage)?,
    };
    let name = args.measure.map_or_else(|| name.to_owned(), |measure| measure.to_string());
    if measure.kind.is_count() {
        return Err(Failure::Usage(format!("--measure {name} counts documents: it has no mean over queries")));
    }
    if let Some(cutoff) = measure.cutoff.filter(|cutoff| *cutoff > args.k.get()) {
        return Err(Failure::Usage(format!("--measure {name} looks at {cutoff} documents: --k must be as many")));
    }
    let until = args.until.map(std::num::NonZeroUsize::get).or(measure.cutoff);
    let until = until.ok_or_else(|| Failure::Usage(format!("--measure {name} has no cut-off: give --until K")))?;
    Ok((Measured { measure, until }, name))
}

fn of_tatoeba(
    args: &Args,
    data: &Found,
    models: Towers<'_>,
    recipes: [Recipe; 2],
    all: &[String],
) -> Result<Read, Failure> {
    let (measured, measure) = measured(args, "Success@1", "accuracy")?;
    let recipes = recipes.map(|recipe| recipe.cosine());
    let direction = args.direction.unwrap_or(Direction::ForeignToEnglish);
    let [queries, corpus] = recipes.clone();
    let setup = tatoeba::Setup { direction, convention: Convention::Mteb, queries, corpus, perturbation: None };
    let asked: Vec<String> = args.languages.iter().flat_map(|name| named(name)).collect();
    let (mut corpora, mut subjects) = (Vec::new(), Vec::new());
    for language in chosen(&asked, all, &data.name)? {
        let pair = Pair::read(data, &language)?;
        let (asks, answers, spoken) = match direction {
            Direction::ForeignToEnglish => (pair.foreign, pair.english, language.as_str()),
            Direction::EnglishToForeign => (pair.english, pair.foreign, "eng"),
        };
        let queries = asks.into_iter().enumerate().map(|(i, text)| Text { id: i.to_string(), text }).collect();
        let mut key = setup.key(data, &language, models);
        (key.measure, key.aggregation) = (measure.clone(), "mean".to_owned());
        let mut subject = Subject::new(&language, spoken, queries, corpora.len(), measured, key);
        // From English too it is the other language whose table this is.
        subject.level = levels::class(&language);
        subject.judged.iter_mut().enumerate().for_each(|(i, judged)| judged.here = BTreeMap::from([(i, 1)]));
        subjects.push(subject);
        corpora.push(vec![answers]);
    }
    Ok(Read { corpora, subjects, recipes, measure, until: measured.until })
}

fn of_lareqa(
    args: &Args,
    data: &Found,
    models: Towers<'_>,
    recipes: [Recipe; 2],
    all: &[String],
) -> Result<Read, Failure> {
    let (measured, measure) = measured(args, lareqa::MEASURES[0], lareqa::MEASURES[0])?;
    let recipes = recipes.map(|recipe| recipe.cosine());
    let join = args.join.unwrap_or_default();
    let [questions, candidates] = recipes.clone();
    let setup = lareqa::Setup { questions, candidates, join, perturbation: None };
    let chosen = chosen(&args.languages, all, &data.name)?;
    let languages =
        chosen.iter().map(|code| lareqa::Language::read(data, code, join)).collect::<Result<Vec<_>, _>>()?;
    // Questions with one id ask the same, and are answered in every language.
    let mut answers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut first = 0;
    for language in &languages {
        for question in &language.questions {
            answers.entry(&question.id).or_default().extend(question.answers.iter().map(|answer| first + answer));
        }
        first += language.candidates.len();
    }
    let mut subjects = Vec::new();
    for language in &languages {
        let text = |question: &lareqa::Question| Text { id: question.id.clone(), text: question.text.clone() };
        let queries = language.questions.iter().map(text).collect();
        let mut key = setup.key(data, models);
        key.language.clone_from(&language.code);
        (key.measure, key.direction) = (measure.clone(), View::Pool.to_string());
        let mut subject = Subject::new(&language.code, &language.code, queries, 0, measured, key);
        for (judged, question) in subject.judged.iter_mut().zip(&language.questions) {
            judged.here = answers[question.id.as_str()].iter().map(|answer| (*answer, 1)).collect();
        }
        subjects.push(subject);
    }
    let texts = |language: lareqa::Language| language.candidates.into_iter().map(|candidate| candidate.text).collect();
    let corpora = vec![languages.into_iter().map(texts).collect()];
    Ok(Read { corpora, subjects, recipes, measure, until: measured.until })
}

fn of_collection(
    args: &Args,
    context: &Context,
    data: &Found,
    models: Towers<'_>,
    recipes: [Recipe; 2],
    mut topics: Vec<Topics>,
) -> Result<Read, Failure> {
    let (measured, measure) = measured(args, "nDCG@10", "nDCG@10")?;
    let names: Vec<String> = topics.iter().map(|topics| topics.name.clone()).collect();
    let wanted = chosen(&args.languages, &names, &data.name)?;
    topics.retain(|topics| wanted.contains(&topics.name));
    let collections = Collection::read(data, &topics, &args.part, None)?;
    tell_absent(&collections, context)?;
    let searcher = Searcher {
        models,
        queries: &recipes[0],
        documents: &recipes[1],
        batching: Batching::default(),
        done: &|_| {},
        cache: &Cache::none(),
        depth: args.k.get(),
    };
    let setup = clir::Setup {
        systems: vec![System::Dense],
        searcher: Some(searcher),
        depth: args.k.get(),
        analyzer: Analyzer::default(),
        bm25: Parameters::default(),
        measures: vec![measured.measure],
        part: args.part.clone(),
        perturbation: None,
    };
    let (mut corpora, mut subjects) = (Vec::new(), Vec::new());
    for Collection { documents, sets } in &collections {
        for (topics, asked) in sets {
            let mut key = setup.key(data, topics, asked, System::Dense, "dense");
            key.measure.clone_from(&measure);
            let mut subject =
                Subject::new(&topics.name, &topics.name, asked.queries.clone(), corpora.len(), measured, key);
            for (judged, query) in subject.judged.iter_mut().zip(&asked.queries) {
                for judgement in asked.qrels.of(&query.id).unwrap_or_default() {
                    match documents.binary_search_by(|text| text.id.cmp(&judgement.document)) {
                        Ok(place) => _ = judged.here.insert(place, judgement.grade),
                        Err(_) => judged.absent.push(judgement.grade),
                    }
                }
            }
            subjects.push(subject);
        }
        let texts: Vec<String> = documents.iter().map(|document| document.text.clone()).collect();
        corpora.push(texts.chunks(PART).map(<[String]>::to_vec).collect());
    }
    drop(setup);
    Ok(Read { corpora, subjects, recipes, measure, until: measured.until })
}
