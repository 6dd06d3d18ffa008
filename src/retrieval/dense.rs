//! Exhaustive dense retrieval: every query against every document, exact products, ties by the contract.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::Result;
use crate::data::FileFault;
use crate::kernel::product::{Columns, Rows, product};

/// Queries that are scored together on one thread.
const QUERIES: usize = 64;

/// A document in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The document's row in the corpus.
    pub document: usize,
    /// Its score.
    pub score: f32,
}

/// The `k` best documents of every query by inner product, best first. Equal scores go to the document of the lower row, so rows are to
/// be in the ascending order of their ids. `queries` [q, d], `corpus` [n, d]; memory: 64·n scores a thread.
///
/// # Errors
/// An embedding that is not finite.
pub fn rank(queries: ArrayView2<'_, f32>, corpus: ArrayView2<'_, f32>, k: usize) -> Result<Vec<Vec<Hit>>> {
    let refuse =
        |side: &'static str| move |e: crate::kernel::NotFinite| crate::Error::from(FileFault::content(side, e));
    let corpus = Columns::of(corpus).map_err(refuse("corpus embeddings"))?;
    let queries = Rows::of(queries).map_err(refuse("query embeddings"))?;
    let blocks: Vec<usize> = (0..queries.count()).step_by(QUERIES).collect();
    let ranked: Vec<Vec<Vec<Hit>>> = blocks
        .into_par_iter()
        .map(|start| {
            let block = queries.slice(start..queries.count().min(start + QUERIES));
            let mut scores = Array2::zeros((block.count(), corpus.count()));
            product(&block, &corpus, scores.view_mut());
            scores.axis_iter(Axis(0)).map(|row| best(row.as_slice().expect("contiguous"), k)).collect()
        })
        .collect();
    Ok(ranked.into_iter().flatten().collect())
}

/// The `k` best of a row of scores.
fn best(scores: &[f32], k: usize) -> Vec<Hit> {
    let order = |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document));
    // +0 and −0 are equal scores, and total_cmp alone would tell them apart.
    let mut hits: Vec<Hit> =
        scores.iter().enumerate().map(|(document, score)| Hit { document, score: score + 0.0 }).collect();
    if k < hits.len() && k > 0 {
        hits.select_nth_unstable_by(k - 1, order);
    }
    hits.truncate(k);
    hits.shrink_to_fit();
    hits.sort_unstable_by(order);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_go_to_the_lower_row() {
        let corpus = ndarray::array![[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 0.0]];
        let queries = ndarray::array![[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]];
        let documents = |k| -> Vec<Vec<usize>> {
            rank(queries.view(), corpus.view(), k)
                .unwrap()
                .iter()
                .map(|r| r.iter().map(|h| h.document).collect())
                .collect()
        };
        assert_eq!(documents(2), [[1, 2], [0, 1], [0, 1]]);
        assert_eq!(documents(9)[0], [1, 2, 0, 3, 4], "k beyond the corpus gives the whole corpus");
        assert!(documents(0).iter().all(Vec::is_empty));
    }

    #[test]
    fn blocks_of_queries_do_not_change_a_ranking() {
        let matrix = |n: usize| Array2::from_shape_fn((n, 7), |(i, j)| ((i * 31 + j * 17) % 23) as f32 - 11.0);
        let (queries, corpus) = (matrix(QUERIES * 2 + 3), matrix(41));
        let together = rank(queries.view(), corpus.view(), 5).unwrap();
        for (i, expected) in together.iter().enumerate() {
            assert_eq!(&rank(queries.slice(ndarray::s![i..=i, ..]), corpus.view(), 5).unwrap()[0], expected);
        }
    }
}
