//! `snellen invariance`: does this machine keep the contract's sentence?

use std::io::{ErrorKind, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use snellen::claim::invariance::{Experiment, Invariance, TEXTS, Unit, Ways};
use snellen::data::text;
use snellen::report::invariance as report;

use super::{Common, Context, Ending, Failure, progress};

/// The models that need nothing but the program.
const DEFAULT: [&str; 2] = ["fixture-student", "fixture-teacher"];

/// Compute the same texts in every way that must not matter: one table of digests.
///
/// The ways are batches of 1, 2, 7 and 64 texts, sorted by length or shuffled, on 1, 2, 3 and 8 threads, with every instruction set, on every
/// device (`--device cpu,cuda`, the default: both). A digest covers token ids, every token's state, embeddings, and the texts' ranking against each other. --isa and --threads
/// leave only theirs of the ways.
///
/// Exit status: 0 all cells that could be run have one digest (the others are named); 1 they have not, or a card fails the contract's self-test; 2 it could not be told: no
/// cell ran, or --device names a card that is not there.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows. Default: the models that are built in.
    #[arg(long)]
    model: Vec<String>,
    /// Texts: .txt (one a line), .tsv (id, tab, text) or .jsonl ({"id", "text"}), each also .gz. Default: 48 that are built in, in many
    /// scripts and of very different lengths.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Only the first N texts.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Only batches of so many texts.
    #[arg(long, value_delimiter = ',', value_name = "N,N")]
    batch: Vec<NonZeroUsize>,
    /// How the table is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Formats of the table.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people at a terminal.
    Table,
    /// For machines.
    Json,
    /// One row a cell.
    Csv,
    /// As GitHub shows it.
    Markdown,
}

pub(crate) fn run(args: &Args, common: &Common, context: &Context) -> Result<Ending, Failure> {
    let texts = texts(args)?;
    let ways = ways(args, common);
    let shelf = context.shelf()?;
    let names: Vec<&str> =
        if args.model.is_empty() { DEFAULT.to_vec() } else { args.model.iter().map(String::as_str).collect() };
    let models = names.into_iter().map(|name| shelf.find(name)).collect::<Result<Vec<_>, _>>()?;
    let bars = progress::Bars::new(context);
    let cards = context.cards();
    let cards = cards.as_ref().map_err(|absence| absence.why.as_str());
    let outcomes = models
        .iter()
        .map(|model| Experiment { model, texts: &texts, ways: &ways, cards, progress: &bars }.run())
        .collect::<Result<Vec<Invariance>, _>>()?;
    bars.finish();
    match write(args.format, &outcomes) {
        // A reader that stops early has seen enough, but whether it holds is still told.
        Err(Failure::Output(e)) if e.kind() == ErrorKind::BrokenPipe => {}
        written => written?,
    }
    let cards = if ways.units.contains(&Unit::Cuda) { context.ending_of_cards() } else { Ending::Holds };
    Ok(match (ending(&outcomes), cards) {
        (Ending::Fails, _) | (_, Ending::Fails) => Ending::Fails,
        (Ending::Holds, Ending::Holds) => Ending::Holds,
        _ => Ending::Untold,
    })
}

/// Of nothing nothing can be told.
fn ending(outcomes: &[Invariance]) -> Ending {
    if !outcomes.iter().all(Invariance::holds) {
        Ending::Fails
    } else if outcomes.iter().any(|outcome| outcome.groups().is_empty()) {
        Ending::Untold
    } else {
        Ending::Holds
    }
}

fn texts(args: &Args) -> Result<Vec<String>, Failure> {
    let mut texts: Vec<String> = match &args.input {
        Some(file) => text::read(file)?.into_iter().map(|text| text.text).collect(),
        None => TEXTS.lines().map(str::to_owned).collect(),
    };
    if let (Some(file), true) = (&args.input, texts.is_empty()) {
        return Err(Failure::Usage(format!("{}: no text in it", file.display())));
    }
    texts.truncate(args.limit.map_or(usize::MAX, NonZeroUsize::get));
    Ok(texts)
}

/// All ways, less what the options leave out.
fn ways(args: &Args, common: &Common) -> Ways {
    let mut ways = Ways::default();
    if let Some(isa) = common.isa {
        ways.units.retain(|unit| matches!(unit, Unit::Cuda) || *unit == Unit::Cpu(isa));
    }
    ways.units
        .retain(|unit| if *unit == Unit::Cuda { common.device.may_be_cards() } else { common.device.may_be_cpu() });
    if let Some(threads) = common.threads {
        ways.threads = vec![threads.into()];
    }
    if !args.batch.is_empty() {
        ways.batches = args.batch.iter().map(|n| n.get()).collect();
        ways.batches.sort_unstable();
        ways.batches.dedup();
    }
    ways
}

fn write(format: Format, outcomes: &[Invariance]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Json => report::json(outcomes, &mut out)?,
        Format::Csv => report::csv(outcomes, &mut out)?,
        Format::Markdown => report::markdown(outcomes, &mut out)?,
        Format::Table => report::table(outcomes, &mut out)?,
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use snellen::claim::invariance::{Came, Cell, Digests, Way};
    use snellen::encoder::Order;

    use super::*;

    /// A table of two cells, with these embeddings' digests.
    fn table(embeddings: [&str; 2]) -> Invariance {
        let cell = |embeddings: &str| {
            let way = Way { unit: Unit::Cuda, threads: 1, order: Order::Sorted, batch: 1 };
            let part = || "0".to_owned();
            let digests =
                Digests { token_ids: part(), states: part(), embeddings: embeddings.to_owned(), ranking: part() };
            Cell { way, came: Came::Ran { digests, seconds: 0.0 } }
        };
        let nothing = String::new;
        Invariance {
            model: nothing(),
            model_sha256: nothing(),
            texts: 1,
            texts_sha256: nothing(),
            cells: embeddings.map(cell).to_vec(),
        }
    }

    #[test]
    fn one_model_with_two_digests_fails() {
        let (one, two) = (table(["a", "a"]), table(["a", "b"]));
        assert!(ending(std::slice::from_ref(&one)) == Ending::Holds);
        assert!(ending(&[table(["a", "a"]), table(["b", "b"])]) == Ending::Holds, "two models have two digests");
        assert!(ending(&[one, two]) == Ending::Fails);
    }
}
