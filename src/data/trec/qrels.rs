//! Judgements: `query iteration document grade`, a line each; or as BEIR has them, `query document grade` under a line that says so.

use std::collections::BTreeMap;

use super::lines::{Refused, TrecFile, fields, lines, text};
use crate::Result;

/// The highest grade: 2^grade is a gain, and its sums are to be finite.
const HIGHEST: i32 = 1000;

/// The first line of judgements in BEIR's format.
const BEIR: [&str; 3] = ["query-id", "corpus-id", "score"];

/// How relevant a document is to a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The document's id.
    pub document: String,
    /// Its grade. 0 is judged not relevant; below 0 the document was pooled but not judged.
    pub grade: i32,
}

/// The judgements of every query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qrels(BTreeMap<String, Vec<Judgement>>);

impl Qrels {
    /// Reads judgements.
    ///
    /// # Errors
    /// A line with fewer than four fields, a grade that is no integer, or a document that is judged twice for a query: named by line.
    pub fn read(file: &TrecFile) -> Result<Self> {
        parse(file.bytes()).map_err(|refused| file.refuse(refused))
    }

    /// The judgements of some of the queries.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|query, _| wanted(query));
        self
    }

    /// How many queries have judgements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A query's judgements, in the ascending order of their documents' bytes.
    #[must_use]
    pub fn of(&self, query: &str) -> Option<&[Judgement]> {
        self.0.get(query).map(Vec::as_slice)
    }

    /// Every query with its judgements, in the ascending order of the queries' bytes.
    pub fn queries(&self) -> impl Iterator<Item = (&str, &[Judgement])> {
        self.0.iter().map(|(query, judgements)| (query.as_str(), judgements.as_slice()))
    }
}

fn parse(bytes: &[u8]) -> Result<Qrels, Refused> {
    let text = text(bytes)?;
    let mut queries: BTreeMap<String, Vec<(Judgement, usize)>> = BTreeMap::new();
    let mut three = false;
    for (i, (line, content)) in lines(text).enumerate() {
        let refuse = |what| Refused { line, what };
        if i == 0 && content.split_ascii_whitespace().eq(BEIR) {
            three = true;
            continue;
        }
        let [query, document, grade] = if three {
            fields(content, "query, document, grade").map_err(refuse)?
        } else {
            let [query, _, document, grade] = fields(content, "query, iteration, document, grade").map_err(refuse)?;
            [query, document, grade]
        };
        let grade = match grade.parse() {
            Ok(grade) if grade <= HIGHEST => grade,
            Ok(_) => return Err(refuse(format!("the grade {grade} is above {HIGHEST}"))),
            Err(_) => return Err(refuse(format!("the grade {grade} is not an integer"))),
        };
        let judgement = (Judgement { document: document.to_owned(), grade }, line);
        match queries.get_mut(query) {
            Some(judgements) => judgements.push(judgement),
            None => drop(queries.insert(query.to_owned(), vec![judgement])),
        }
    }
    let sorted = queries.into_iter().map(|(query, mut judgements)| {
        judgements.sort_by(|(a, _), (b, _)| a.document.cmp(&b.document));
        let twice = judgements.windows(2).find(|pair| pair[0].0.document == pair[1].0.document);
        if let Some([(_, first), (twice, line)]) = twice {
            let what = format!("query {query}: document {} is judged on line {first} too", twice.document);
            return Err(Refused { line: *line, what });
        }
        Ok((query, judgements.into_iter().map(|(judgement, _)| judgement).collect()))
    });
    sorted.collect::<Result<_, _>>().map(Qrels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Qrels, String> {
        Qrels::read(&TrecFile::of("q", text)).map_err(|e| e.to_string())
    }

    #[test]
    fn judgements_are_kept_in_order() {
        let qrels = read("# comment\nq2 0 b 1\n\nq10\t0\tx\t-1\r\nq2 0 a 3 and more\n").unwrap();
        let judgement = |document: &str, grade| Judgement { document: document.to_owned(), grade };
        assert_eq!(qrels.queries().map(|(query, _)| query).collect::<Vec<_>>(), ["q10", "q2"]);
        assert_eq!(qrels.of("q2").unwrap(), [judgement("a", 3), judgement("b", 1)]);
        assert_eq!((qrels.of("q10").unwrap(), qrels.of("q1")), (&[judgement("x", -1)][..], None));
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line() {
        let refused = |text| read(text).unwrap_err();
        assert_eq!(refused("#\nq 0 a\n"), "q, line 2: 3 fields: expected query, iteration, document, grade");
        assert_eq!(refused("q 0 a 1.5"), "q, line 1: the grade 1.5 is not an integer");
        assert_eq!(refused("q 0 a 1001"), "q, line 1: the grade 1001 is above 1000");
        assert_eq!(refused("q 0 a 99999999999"), "q, line 1: the grade 99999999999 is not an integer");
        assert_eq!(refused("q 0 a 1\np 0 a 1\nq 0 a 0"), "q, line 3: query q: document a is judged on line 1 too");
    }
}
