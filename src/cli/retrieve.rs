//! `snellen retrieve`: queries and documents in, a TREC run out.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use snellen::data::atomic;
use snellen::data::digest;
use snellen::data::text::{self, Text};
use snellen::encoder::LateHead;
use snellen::kernel::ARITH;
use snellen::retrieval::bm25::Index;
use snellen::retrieval::{self, Hit};
use snellen::task::search::Searcher;

use super::encoding::{Encoders, Encoding, Lexical, Sides};
use super::{Context, Ending, Failure, progress, same_file, shard};

/// Search documents for each query and write a TREC run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows. --bm25 needs none.
    #[arg(long, required_unless_present = "bm25")]
    model: Option<String>,
    /// Queries: .txt (one a line), .tsv (id, tab, text) or .jsonl ({"id", "text"}), each also .gz.
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// Documents, likewise; a "title" in .jsonl comes before the text.
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// Where the run goes, packed if it is called .gz; - is standard output.
    #[arg(long, value_name = "RUN")]
    output: PathBuf,
    /// How many documents are kept for each query.
    #[arg(long, default_value = "1000", value_name = "K")]
    k: NonZeroUsize,
    /// Compare all token embeddings instead of one embedding a text (ColBERT checkpoints, and any other).
    #[arg(long, conflicts_with = "bm25")]
    late_interaction: bool,
    /// Compare terms: the lexical baseline. Give it queries in the documents' language.
    #[arg(long, conflicts_with = "model")]
    bm25: bool,
    /// Only the I-th of N parts of the queries, I from 1; `snellen merge` puts their runs together, and those of parts of the corpus.
    #[arg(long, value_name = "I/N", value_parser = shard::parse)]
    shard: Option<(usize, usize)>,
    /// The run's name, its last field. Default: how it was made.
    #[arg(long, value_name = "NAME", value_parser = tag)]
    tag: Option<String>,
    /// Begin the run with ir_metadata: what made it, in comment lines, which trec_eval before version 10 cannot read.
    #[arg(long)]
    ir_metadata: bool,
    #[command(flatten)]
    lexical: Lexical,
    #[command(flatten)]
    sides: Sides,
    #[command(flatten)]
    encoding: Encoding,
}

fn tag(text: &str) -> Result<String, String> {
    let blank = text.is_empty() || text.contains(char::is_whitespace);
    if blank { Err("expected a name without blanks".to_owned()) } else { Ok(text.to_owned()) }
}

/// Rankings, and how they were made.
struct Found {
    rankings: Vec<Vec<Hit>>,
    system: String,
    encoders: Option<Encoders>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    if args.output != Path::new("-") {
        atomic::check(&args.output)?;
    }
    if [&args.queries, &args.corpus].iter().any(|input| same_file(input, &args.output)) {
        return Err(Failure::Usage(format!("{}: the output would replace an input", args.output.display())));
    }
    let (queries, mut corpus) = (text::read(&args.queries)?, text::read_documents(&args.corpus)?);
    text::check_query_ids(&args.queries.display().to_string(), &queries)?;
    text::check_ids(&args.corpus.display().to_string(), &corpus)?;
    let queries = shard::part(queries, args.shard);
    corpus.sort_by(|a, b| a.id.cmp(&b.id));
    let found = search(args, context, &queries, &corpus)?;
    let tag = args.tag.clone().unwrap_or_else(|| found.system.replace(char::is_whitespace, "-"));
    let mut out = Vec::new();
    if args.ir_metadata {
        out.extend(metadata(args, &found, &tag)?.into_bytes());
    }
    let (query, document) = (|i: usize| &queries[i].id, |i: usize| &corpus[i].id);
    retrieval::write_trec(&mut out, &found.rankings, query, document, &tag)?;
    if args.output == Path::new("-") {
        std::io::stdout().lock().write_all(&out)?;
    } else {
        text::write(&args.output, &out)?;
        let digest = retrieval::digest(&found.rankings);
        context.note(&format!("{}: {} queries, {digest}", args.output.display(), queries.len()));
    }
    Ok(Ending::Holds)
}

fn search(args: &Args, context: &Context, queries: &[Text], corpus: &[Text]) -> Result<Found, Failure> {
    let asked: Vec<&str> = queries.iter().map(|text| text.text.as_str()).collect();
    let offered: Vec<&str> = corpus.iter().map(|text| text.text.as_str()).collect();
    let Some(name) = &args.model else {
        let index = Index::of(&offered, args.lexical.analyzer, args.lexical.parameters());
        return Ok(Found { rankings: index.rank(&asked, args.k.get()), system: index.name(), encoders: None });
    };
    let encoders = args.sides.encoders(context, name)?;
    let models = encoders.towers()?;
    let [queries_recipe, documents_recipe] = args.encoding.recipes(models, &args.sides);
    let bar = progress::bar(context, queries.len() + corpus.len(), "encoding");
    let searcher = Searcher {
        models,
        queries: &queries_recipe,
        documents: &documents_recipe,
        batching: args.encoding.batching(),
        done: &|n| bar.inc(n as u64),
        cache: &context.embeddings(args.encoding.no_cache),
        depth: args.k.get(),
    };
    let (system, rankings) = if args.late_interaction {
        let head = LateHead::of(models.queries())?;
        (head.name(), searcher.late(&head, &asked, &offered)?)
    } else {
        ("dense".to_owned(), searcher.dense(&asked, &offered)?)
    };
    bar.finish_and_clear();
    Ok(Found { rankings, system, encoders: Some(encoders) })
}

/// The header of Breuer, Keller and Schaer (ir_metadata, SIGIR 2022), as far as it says what decides the run: no platform, no time, no path.
fn metadata(args: &Args, found: &Found, tag: &str) -> Result<String, Failure> {
    let file = |path: &Path| -> Result<[String; 2], Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok([format!("name: {}", quoted(&name)), format!("sha256: {}", digest::of_file(path)?.0)])
    };
    let ([queries, queries_sha256], [corpus, corpus_sha256]) = (file(&args.queries)?, file(&args.corpus)?);
    let mut lines = vec![
        "ir_metadata.start".to_owned(),
        format!("tag: {}", quoted(tag)),
        "implementation:".to_owned(),
        "  executable: \"snellen retrieve\"".to_owned(),
        format!("  version: {}", quoted(env!("CARGO_PKG_VERSION"))),
        "method:".to_owned(),
        "  automatic: true".to_owned(),
        "  retrieval:".to_owned(),
        format!("    - name: {}", quoted(&found.system)),
        format!("      arith: {ARITH}"),
        format!("      k: {}", args.k),
    ];
    if let Some((i, n)) = args.shard {
        lines.push(format!("      shard: \"{i}/{n}\""));
    }
    if let Some(encoders) = &found.encoders {
        let models = encoders.towers()?;
        lines.push(format!("      model: {}", quoted(&models.name())));
        lines.push(format!("      model_sha256: {}", models.digest()));
        lines.push(format!(
            "      pooling: {}",
            quoted(&args.encoding.recipe(models.queries(), "").name(models.queries().config()))
        ));
        lines.push(format!("      query_prefix: {}", quoted(&args.sides.query_prefix)));
        lines.push(format!("      corpus_prefix: {}", quoted(&args.sides.corpus_prefix)));
    }
    lines.extend(["data:", "  topics:"].map(str::to_owned));
    lines.extend([queries, queries_sha256].map(|line| format!("    {line}")));
    lines.push("  corpus:".to_owned());
    lines.extend([corpus, corpus_sha256].map(|line| format!("    {line}")));
    lines.push("ir_metadata.end".to_owned());
    Ok(lines.iter().map(|line| format!("# {line}\n")).collect())
}

/// A string as YAML and JSON both read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
