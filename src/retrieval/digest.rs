//! What two equal rankings have in common.

use super::Hit;
use crate::data::digest::Digest;

/// SHA-256 over every query's documents, best first, and the bits of their scores.
#[must_use]
pub fn digest<R: AsRef<[Hit]>>(rankings: &[R]) -> String {
    let mut digest = Digest::new();
    for ranking in rankings {
        let bytes: Vec<u8> = ranking
            .as_ref()
            .iter()
            .flat_map(|hit| (hit.document as u64).to_le_bytes().into_iter().chain(hit.score.to_bits().to_le_bytes()))
            .collect();
        digest.field(bytes);
    }
    digest.hex()
}
