//! `snellen encode`: texts in, embeddings out.

use std::path::PathBuf;

use snellen::data::atomic;
use snellen::data::digest::Digest;
use snellen::data::spool::Spool;
use snellen::data::text;
use snellen::encoder::embeddings::{self, Rows};
use snellen::encoder::{How, Model, PART, Pooling, Recipe, Tokens};
use snellen::kernel::ARITH;

use super::encoding::{Encoding, Prefix};
use super::{Context, Ending, Failure, progress, same_file, shard};

/// Encode texts into a safetensors file.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows.
    #[arg(long)]
    model: String,
    /// Texts: .txt (one a line), .tsv (id, tab, text) or .jsonl ({"id", "text"}), each also .gz.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where the embeddings go: `embeddings` [texts, width] f32; with --tokens `tokens` [total, width] f32, `offsets` and `token_ids`.
    #[arg(long, value_name = "FILE.safetensors")]
    output: PathBuf,
    /// Write every token's state instead of one embedding a text.
    #[arg(long)]
    tokens: bool,
    /// Only the I-th of N parts of the input, I from 1; `snellen merge` puts them together.
    #[arg(long, value_name = "I/N", value_parser = shard::parse)]
    shard: Option<(usize, usize)>,
    #[command(flatten)]
    prefix: Prefix,
    #[command(flatten)]
    encoding: Encoding,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    if same_file(&args.input, &args.output) {
        return Err(Failure::Usage(format!("{}: the output would replace the input", args.output.display())));
    }
    atomic::check(&args.output)?;
    if args.output.extension().is_none_or(|extension| extension != "safetensors") {
        return Err(Failure::Usage(format!(
            "{}: embeddings are written as safetensors: give it a name that ends with .safetensors",
            args.output.display()
        )));
    }
    let model = context.model(&args.model)?;
    let recipe = args.encoding.recipe(&model, &args.prefix.prefix);
    let all = text::read(&args.input)?;
    let shard = args.shard.map(|(i, n)| {
        let mut whole = Digest::new();
        all.iter().for_each(|text| _ = whole.field(&text.text));
        embeddings::Shard { i, n, whole: whole.hex() }
    });
    let texts: Vec<String> = shard::part(all, args.shard).into_iter().map(|text| text.text).collect();
    let bar = progress::bar(context, texts.len(), "encoding");
    let digest = encode(args, context, &model, (&recipe, shard), &texts, &|n| bar.inc(n as u64))?;
    bar.finish_and_clear();
    context.note(&format!("{}: {} texts, {digest}", args.output.display(), texts.len()));
    // Giving back a tokeniser's half a million small pieces of memory, right before the process ends, takes a third of a second.
    std::mem::forget(model);
    Ok(Ending::Holds)
}

/// Encodes part by part into the output file; returns the digest of what it holds.
fn encode(
    args: &Args,
    context: &Context,
    model: &Model,
    (recipe, shard): (&Recipe, Option<embeddings::Shard>),
    texts: &[String],
    done: &(dyn Fn(usize) + Sync),
) -> Result<String, Failure> {
    let recipe = match args.tokens {
        true => Recipe { pooling: Pooling::None, normalize: false, ..recipe.clone() },
        false => recipe.clone(),
    };
    let cache = context.embeddings(args.encoding.no_cache);
    let mut tokens = Tokens::default();
    let mut spool = Spool::beside(&args.output)?;
    // Each part is put on the disk before the next is begun, so that embeddings do not fill the memory. Of no texts there is one part too, so that what cannot be done is refused.
    for first in (0..texts.len().max(1)).step_by(PART) {
        let part = &texts[first..texts.len().min(first + PART)];
        let how = How { recipe: &recipe, batching: args.encoding.batching(), first, done };
        let values = if args.tokens {
            model.load(recipe.layer)?;
            let part = model.tokenize_for(&how, part)?;
            tokens.extend(&part);
            model.embed_tokens(&part, &how)?
        } else {
            // Embedded first, so that tokeniser and weights are loaded side by side.
            let values = cache.embed(model, &how, part)?;
            tokens.extend(&model.tokenize_for(&how, part)?);
            values
        };
        spool.push(values.as_slice().expect("embeddings are contiguous"))?;
    }
    let rows = if args.tokens { Rows::Tokens } else { Rows::Texts };
    let facts = [
        ("model_sha256", model.digest().to_owned()),
        ("arith", ARITH.to_string()),
        ("pooling", recipe.name(model.config())),
        ("prefix", recipe.prefix.clone()),
    ];
    Ok(embeddings::finish(spool, rows, model.config().hidden, &tokens, &facts, shard)?)
}
