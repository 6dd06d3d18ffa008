//! TREC run files: `query Q0 document rank score tag`, a line a hit.

use std::fmt::Display;
use std::io::Write;

use super::Hit;

/// Writes rankings as a TREC run. Query i is called `queries(i)`, document j `documents(j)`; ranks count from 1; scores are printed so
/// that reading them back gives the same f32.
///
/// # Errors
/// `out` cannot be written.
pub fn write_trec<Q: Display, D: Display>(
    out: &mut dyn Write,
    rankings: &[Vec<Hit>],
    queries: impl Fn(usize) -> Q,
    documents: impl Fn(usize) -> D,
    tag: &str,
) -> std::io::Result<()> {
    for (query, ranking) in rankings.iter().enumerate() {
        let query = queries(query);
        for (rank, hit) in ranking.iter().enumerate() {
            writeln!(out, "{query} Q0 {} {} {} {tag}", documents(hit.document), rank + 1, hit.score)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_hit() {
        let mut out = Vec::new();
        let rankings = [vec![Hit { document: 3, score: 0.1 }, Hit { document: 0, score: -2.0 }], vec![]];
        write_trec(&mut out, &rankings, |q| format!("q{q}"), |d| format!("d{d}"), "ours").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "q0 Q0 d3 1 0.1 ours\nq0 Q0 d0 2 -2 ours\n");
    }
}
