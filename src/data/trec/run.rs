//! Rankings: `query Q0 document rank score tag`, a line a hit.
//!
//! A run is read in pieces, many at a time, and a query is done with as soon as another begins, so that memory does not grow with the run. Where
//! a query goes on after others have begun, the run is gathered first.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use super::lines::{Refused, TrecFile, fields, lines, text};
use crate::Result;

/// Bytes of a piece, but for the rest of its last line.
const PIECE: usize = 1 << 20;

/// Pieces that are read together, for each thread.
const PIECES: usize = 8;

/// A hit: a document and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'a> {
    /// The document's id.
    pub document: &'a str,
    /// Its score; never NaN.
    pub score: f64,
}

/// A line of a run, as it is written.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    file: &'a TrecFile,
    line: usize,
    /// The query's id.
    pub query: &'a str,
    /// The document's id.
    pub document: &'a str,
    /// Its score; never NaN.
    pub score: f64,
    /// The score as it is written.
    pub written: &'a str,
    /// The run's name.
    pub tag: &'a str,
}

impl Line<'_> {
    /// The error that says what is wrong with it.
    pub(crate) fn refuse(&self, what: String) -> crate::Error {
        self.file.refuse(Refused { line: self.line, what })
    }
}

/// Hits of one query that stand together.
struct Group<'a> {
    query: &'a str,
    entries: Vec<Entry<'a>>,
}

/// A query that went on after others had begun.
struct Scattered;

impl TrecFile {
    /// Reads it as a run and gives `work` every query with its hits, as they stand, in parallel; what that returns comes by query, in the
    /// ascending order of their bytes. Ranks and tags are not looked at: a ranking is the order of its scores.
    ///
    /// # Errors
    /// A line with fewer than six fields, or a score that is no number: named by line. What `work` says, for the first of such queries.
    pub fn each_query<T: Send>(
        &self,
        work: impl Fn(&str, &mut Vec<Entry<'_>>) -> Result<T> + Sync,
    ) -> Result<BTreeMap<String, T>> {
        match self.stream(&work)? {
            Ok(done) => done.into_iter().map(|(query, done)| Ok((query.to_owned(), done?))).collect(),
            Err(Scattered) => self.gather(&work),
        }
    }

    /// Its lines as they stand.
    ///
    /// # Errors
    /// Of each line as [`Self::each_query`]; a file that is not UTF-8 has one line, which says so.
    pub fn run_lines(&self) -> impl Iterator<Item = Result<Line<'_>>> {
        let (found, refused) = match text(self.bytes()) {
            Ok(found) => (found, None),
            Err(refused) => ("", Some(Err(self.refuse(refused)))),
        };
        let read = lines(found).map(|(line, content)| {
            let refuse = |what| self.refuse(Refused { line, what });
            let (query, Entry { document, score }) = entry(content).map_err(refuse)?;
            let [.., written, tag] = fields::<6>(content, FIELDS).map_err(refuse)?;
            Ok(Line { file: self, line, query, document, score, written, tag })
        });
        refused.into_iter().chain(read)
    }

    fn stream<'a, T: Send>(
        &'a self,
        work: &(impl Fn(&str, &mut Vec<Entry<'_>>) -> Result<T> + Sync),
    ) -> Result<Result<BTreeMap<&'a str, Result<T>>, Scattered>> {
        let (mut done, mut seen) = (BTreeMap::new(), HashSet::new());
        let mut open: Option<Group<'a>> = None;
        let (mut rest, mut line) = (self.bytes(), 0);
        while !rest.is_empty() || open.is_some() {
            let mut groups = Vec::new();
            if rest.is_empty() {
                groups.extend(open.take());
            }
            for group in self.batch(&mut rest, &mut line)? {
                match &mut open {
                    Some(last) if last.query == group.query => last.entries.extend(group.entries),
                    _ => groups.extend(open.replace(group)),
                }
            }
            if !groups.iter().all(|group| seen.insert(group.query)) {
                return Ok(Err(Scattered));
            }
            let results = groups.par_iter_mut().map(|group| (group.query, work(group.query, &mut group.entries)));
            done.extend(results.collect::<Vec<_>>());
        }
        Ok(Ok(done))
    }

    fn gather<T: Send>(
        &self,
        work: &(impl Fn(&str, &mut Vec<Entry<'_>>) -> Result<T> + Sync),
    ) -> Result<BTreeMap<String, T>> {
        let mut queries: HashMap<&str, Vec<Entry<'_>>> = HashMap::new();
        let (mut rest, mut line) = (self.bytes(), 0);
        while !rest.is_empty() {
            for group in self.batch(&mut rest, &mut line)? {
                queries.entry(group.query).or_default().extend(group.entries);
            }
        }
        let mut queries: Vec<_> = queries.into_iter().collect();
        queries.sort_unstable_by_key(|(query, _)| *query);
        let done = queries.par_iter_mut().map(|(query, entries)| ((*query).to_owned(), work(query, entries)));
        done.collect::<Vec<_>>().into_iter().map(|(query, done)| Ok((query, done?))).collect()
    }

    /// The hits of the next pieces of `rest`, which begins after line `line`.
    fn batch<'a>(&'a self, rest: &mut &'a [u8], line: &mut usize) -> Result<Vec<Group<'a>>> {
        let pieces: Vec<&[u8]> =
            (0..PIECES * rayon::current_num_threads()).map(|_| piece(rest)).filter(|piece| !piece.is_empty()).collect();
        let read: Vec<Result<(Vec<Group<'a>>, usize), Refused>> = pieces.into_par_iter().map(groups).collect();
        let mut found = Vec::new();
        for piece in read {
            let (groups, lines) =
                piece.map_err(|refused| self.refuse(Refused { line: *line + refused.line, ..refused }))?;
            found.extend(groups);
            *line += lines;
        }
        Ok(found)
    }

    /// The error that says that a query has a document twice.
    pub(crate) fn twice(&self, query: &str, document: &str) -> crate::Error {
        let is_it = |content: &str| {
            let mut fields = content.split_ascii_whitespace();
            fields.next() == Some(query) && fields.nth(1) == Some(document)
        };
        let found =
            text(self.bytes()).map(|text| lines(text).filter(|(_, content)| is_it(content)).map(|(line, _)| line));
        let lines: Vec<usize> = found.map(Iterator::collect).unwrap_or_default();
        let [first, second] = *lines.first_chunk().unwrap_or(&[0; 2]);
        let what = format!("query {query}: document {document} is on line {first} too");
        self.refuse(Refused { line: second, what })
    }
}

/// Takes a piece off the front of `rest`; it ends with a line.
fn piece<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = match rest.get(PIECE..) {
        Some(after) => PIECE + after.iter().position(|b| *b == b'\n').map_or(after.len(), |i| i + 1),
        None => rest.len(),
    };
    let (piece, after) = rest.split_at(end);
    *rest = after;
    piece
}

/// The hits of a piece, and how many lines it has.
fn groups(piece: &[u8]) -> Result<(Vec<Group<'_>>, usize), Refused> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (line, content) in lines(text(piece)?) {
        let (query, entry) = entry(content).map_err(|what| Refused { line, what })?;
        match groups.last_mut() {
            Some(group) if group.query == query => group.entries.push(entry),
            _ => groups.push(Group { query, entries: vec![entry] }),
        }
    }
    Ok((groups, piece.iter().filter(|b| **b == b'\n').count()))
}

/// What a line has.
const FIELDS: &str = "query, Q0, document, rank, score, tag";

fn entry(line: &str) -> Result<(&str, Entry<'_>), String> {
    let [query, _, document, _, score, _] = fields(line, FIELDS)?;
    let number: f64 = score.parse().map_err(|_| format!("the score {score} is not a number"))?;
    if number.is_nan() {
        return Err("the score is NaN, which has no rank".to_owned());
    }
    Ok((query, Entry { document, score: number }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query and its hits.
    type Hits = (String, Vec<(String, f64)>);

    fn read(text: &str) -> Result<Vec<Hits>, String> {
        let own = |_: &str, entries: &mut Vec<Entry<'_>>| {
            Ok(entries.iter().map(|e| (e.document.to_owned(), e.score)).collect())
        };
        let found = TrecFile::of("r", text).each_query(own);
        found.map(|queries| queries.into_iter().collect()).map_err(|e| e.to_string())
    }

    #[test]
    fn queries_that_stand_together_and_scattered_ones() {
        let a = ("a".to_owned(), vec![("x".to_owned(), 2.0), ("y".to_owned(), -0.5)]);
        let b = ("b".to_owned(), vec![("x".to_owned(), f64::INFINITY)]);
        let expected = Ok(vec![a, b]);
        assert_eq!(read("b Q0 x 1 inf t\na Q0 x 9 2 t and more\n\n# c\na\tQ0\ty\t1\t-5e-1\tt\r\n"), expected);
        assert_eq!(read("a Q0 x 1 2 t\nb Q0 x 1 inf t\na Q0 y 1 -.5 t"), expected);
        assert_eq!(read(""), Ok(vec![]));
    }

    #[test]
    fn a_query_longer_than_a_piece_is_whole() {
        let line =
            |query: usize, i: usize| format!("q{query} Q0 document-of-some-length-{i} 1 {} tag\n", 0.5 * i as f64);
        let count = 3 * PIECE / line(0, 10_000).len();
        let mut text: String = (0..count).map(|i| line(1, i)).collect();
        text.push_str(&line(2, 7));
        let found = read(&text).unwrap();
        assert_eq!((found.len(), found[0].1.len(), found[1].1.len()), (2, count, 1));
        assert!(found[0].1.iter().enumerate().all(|(i, (_, score))| *score == 0.5 * i as f64));
        text.push_str("q1 Q0 x 1 nan t\n");
        assert_eq!(read(&text).unwrap_err(), format!("r, line {}: the score is NaN, which has no rank", count + 2));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line() {
        let refused = |text| read(text).unwrap_err();
        assert_eq!(refused("q Q0 a 1 2"), "r, line 1: 5 fields: expected query, Q0, document, rank, score, tag");
        assert_eq!(refused("q Q0 a 1 2 t\n\nq Q0 a 1 x t"), "r, line 3: the score x is not a number");
        let bytes = TrecFile::of_bytes("r", b"q Q0 a 1 2 t\nq \xff".to_vec());
        let error = bytes.each_query(|_, _| Ok(())).unwrap_err().to_string();
        assert_eq!(error, "r, line 2: not UTF-8 at its byte 2");
    }
}
