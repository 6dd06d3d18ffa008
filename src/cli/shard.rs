//! `--shard I/N`: a part of the texts.

use snellen::data::text::Text;

/// I and N, as they are written.
pub(super) fn parse(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(i, n)| 1 <= *i && i <= n).ok_or_else(|| format!("{text} is not I/N with 1 ≤ I ≤ N"))
}

/// The texts of a shard.
pub(super) fn part(mut texts: Vec<Text>, shard: Option<(usize, usize)>) -> Vec<Text> {
    let Some((i, n)) = shard else { return texts };
    // No larger than the number of texts, for i ≤ n.
    let count = texts.len();
    let bound = |i: usize| (count as u128 * i as u128 / n as u128) as usize;
    texts.truncate(bound(i));
    texts.split_off(bound(i - 1))
}
