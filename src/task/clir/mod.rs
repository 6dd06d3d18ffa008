//! Cross-lingual retrieval on any collection in TREC's manner: queries, documents, judgements.

mod files;

pub use files::{Asked, Topics};

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::Key;
use super::search::Searcher;
use crate::Result;
use crate::data::shelf::Found;
use crate::data::text::Text;
use crate::data::trec::TrecFile;
use crate::encoder::{LateHead, Work};
use crate::kernel::ARITH;
use crate::metric::evaluate::{Evaluation, Options};
use crate::metric::{Measure, evaluate};
use crate::retrieval::bm25::{Index, Parameters};
use crate::retrieval::{self, Analyzer, Hit, fusion};

/// How documents are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// One embedding a text.
    Dense,
    /// An embedding a token.
    Late,
    /// Terms; the queries' translations, where the collection has them.
    Bm25,
    /// Reciprocal rank fusion of the others.
    Fused,
}

/// What decides a table besides data and model.
pub struct Setup<'a> {
    /// In this order.
    pub systems: Vec<System>,
    /// How [`System::Dense`] and [`System::Late`] search, and how deep all do; none: neither is asked for.
    pub searcher: Option<Searcher<'a>>,
    /// How many documents are kept for each query.
    pub depth: usize,
    /// How BM25 cuts terms.
    pub analyzer: Analyzer,
    /// BM25's parameters.
    pub bm25: Parameters,
    /// What is measured.
    pub measures: Vec<Measure>,
    /// Only queries whose id holds this.
    pub part: String,
    /// What was done to the queries, for the key; translations stay as they are.
    pub perturbation: Option<String>,
}

/// A set of queries, searched by one system.
pub struct Scored {
    /// The set's name.
    pub topics: String,
    /// The system.
    pub system: System,
    /// The means with their keys.
    pub cells: Vec<(Key, f64)>,
    /// Every query's values, and what could not be counted.
    pub evaluation: Evaluation,
    /// The run, as it was scored.
    pub run: Vec<u8>,
    /// SHA-256 over rankings and scores.
    pub digest: String,
}

/// Documents, and the sets of queries that are searched for in them.
pub struct Collection {
    /// In the ascending order of their ids' bytes.
    pub documents: Vec<Text>,
    /// The sets with what they hold.
    pub sets: Vec<(Topics, Asked)>,
}

/// What a system found for the queries of all sets.
struct Searched {
    system: System,
    name: String,
    rankings: Vec<Vec<Hit>>,
}

impl Collection {
    /// Reads sets of queries, those of the same documents together; `part`: only queries whose id holds it; `documents`: a file of documents
    /// instead of the collection's own, for sets that name none of these.
    ///
    /// # Errors
    /// As [`Topics::read`] and [`Topics::documents`].
    pub fn read(data: &Found, topics: &[Topics], part: &str, documents: Option<&Path>) -> Result<Vec<Self>> {
        let mut corpora: Vec<&Option<String>> = topics.iter().map(|topics| &topics.corpus).collect();
        corpora.sort_unstable();
        corpora.dedup();
        let collection = |corpus: &Option<String>| -> Result<Self> {
            let of_corpus: Vec<&Topics> = topics.iter().filter(|topics| topics.corpus == *corpus).collect();
            let sets = of_corpus.iter().map(|topics| Ok(((*topics).clone(), topics.read(data, part)?)));
            Ok(Self { sets: sets.collect::<Result<_>>()?, documents: of_corpus[0].documents(data, documents)? })
        };
        corpora.into_iter().map(collection).collect()
    }

    /// The sets whose judgements speak of relevant documents that are not here: how many, and of how many.
    #[must_use]
    pub fn absent(&self) -> Vec<(&str, usize, usize)> {
        let here = |id: &str| self.documents.binary_search_by(|text| text.id.as_str().cmp(id)).is_ok();
        let found = self.sets.iter().map(|(topics, asked)| {
            let judgements = asked.qrels.queries().flat_map(|(_, judgements)| judgements);
            let relevant: Vec<bool> = judgements.filter(|j| j.grade > 0).map(|j| here(&j.document)).collect();
            (topics.name.as_str(), relevant.iter().filter(|here| !**here).count(), relevant.len())
        });
        found.filter(|(_, absent, _)| *absent > 0).collect()
    }

    /// All queries' texts, or those of their translations, where they have them.
    fn asked(&self, pivot: bool) -> Vec<&str> {
        let texts = self.sets.iter().flat_map(move |(_, asked)| match &asked.pivot {
            Some((_, texts)) if pivot => texts,
            _ => &asked.queries,
        });
        texts.map(|text| text.text.as_str()).collect()
    }

    /// All documents' texts.
    fn offered(&self) -> Vec<&str> {
        self.documents.iter().map(|text| text.text.as_str()).collect()
    }

    /// How many texts an encoder reads, for each way of encoding them.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.documents.len() + self.sets.iter().map(|(_, asked)| asked.queries.len()).sum::<usize>()
    }
}

impl Setup<'_> {
    /// Searches and evaluates: every set with every system.
    ///
    /// # Errors
    /// As [`Searcher::dense`] and [`Searcher::late`].
    pub fn score(&self, data: &Found, collection: &Collection) -> Result<Vec<Scored>> {
        let mut searched: Vec<Searched> = Vec::new();
        for system in &self.systems {
            let found = self.search(*system, collection, &searched)?;
            searched.push(found);
        }
        let mut scored = Vec::new();
        let mut first = 0;
        for (topics, asked) in &collection.sets {
            for found in &searched {
                let rankings = &found.rankings[first..first + asked.queries.len()];
                scored.push(self.evaluate(data, collection, topics, asked, found, rankings)?);
            }
            first += asked.queries.len();
        }
        Ok(scored)
    }

    /// What is encoded for [`System::Dense`], whose embeddings are kept.
    pub fn work<'b>(&'b self, collection: &'b Collection) -> impl Iterator<Item = Work<'b>> {
        let searcher = self.searcher.iter().filter(|_| self.systems.contains(&System::Dense));
        searcher.flat_map(|searcher| searcher.work(collection.asked(false), collection.offered()))
    }

    fn search(&self, system: System, collection: &Collection, before: &[Searched]) -> Result<Searched> {
        let documents = collection.offered();
        let queries = |pivot: bool| collection.asked(pivot);
        let searcher = || self.searcher.as_ref().expect("whoever asks for an encoder's rankings gives one");
        let (name, rankings) = match system {
            System::Dense => ("dense".to_owned(), searcher().dense(&queries(false), &documents)?),
            System::Late => {
                let head = LateHead::of(searcher().models.queries())?;
                (head.name(), searcher().late(&head, &queries(false), &documents)?)
            }
            System::Bm25 => {
                let index = Index::of(&documents, self.analyzer, self.bm25);
                (index.name(), index.rank(&queries(true), self.depth))
            }
            System::Fused => {
                let names: Vec<&str> = before.iter().map(|found| found.name.as_str()).collect();
                let all: Vec<&[Vec<Hit>]> = before.iter().map(|found| found.rankings.as_slice()).collect();
                (
                    format!("rrf(c={}): {}", fusion::CONSTANT, names.join(" + ")),
                    fusion::rankings(&all, fusion::CONSTANT, self.depth),
                )
            }
        };
        Ok(Searched { system, name, rankings })
    }

    fn evaluate(
        &self,
        data: &Found,
        collection: &Collection,
        topics: &Topics,
        asked: &Asked,
        found: &Searched,
        rankings: &[Vec<Hit>],
    ) -> Result<Scored> {
        let mut run = Vec::new();
        let query = |i: usize| asked.queries[i].id.as_str();
        let document = |i: usize| collection.documents[i].id.as_str();
        retrieval::write_trec(&mut run, rankings, query, document, &found.system.to_string())
            .expect("memory takes what is written");
        let name = format!("{} {}", topics.name, found.system);
        let evaluation =
            evaluate(&asked.qrels, &TrecFile::of_bytes(&name, run.clone()), &self.measures, &Options::default())?;
        let key = self.key(data, topics, asked, found.system, &found.name);
        let cells = self.measures.iter().zip(evaluation.means());
        let cells =
            cells.map(|(measure, value)| (Key { measure: measure.to_string(), ..key.clone() }, value)).collect();
        let digest = retrieval::digest(rankings);
        Ok(Scored { topics: topics.name.clone(), system: found.system, cells, evaluation, run, digest })
    }

    /// What all cells of a set and a system have in common; `name`: the system's with its parameters.
    #[must_use]
    pub fn key(&self, data: &Found, topics: &Topics, asked: &Asked, system: System, name: &str) -> Key {
        let none = || "none".to_owned();
        let encoded = self.searcher.as_ref().filter(|_| system != System::Bm25);
        let pooled = encoded.filter(|_| system != System::Late);
        let pivot = asked.pivot.as_ref().filter(|_| matches!(system, System::Bm25 | System::Fused));
        let part = if self.part.is_empty() { String::new() } else { format!("[{}]", self.part) };
        Key {
            task: "clir".to_owned(),
            data: data.name.clone(),
            data_sha256: data.digest.clone(),
            language: format!("{}{part}", topics.name),
            direction: topics.direction(),
            measure: String::new(),
            aggregation: format!("mean over queries, {} documents each", self.depth),
            model: encoded.map_or_else(none, |searcher| searcher.models.name()),
            model_sha256: encoded.map_or_else(none, |searcher| searcher.models.digest()),
            system: match pivot {
                Some((language, _)) => format!("{name}, terms of pivot-{language}"),
                None => name.to_owned(),
            },
            pooling: pooled.map_or_else(none, |searcher| searcher.queries.name(searcher.models.queries().config())),
            prefix: encoded.map_or_else(String::new, |searcher| {
                super::prefixes(&searcher.queries.prefix, &searcher.documents.prefix)
            }),
            perturbation: self.perturbation.clone(),
            ties: "id ascending".to_owned(),
            arith: ARITH,
        }
    }
}

impl System {
    /// All of them; fusion last, for it needs the others.
    pub const ALL: [Self; 4] = [Self::Dense, Self::Late, Self::Bm25, Self::Fused];

    /// Whether it needs an encoder.
    #[must_use]
    pub fn encodes(self) -> bool {
        matches!(self, Self::Dense | Self::Late)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dense => "dense",
            Self::Late => "late",
            Self::Bm25 => "bm25",
            Self::Fused => "fused",
        })
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|system| system.to_string() == name);
        found.ok_or_else(|| format!("no system {name}: dense, late, bm25 or fused"))
    }
}
