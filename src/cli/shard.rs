//! `--shard I/N`: a part of the work, for several machines that do one thing.

use snellen::data::text::Text;
use snellen::encoder::{Ahead, Work};

use super::encoding::Encoding;
use super::{Context, Ending, Failure, progress};

/// I and N, as they are written.
pub(super) fn parse(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(i, n)| 1 <= *i && i <= n).ok_or_else(|| format!("{text} is not I/N with 1 ≤ I ≤ N"))
}

/// The option of commands whose work is nearly all encoding.
#[derive(clap::Args)]
pub(super) struct Share {
    /// Only encode the I-th of N shares of the texts, I from 1, and keep the embeddings in the cache. The same command without it puts the shares together: it finds
    /// them in the cache, encodes what is missing, and has the results.
    #[arg(long, value_name = "I/N", value_parser = parse, conflicts_with_all = ["output", "no_cache", "format"])]
    shard: Option<(usize, usize)>,
}

impl Share {
    pub(super) fn asked(&self) -> bool {
        self.shard.is_some()
    }

    /// Encodes a share of `work`, if only that was asked for.
    pub(super) fn ahead<'a>(
        &self,
        context: &Context,
        encoding: &Encoding,
        work: impl FnOnce() -> Vec<Work<'a>>,
    ) -> Result<Option<Ending>, Failure> {
        let Some((i, n)) = self.shard else { return Ok(None) };
        let work = work();
        let texts: usize = work.iter().map(|work| work.texts.len()).sum();
        let bar = progress::bar(context, texts / n, "encoding");
        let cache = context.embeddings(false);
        let ahead = cache.ahead(&work, (i, n), encoding.batching(), &|n| bar.inc(n as u64))?;
        bar.finish_and_clear();
        note(context, (i, n), ahead);
        Ok(Some(Ending::Holds))
    }
}

/// Says what a shard did.
pub(super) fn note(context: &Context, (i, n): (usize, usize), Ahead { texts, kept }: Ahead) {
    context.note(&format!(
        "shard {i}/{n}: {texts} texts, {kept} of them encoded before; without --shard the shards are put together"
    ));
}

/// The texts of a shard.
pub(super) fn part(texts: Vec<Text>, shard: Option<(usize, usize)>) -> Vec<Text> {
    let range = range(texts.len(), shard);
    texts.into_iter().skip(range.start).take(range.len()).collect()
}

/// Which of `count` things are a shard's: neighbours, so that shards in order are the whole.
pub(super) fn range(count: usize, shard: Option<(usize, usize)>) -> std::ops::Range<usize> {
    let (i, n) = shard.unwrap_or((1, 1));
    // No larger than the count, for i ≤ n.
    let bound = |i: usize| (count as u128 * i as u128 / n as u128) as usize;
    bound(i - 1)..bound(i)
}
