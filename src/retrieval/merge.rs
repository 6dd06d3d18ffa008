//! Runs that are parts of one.

use std::collections::HashMap;
use std::io::{self, Write};

use super::fault::RetrievalFault;
use crate::Result;
use crate::data::trec::{Line, TrecFile};

/// A query's hits, and how many parts have some.
#[derive(Default)]
struct Query<'a> {
    hits: Vec<Line<'a>>,
    /// The last part that has some.
    last: usize,
    parts: usize,
}

/// What parts were put together to.
pub struct Merged<'a> {
    metadata: Option<Vec<String>>,
    queries: Vec<(&'a str, Query<'a>)>,
    k: usize,
}

/// How lines of `ir_metadata` begin that `retrieve` writes, and that differ between a part and the whole.
const SHARD: &str = "#       shard: ";
const DEPTH: &str = "#       k: ";

/// Puts runs together: those of different queries one behind the other, those of one query over different documents in one ranking: by score, of equal scores the lower id first, `k` hits at most. The
/// queries stand as they are first met, so that the parts of `retrieve --shard`, in order, are the run of all queries. That a part is missing can be seen only where they have `ir_metadata`.
///
/// # Errors
/// A line that is none of a run; a document that a query has twice; a query with scores of several systems, or of one whose scores depend on all documents: named by line.
pub fn merge(parts: &[TrecFile], k: usize) -> Result<Merged<'_>> {
    let (mut places, mut queries) = (HashMap::new(), Vec::<(&str, Query<'_>)>::new());
    for (number, part) in (1..).zip(parts) {
        for line in part.run_lines() {
            let line = line?;
            let place = *places.entry(line.query).or_insert_with(|| {
                queries.push((line.query, Query::default()));
                queries.len() - 1
            });
            let query = &mut queries[place].1;
            query.parts += usize::from(query.last != number);
            query.last = number;
            query.hits.push(line);
        }
    }
    for (query, Query { hits, parts, .. }) in &mut queries {
        // Stable: of two lines with one document the later one is named.
        hits.sort_by_key(|hit| hit.document);
        if let Some(pair) = hits.windows(2).find(|pair| pair[0].document == pair[1].document) {
            let what = format!(
                "query {query}: document {} stands there twice, or in another of the runs too",
                pair[1].document
            );
            return Err(pair[1].refuse(what));
        }
        if *parts > 1 {
            comparable(query, hits)?;
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    Ok(Merged { metadata: metadata(parts, k)?, queries, k })
}

/// What the parts say of themselves, but for which of the parts they are; none where they differ in more, as those of a corpus's parts do.
///
/// # Errors
/// A shard that is missing, there twice, or one of another number.
fn metadata(parts: &[TrecFile], k: usize) -> Result<Option<Vec<String>>> {
    let found = parts.iter().map(TrecFile::metadata).collect::<Result<Vec<_>>>()?;
    complete(&found)?;
    let whole = |line: &str| match line.strip_prefix(DEPTH) {
        Some(depth) if depth.parse().is_ok_and(|depth: usize| depth > k) => format!("{DEPTH}{k}"),
        _ => line.to_owned(),
    };
    let of = |lines: &Vec<&str>| -> Vec<String> {
        lines.iter().filter(|line| !line.starts_with(SHARD)).map(|line| whole(line)).collect()
    };
    let first = found.first().map(of).unwrap_or_default();
    Ok(found.iter().all(|part| of(part) == first).then_some(first))
}

/// Whether shards, where parts say that they are some, are all there.
fn complete(found: &[Vec<&str>]) -> Result<()> {
    let shard = |lines: &Vec<&str>| -> Option<(usize, usize)> {
        let written = lines.iter().find_map(|line| line.strip_prefix(SHARD))?;
        let (i, n) = written.trim().trim_matches('"').split_once('/')?;
        Some((i.parse().ok()?, n.parse().ok()?))
    };
    let shards: Vec<(usize, usize)> = found.iter().filter_map(shard).collect();
    let Some((_, n)) = shards.first().copied() else { return Ok(()) };
    if let Some((i, other)) = shards.iter().find(|(i, other)| *other != n || *i == 0 || *i > n) {
        return Err(RetrievalFault::Shards(format!("shard {i}/{other} beside one of {n}")).into());
    }
    for i in 1..=n {
        match shards.iter().filter(|shard| shard.0 == i).count() {
            0 => return Err(RetrievalFault::Shards(format!("shard {i}/{n} is missing")).into()),
            1 => {}
            _ => return Err(RetrievalFault::Shards(format!("shard {i}/{n} is there twice")).into()),
        }
    }
    Ok(())
}

/// Scores of one query from several parts of a corpus have to be of one system, and must not depend on the other documents.
fn comparable(query: &str, hits: &[Line<'_>]) -> Result<()> {
    let first = &hits[0];
    if let Some(other) = hits.iter().find(|hit| hit.tag != first.tag) {
        let what = format!(
            "query {query}: a run of {}, and another is of {}: their scores cannot be compared",
            other.tag, first.tag
        );
        return Err(other.refuse(what));
    }
    if first.tag.starts_with("bm25(") {
        let what = format!(
            "query {query} is in several runs, but scores of {} depend on all documents: search the whole corpus",
            first.tag
        );
        return Err(first.refuse(what));
    }
    Ok(())
}

impl Merged<'_> {
    /// How many queries there are.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.queries.len()
    }

    /// Whether the parts' `ir_metadata` is left out, because it is not the same.
    #[must_use]
    pub fn drops_metadata(&self) -> bool {
        self.metadata.is_none()
    }

    /// Writes the run.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in self.metadata.iter().flatten() {
            writeln!(out, "{line}")?;
        }
        for (query, Query { hits, .. }) in &self.queries {
            for (rank, hit) in hits.iter().take(self.k).enumerate() {
                writeln!(out, "{query} Q0 {} {} {} {}", hit.document, rank + 1, hit.written, hit.tag)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(parts: &[&str], k: usize) -> Result<String, String> {
        let parts: Vec<TrecFile> =
            parts.iter().enumerate().map(|(i, text)| TrecFile::of(&format!("part{i}"), text)).collect();
        let mut out = Vec::new();
        merge(&parts, k).map_err(|e| e.to_string())?.write(&mut out).unwrap();
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn parts_of_queries_stand_behind_each_other() {
        let parts = ["# ir_metadata\nq2 Q0 a 1 0.5 ours\nq2 Q0 b 2 0.5 ours\n", "q1 Q0 c 1 1e-3 ours\n"];
        assert_eq!(merged(&parts, 9).unwrap(), "q2 Q0 a 1 0.5 ours\nq2 Q0 b 2 0.5 ours\nq1 Q0 c 1 1e-3 ours\n");
        // The order of a ranking is that of its scores, wherever its lines stand.
        assert_eq!(merged(&["q Q0 a 1 0.5 x\nq Q0 b 2 0.9 x\n"], 1).unwrap(), "q Q0 b 1 0.9 x\n");
    }

    #[test]
    fn what_parts_say_of_themselves_the_whole_says() {
        let part = |shard: &str, hit: &str| {
            format!("# ir_metadata.start\n#       k: 9\n#       shard: \"{shard}/2\"\n# ir_metadata.end\n{hit}\n")
        };
        let parts = [part("1", "q1 Q0 a 1 0.5 x"), part("2", "q2 Q0 a 1 0.5 x")];
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let hits = "q1 Q0 a 1 0.5 x\nq2 Q0 a 1 0.5 x\n";
        let heading = |k: usize| format!("# ir_metadata.start\n#       k: {k}\n# ir_metadata.end\n");
        assert_eq!(merged(&parts, 9).unwrap(), heading(9) + hits);
        assert_eq!(merged(&parts, 3).unwrap(), heading(3) + hits);
        let refused = |parts: &[&str]| merged(parts, 9).unwrap_err();
        assert_eq!(refused(&[parts[0], "q2 Q0 a 1 0.5 x\n"]), "shard 2/2 is missing");
        assert_eq!(refused(&[parts[0], &part("1", "q2 Q0 a 1 0.5 x")]), "shard 1/2 is there twice");
        assert_eq!(refused(&[parts[0], &part("3", "q2 Q0 a 1 0.5 x")]), "shard 3/2 beside one of 2");
        assert_eq!(refused(&["\n# ir_metadata.start\nq Q0 a 1 0.5 x\n"]), "part0, line 2: this ir_metadata has no end");
        // Those of parts of a corpus are not the same.
        let other = |corpus: &str, hit: &str| {
            format!("# mine\n# ir_metadata.start\n# corpus: {corpus}\n# ir_metadata.end\n{hit}\n")
        };
        let corpora = [other("a", "q1 Q0 a 1 0.5 x"), other("b", "q2 Q0 a 1 0.5 x")];
        assert_eq!(merged(&[&corpora[0], &corpora[1]], 9).unwrap(), hits);
    }

    #[test]
    fn parts_of_documents_are_ranked_together() {
        let parts = ["q Q0 d 1 2.5 x\nq Q0 b 2 1.0 x\n", "q Q0 c 1 2.5 x\nq Q0 a 2 1.5 x\n"];
        assert_eq!(merged(&parts, 3).unwrap(), "q Q0 c 1 2.5 x\nq Q0 d 2 2.5 x\nq Q0 a 3 1.5 x\n");
    }

    #[test]
    fn a_document_in_two_parts_is_refused_with_its_line() {
        let parts = ["q Q0 d 1 2.5 x\n", "q Q0 c 1 3 x\nq Q0 d 2 2.5 x\n"];
        let what = "part1, line 2: query q: document d stands there twice, or in another of the runs too";
        assert_eq!(merged(&parts, 3).unwrap_err(), what);
        assert!(
            merged(&["q Q0 d 1 2 x\nq Q0 d 2 1 x\n"], 3)
                .unwrap_err()
                .starts_with("part0, line 2: query q: document d stands")
        );
        assert!(merged(&["q Q0 d 1 2 x\n", "q Q0 e 1 2 y\n"], 3).unwrap_err().contains("cannot be compared"));
        assert!(
            merged(&["q Q0 d 1 2 bm25(k1=1)\n", "q Q0 e 1 2 bm25(k1=1)\n"], 3)
                .unwrap_err()
                .contains("depend on all documents")
        );
        assert!(merged(&["q Q0 d 1 NaN x\n"], 3).unwrap_err().starts_with("part0, line 1"));
    }
}
