//! Late interaction (ColBERT: Khattab & Zaharia, SIGIR 2020, arXiv 2004.12832): a passage's score is the sum over the query's tokens of
//! the largest product with a token of the passage, their equation 3.
//!
//! As defined by [`crate::kernel::reference::max_sim`]: products are exact, maxima free of order, and the sum is the contract's
//! 32-lane sum over the query's tokens in order, so that a score depends on nothing but its query and its passage. A passage without
//! tokens scores −∞ (the largest of nothing) and so ranks last; a query without tokens scores 0 with every passage (the sum of nothing).
//!
//! Passage tokens are the rows of a product and query tokens its columns. The largest product of every query token is then an
//! elementwise maximum over the rows of a block of scores that has not left the cache.

use std::ops::Range;

use rayon::prelude::*;

#[cfg(feature = "cuda")]
mod card;
mod tokens;

#[cfg(feature = "cuda")]
use card::Card;
use tokens::{BLOCK, Passages, Queries, Room};

use super::Hit;
use super::best::{Best, next_rows};
use super::fault::RetrievalFault;
pub use super::ragged::Ragged;
use crate::Result;
use crate::kernel::devices::Devices;
use crate::kernel::product::{Form, MAX_TERMS};

/// Passage tokens that are put on their grids together: four blocks, so that few blocks are cut short. A longer passage is not divided.
const TOKENS: usize = 4 * BLOCK;

/// Passages, however short, that are scored together.
const PASSAGES: usize = 256;

/// Query tokens that they are scored against at a time: 192 KB of scores. A longer query is not divided.
const QUERY_TOKENS: usize = 256;

/// A search for every query's `k` best passages by late interaction, through a corpus that streams by in blocks.
///
/// Memory: the queries on their grids, 2k candidates a query, and for every thread a few hundred passages or the tokens of the longest
/// one, whatever the size of the corpus. How the corpus is cut into blocks cannot change a result.
pub struct Search {
    width: usize,
    seen: usize,
    place: Place,
}

/// Where it is searched.
enum Place {
    Processors(Processors),
    #[cfg(feature = "cuda")]
    Card(Box<Card>),
}

/// A search on processors.
struct Processors {
    /// In which form queries and passages are packed.
    form: Form,
    groups: Vec<Group>,
}

/// Some of the queries, and what they found.
struct Group {
    queries: Queries,
    best: Best,
}

impl Search {
    /// A search for the `k` best passages of each of `queries`, which are put on their grids once.
    ///
    /// # Errors
    /// A token that is not finite, or tokens wider than [`MAX_TERMS`].
    pub fn of(queries: Ragged<'_>, k: usize) -> Result<Self> {
        check_width(&queries)?;
        Ok(Self { width: queries.width(), seen: 0, place: Place::Processors(Processors::of(&queries, k)?) })
    }

    /// The same on these devices, of several cards on the first. What is found is the same. Processors search for more than 4,096 passages a query, with queries of more
    /// than 11,000 tokens, and where the card has no room for the queries.
    ///
    /// # Errors
    /// As [`Self::of`]; what a card says.
    pub fn on(devices: &Devices, queries: Ragged<'_>, k: usize) -> Result<Self> {
        check_width(&queries)?;
        #[cfg(feature = "cuda")]
        if let Some(card) = super::card::open(devices, k, |device| Card::of(device, &queries, k))? {
            return Ok(Self { width: queries.width(), seen: 0, place: Place::Card(Box::new(card)) });
        }
        let _ = devices;
        Self::of(queries, k)
    }

    /// Searches the next passages of the corpus. Their rows in a ranking count on from those that were added before.
    ///
    /// # Errors
    /// A token that is not finite or not as wide as the queries', products beyond the range of f32 of both signs in one sum, or more than
    /// 2^32 passages. The search is then of no further use.
    pub fn add(&mut self, passages: Ragged<'_>) -> Result<()> {
        same_width(&passages, self.width)?;
        let seen = next_rows(self.seen, passages.texts())?;
        match &mut self.place {
            Place::Processors(processors) => processors.add(&passages, seen.start)?,
            #[cfg(feature = "cuda")]
            Place::Card(card) => card.add(&passages, seen.start)?,
        }
        self.seen = seen.end;
        Ok(())
    }

    /// Every query's best passages, best first. Of equal scores (+0 and −0 are equal) the passage of the lower row comes first.
    #[must_use]
    pub fn finish(self) -> Vec<Vec<Hit>> {
        match self.place {
            Place::Processors(Processors { groups, .. }) => {
                groups.into_par_iter().flat_map_iter(|group| group.best.finish()).collect()
            }
            #[cfg(feature = "cuda")]
            Place::Card(card) => card.finish(),
        }
    }
}

impl Processors {
    fn of(queries: &Ragged<'_>, k: usize) -> Result<Self, RetrievalFault> {
        let form = Form::active();
        let group = |texts: Range<usize>| {
            let best = Best::new(texts.len(), k);
            Ok(Group { queries: Queries::of(queries, texts, form)?, best })
        };
        let runs = queries.runs(QUERY_TOKENS, QUERY_TOKENS);
        let groups: Vec<Result<Group, RetrievalFault>> = runs.into_par_iter().map(group).collect();
        Ok(Self { form, groups: groups.into_iter().collect::<Result<_, _>>()? })
    }

    /// Offers every query `passages`, the first of which has row `seen` in the corpus.
    fn add(&self, passages: &Ragged<'_>, seen: usize) -> Result<(), RetrievalFault> {
        let runs = passages.runs(TOKENS, PASSAGES);
        let faults: Vec<RetrievalFault> = runs
            .into_par_iter()
            .filter_map(|run| {
                let first = seen + run.start;
                match Passages::of(passages, run, seen, self.form) {
                    Ok(run) => self.score(&run, first).err(),
                    Err(fault) => Some(fault),
                }
            })
            .collect();
        // In the order of the passages, whichever was met first.
        faults.into_iter().next().map_or(Ok(()), Err)
    }

    /// Offers every query `passages`, the first of which has row `first` in the corpus.
    fn score(&self, passages: &Passages, first: usize) -> Result<(), RetrievalFault> {
        let faults: Vec<RetrievalFault> = self
            .groups
            .par_iter()
            .map_init(Room::default, |room, group| {
                group.queries.score(passages, first, room)?;
                group.best.offer(&room.scores, first);
                Ok(())
            })
            .filter_map(Result::err)
            .collect();
        faults.into_iter().next().map_or(Ok(()), Err)
    }
}

/// The `k` best passages of every query, best first: [`Search`] through a corpus that is in memory.
///
/// # Errors
/// As [`Search::of`] and [`Search::add`].
pub fn rank(queries: Ragged<'_>, passages: Ragged<'_>, k: usize) -> Result<Vec<Vec<Hit>>> {
    let mut search = Search::of(queries, k)?;
    search.add(passages)?;
    Ok(search.finish())
}

/// The scores of every query with the passages of its list in `candidates` (their rows, in any order, also more than once), in the
/// list's order: reranking.
///
/// # Errors
/// As [`rank`]; another number of lists than of queries, or a candidate that is not among the passages.
pub fn score(queries: Ragged<'_>, passages: Ragged<'_>, candidates: &[Vec<usize>]) -> Result<Vec<Vec<f32>>> {
    check_width(&queries)?;
    same_width(&passages, queries.width())?;
    if candidates.len() != queries.texts() {
        return Err(RetrievalFault::Lists { candidates: candidates.len(), queries: queries.texts() }.into());
    }
    let scores: Vec<Result<Vec<f32>, RetrievalFault>> =
        candidates.par_iter().enumerate().map(|(query, list)| score_list(&queries, query, &passages, list)).collect();
    Ok(scores.into_iter().collect::<Result<_, _>>()?)
}

/// One query's scores with the passages of a list.
fn score_list(
    queries: &Ragged<'_>,
    query: usize,
    passages: &Ragged<'_>,
    list: &[usize],
) -> Result<Vec<f32>, RetrievalFault> {
    let form = Form::active();
    let tokens = Queries::of(queries, query..query + 1, form)?;
    let one = |room: &mut Room, passage: usize| {
        if passage >= passages.texts() {
            return Err(RetrievalFault::Candidate { query, passage, passages: passages.texts() });
        }
        tokens.score(&Passages::of(passages, passage..passage + 1, 0, form)?, passage, room)?;
        Ok(room.scores[0])
    };
    let scores: Vec<Result<f32, RetrievalFault>> =
        list.par_iter().map_init(Room::default, |room, passage| one(room, *passage)).collect();
    scores.into_iter().collect()
}

fn check_width(queries: &Ragged<'_>) -> Result<(), RetrievalFault> {
    if queries.width() > MAX_TERMS { Err(RetrievalFault::TooWide(queries.width())) } else { Ok(()) }
}

fn same_width(passages: &Ragged<'_>, expected: usize) -> Result<(), RetrievalFault> {
    let found = passages.width();
    if found == expected { Ok(()) } else { Err(RetrievalFault::Width { side: "passage", found, expected }) }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};

    use super::*;
    use crate::kernel::isa::Isa;
    use crate::kernel::random::Stream;
    use crate::kernel::reference;

    /// Texts with these numbers of tokens.
    struct Texts {
        tokens: Array2<f32>,
        offsets: Vec<usize>,
    }

    impl Texts {
        /// Tokens of a few directions and lengths, so that maxima and scores meet ties, zeros of both signs and roundings.
        fn of(lengths: &[usize], width: usize, name: &str) -> Self {
            let mut stream = Stream::new(6, name, []);
            let offsets: Vec<usize> = std::iter::once(0)
                .chain(lengths.iter().scan(0, |end, n| {
                    *end += n;
                    Some(*end)
                }))
                .collect();
            let mut value = || [0.0, -0.0, 1.0, -0.3, 1e-3, -7.7][stream.index(6).unwrap()];
            let tokens = Array2::from_shape_simple_fn((offsets[lengths.len()], width), &mut value);
            Self { tokens, offsets }
        }

        fn view(&self) -> Ragged<'_> {
            Ragged::of(self.tokens.view(), &self.offsets).unwrap()
        }

        fn text(&self, i: usize) -> Vec<f32> {
            self.tokens.slice(s![self.offsets[i]..self.offsets[i + 1], ..]).iter().copied().collect()
        }

        /// Those of some texts.
        fn part(&self, texts: Range<usize>) -> Self {
            let (start, end) = (self.offsets[texts.start], self.offsets[texts.end]);
            let offsets = self.offsets[texts.start..=texts.end].iter().map(|o| o - start).collect();
            Self { tokens: self.tokens.slice(s![start..end, ..]).to_owned(), offsets }
        }
    }

    /// Lengths around the sizes of lanes, tiles and blocks; empty texts first, last and between.
    const QUERIES: [usize; 14] = [0, 1, 31, 32, 33, 0, 0, 64, 100, 300, 2, 2, 190, 0];
    const PASSAGES: [usize; 18] = [0, 3, 192, 1, 0, 191, 64, 0, 500, 2, 2, 2, 900, 0, 1, 384, 17, 0];

    /// The reference's score of every query with every passage.
    fn scores(queries: &Texts, passages: &Texts) -> Vec<Vec<f32>> {
        let width = queries.tokens.ncols();
        let passages: Vec<_> = (0..passages.view().texts()).map(|i| passages.text(i)).collect();
        let of = |query: &[f32]| passages.iter().map(|p| reference::max_sim(query, p, width).unwrap()).collect();
        (0..queries.view().texts()).map(|i| of(&queries.text(i))).collect()
    }

    fn naive(scores: &[Vec<f32>], k: usize) -> Vec<Vec<Hit>> {
        let ranking = |scores: &Vec<f32>| {
            let mut hits: Vec<Hit> =
                scores.iter().enumerate().map(|(document, score)| Hit { document, score: *score }).collect();
            hits.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap().then(a.document.cmp(&b.document)));
            hits.truncate(k);
            hits
        };
        scores.iter().map(ranking).collect()
    }

    /// Runs `check` with every instruction set and some numbers of threads.
    fn everywhere(check: impl Fn(&str) + Sync) {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| check(&format!("{isa}, {threads} threads")));
            }
        }
        assert!(Isa::best().force());
    }

    #[test]
    fn rankings_equal_the_references_whatever_blocks_threads_and_instruction_set() {
        for width in [1, 33] {
            let (queries, passages) = (Texts::of(&QUERIES, width, "queries"), Texts::of(&PASSAGES, width, "passages"));
            let all = scores(&queries, &passages);
            everywhere(|where_| {
                for (k, block) in [(1, 4), (3, 1), (100, PASSAGES.len())] {
                    let mut search = Search::of(queries.view(), k).unwrap();
                    for start in (0..PASSAGES.len()).step_by(block) {
                        let part = passages.part(start..PASSAGES.len().min(start + block));
                        search.add(part.view()).unwrap();
                    }
                    assert_eq!(search.finish(), naive(&all, k), "{where_}, k = {k}, blocks of {block}");
                }
            });
        }
    }

    #[test]
    fn scores_of_pairs_are_the_references_bit_by_bit() {
        let (queries, passages) = (Texts::of(&QUERIES, 12, "queries"), Texts::of(&PASSAGES, 12, "passages"));
        let all = scores(&queries, &passages);
        let lists: Vec<Vec<usize>> =
            (0..QUERIES.len()).map(|q| (0..q * 2).map(|i| (i * 7 + q) % PASSAGES.len()).collect()).collect();
        everywhere(|where_| {
            let ours = score(queries.view(), passages.view(), &lists).unwrap();
            for (query, list) in lists.iter().enumerate() {
                let expected: Vec<u32> = list.iter().map(|passage| all[query][*passage].to_bits()).collect();
                let ours: Vec<u32> = ours[query].iter().map(|score| score.to_bits()).collect();
                assert_eq!(ours, expected, "{where_}, query {query}");
            }
        });
    }

    #[test]
    fn a_passage_without_tokens_is_last_and_a_query_without_tokens_scores_zero() {
        let (queries, passages) = (Texts::of(&[0, 2], 3, "queries"), Texts::of(&[0, 4, 0, 4], 3, "passages"));
        let ranked = rank(queries.view(), passages.view(), 9).unwrap();
        assert_eq!(ranked[0], [0, 1, 2, 3].map(|document| Hit { document, score: 0.0 }));
        assert_eq!(ranked[1][2..], [0, 2].map(|document| Hit { document, score: f32::NEG_INFINITY }));
        let none = Texts::of(&[], 3, "none");
        assert_eq!(rank(queries.view(), none.view(), 9).unwrap(), vec![Vec::new(); 2]);
        assert!(rank(none.view(), passages.view(), 9).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_ranked_is_named() {
        let (queries, mut passages) = (Texts::of(&QUERIES, 2, "queries"), Texts::of(&PASSAGES, 2, "passages"));
        passages.tokens[[3 + 192 + 1 + 191 + 64 + 400, 1]] = f32::NAN;
        passages.tokens[[passages.offsets[15] + 5, 0]] = f32::INFINITY;
        let mut search = Search::of(queries.view(), 1).unwrap();
        search.add(queries.view()).unwrap();
        let message = |e: crate::Error| e.to_string();
        assert_eq!(
            message(search.add(passages.view()).unwrap_err()),
            "passage 22: token 400 has a value that is not finite"
        );
        assert_eq!(
            message(Search::of(passages.view(), 1).map(|_| ()).unwrap_err()),
            "query 8: token 400 has a value that is not finite"
        );
        let wide = Texts::of(&[1], 3, "wide");
        assert_eq!(
            message(search.add(wide.view()).unwrap_err()),
            "passage embeddings are 3 wide, but query embeddings 2"
        );
        let lists = vec![vec![18]; QUERIES.len()];
        assert_eq!(
            message(score(queries.view(), passages.view(), &lists).unwrap_err()),
            "query 0: no passage 18, there are 18"
        );
        assert_eq!(
            message(score(queries.view(), passages.view(), &lists[1..]).unwrap_err()),
            "13 lists of candidates for 14 queries"
        );
    }

    #[test]
    fn infinities_of_both_signs_give_no_score() {
        let texts = |tokens: &[f32]| Array2::from_shape_vec((tokens.len(), 1), tokens.to_vec()).unwrap();
        let (queries, passages) = (texts(&[1.0, 3e38, -3e38]), texts(&[1.0, -1.0, 3e38]));
        let (queries, passages) =
            (Ragged::of(queries.view(), &[0, 1, 3]).unwrap(), Ragged::of(passages.view(), &[0, 2, 3]).unwrap());
        let error = rank(queries, passages, 1).unwrap_err().to_string();
        assert_eq!(error, "passage 1 has no score for query 1: products beyond the range of f32 of both signs");
    }
}
