//! Tatoeba.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use snellen::data::atomic;
use snellen::data::digest::Digest;
use snellen::encoder::How;
use snellen::retrieval;
use snellen::task::Key;
use snellen::task::tatoeba::{self, Convention, Direction, Pair, Scored, Setup};
use snellen::task::xtreme;

use super::{check_output, chosen, columns, csv, mean};
use crate::cli::encoding::{Encoders, Encoding, Prefix};
use crate::cli::perturbing::{Perturbation, Perturbing};
use crate::cli::shard::Share;
use crate::cli::{Context, Ending, Failure, Machine, progress};

#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows.
    #[arg(long)]
    model: String,
    /// Another model for the sentences that are searched, e.g. the teacher of a student that encodes queries. Default: the same.
    #[arg(long, value_name = "MODEL")]
    document_model: Option<String>,
    /// A data set's name, or a folder with `v1/tatoeba.LANG-eng.LANG` and `.eng`.
    #[arg(long, default_value = "tatoeba")]
    data: String,
    /// Only these languages, e.g. deu or deu-eng; xtreme and xtreme-r are the 36 and 41 languages of these benchmarks. Default: all.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    languages: Vec<String>,
    /// xx-en (the foreign sentence asks) or en-xx. Default: the convention's own.
    #[arg(long)]
    direction: Option<Direction>,
    /// mteb (accuracy, precision, recall, f1 in [0, 1]; xx-en) or xtreme (accuracy in per cent; en-xx).
    #[arg(long, default_value_t = Convention::Mteb)]
    convention: Convention,
    /// Also write here `cells.csv` and, for each language, a TREC run and its judgements; with convention xtreme from English, predictions and labels in XTREME's
    /// format too.
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
    prefix: Prefix,
    #[command(flatten)]
    encoding: Encoding,
}

impl Args {
    pub(super) fn output(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let data = context.shelf()?.find(&args.data)?;
    let perturbation = args.perturbing.read()?;
    let encoders = Encoders::open(context, &args.model, args.document_model.as_deref())?;
    let models = encoders.towers()?;
    let recipe = |model| args.encoding.recipe(model, &args.prefix.prefix);
    let setup = Setup {
        direction: args.direction.unwrap_or(args.convention.direction()),
        convention: args.convention,
        queries: recipe(models.queries()),
        corpus: recipe(models.documents()),
        perturbation: perturbation.as_ref().map(Perturbation::name),
    };
    let all = tatoeba::languages(&data)?;
    let asked: Vec<String> = args.languages.iter().flat_map(|name| named(name)).collect();
    let chosen = chosen(&asked, &all, &data.name)?;
    if let Some(folder) = &args.output {
        check_output(
            folder,
            chosen
                .iter()
                .flat_map(|language| ["run", "qrels"].map(|kind| format!("{language}-eng.{kind}")))
                .chain(["cells.csv", "summary.json"].map(str::to_owned)),
        )?;
    }
    let pairs = chosen.iter().map(|language| Pair::read(&data, language)).collect::<Result<Vec<_>, _>>()?;
    let pairs: Vec<Cow<'_, Pair>> =
        pairs.iter().map(|pair| in_other_words(pair, setup.direction, perturbation.as_ref())).collect();
    let work = || pairs.iter().flat_map(|pair| setup.work(pair, models)).collect();
    if let Some(ending) = args.share.ahead(context, &args.encoding, work)? {
        return Ok(ending);
    }
    let bar = progress::bar(context, pairs.iter().map(|pair| 2 * pair.english.len()).sum(), "encoding");
    let how =
        How { recipe: &setup.queries, batching: args.encoding.batching(), first: 0, done: &|n| bar.inc(n as u64) };
    let cache = context.embeddings(args.encoding.no_cache);
    let mut scored = Vec::new();
    for pair in &pairs {
        let one = setup.score(&data, pair, models, &how, &cache)?;
        if let Some(folder) = &args.output {
            let file = |kind: &str| folder.join(format!("{}-eng.{kind}", pair.language));
            write_run(&file("run"), &one, &models.name())?;
            let judgements = (0..pair.english.len()).map(|line| format!("{line} 0 {line} 1\n"));
            atomic::write(&file("qrels"), judgements.collect::<String>().as_bytes())?;
            if args.convention == Convention::Xtreme && setup.direction == Direction::EnglishToForeign {
                write_predictions(folder, pair, &one)?;
            }
        }
        scored.push(one);
    }
    bar.finish_and_clear();
    if let Some(folder) = &args.output {
        atomic::write(&folder.join("cells.csv"), &cells(&scored)?)?;
        super::write_summary(folder, &summary(&scored))?;
    }
    print(args, &scored)?;
    Ok(Ending::Holds)
}

/// A language as it is asked: the queries perturbed, if that was wanted.
fn in_other_words<'a>(pair: &'a Pair, direction: Direction, perturbation: Option<&Perturbation>) -> Cow<'a, Pair> {
    let Some(perturbation) = perturbation else { return Cow::Borrowed(pair) };
    let mut pair = pair.clone();
    match direction {
        Direction::ForeignToEnglish => perturbation.lines(&pair.language, &mut pair.foreign),
        Direction::EnglishToForeign => perturbation.lines("eng", &mut pair.english),
    }
    Cow::Owned(pair)
}

/// The languages that a name stands for.
pub(in crate::cli) fn named(name: &str) -> Vec<String> {
    let own = |languages: &[(&str, &str)]| languages.iter().map(|(_, laser)| (*laser).to_owned()).collect::<Vec<_>>();
    match name {
        "xtreme" => own(&xtreme::TATOEBA),
        "xtreme-r" => [own(&xtreme::TATOEBA), own(&xtreme::TATOEBA_R)].concat(),
        // Reports call a language `deu-eng`, file names `deu`: both are understood.
        _ => vec![name.strip_suffix("-eng").unwrap_or(name).to_owned()],
    }
}

/// `predictions/tatoeba/test-LANG.tsv` and the same below `labels`, for a language that XTREME has.
fn write_predictions(folder: &Path, pair: &Pair, scored: &Scored) -> Result<(), Failure> {
    let mut known = xtreme::TATOEBA.iter().chain(&xtreme::TATOEBA_R);
    let Some((code, _)) = known.find(|(_, laser)| *laser == pair.language) else { return Ok(()) };
    let order = xtreme::english_order(&pair.english);
    let predicted: String = order.iter().map(|line| format!("{}\n", scored.rankings[*line][0].document)).collect();
    let right: String = order.iter().map(|line| format!("{line}\n")).collect();
    for (kind, lines) in [("predictions", predicted), ("labels", right)] {
        let path = folder.join(kind).join("tatoeba").join(format!("test-{code}.tsv"));
        atomic::write(&path, lines.as_bytes())?;
    }
    Ok(())
}

/// Queries and documents are called by their lines, from 0.
fn write_run(path: &Path, scored: &Scored, tag: &str) -> Result<(), Failure> {
    let mut run = Vec::new();
    let line = |i: usize| i.to_string();
    retrieval::write_trec(&mut run, &scored.rankings, line, line, &tag.replace(char::is_whitespace, "-"))?;
    Ok(atomic::write(path, &run)?)
}

fn cells(scored: &[Scored]) -> Result<Vec<u8>, Failure> {
    let cells = scored.iter().flat_map(|one| one.cells.iter().map(move |cell| (cell, &one.digest)));
    let row = |((key, value), digest): (&(Key, f64), &String)| {
        vec![key.language.clone(), key.measure.clone(), value.to_string(), digest.clone()]
    };
    csv(&["language", "measure", "value", "digest"], &cells.map(row).collect::<Vec<_>>())
}

/// The digest of all of it.
fn digest(scored: &[Scored]) -> String {
    let mut digest = Digest::new();
    scored.iter().for_each(|one| {
        digest.field(&one.digest).field(&one.embeddings);
    });
    digest.hex()
}

fn summary(scored: &[Scored]) -> Value {
    let cells = scored.iter().flat_map(|one| &one.cells).map(|(key, value)| json!({"key": key, "value": value}));
    super::summary(cells.collect(), &digest(scored))
}

fn print(args: &Args, scored: &[Scored]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match args.format {
        Machine::Json => super::print_summary(&mut out, summary(scored), args.output())?,
        Machine::Table => {
            let measures: Vec<&str> =
                scored.first().iter().flat_map(|one| &one.cells).map(|(k, _)| k.measure.as_str()).collect();
            writeln!(out, "{:12}{}  digest", "language", columns(&measures, 11))?;
            for one in scored {
                let language = one.cells.first().map_or("", |(key, _)| key.language.as_str());
                let values: Vec<String> = one.cells.iter().map(|(_, value)| format!("{value:.6}")).collect();
                writeln!(out, "{language:12}{}  {}", columns(&values, 11), &one.digest[..16])?;
            }
            let mean = |m: usize| mean(scored.iter().map(|one| one.cells[m].1));
            let means: Vec<String> = (0..measures.len()).map(|m| format!("{:.6}", mean(m))).collect();
            writeln!(out, "{:12}{}  {}", "mean", columns(&means, 11), &digest(scored)[..16])?;
        }
    }
    Ok(())
}
