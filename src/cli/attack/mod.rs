//! `snellen attack`: queries, documents and judgements in, adversarial queries out, with what they cost the encoder.

mod attacker;
mod journal;
mod results;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use attacker::Attacker;
use clap::ValueEnum as _;
use ndarray::Array2;
use snellen::attack::Flips;
use snellen::attack::ball::{Ball, Norm};
use snellen::attack::search::{Method, Search};
use snellen::attack::text::{Amount, Kind, Language, Options, Spec};
use snellen::attack::victim::{Objective, Query, Victim};
use snellen::data::digest::Digest;
use snellen::data::text::{self, Source, Text};
use snellen::data::trec::{Qrels, TrecFile};
use snellen::encoder::{How, Model, Recipe};
use snellen::kernel::ARITH;
use snellen::transport::{Exact, Solver};

use super::encoding::{Encoding, Sides};
use super::perturbing::Means;
use super::task::check_output;
use super::{Context, Ending, Failure, progress, same_file, shard};

/// Attack queries: find those changes of them by which their relevant documents are lost.
///
/// Methods by text: random (so many edits, whatever they do), worst (the worst of so many such), greedy (one edit after the other, each the worst of so many) and hotflip (one token
/// after the other, exchanged for another that gradients propose). Methods on word embeddings: fgsm, pgd, freelb, and pgd-tokens (pgd that is judged at the nearest real tokens).
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows.
    #[arg(long)]
    model: String,
    /// Queries: .txt (one a line), .tsv (id, tab, text) or .jsonl ({"id", "text"}), each also .gz.
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// Documents, likewise; a "title" in .jsonl comes before the text.
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// Which documents are relevant (TREC's format). Default: the document with the query's own id, as in bitext.
    #[arg(long, value_name = "FILE")]
    qrels: Option<PathBuf>,
    /// random, worst, greedy, hotflip, fgsm, pgd, pgd-tokens, freelb; several with commas between them.
    #[arg(long, value_name = "METHOD", value_delimiter = ',', required = true)]
    method: Vec<Name>,
    /// How many edits or tokens at most.
    #[arg(long, value_name = "N", default_value = "3", value_parser = up_to::<1_000>)]
    budget: usize,
    /// How many candidates are looked at for each query at each step.
    #[arg(long, value_name = "N", default_value = "32", value_parser = up_to::<1_000_000>)]
    candidates: usize,
    /// The perturbation whose edits are made; `snellen perturb --list` has them.
    #[arg(long, value_name = "KIND", default_value = "typo")]
    kind: Kind,
    /// A query is lost when its best relevant document ranks below this: its attack ends.
    #[arg(long, value_name = "RANK", default_value = "1")]
    until: NonZeroUsize,
    /// What is drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The queries' language, ISO 639-1 or 639-3: whose keyboard. Default: by script.
    #[arg(long, value_name = "CODE")]
    language: Option<Language>,
    #[command(flatten)]
    means: Means,
    /// Of fgsm, pgd and freelb: how far word embeddings may be shifted, as a share of their length. pgd-tokens needs several lengths to reach other tokens.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = positive)]
    radius: f64,
    /// Of pgd and freelb: how many steps.
    #[arg(long, value_name = "N", default_value = "5", value_parser = up_to::<10_000>)]
    steps: usize,
    /// Of pgd: which shifts are as large as can be: l2 (of every token) or linf (every number).
    #[arg(long, value_name = "NORM", default_value = "l2")]
    norm: PgdNorm,
    /// Whose gradient proposes: the margin between the best relevant document and the best other one, or what it costs to transport the query's tokens onto the
    /// relevant document's. What hurts is judged by the margin.
    #[arg(long, value_name = "OBJECTIVE", default_value = "margin")]
    objective: Aim,
    /// Only attack the I-th of N shares of the queries, I from 1, and keep what was found in the folder's journals. The same command without it puts the shares together: it reads
    /// the journals, attacks what is missing, and has the results. Shards may run at once, in one folder.
    #[arg(long, value_name = "I/N", value_parser = shard::parse)]
    shard: Option<(usize, usize)>,
    /// Attack only the first N queries.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    #[command(flatten)]
    sides: Sides,
    #[command(flatten)]
    encoding: Encoding,
    /// Where results go. What is there of the same attack is gone on with.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Name {
    Random,
    Worst,
    Greedy,
    Hotflip,
    Fgsm,
    Pgd,
    PgdTokens,
    Freelb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Aim {
    Margin,
    Transport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PgdNorm {
    L2,
    Linf,
}

/// An attack that was asked for.
enum Attack<'a> {
    Text(Search<'a>),
    Embedding(Ball, Option<&'a Flips>),
}

fn positive(text: &str) -> Result<f64, String> {
    let radius = text.parse().ok().filter(|radius| *radius > 0.0 && *radius <= 1e3);
    radius.ok_or_else(|| "expected a number above 0 and up to 1000".to_owned())
}

fn up_to<const MOST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("expected 1 to {MOST}"))
}

impl Args {
    pub(super) fn output(&self) -> &Path {
        &self.output
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let names: BTreeSet<Name> = args.method.iter().copied().collect();
    check(args)?;
    // How many edits there are does not matter to what they need.
    let edit = Spec::of(args.kind, Amount::Edits(1));
    let means = args.means.read(std::slice::from_ref(&edit))?;
    let source = Source::open(&args.queries)?;
    let (texts, corpus) = read(args, &source)?;
    let (queries, unfit) = queries(args, &texts, &corpus)?;
    if queries.is_empty() {
        return Err(Failure::Usage(no_query(args, &texts, &corpus)));
    }
    if unfit > 0 {
        context.note(&format!(
            "queries without a relevant document, or to which all are relevant: {unfit}, and do not count"
        ));
    }
    let encoders = args.sides.encoders(context, &args.model)?;
    let models = encoders.towers()?;
    let [of_queries, of_documents] = args.encoding.recipes(models, &args.sides);
    let documents: Vec<&str> = corpus.iter().map(|text| text.text.as_str()).collect();
    let embeddings = encoded(args, context, models.documents(), &of_documents, &documents)?;
    let others = [models.digest(), words(&documents), means.name(&edit, &format!("seed {}", args.seed))];
    let inputs = digest(args, &queries, [&of_queries, &of_documents], &others);
    let solver = Solver::Exact(Exact::default());
    let objective = match args.objective {
        Aim::Margin => Objective::Margin,
        Aim::Transport => {
            let asked = queries.iter().flat_map(|query| query.relevant.iter().copied()).collect();
            Objective::transport(
                &solver,
                models.documents(),
                &of_documents,
                args.encoding.batching(),
                &documents,
                &asked,
            )?
        }
    };
    let victim = Victim::new(models.queries(), &of_queries, args.encoding.batching(), embeddings)?.against(objective);
    let options = means.options(&args.language.clone().unwrap_or_default());
    let flips = names.iter().any(|name| name.reads_vocabulary()).then(|| Flips::of(models.queries())).transpose()?;
    let attacker = Attacker { args, context, victim: &victim, queries: &queries, inputs };
    let mut found = Vec::new();
    for name in names {
        let attack = args.attack(name, &victim, flips.as_ref(), &options);
        match args.shard {
            Some(shard) => attacker.ahead(name, &attack, shard)?,
            None => found.push((name, attack.to_string(), attacker.outcomes(name, &attack)?)),
        }
    }
    if args.shard.is_some() {
        return Ok(Ending::Holds);
    }
    results::finish(args, context, models, &of_queries, &source, &queries, &found)?;
    // Giving back a tokeniser's small pieces of memory takes a third of a second.
    std::mem::forget(encoders);
    Ok(Ending::Holds)
}

/// The documents' embeddings.
fn encoded(
    args: &Args,
    context: &Context,
    model: &Model,
    recipe: &Recipe,
    documents: &[&str],
) -> Result<Array2<f32>, Failure> {
    let bar = progress::bar(context, documents.len(), "encoding");
    let how = How { recipe, batching: args.encoding.batching(), first: 0, done: &|n| bar.inc(n as u64) };
    let embeddings = context.embeddings(args.encoding.no_cache).embed(model, &how, documents)?;
    bar.finish_and_clear();
    Ok(embeddings)
}

/// Refuses, before the work, what cannot be had.
fn check(args: &Args) -> Result<(), Failure> {
    // Of all methods: what another attack left is removed in the end.
    let files = results::files(Name::value_variants().iter().map(|name| name.file()), &args.queries);
    let files_in = [&args.queries, &args.corpus].into_iter().chain(&args.qrels).map(PathBuf::as_path);
    let inputs = files_in.chain(args.means.lexicon());
    for input in inputs {
        if let Some(file) = files.iter().find(|file| same_file(input, &args.output.join(file))) {
            return Err(Failure::Usage(format!("{}: the output {file} would replace an input", input.display())));
        }
        if journal::is_in(&args.output, input) {
            let what = "it is called as journals of the output's folder are, which are written and removed";
            return Err(Failure::Usage(format!("{}: {what}", input.display())));
        }
    }
    check_output(&args.output, files)
}

/// Queries and documents, the latter in the order of their ids.
fn read(args: &Args, source: &Source) -> Result<(Vec<Text>, Vec<Text>), Failure> {
    let (queries, mut corpus) = (source.texts()?, text::read_documents(&args.corpus)?);
    text::check_query_ids(&args.queries.display().to_string(), &queries)?;
    text::check_ids(&args.corpus.display().to_string(), &corpus)?;
    corpus.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((queries, corpus))
}

/// The queries that can be attacked, and how many cannot.
fn queries(args: &Args, texts: &[Text], corpus: &[Text]) -> Result<(Vec<Query>, usize), Failure> {
    let row: BTreeMap<&str, usize> = corpus.iter().enumerate().map(|(row, text)| (text.id.as_str(), row)).collect();
    let judged = args.qrels.as_deref().map(|file| Qrels::read(&TrecFile::open(file)?)).transpose()?;
    let relevant = |id: &str| -> Vec<usize> {
        let Some(judged) = &judged else { return row.get(id).copied().into_iter().collect() };
        let of_query = judged.queries().filter(|(query, _)| *query == id).flat_map(|(_, judgements)| judgements);
        let rows: BTreeSet<usize> =
            of_query.filter(|j| j.grade > 0).filter_map(|j| row.get(j.document.as_str()).copied()).collect();
        rows.into_iter().collect()
    };
    let query = |text: &Text| Query { id: text.id.clone(), text: text.text.clone(), relevant: relevant(&text.id) };
    let all: Vec<Query> = texts.iter().take(args.limit.map_or(usize::MAX, NonZeroUsize::get)).map(query).collect();
    let fit: Vec<Query> = all.iter().filter(|query| query.suits(corpus.len())).cloned().collect();
    let unfit = all.len() - fit.len();
    Ok((fit, unfit))
}

/// Why no query can be attacked.
fn no_query(args: &Args, texts: &[Text], corpus: &[Text]) -> String {
    let file = |file: &Path, what: &str| format!("{}: {what}", file.display());
    match (&args.qrels, texts.len(), corpus.len()) {
        (_, 0, _) => file(&args.queries, "no query in it"),
        (_, _, 0 | 1) => file(&args.corpus, "fewer than two documents in it: none can be mistaken for another"),
        (Some(qrels), ..) => {
            file(qrels, "for none of the queries a document of the corpus that is relevant, and one that is not")
        }
        (None, ..) => file(&args.corpus, "no document has the id of a query: give --qrels FILE"),
    }
}

/// SHA-256 over texts.
fn words(texts: &[&str]) -> String {
    let mut digest = Digest::new();
    texts.iter().for_each(|text| _ = digest.field(text));
    digest.hex()
}

/// SHA-256 over all that decides outcomes, but the attack itself.
fn digest(args: &Args, queries: &[Query], recipes: [&Recipe; 2], others: &[String]) -> String {
    let mut digest = Digest::new();
    digest.field("attack").field(ARITH.to_le_bytes()).field(env!("CARGO_PKG_VERSION"));
    digest.field(format!("{recipes:?} {:?} {} {:?}", args.language, args.until, args.objective));
    others.iter().for_each(|other| _ = digest.field(other));
    for query in queries {
        digest.field(&query.id).field(&query.text).field(format!("{:?}", query.relevant));
    }
    digest.hex()
}

impl Args {
    fn attack<'a>(
        &self,
        name: Name,
        victim: &'a Victim<'a>,
        flips: Option<&'a Flips>,
        options: &Options<'a>,
    ) -> Attack<'a> {
        let most = self.candidates;
        let search = |method| {
            Attack::Text(Search {
                victim,
                method,
                kind: self.kind,
                options: options.clone(),
                budget: self.budget,
                until: self.until.get(),
                seed: self.seed,
            })
        };
        let norm = if self.norm == PgdNorm::L2 { Norm::Token } else { Norm::Number };
        let pgd = Ball::pgd(norm, self.radius, self.steps);
        let flips = || flips.expect("made where it is asked for");
        match name {
            Name::Random => search(Method::Random),
            Name::Worst => search(Method::Worst(most)),
            Name::Greedy => search(Method::Greedy(most)),
            Name::Hotflip => search(Method::HotFlip(flips(), most)),
            Name::Fgsm => Attack::Embedding(Ball::fgsm(self.radius), None),
            Name::Pgd => Attack::Embedding(pgd, None),
            Name::PgdTokens => Attack::Embedding(pgd, Some(flips())),
            Name::Freelb => Attack::Embedding(Ball::free_lb(self.radius, self.steps, self.seed), None),
        }
    }
}

impl std::fmt::Display for Attack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(search) => search.fmt(f),
            Self::Embedding(ball, None) => ball.fmt(f),
            Self::Embedding(ball, Some(_)) => write!(f, "{ball} at real tokens"),
        }
    }
}

impl Name {
    fn file(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Worst => "worst",
            Self::Greedy => "greedy",
            Self::Hotflip => "hotflip",
            Self::Fgsm => "fgsm",
            Self::Pgd => "pgd",
            Self::PgdTokens => "pgd-tokens",
            Self::Freelb => "freelb",
        }
    }

    /// Whether it exchanges tokens.
    fn reads_vocabulary(self) -> bool {
        matches!(self, Self::Hotflip | Self::PgdTokens)
    }

    /// Whether texts change.
    fn writes(self) -> bool {
        matches!(self, Self::Random | Self::Worst | Self::Greedy | Self::Hotflip)
    }
}
