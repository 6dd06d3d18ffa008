//! XTREME's evaluation of prediction files.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Map, json};
use snellen::data::folder::Folder;
use snellen::task::xtreme;

use crate::cli::{Context, Ending, Failure, Machine};

#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder with tatoeba/test-LANG.tsv or mewslix/test-LANG.json, as submissions to XTREME have them.
    #[arg(long, value_name = "DIR")]
    predictions: PathBuf,
    /// The same with what is right.
    #[arg(long, value_name = "DIR")]
    labels: PathBuf,
    /// table or json.
    #[arg(long, default_value = "table")]
    format: Machine,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let folder = |path: &PathBuf| Folder::Disk(path.clone());
    let evaluated = xtreme::evaluate(&folder(&args.predictions), &folder(&args.labels))?;
    for one in &evaluated {
        let [missing, extra] = one.unmatched;
        if missing + extra > 0 {
            context.note(&format!(
                "{}: {missing} examples without a prediction, {extra} predictions without an example",
                one.task
            ));
        }
    }
    let mut out = std::io::stdout().lock();
    if args.format == Machine::Json {
        let one = |one: &xtreme::Evaluated| {
            let languages: Map<_, _> = one.languages.iter().map(|(code, value)| (code.clone(), json!(value))).collect();
            json!({"task": one.task, "measure": one.measure, "mean": one.mean(), "languages": languages})
        };
        let tasks: Vec<_> = evaluated.iter().map(one).collect();
        writeln!(out, "{:#}", json!({"schema": 1, "tasks": tasks}))?;
        return Ok(Ending::Holds);
    }
    for one in &evaluated {
        for (code, value) in &one.languages {
            writeln!(out, "{}\t{}\t{code}\t{value}", one.task, one.measure)?;
        }
        writeln!(out, "{}\t{}\tmean\t{}", one.task, one.measure, one.mean())?;
    }
    Ok(Ending::Holds)
}
