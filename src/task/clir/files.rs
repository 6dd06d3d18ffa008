//! Which files of a folder make a collection.

use std::collections::BTreeMap;
use std::path::Path;

use crate::Result;
use crate::data::FileFault;
use crate::data::shelf::Found;
use crate::data::text::{self, Text};
use crate::data::trec::{Qrels, TrecFile};

/// A set of queries with its judgements: which files they are.
///
/// `qrels.NAME.txt` (or `.tsv`) makes a set NAME. Its queries are `queries.NAME.tsv` (or `.jsonl`), their translations, if there are any,
/// `queries.NAME.pivot-LANGUAGE.tsv` (the first by name) or `queries.NAME-native.tsv`, and its documents the first of `corpus.NAME.tsv`, `corpus.LANGUAGE.tsv` of the pivot language and `corpus.tsv` that
/// is there, or else the folder's only `corpus.….tsv`. Without NAME and its dot the set is called `all`. `topics.` is another word for
/// `queries.`, and each file may also be `.gz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// Its name, mostly a language.
    pub name: String,
    qrels: String,
    queries: String,
    pivot: Option<(String, String)>,
    /// The file of its documents; none where the collection has none.
    pub corpus: Option<String>,
}

/// What a set of queries holds.
#[derive(Clone, Debug)]
pub struct Asked {
    /// In the ascending order of their ids' bytes; only those with judgements.
    pub queries: Vec<Text>,
    /// Their translations, in the same order, and what language that is.
    pub pivot: Option<(String, Vec<Text>)>,
    /// Their judgements.
    pub qrels: Qrels,
}

/// A file's name without `.gz` and its extension, if that is one of `extensions`.
fn stem<'a>(name: &'a str, extensions: &[&str]) -> Option<&'a str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    extensions.iter().find_map(|extension| name.strip_suffix(extension)?.strip_suffix('.'))
}

/// The language of translations, from what stands behind the name of their set.
fn translated(rest: &str) -> Option<&str> {
    if rest == "-native" { Some("native") } else { rest.strip_prefix(".pivot-") }
}

impl Topics {
    /// The sets of queries of a collection, by name.
    ///
    /// # Errors
    /// A folder that cannot be read, has no judgements, or of no set the queries; a file that is there twice.
    pub fn of(data: &Found) -> Result<Vec<Self>> {
        let refuse = |what: String| FileFault::content(data.folder.label(""), what);
        let names = data.folder.names()?;
        let (mut qrels, mut queries, mut corpora) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for name in names.iter().filter(|name| !name.contains('/')) {
            let place = match name.split('.').next() {
                Some("qrels") => stem(name, &["txt", "tsv", "qrels"]).map(|stem| (&mut qrels, stem)),
                Some(word @ ("queries" | "topics")) => {
                    stem(name, &["tsv", "jsonl"]).map(|stem| (&mut queries, &stem[word.len()..]))
                }
                Some("corpus") => stem(name, &["tsv", "jsonl"]).map(|stem| (&mut corpora, stem)),
                _ => None,
            };
            if let Some((files, stem)) = place
                && let Some(other) = files.insert(stem, name.clone())
            {
                return Err(refuse(format!("{other} and {name} are two of the same")).into());
            }
        }
        if qrels.is_empty() {
            return Err(refuse("no file qrels.NAME.txt".to_owned()).into());
        }
        let mut all = Vec::new();
        for (stem, qrels) in &qrels {
            let set = stem.strip_prefix("qrels").unwrap_or_default();
            // Of a set without queries there is nothing to search; others may have theirs.
            let Some(found) = queries.get(set) else { continue };
            let mut pivots =
                queries.iter().filter_map(|(stem, file)| Some((translated(stem.strip_prefix(set)?)?.to_owned(), file)));
            let pivot = pivots.next().map(|(language, file)| (language, file.clone()));
            let tried = [
                Some(format!("corpus{set}")),
                pivot.as_ref().map(|(l, _)| format!("corpus.{l}")),
                Some("corpus".to_owned()),
            ];
            let corpus = tried.iter().flatten().find_map(|stem| corpora.get(stem.as_str()));
            let only = if corpora.len() == 1 { corpora.values().next() } else { None };
            let corpus = corpus.or(only).cloned();
            let name = if set.is_empty() { "all" } else { &set[1..] };
            all.push(Self { name: name.to_owned(), qrels: qrels.clone(), queries: found.clone(), pivot, corpus });
        }
        match qrels.first_key_value() {
            Some((stem, file)) if all.is_empty() => {
                let set = stem.strip_prefix("qrels").unwrap_or_default();
                Err(refuse(format!("{file} has no queries{set}.tsv")).into())
            }
            _ => Ok(all),
        }
    }

    /// Reads queries and judgements; `part`: only of queries whose id holds it.
    ///
    /// # Errors
    /// A file that cannot be read; a judged query that is not among the queries or has no translation; no query at all.
    pub fn read(&self, data: &Found, part: &str) -> Result<Asked> {
        let folder = &data.folder;
        let qrels = Qrels::read(&TrecFile::within(folder, &self.qrels)?)?.only(|query| query.contains(part));
        if qrels.is_empty() {
            let what = if part.is_empty() { "no judgement".to_owned() } else { format!("no query's id holds {part}") };
            return Err(FileFault::content(folder.label(&self.qrels), what).into());
        }
        let judged = |file: &str| -> Result<Vec<Text>> {
            let mut texts = text::read_within(folder, file, false)?;
            text::check_query_ids(&folder.label(file), &texts)?;
            texts.retain(|text| qrels.of(&text.id).is_some());
            texts.sort_by(|a, b| a.id.cmp(&b.id));
            let missing = qrels
                .queries()
                .map(|(id, _)| id)
                .find(|id| texts.binary_search_by(|text| text.id.as_str().cmp(id)).is_err());
            match missing {
                Some(id) => {
                    Err(FileFault::content(folder.label(file), format!("no query {id}, which {} judges", self.qrels))
                        .into())
                }
                None => Ok(texts),
            }
        };
        let pivot = match &self.pivot {
            Some((language, file)) => Some((language.clone(), judged(file)?)),
            None => None,
        };
        Ok(Asked { queries: judged(&self.queries)?, pivot, qrels })
    }

    /// The documents, in the ascending order of their ids' bytes: those of the collection, or of another file.
    ///
    /// # Errors
    /// As [`text::read_documents`]; the collection has none.
    pub fn documents(&self, data: &Found, other: Option<&Path>) -> Result<Vec<Text>> {
        let (name, mut documents) = match (other, &self.corpus) {
            (Some(other), _) => (other.display().to_string(), text::read_documents(other)?),
            (None, Some(file)) => (data.folder.label(file), text::read_within(&data.folder, file, true)?),
            (None, None) => {
                let what = format!("{} has no corpus.{}.tsv or corpus.tsv: give its documents", self.qrels, self.name);
                return Err(FileFault::content(data.folder.label(""), what).into());
            }
        };
        text::check_ids(&name, &documents)?;
        documents.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(documents)
    }

    /// The set's name and the corpus's, e.g. `bem-en`.
    #[must_use]
    pub fn direction(&self) -> String {
        let corpus = self.corpus.as_ref().and_then(|file| stem(file, &["tsv", "jsonl"])?.strip_prefix("corpus."));
        format!("{}-{}", self.name, corpus.unwrap_or("corpus"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::folder::Folder;

    fn data(files: &'static [(&'static str, &'static [u8])]) -> Found {
        Found { name: "t".into(), digest: "0".into(), folder: Folder::Builtin { name: "t", files } }
    }

    #[test]
    fn sets_find_their_files() {
        let data = data(&[
            ("qrels.bem.txt", b"q2 0 d1 1\nq1 0 d2 1\n"),
            ("queries.bem.tsv", b"q1\teins\nq3\tdrei\nq2\tzwei\n"),
            ("queries.bem.pivot-en.tsv", b"q2\ttwo\nq1\tone\n"),
            ("qrels.fon.txt", b"q1 0 d1 1\n"),
            ("queries.fon.tsv", b"q1\tun\n"),
            ("corpus.en.tsv", b"d2\tb\nd1\ta\n"),
            ("corpus.fon.jsonl", br#"{"_id": "d1", "title": "T", "text": "x"}"#),
            ("README.md", b""),
        ]);
        let topics = Topics::of(&data).unwrap();
        assert_eq!(topics.iter().map(Topics::direction).collect::<Vec<_>>(), ["bem-en", "fon-fon"]);
        let asked = topics[0].read(&data, "").unwrap();
        let texts = |texts: &[Text]| texts.iter().map(|text| text.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&asked.queries), ["eins", "zwei"]);
        let (language, pivot) = asked.pivot.unwrap();
        assert_eq!((language.as_str(), texts(&pivot)), ("en", vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(texts(&topics[0].documents(&data, None).unwrap()), ["a", "b"]);
        assert_eq!(texts(&topics[1].documents(&data, None).unwrap()), ["T x"]);
        assert_eq!(topics[0].read(&data, "2").unwrap().queries.len(), 1);
        let error = topics[0].read(&data, "9").unwrap_err().to_string();
        assert_eq!(error, "t/qrels.bem.txt: no query's id holds 9");
    }

    #[test]
    fn sets_without_queries_are_passed_over_where_others_have_theirs() {
        // As CIRAL has them.
        let data = data(&[
            ("qrels.x-dev.tsv", b"q1 0 d1 1\n"),
            ("topics.x-dev-native.tsv", b"q1\teins\n"),
            ("qrels.x-test.tsv", b"q1 0 d1 1\n"),
            ("topics.x-test.tsv", b"q1\tone\n"),
            ("topics.x-test-native.tsv", b"q1\tmoja\n"),
        ]);
        let topics = Topics::of(&data).unwrap();
        assert_eq!(topics.iter().map(|topics| topics.name.as_str()).collect::<Vec<_>>(), ["x-test"]);
        let (language, pivot) = topics[0].read(&data, "").unwrap().pivot.unwrap();
        assert_eq!((language.as_str(), pivot[0].text.as_str()), ("native", "moja"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |files| Topics::of(&data(files)).unwrap_err().to_string();
        assert_eq!(error(&[]), "t/: no file qrels.NAME.txt");
        assert_eq!(error(&[("qrels.a.txt", b"")]), "t/: qrels.a.txt has no queries.a.tsv");
        assert_eq!(
            error(&[("corpus.tsv", b""), ("corpus.tsv.gz", b"")]),
            "t/: corpus.tsv and corpus.tsv.gz are two of the same"
        );
        let data = data(&[("qrels.txt", b"q 0 d 1\n"), ("topics.tsv", b"p\tx\n")]);
        let topics = Topics::of(&data).unwrap();
        assert_eq!(topics[0].name, "all");
        let error = topics[0].read(&data, "").unwrap_err().to_string();
        assert_eq!(error, "t/topics.tsv: no query q, which qrels.txt judges");
        let error = topics[0].documents(&data, None).unwrap_err().to_string();
        assert_eq!(error, "t/: qrels.txt has no corpus.all.tsv or corpus.tsv: give its documents");
    }
}
