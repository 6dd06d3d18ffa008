//! Unigram pieces (Kudo, arXiv 1804.10959): the best path through a text by the sum of its pieces' scores, as the tokenizer library finds
//! it, tie by tie and sum by sum.
//!
//! The library's own model keeps a hash map for every node of its tree of pieces. To make and to free that for a quarter of a million
//! pieces takes most of a second and several hundred megabytes, for each program that starts. Here the tree is three flat lists.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tokenizers::models::TrainerWrapper;
use tokenizers::models::unigram::UnigramTrainer;
use tokenizers::{Model, Token};

/// What a character that no piece covers costs more than the least likely piece, as in the library.
const UNKNOWN_PENALTY: f64 = 10.0;
const NO_UNKNOWN: &str = "no piece covers a character, and there is no unk_id";
/// No piece ends at a node.
const NONE: u32 = u32::MAX;

/// A Unigram model, ready to split texts.
pub(super) struct Unigram {
    pieces: Vec<(String, f64)>,
    tree: Tree,
    unknown: Option<u32>,
    unknown_score: f64,
    byte_fallback: bool,
}

/// All pieces, letter by letter. Nodes are numbered breadth first, so that the children of a node follow each other.
struct Tree {
    /// Node i's children are `children[i]..children[i + 1]`.
    children: Vec<u32>,
    /// The byte that leads to a node, ascending among its siblings.
    labels: Vec<u8>,
    /// The piece that ends at a node.
    pieces: Vec<u32>,
}

/// The best path to a place in a text: its score, the last piece, and where that begins.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    piece: u32,
    start: usize,
}

/// Whether a path with this score is better than the best so far; of equals the first stays.
fn improves(best: Option<Best>, score: f64) -> bool {
    best.is_none_or(|best| score > best.score)
}

impl Tree {
    /// The tree of `pieces`; of equal ones the last counts.
    fn of(pieces: &[(String, f64)]) -> Self {
        // By their first eight bytes, as a number, most pieces can be told apart without looking at them.
        let key = |piece: &str| piece.bytes().chain([0; 8]).take(8).fold(0u64, |key, byte| key << 8 | u64::from(byte));
        let mut sorted: Vec<(u64, &str, u32)> =
            pieces.iter().zip(0..).map(|((piece, _), id)| (key(piece), piece.as_str(), id)).collect();
        sorted.sort_unstable();

        let mut tree = Self { children: Vec::new(), labels: vec![0], pieces: Vec::new() };
        // Of each node the pieces below it, and how many of their bytes lead to it.
        let mut nodes = vec![(0..sorted.len(), 0)];
        let mut node = 0;
        while let Some((below, depth)) = nodes.get(node).cloned() {
            tree.children.push(nodes.len() as u32);
            let Range { mut start, end } = below;
            let mut piece = NONE;
            while start < end && sorted[start].1.len() == depth {
                piece = sorted[start].2;
                start += 1;
            }
            tree.pieces.push(piece);
            while start < end {
                let label = sorted[start].1.as_bytes()[depth];
                let alike = sorted[start..end].iter().take_while(|(_, piece, _)| piece.as_bytes()[depth] == label);
                let next = start + alike.count();
                nodes.push((start..next, depth + 1));
                tree.labels.push(label);
                start = next;
            }
            node += 1;
        }
        tree.children.push(nodes.len() as u32);
        tree
    }

    /// The node that `byte` leads to from `node`.
    fn child(&self, node: usize, byte: u8) -> Option<usize> {
        let children = self.children[node] as usize..self.children[node + 1] as usize;
        let place = self.labels[children.clone()].binary_search(&byte).ok()?;
        Some(children.start + place)
    }

    /// Length and number of every piece that `bytes` begin with, shortest first.
    fn prefixes(&self, bytes: &[u8]) -> impl Iterator<Item = (usize, u32)> {
        let nodes = bytes.iter().scan(0, |node, byte| {
            *node = self.child(*node, *byte)?;
            Some(*node)
        });
        (1..).zip(nodes.map(|node| self.pieces[node])).filter(|(_, piece)| *piece != NONE)
    }

    /// The number of a piece.
    fn find(&self, piece: &str) -> Option<u32> {
        let node = piece.bytes().try_fold(0, |node, byte| self.child(node, byte))?;
        Some(self.pieces[node]).filter(|piece| *piece != NONE)
    }
}

impl Unigram {
    /// A model of `pieces` with their scores; `unknown` is the number of the piece that stands for what no piece covers.
    pub(super) fn new(pieces: Vec<(String, f64)>, unknown: Option<usize>, byte_fallback: bool) -> Result<Self, String> {
        let unknown = match unknown {
            Some(id) if id >= pieces.len() => {
                return Err(format!("unk_id is {id}, but there are {} pieces", pieces.len()));
            }
            id => id.map(|id| id as u32),
        };
        let lowest =
            pieces.iter().fold(f64::INFINITY, |lowest, (_, score)| if *score < lowest { *score } else { lowest });
        let tree = Tree::of(&pieces);
        Ok(Self { pieces, tree, unknown, unknown_score: lowest - UNKNOWN_PENALTY, byte_fallback })
    }

    /// Where the pieces of `text` are; characters next to each other that no piece covers are one.
    fn split(&self, text: &str) -> tokenizers::Result<Vec<Range<usize>>> {
        let mut best: Vec<Option<Best>> = vec![None; text.len() + 1];
        for (start, character) in text.char_indices() {
            let here = best[start].map_or(0.0, |best| best.score);
            let mut covered = false;
            for (length, piece) in self.tree.prefixes(&text.as_bytes()[start..]) {
                let score = self.pieces[piece as usize].1 + here;
                if improves(best[start + length], score) {
                    best[start + length] = Some(Best { score, piece, start });
                }
                covered |= length == character.len_utf8();
            }
            let (end, score) = (start + character.len_utf8(), self.unknown_score + here);
            if !covered && improves(best[end], score) {
                best[end] = Some(Best { score, piece: self.unknown.ok_or(NO_UNKNOWN)?, start });
            }
        }
        let mut found: Vec<Range<usize>> = Vec::new();
        let (mut end, mut after_unknown) = (text.len(), false);
        while end > 0 {
            let Some(Best { piece, start, .. }) = best[end] else { return Err("no path leads through a text".into()) };
            let unknown = Some(piece) == self.unknown;
            match found.last_mut() {
                Some(last) if unknown && after_unknown => last.start = start,
                _ => found.push(start..end),
            }
            (end, after_unknown) = (start, unknown);
        }
        found.reverse();
        Ok(found)
    }

    /// The pieces <0x..> of each byte, if all are there.
    fn bytes_of(&self, text: &str) -> Option<Vec<(u32, String)>> {
        let piece = |byte| format!("<0x{byte:02X}>");
        text.bytes().map(piece).map(|piece| Some((self.tree.find(&piece)?, piece))).collect()
    }
}

impl Model for Unigram {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, text: &str) -> tokenizers::Result<Vec<Token>> {
        let mut tokens = Vec::new();
        for range in self.split(text)? {
            let offsets = (range.start, range.end);
            let part = &text[range];
            if let Some(id) = self.tree.find(part) {
                tokens.push(Token::new(id, part.to_owned(), offsets));
            } else if let Some(bytes) = self.byte_fallback.then(|| self.bytes_of(part)).flatten() {
                tokens.extend(bytes.into_iter().map(|(id, piece)| Token::new(id, piece, offsets)));
            } else {
                let id = self.unknown.ok_or(NO_UNKNOWN)?;
                tokens.push(Token::new(id, part.to_owned(), offsets));
            }
        }
        Ok(tokens)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.tree.find(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        Some(self.pieces.get(id as usize)?.0.clone())
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.pieces.iter().map(|(piece, _)| piece.clone()).zip(0..).collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.pieces.len()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("a model that is only read is not saved".into())
    }

    fn get_trainer(&self) -> Self::Trainer {
        TrainerWrapper::UnigramTrainer(UnigramTrainer::default())
    }
}

#[cfg(test)]
mod tests {
    use tokenizers::models::unigram::Unigram as Library;

    use super::*;

    /// Pieces with many ties, overlaps, a duplicate and, with `bytes`, a piece for each byte of é but not of ü.
    fn pieces(bytes: bool) -> Vec<(String, f64)> {
        let plain =
            ["<unk>", "a", "b", "▁", "▁a", "ab", "ba", "aba", "bab", "▁ab", "é", "éa", "b▁b", "zz", "ab", "<unk", "yy"];
        let score = |i: usize| [-1.0, -2.5, -2.0, -3.5, -1.5][i % 5] * if i > 8 { 1.25 } else { 1.0 };
        let mut all: Vec<_> = plain.iter().enumerate().map(|(i, piece)| ((*piece).to_owned(), score(i))).collect();
        if bytes {
            all.retain(|(piece, _)| piece != "é");
            all.extend(["<0xC3>", "<0xA9>"].map(|piece| (piece.to_owned(), -4.0)));
        }
        all
    }

    /// Texts of letters that are pieces, parts of pieces, or neither.
    fn texts() -> impl Iterator<Item = String> {
        let letters = ["a", "b", "▁", "é", "z", "y", "ü", "😀", "<unk>", "ab"];
        let mut state = 1u64;
        let mut next = move |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        (0..4000).map(move |_| (0..next(24)).map(|_| letters[next(10) as usize]).collect())
    }

    #[test]
    fn texts_are_split_as_the_library_splits_them() {
        for bytes in [false, true] {
            let ours = Unigram::new(pieces(bytes), Some(0), bytes).unwrap();
            let library = Library::from(pieces(bytes), Some(0), bytes).unwrap();
            for text in texts() {
                let parts = |tokens: Vec<Token>| -> Vec<_> {
                    tokens.into_iter().map(|token| (token.id, token.value, token.offsets)).collect()
                };
                let expected = parts(library.tokenize(&text).unwrap());
                assert_eq!(parts(ours.tokenize(&text).unwrap()), expected, "{text}");
            }
        }
    }

    #[test]
    fn pieces_are_found_by_name_and_number() {
        let (ours, library) = (
            Unigram::new(pieces(false), Some(0), false).unwrap(),
            Library::from(pieces(false), Some(0), false).unwrap(),
        );
        assert_eq!(ours.token_to_id("ab"), Some(14), "of two the last");
        assert_eq!(ours.get_vocab(), library.get_vocab());
        for name in ["", "<unk>", "▁a", "▁", "z", "zz", "zzz"] {
            assert_eq!(ours.token_to_id(name), library.token_to_id(name), "{name}");
        }
        for id in [0, 16, 17] {
            assert_eq!(ours.id_to_token(id), library.id_to_token(id));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(
            Unigram::new(pieces(false), Some(17), false).err().unwrap(),
            "unk_id is 17, but there are 17 pieces"
        );
        assert!(Unigram::new(Vec::new(), Some(0), false).is_err());
        let without = Unigram::new(pieces(false), None, false).unwrap();
        assert_eq!(without.tokenize("aü").unwrap_err().to_string(), NO_UNKNOWN);
        assert_eq!(without.tokenize("").unwrap().len(), 0);
    }
}
