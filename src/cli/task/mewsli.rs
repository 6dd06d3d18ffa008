//! Mewsli-X.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use snellen::data::atomic;
use snellen::data::digest::Digest;
use snellen::task::mewsli::{DEPTH, Mewsli, Scored};
use snellen::task::search::Searcher;
use snellen::task::xtreme;

use super::{check_output, csv, mean};
use crate::cli::encoding::{Encoding, Sides};
use crate::cli::shard::Share;
use crate::cli::{Context, Ending, Failure, Machine, progress};

#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows.
    #[arg(long)]
    model: String,
    /// A data set's name, or a folder with candidate_set_entities.jsonl and wikinews_mentions-SPLIT.jsonl.
    #[arg(long, default_value = "mewsli-x")]
    data: String,
    /// test or dev.
    #[arg(long, default_value = "test", value_parser = ["test", "dev"])]
    split: String,
    /// Also write here `cells.csv`, and predictions and labels in XTREME's format.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// table or json.
    #[arg(long, default_value = "table")]
    format: Machine,
    #[command(flatten)]
    share: Share,
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
    let data = context.shelf()?.find(&args.data)?;
    let encoders = args.sides.encoders(context, &args.model)?;
    let models = encoders.towers()?;
    let [queries, documents] = args.encoding.recipes(models, &args.sides);
    let mewsli = Mewsli::read(&data, &args.split)?;
    if let Some(folder) = &args.output {
        check_output(folder, ["cells.csv", "summary.json"].map(str::to_owned))?;
    }
    let lacking: Vec<&str> = xtreme::MEWSLI_X.into_iter().filter(|l| !mewsli.languages.contains_key(*l)).collect();
    if !lacking.is_empty() {
        context.note(&format!("the mean leaves out languages that XTREME-R has: {}", lacking.join(" ")));
    }
    let texts = mewsli.entities.len() + mewsli.languages.values().map(Vec::len).sum::<usize>();
    let bar = progress::bar(context, texts, "encoding");
    let searcher = Searcher {
        models,
        queries: &queries,
        documents: &documents,
        batching: args.encoding.batching(),
        done: &|n| bar.inc(n as u64),
        cache: &context.embeddings(args.encoding.no_cache),
        depth: DEPTH,
    };
    if let Some(ending) = args.share.ahead(context, &args.encoding, || mewsli.work(&searcher).into())? {
        return Ok(ending);
    }
    let scored = mewsli.score(&data, &searcher)?;
    bar.finish_and_clear();
    if let Some(folder) = &args.output {
        write(folder, &mewsli, &scored)?;
        super::write_summary(folder, &summary(&scored))?;
    }
    print(args, &scored)?;
    Ok(Ending::Holds)
}

fn write(folder: &Path, mewsli: &Mewsli, scored: &[Scored]) -> Result<(), Failure> {
    let mut cells = Vec::new();
    for one in scored {
        let (key, value) = &one.cell;
        cells.push(vec![one.language.clone(), key.measure.clone(), value.to_string(), one.digest.clone()]);
        let mentions = &mewsli.languages[&one.language];
        let ids = |entities: &mut dyn Iterator<Item = usize>| -> Value {
            entities.map(|entity| Value::from(mewsli.entities[entity].as_str())).collect()
        };
        let predicted = mentions
            .iter()
            .zip(&one.rankings)
            .map(|(mention, ranking)| (mention.id.clone(), ids(&mut ranking.iter().map(|hit| hit.document))));
        let right = mentions.iter().map(|mention| (mention.id.clone(), ids(&mut [mention.entity].into_iter())));
        for (kind, lists) in [("predictions", predicted.collect::<Map<_, _>>()), ("labels", right.collect())] {
            let path = folder.join(kind).join("mewslix").join(format!("{}-{}.json", mewsli.split, one.language));
            atomic::write(&path, Value::Object(lists).to_string().as_bytes())?;
        }
    }
    Ok(atomic::write(&folder.join("cells.csv"), &csv(&["language", "measure", "value", "digest"], &cells)?)?)
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
    let cell = |one: &Scored| json!({"key": one.cell.0, "value": one.cell.1, "digest": one.digest});
    super::summary(scored.iter().map(cell).collect(), &digest(scored))
}

fn print(args: &Args, scored: &[Scored]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.format == Machine::Json {
        return super::print_summary(&mut out, summary(scored), args.output());
    }
    // The name is XTREME-R's; each mention has one entity, so that it is a mean reciprocal rank.
    writeln!(out, "{:12}{:>11}  digest", "language", "mAP@20")?;
    for one in scored {
        writeln!(out, "{:12}{:>11.6}  {}", one.language, one.cell.1, &one.digest[..16])?;
    }
    let mean = mean(scored.iter().map(|one| one.cell.1));
    writeln!(out, "{:12}{mean:>11.6}  {}", "mean", &digest(scored)[..16])?;
    Ok(())
}
