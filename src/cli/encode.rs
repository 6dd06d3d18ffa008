//! `snellen encode`: texts in, embeddings out.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use snellen::data::digest::Digest;
use snellen::data::tensors::{self, Tensor};
use snellen::data::text;
use snellen::encoder::{How, Model, Pooling, Recipe, Tokens};
use snellen::kernel::ARITH;

use super::encoding::Encoding;
use super::{Context, Ending, Failure, progress};

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
    /// Only the I-th of N parts of the input, I from 1. The parts' rows in order are the whole's.
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(usize, usize)>,
    #[command(flatten)]
    encoding: Encoding,
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(i, n)| 1 <= *i && i <= n).ok_or_else(|| format!("{text} is not I/N with 1 ≤ I ≤ N"))
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    if same_file(&args.input, &args.output) {
        return Err(Failure::Usage(format!("{}: the output would replace the input", args.output.display())));
    }
    let model = context.model(&args.model)?;
    let recipe = args.encoding.recipe(&model);
    let mut texts: Vec<String> = text::read(&args.input)?.into_iter().map(|t| t.text).collect();
    if let Some((i, n)) = args.shard {
        // No larger than the number of texts, for i ≤ n.
        let bound = |i: usize| (texts.len() as u128 * i as u128 / n as u128) as usize;
        texts = texts[bound(i - 1)..bound(i)].to_vec();
    }
    let bar = progress::bar(context, texts.len(), "encoding");
    let how = How { recipe: &recipe, batching: args.encoding.batching(), done: &|n| bar.inc(n as u64) };
    let digest = if args.tokens {
        model.load(recipe.layer)?;
        let tokens = model.tokenize(&recipe.prefix, &texts)?;
        let recipe = Recipe { pooling: Pooling::None, normalize: false, ..recipe.clone() };
        let states = model.embed_tokens(&tokens, &how)?;
        write_tokens(args, &model, &recipe, &tokens, &states)?
    } else {
        let embeddings = context.embeddings(args.encoding.no_cache).embed(&model, &how, &texts)?;
        let tokens = model.tokenize(&recipe.prefix, &texts)?;
        write_embeddings(args, &model, &recipe, &tokens, &embeddings)?
    };
    bar.finish_and_clear();
    context.note(&format!("{}: {} texts, {digest}", args.output.display(), texts.len()));
    Ok(Ending::Holds)
}

fn same_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

fn write_embeddings(
    args: &Args,
    model: &Model,
    recipe: &Recipe,
    tokens: &Tokens,
    embeddings: &Array2<f32>,
) -> Result<String, Failure> {
    let tensor = Tensor::f32("embeddings", embeddings.shape(), embeddings.iter().copied());
    let digest = content(embeddings);
    tensors::write(&args.output, &[tensor], &metadata(model, recipe, tokens, &digest))?;
    Ok(digest)
}

fn write_tokens(
    args: &Args,
    model: &Model,
    recipe: &Recipe,
    tokens: &Tokens,
    states: &Array2<f32>,
) -> Result<String, Failure> {
    let digest = content(states);
    let out = [
        Tensor::f32("tokens", states.shape(), states.iter().copied()),
        Tensor::i64("offsets", &[tokens.offsets.len()], tokens.offsets.iter().map(|o| *o as i64)),
        Tensor::i64("token_ids", &[tokens.ids.len()], tokens.ids.iter().map(|id| i64::from(*id))),
    ];
    tensors::write(&args.output, &out, &metadata(model, recipe, tokens, &digest))?;
    Ok(digest)
}

fn content(values: &Array2<f32>) -> String {
    let mut digest = Digest::new();
    values.rows().into_iter().for_each(|row| {
        digest.f32s(row.as_slice().unwrap_or_default());
    });
    digest.hex()
}

fn metadata(model: &Model, recipe: &Recipe, tokens: &Tokens, digest: &str) -> [(&'static str, String); 6] {
    [
        ("model_sha256", model.digest().to_owned()),
        ("arith", ARITH.to_string()),
        ("pooling", recipe.name(model.config())),
        ("prefix", recipe.prefix.clone()),
        ("token_ids_sha256", tokens.digest()),
        ("sha256", digest.to_owned()),
    ]
}
