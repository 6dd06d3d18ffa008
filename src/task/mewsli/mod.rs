//! Mewsli-X: entities, described in 50 languages, for mentions in news of 11 (Ruder et al., EMNLP 2021, 3.2; released as
//! `mewsli-x_20220518_6`).
//!
//! Files as the authors' script leaves them: `candidate_set_entities.jsonl`, an entity a line, and `wikinews_mentions-test.jsonl`, an article with its mentions a
//! line. Mentions are searched for among all entities; XTREME-R calls the mean reciprocal rank of the first 20 mAP@20, for each
//! mention has one entity, and takes the mean of the languages.

mod text;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use self::text::{Characters, Span};
use super::Key;
use super::search::Searcher;
use crate::Result;
use crate::data::FileFault;
use crate::data::allowance::Allowance;
use crate::data::shelf::Found;
use crate::data::text::json_line;
use crate::encoder::Work;
use crate::kernel::ARITH;
use crate::metric::mean_reciprocal_rank;
use crate::retrieval::{self, Hit};

/// How deep rankings go.
pub const DEPTH: usize = 20;

const ENTITIES: &str = "candidate_set_entities.jsonl";

/// The measure as XTREME-R calls it; what it is stands in the key's aggregation.
const MEASURE: &str = "mAP@20";

/// Entities and mentions, ready to be searched.
#[derive(Debug)]
pub struct Mewsli {
    /// `test` or `dev`.
    pub split: String,
    /// Ids of all entities, in the ascending order of their bytes.
    pub entities: Vec<String>,
    /// Their texts.
    pub descriptions: Vec<String>,
    /// The mentions of each language.
    pub languages: BTreeMap<String, Vec<Mention>>,
}

/// A mention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Which entity it mentions.
    pub entity: usize,
}

/// A language, evaluated.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The language's code.
    pub language: String,
    /// Mean reciprocal rank, in per cent, with its key.
    pub cell: (Key, f64),
    /// The best entities of every mention.
    pub rankings: Vec<Vec<Hit>>,
    /// SHA-256 over rankings and scores.
    pub digest: String,
}

#[derive(Deserialize)]
struct Entity {
    entity_id: String,
    description: String,
    sentence_spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Article {
    context: Context,
    mentions: Vec<RawMention>,
}

#[derive(Deserialize)]
struct Context {
    language: String,
    text: String,
    sentence_spans: Vec<Span>,
}

#[derive(Deserialize)]
struct RawMention {
    example_id: String,
    entity_id: String,
    mention_span: TextSpan,
}

#[derive(Deserialize)]
struct TextSpan {
    #[serde(flatten)]
    span: Span,
    text: String,
}

impl Mewsli {
    /// Reads the data set; `split` is `test` or `dev`.
    ///
    /// # Errors
    /// A file that is missing; a line that is not of its format; spans outside of their text or that do not hold what they say; an id
    /// that is there twice; a mention of an entity that is not there.
    pub fn read(data: &Found, split: &str) -> Result<Self> {
        let mut entities: Vec<(String, String)> = Vec::new();
        each_line(data, ENTITIES, |entity: Entity, allowance| {
            let text = text::entity(&entity.description, &entity.sentence_spans, allowance);
            entities.push((entity.entity_id, text?));
            Ok(())
        })?;
        entities.sort();
        if let Some(pair) = entities.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let what = format!("entity {} stands twice", pair[0].0);
            return Err(FileFault::content(data.folder.label(ENTITIES), what).into());
        }
        let (entities, descriptions): (Vec<_>, Vec<_>) = entities.into_iter().unzip();
        let places: HashMap<&str, usize> = entities.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
        let (mut languages, mut seen) = (BTreeMap::<String, Vec<Mention>>::new(), HashSet::new());
        let mentions = format!("wikinews_mentions-{split}.jsonl");
        each_line(data, &mentions, |article: Article, allowance| {
            let Context { language, text, sentence_spans } = &article.context;
            // It becomes part of a file's name.
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if language.is_empty() || !language.chars().all(plain) {
                return Err(format!("{language:?} is no language code"));
            }
            let text = Characters::of(text);
            for mention in article.mentions {
                let id = mention.example_id;
                let TextSpan { span, text: stated } = &mention.mention_span;
                let text = text::mention(&text, sentence_spans, *span, stated, allowance)
                    .map_err(|e| format!("mention {id}: {e}"))?;
                let entity = places.get(mention.entity_id.as_str());
                let entity = *entity.ok_or_else(|| format!("mention {id}: no entity {}", mention.entity_id))?;
                if !seen.insert(id.clone()) {
                    return Err(format!("mention {id} stands twice"));
                }
                languages.entry(language.clone()).or_default().push(Mention { id, text, entity });
            }
            Ok(())
        })?;
        if languages.is_empty() {
            return Err(FileFault::content(data.folder.label(&mentions), "no mention").into());
        }
        Ok(Self { split: split.to_owned(), entities, descriptions, languages })
    }

    /// Evaluates the languages, all of them together.
    ///
    /// # Errors
    /// As [`Searcher::dense`].
    pub fn score(&self, data: &Found, searcher: &Searcher<'_>) -> Result<Vec<Scored>> {
        let mut rankings = searcher.dense(&self.mentions(), &self.described())?.into_iter();
        let scored = self.languages.iter().map(|(language, mentions)| {
            let rankings: Vec<Vec<Hit>> = rankings.by_ref().take(mentions.len()).collect();
            let ranks = mentions
                .iter()
                .zip(&rankings)
                .map(|(mention, ranking)| ranking.iter().take(DEPTH).position(|hit| hit.document == mention.entity));
            Scored {
                language: language.clone(),
                cell: (self.key(data, language, searcher), 100.0 * mean_reciprocal_rank(ranks)),
                digest: retrieval::digest(&rankings),
                rankings,
            }
        });
        Ok(scored.collect())
    }

    /// What is encoded for [`Self::score`].
    #[must_use]
    pub fn work<'a>(&'a self, searcher: &'a Searcher<'a>) -> [Work<'a>; 2] {
        searcher.work(self.mentions(), self.described())
    }

    fn mentions(&self) -> Vec<&str> {
        self.languages.values().flatten().map(|mention| mention.text.as_str()).collect()
    }

    fn described(&self) -> Vec<&str> {
        self.descriptions.iter().map(String::as_str).collect()
    }

    fn key(&self, data: &Found, language: &str, searcher: &Searcher<'_>) -> Key {
        let (models, queries) = (searcher.models, searcher.queries);
        Key {
            task: "mewsli-x".to_owned(),
            data: format!("{}, {}", data.name, self.split),
            data_sha256: data.digest.clone(),
            language: language.to_owned(),
            direction: "mention-entity".to_owned(),
            measure: MEASURE.to_owned(),
            aggregation: "mean reciprocal rank, per cent".to_owned(),
            model: models.name(),
            model_sha256: models.digest(),
            system: "dense".to_owned(),
            pooling: queries.name(models.queries().config()),
            prefix: super::prefixes(&queries.prefix, &searcher.documents.prefix),
            perturbation: None,
            ties: "id ascending".to_owned(),
            arith: ARITH,
        }
    }
}

fn each_line<T: DeserializeOwned>(
    data: &Found,
    file: &str,
    mut take: impl FnMut(T, &mut Allowance) -> Result<(), String>,
) -> Result<()> {
    let name = data.folder.label(file);
    let bytes = data.folder.read(file)?;
    let mut allowance = Allowance::of(bytes.len());
    let lines = bytes.split(|b| *b == b'\n').enumerate();
    for (i, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        json_line(line)
            .and_then(|line| take(line, &mut allowance))
            .map_err(|what| FileFault::line(&name, i + 1, what))?;
    }
    Ok(())
}
