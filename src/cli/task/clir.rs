//! Cross-lingual retrieval on collections in TREC's manner.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use snellen::data::atomic;
use snellen::data::digest::{self, Digest};
use snellen::data::shelf::Found;
use snellen::data::text::Text;
use snellen::metric::{Measure, evaluate};
use snellen::task::clir::{Collection, Scored, Setup, System, Topics};
use snellen::task::search::Searcher;

use super::{check_output, chosen, columns, csv, mean};
use crate::cli::encoding::{Encoders, Encoding, Lexical, Sides};
use crate::cli::perturbing::{Perturbation, Perturbing};
use crate::cli::shard::Share;
use crate::cli::{Context, Ending, Failure, Machine, progress, runs};

#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows. bm25 alone needs none.
    #[arg(long)]
    model: Option<String>,
    /// A data set's name, or a folder with qrels.NAME.txt, queries.NAME.tsv and corpus.NAME.tsv (or .jsonl; each also .gz).
    #[arg(long)]
    data: String,
    /// Only these sets of queries (mostly languages). Default: all.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    languages: Vec<String>,
    /// Only queries whose id holds this, e.g. -test-.
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    part: String,
    /// Documents instead of the collection's own: .tsv (id, tab, text) or .jsonl, each also .gz.
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// dense, late (an embedding a token), bm25 (of translations where the collection has them), fused (of those before it).
    #[arg(long, value_delimiter = ',', value_name = "A,B", default_values_t = System::ALL)]
    systems: Vec<System>,
    /// Names as ir_measures or trec_eval write them.
    #[arg(long, default_value = "nDCG@10 R@100 RR@10", value_name = "NAMES")]
    measures: String,
    /// How many documents are kept for each query.
    #[arg(long, default_value = "1000", value_name = "K")]
    k: NonZeroUsize,
    /// Also write here `cells.csv`, `queries.csv` and the runs SET.SYSTEM.run.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// table or json.
    #[arg(long, default_value = "table")]
    format: Machine,
    #[command(flatten)]
    share: Share,
    #[command(flatten)]
    perturbing: Perturbing,
    #[command(flatten)]
    lexical: Lexical,
    #[command(flatten)]
    sides: Sides,
    #[command(flatten)]
    encoding: Encoding,
}

impl Args {
    pub(super) fn output(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let measures = runs::measures(&args.measures).map_err(Failure::Usage)?;
    check(&args.systems)?;
    if args.share.asked() && !args.systems.contains(&System::Dense) {
        return Err(Failure::Usage(
            "--shard: only embeddings of dense are kept; share out late and bm25 with `snellen retrieve --shard`, and put the runs together with `snellen merge`"
                .to_owned(),
        ));
    }
    let perturbation = args.perturbing.read()?;
    let encoding = args.systems.iter().filter(|system| system.encodes()).count();
    let encoders = match &args.model {
        Some(name) => Some(args.sides.encoders(context, name)?),
        None if encoding == 0 => None,
        None => return Err(Failure::Usage("dense and late need --model; or choose --systems bm25".to_owned())),
    };
    let data = with_corpus(context.shelf()?.find(&args.data)?, args.corpus.as_deref())?;
    let topics = topics(args, &data)?;
    if let Some(folder) = &args.output {
        let runs = topics.iter().flat_map(|topics| args.systems.iter().map(move |s| run_name(&topics.name, *s)));
        check_output(folder, runs.chain(["cells.csv", "queries.csv", "summary.json"].map(str::to_owned)))?;
    }
    let mut collections = Collection::read(&data, &topics, &args.part, args.corpus.as_deref())?;
    if let Some(perturbation) = &perturbation {
        perturb(perturbation, &mut collections, &args.systems)?;
    }
    tell_absent(&collections, context)?;
    let texts = collections.iter().map(Collection::texts).sum::<usize>() * encoding;
    let bar = progress::bar(context, texts, "encoding");
    let done = |n| bar.inc(n as u64);
    let models = encoders.as_ref().map(Encoders::towers).transpose()?;
    let recipes = models.map(|models| (models, args.encoding.recipes(models, &args.sides)));
    let cache = context.embeddings(args.encoding.no_cache);
    let depth = args.k.get();
    let searcher = recipes.as_ref().map(|(models, [queries, documents])| Searcher {
        models: *models,
        queries,
        documents,
        batching: args.encoding.batching(),
        done: &done,
        cache: &cache,
        depth,
    });
    let setup = Setup {
        systems: args.systems.clone(),
        searcher,
        depth,
        analyzer: args.lexical.analyzer,
        bm25: args.lexical.parameters(),
        measures,
        part: args.part.clone(),
        perturbation: perturbation.as_ref().map(Perturbation::name),
    };
    let work = || collections.iter().flat_map(|collection| setup.work(collection)).collect();
    if let Some(ending) = args.share.ahead(context, &args.encoding, work)? {
        return Ok(ending);
    }
    let mut scored = Vec::new();
    for collection in &collections {
        scored.extend(setup.score(&data, collection)?);
    }
    bar.finish_and_clear();
    for one in &scored {
        let of = format!("of {} {} ", one.topics, one.system);
        runs::notes(&of, &one.evaluation, &evaluate::Options::default(), context);
    }
    if let Some(folder) = &args.output {
        write(folder, &scored)?;
        super::write_summary(folder, &summary(&scored))?;
    }
    print(args, &setup.measures, &scored)?;
    Ok(Ending::Holds)
}

/// The sets that were asked for, whose documents are not the collection's own where others are given.
fn topics(args: &Args, data: &Found) -> Result<Vec<Topics>, Failure> {
    let mut topics = Topics::of(data)?;
    let names: Vec<String> = topics.iter().map(|topics| topics.name.clone()).collect();
    let wanted = chosen(&args.languages, &names, &data.name)?;
    topics.retain(|topics| wanted.contains(&topics.name));
    if args.corpus.is_some() {
        topics.iter_mut().for_each(|topics| topics.corpus = None);
    }
    Ok(topics)
}

/// Perturbs the queries. Their translations would stay as they are: a run of these would not be what its key says.
fn perturb(perturbation: &Perturbation, collections: &mut [Collection], systems: &[System]) -> Result<(), Failure> {
    for (topics, asked) in collections.iter_mut().flat_map(|collection| &mut collection.sets) {
        if asked.pivot.is_some() && systems.contains(&System::Bm25) {
            return Err(Failure::Usage(format!(
                "{}: bm25 searches for translations, which --perturb leaves as they are: choose --systems dense,late",
                topics.name
            )));
        }
        perturbation.texts(&topics.name, asked.queries.iter_mut().map(|Text { id, text }| (id.as_str(), text)));
    }
    Ok(())
}

/// Says where relevant documents are not among the documents, and refuses a set that has none of them.
pub(in crate::cli) fn tell_absent(collections: &[Collection], context: &Context) -> Result<(), Failure> {
    for (set, absent, all) in collections.iter().flat_map(Collection::absent) {
        if absent == all {
            return Err(Failure::Usage(format!("{set}: none of its {all} relevant documents is among the documents")));
        }
        context.note(&format!("{set}: {absent} of its {all} relevant documents are not among the documents"));
    }
    Ok(())
}

/// Fusion needs something to fuse, and nothing stands twice.
fn check(systems: &[System]) -> Result<(), Failure> {
    for (i, system) in systems.iter().enumerate() {
        if systems[..i].contains(system) {
            return Err(Failure::Usage(format!("--systems: {system} stands twice")));
        }
        if *system == System::Fused && i < 2 {
            return Err(Failure::Usage("--systems: fused needs two others before it".to_owned()));
        }
    }
    Ok(())
}

/// Documents of one's own make another data set.
fn with_corpus(data: Found, corpus: Option<&Path>) -> Result<Found, Failure> {
    let Some(corpus) = corpus else { return Ok(data) };
    let mut all = Digest::new();
    all.field(&data.digest).field(digest::of_file(corpus)?.0);
    let file = corpus.file_name().unwrap_or_default().to_string_lossy();
    Ok(Found { name: format!("{} + {file}", data.name), digest: all.hex(), folder: data.folder })
}

fn run_name(topics: &str, system: System) -> String {
    format!("{topics}.{system}.run")
}

fn write(folder: &Path, scored: &[Scored]) -> Result<(), Failure> {
    let (mut cells, mut queries) = (Vec::new(), Vec::new());
    for one in scored {
        let (topics, system) = (&one.topics, one.system.to_string());
        for (key, value) in &one.cells {
            cells.push(vec![
                topics.clone(),
                system.clone(),
                key.measure.clone(),
                value.to_string(),
                one.digest.clone(),
            ]);
        }
        for query in &one.evaluation.queries {
            for (measure, value) in one.evaluation.measures.iter().zip(&query.values) {
                let row = [topics, &system, &query.id].map(String::clone).into_iter();
                queries.push(row.chain([measure.to_string(), value.to_string()]).collect());
            }
        }
        atomic::write(&folder.join(run_name(topics, one.system)), &one.run)?;
    }
    atomic::write(&folder.join("cells.csv"), &csv(&["topics", "system", "measure", "value", "digest"], &cells)?)?;
    let header = ["topics", "system", "query", "measure", "value"];
    Ok(atomic::write(&folder.join("queries.csv"), &csv(&header, &queries)?)?)
}

/// The digest of all of it.
fn digest(scored: &[Scored]) -> String {
    let mut digest = Digest::new();
    for one in scored {
        digest.field(&one.digest);
    }
    digest.hex()
}

fn summary(scored: &[Scored]) -> Value {
    let cells = scored
        .iter()
        .flat_map(|one| one.cells.iter().map(|(key, value)| json!({"key": key, "value": value, "digest": one.digest})));
    super::summary(cells.collect(), &digest(scored))
}

fn print(args: &Args, measures: &[Measure], scored: &[Scored]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.format == Machine::Json {
        return super::print_summary(&mut out, summary(scored), args.output());
    }
    let names: Vec<String> = measures.iter().map(Measure::to_string).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0).max(9) + 2;
    writeln!(out, "{:12}{:8}{}  digest", "topics", "system", columns(&names, width))?;
    for one in scored {
        let values: Vec<String> = one.cells.iter().map(|(_, value)| format!("{value:.6}")).collect();
        writeln!(
            out,
            "{:12}{:8}{}  {}",
            one.topics,
            one.system.to_string(),
            columns(&values, width),
            &one.digest[..16]
        )?;
    }
    for system in &args.systems {
        let of_system: Vec<&Scored> = scored.iter().filter(|one| one.system == *system).collect();
        let mean = |i: usize| mean(of_system.iter().map(|one| one.cells[i].1));
        let means: Vec<String> = (0..measures.len()).map(|i| format!("{:.6}", mean(i))).collect();
        writeln!(out, "{:12}{:8}{}", "mean", system.to_string(), columns(&means, width))?;
    }
    writeln!(out, "{:12}{}", "digest", &digest(scored)[..16])?;
    Ok(())
}
