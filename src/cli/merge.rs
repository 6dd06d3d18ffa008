//! `snellen merge`: what several machines made, as if one had made it.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use snellen::data::trec::TrecFile;
use snellen::data::{atomic, text};
use snellen::encoder::embeddings;
use snellen::retrieval;

use super::{Context, Ending, Failure, runs, same_file};

/// Put together what shards made.
///
/// Runs of parts of the queries (`retrieve --shard`) one behind the other, in the order in which they are named; runs of the same queries over parts of a corpus by score. Embeddings (`encode --shard`) in the order of their shards. The result is, byte for byte, what
/// one machine would have written. Tasks and attacks need no merging: the same command without --shard puts them together.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// TREC runs, or .safetensors files of `encode --shard`.
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// Where the whole goes; a run is packed if it is called .gz, and - is standard output.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Of runs: how many documents are kept for each query.
    #[arg(long, default_value = "1000", value_name = "K")]
    k: NonZeroUsize,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    if let Some(part) = args.parts.iter().find(|part| same_file(part, &args.output)) {
        return Err(Failure::Usage(format!("{}: the output would replace a part", part.display())));
    }
    if let Some((_, part)) =
        args.parts.iter().enumerate().find(|(i, part)| args.parts[..*i].iter().any(|other| same_file(other, part)))
    {
        return Err(Failure::Usage(format!("{}: named twice", part.display())));
    }
    let packed = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "safetensors");
    match args.parts.iter().filter(|part| packed(part)).count() {
        0 => merge_runs(args, context),
        all if all == args.parts.len() => {
            if !packed(&args.output) {
                let what = "embeddings are written as safetensors: give it a name that ends with .safetensors";
                return Err(Failure::Usage(format!("{}: {what}", args.output.display())));
            }
            let (texts, digest) = embeddings::merge(&args.parts, &args.output)?;
            context.note(&format!("{}: {} parts, {texts} texts, {digest}", args.output.display(), args.parts.len()));
            Ok(Ending::Holds)
        }
        _ => Err(Failure::Usage("runs and .safetensors files cannot be put together".to_owned())),
    }
}

fn merge_runs(args: &Args, context: &Context) -> Result<Ending, Failure> {
    runs::once(args.parts.iter())?;
    if args.output != Path::new("-") {
        atomic::check(&args.output)?;
    }
    let parts = args.parts.iter().map(|part| Ok(TrecFile::open(part)?)).collect::<Result<Vec<_>, Failure>>()?;
    let merged = retrieval::merge(&parts, args.k.get())?;
    if merged.drops_metadata() {
        context.note("the parts' ir_metadata is not the same, and is left out");
    }
    let mut out = Vec::new();
    merged.write(&mut out)?;
    if args.output == Path::new("-") {
        std::io::stdout().lock().write_all(&out)?;
    } else {
        text::write(&args.output, &out)?;
        context.note(&format!("{}: {} parts, {} queries", args.output.display(), parts.len(), merged.queries()));
    }
    Ok(Ending::Holds)
}
