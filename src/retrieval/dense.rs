//! Exhaustive dense retrieval: every query against every document, exact products, ties by the contract.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, s};
use rayon::prelude::*;

use super::Hit;
use super::best::{Best, next_rows};
#[cfg(feature = "cuda")]
use super::card::{self, Card};
use super::fault::RetrievalFault;
use crate::Result;
use crate::kernel::devices::Devices;
use crate::kernel::product::{Columns, Form, MAX_TERMS, Rows, product};

/// Documents that are put on their grids together and scored while they are in the cache; whole tiles of every product kernel.
const DOCUMENTS: usize = 192;

/// Queries that they are scored against at a time: 48 KB of scores, which are looked at before they leave the cache.
const QUERIES: usize = 64;

/// A search for every query's `k` best documents by inner product, through a corpus that streams by in blocks.
///
/// Memory: the queries on their grids, 2k candidates a query, and a few hundred documents a thread, whatever the size of the corpus.
/// How the corpus is cut into blocks cannot change a result, only the speed: a block is shared among the threads in pieces of 192
/// documents, so give thousands at a time.
///
/// ```
/// use ndarray::array;
/// use snellen::retrieval::dense::Search;
///
/// let mut search = Search::of(array![[1.0, 0.0]].view(), 2)?;
/// search.add(array![[0.5, 1.0], [1.0, 0.0]].view())?;
/// search.add(array![[2.0, 0.0]].view())?;
/// let rankings = search.finish();
/// assert_eq!(rankings[0].iter().map(|hit| hit.document).collect::<Vec<_>>(), [2, 1]);
/// # Ok::<(), snellen::Error>(())
/// ```
pub struct Search {
    width: usize,
    seen: usize,
    place: Place,
}

/// Where it is searched.
enum Place {
    Processors {
        /// In which form queries and documents are packed.
        form: Form,
        groups: Vec<Group>,
    },
    #[cfg(feature = "cuda")]
    Card(Box<Card>),
}

/// Some of the queries, and what they found.
struct Group {
    queries: Columns,
    best: Best,
}

impl Search {
    /// A search for the `k` best documents of each of `queries` [q, d], which are put on their grids once.
    ///
    /// # Errors
    /// A query that is not finite, or embeddings wider than [`MAX_TERMS`].
    pub fn of(queries: ArrayView2<'_, f32>, k: usize) -> Result<Self> {
        let width = width_of(queries)?;
        let form = Form::active();
        let group = |rows: Range<usize>| {
            let columns = Columns::of(queries.slice(s![rows.clone(), ..]), form)
                .map_err(|e| RetrievalFault::Row { side: "query", row: rows.start + e.row })?;
            Ok(Group { best: Best::new(rows.len(), k), queries: columns })
        };
        let groups: Vec<Result<Group, RetrievalFault>> =
            pieces(queries.nrows(), QUERIES).into_par_iter().map(group).collect();
        let groups = groups.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { width, seen: 0, place: Place::Processors { form, groups } })
    }

    /// The same on these devices, of several cards on the first. What is found is the same. Processors search for more than 4,096 documents a query, and where the card has
    /// no room for the queries.
    ///
    /// # Errors
    /// As [`Self::of`]; what a card says.
    pub fn on(devices: &Devices, queries: ArrayView2<'_, f32>, k: usize) -> Result<Self> {
        width_of(queries)?;
        #[cfg(feature = "cuda")]
        if let Some(card) = card::open(devices, k, |device| Card::of(device, queries, k))? {
            return Ok(Self { width: queries.ncols(), seen: 0, place: Place::Card(Box::new(card)) });
        }
        let _ = devices;
        Self::of(queries, k)
    }

    /// Searches the next documents of the corpus, `block` [n, d]. Their rows count on from those that were added before.
    ///
    /// # Errors
    /// A document that is not finite or not as wide as the queries, or more than 2^32 documents. The search is then of no further use.
    pub fn add(&mut self, block: ArrayView2<'_, f32>) -> Result<()> {
        if block.ncols() != self.width {
            let fault = RetrievalFault::Width { side: "corpus", found: block.ncols(), expected: self.width };
            return Err(fault.into());
        }
        let rows = next_rows(self.seen, block.nrows())?;
        match &mut self.place {
            Place::Processors { form, groups } => search(*form, groups, block, rows.start)?,
            #[cfg(feature = "cuda")]
            Place::Card(card) => card.add(block, rows.start)?,
        }
        self.seen = rows.end;
        Ok(())
    }

    /// Every query's best documents, best first. Of equal scores (+0 and −0 are equal) the document of the lower row comes first.
    #[must_use]
    pub fn finish(self) -> Vec<Vec<Hit>> {
        match self.place {
            Place::Processors { groups, .. } => {
                groups.into_par_iter().flat_map_iter(|group| group.best.finish()).collect()
            }
            #[cfg(feature = "cuda")]
            Place::Card(card) => card.finish(),
        }
    }
}

/// How wide embeddings are, which can be multiplied exactly.
fn width_of(queries: ArrayView2<'_, f32>) -> Result<usize, RetrievalFault> {
    let width = queries.ncols();
    if width > MAX_TERMS { Err(RetrievalFault::TooWide(width)) } else { Ok(width) }
}

/// Offers all groups the documents of a block, the first of which has row `first`.
fn search(form: Form, groups: &[Group], block: ArrayView2<'_, f32>, first: usize) -> Result<(), RetrievalFault> {
    let search = |documents: &mut Rows, piece: Range<usize>| {
        let first = first + piece.start;
        match documents.fill(block.slice(s![piece, ..])) {
            Ok(()) => {
                let score = |scores: &mut _, group: &Group| group.score(documents, first, scores);
                groups.par_iter().for_each_init(Vec::new, score);
                None
            }
            Err(e) => Some(first + e.row),
        }
    };
    let bad = pieces(block.nrows(), DOCUMENTS).into_par_iter().map_init(|| Rows::new(form), search);
    // The first of them, whichever was met first.
    match bad.flatten().min() {
        Some(row) => Err(RetrievalFault::Row { side: "corpus", row }),
        None => Ok(()),
    }
}

impl Group {
    /// Offers the group's queries `documents`, the first of which has row `first` in the corpus. `scores` is room to work in.
    fn score(&self, documents: &Rows, first: usize, scores: &mut Vec<f32>) {
        let (n, queries) = (documents.count(), self.queries.count());
        scores.resize(n * queries, 0.0);
        let block = ArrayViewMut2::from_shape((n, queries), scores.as_mut_slice()).expect("resized to this shape");
        product(documents, &self.queries, block);
        self.best.offer(scores, first);
    }
}

/// `0..count` in pieces of at most `size`.
fn pieces(count: usize, size: usize) -> Vec<Range<usize>> {
    (0..count).step_by(size).map(|start| start..count.min(start + size)).collect()
}

/// The `k` best documents of every query by inner product, best first: [`Search`] through a corpus that is in memory. Equal scores go
/// to the document of the lower row, so rows are to be in the ascending order of their ids. `queries` [q, d], `corpus` [n, d].
///
/// # Errors
/// As [`Search::of`] and [`Search::add`].
pub fn rank(queries: ArrayView2<'_, f32>, corpus: ArrayView2<'_, f32>, k: usize) -> Result<Vec<Vec<Hit>>> {
    rank_on(&Devices::processors(), queries, corpus, k)
}

/// As [`rank`], on these devices.
///
/// # Errors
/// As [`Search::on`] and [`Search::add`].
pub fn rank_on(
    devices: &Devices,
    queries: ArrayView2<'_, f32>,
    corpus: ArrayView2<'_, f32>,
    k: usize,
) -> Result<Vec<Vec<Hit>>> {
    let mut search = Search::on(devices, queries, k)?;
    search.add(corpus)?;
    Ok(search.finish())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::kernel::isa::Isa;
    use crate::kernel::random::Stream;
    use crate::kernel::reference;

    /// Rows of few small integers, so that many scores are equal, both zeros and whole rows of zeros among them.
    fn matrix(rows: usize, width: usize, name: &str) -> Array2<f32> {
        let mut stream = Stream::new(6, name, rows.to_le_bytes());
        let mut value = || [0.0, -0.0, 1.0, -1.0, 2.0][stream.index(5).unwrap()];
        let mut matrix = Array2::from_shape_simple_fn((rows, width), &mut value);
        matrix.rows_mut().into_iter().step_by(17).for_each(|mut row| row.fill(-0.0));
        matrix
    }

    /// All scores of the reference, sorted: score descending, then row ascending.
    fn naive(queries: &Array2<f32>, corpus: &Array2<f32>, k: usize) -> Vec<Vec<Hit>> {
        let flat = |m: &Array2<f32>| m.iter().copied().collect::<Vec<_>>();
        let scores = reference::product(&flat(queries), &flat(corpus), queries.ncols()).unwrap();
        let ranking = |scores: &[f32]| {
            let mut hits: Vec<Hit> =
                scores.iter().enumerate().map(|(document, score)| Hit { document, score: *score }).collect();
            hits.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap().then(a.document.cmp(&b.document)));
            hits.truncate(k);
            hits
        };
        scores.chunks_exact(corpus.nrows()).map(ranking).collect()
    }

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
    fn rankings_equal_the_references_whatever_blocks_threads_and_instruction_set() {
        let (queries, corpus) = (matrix(QUERIES * 2 + 3, 7, "queries"), matrix(DOCUMENTS * 3 + 41, 7, "corpus"));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            for (threads, k) in [(1, 1), (2, 5), (3, 64), (1, 2000), (3, usize::MAX)] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let expected = naive(&queries, &corpus, k);
                for block in [1, 100, DOCUMENTS + 1, 5000] {
                    let ranked = pool.install(|| {
                        let mut search = Search::of(queries.view(), k).unwrap();
                        corpus.axis_chunks_iter(ndarray::Axis(0), block).for_each(|b| search.add(b).unwrap());
                        search.finish()
                    });
                    assert_eq!(ranked, expected, "{isa}, {threads} threads, k = {k}, blocks of {block}");
                }
            }
        }
        assert!(Isa::best().force());
    }

    #[test]
    fn rising_scores_and_infinite_ones_are_kept_in_order() {
        // Every document beats all before it; the last ones overflow f32.
        let corpus = Array2::from_shape_fn((1000, 1), |(i, _)| if i < 990 { i as f32 } else { f32::MAX });
        let queries = ndarray::array![[3.0], [-3.0]];
        assert_eq!(rank(queries.view(), corpus.view(), 20).unwrap(), naive(&queries, &corpus, 20));
    }

    #[test]
    fn what_cannot_be_ranked_is_named() {
        let (queries, mut corpus) = (matrix(70, 3, "queries"), matrix(900, 3, "corpus"));
        corpus[[711, 2]] = f32::INFINITY;
        corpus[[234, 1]] = f32::NAN;
        let mut search = Search::of(queries.view(), 3).unwrap();
        search.add(matrix(50, 3, "more").view()).unwrap();
        let error = search.add(corpus.view()).unwrap_err().to_string();
        assert_eq!(error, "corpus embeddings: row 284 has a value that is not finite");
        let error = search.add(matrix(1, 4, "wide").view()).unwrap_err().to_string();
        assert_eq!(error, "corpus embeddings are 4 wide, but query embeddings 3");
        let error = Search::of(corpus.view(), 3).map(|_| ()).unwrap_err().to_string();
        assert_eq!(error, "query embeddings: row 234 has a value that is not finite");
        assert!(Search::of(Array2::zeros((1, MAX_TERMS + 1)).view(), 1).is_err());
    }

    #[test]
    fn nothing_to_search_or_to_search_for_is_no_fault() {
        let (some, none) = (matrix(3, 2, "queries"), Array2::zeros((0, 2)));
        assert_eq!(rank(some.view(), none.view(), 4).unwrap(), vec![Vec::new(); 3]);
        assert!(rank(none.view(), some.view(), 4).unwrap().is_empty());
        let (wide, none) = (Array2::zeros((2, 0)), Array2::zeros((3, 0)));
        let zeros = rank(wide.view(), none.view(), 1).unwrap();
        assert_eq!(zeros, vec![vec![Hit { document: 0, score: 0.0 }]; 2], "embeddings without a component");
    }
}
