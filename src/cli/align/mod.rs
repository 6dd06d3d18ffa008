//! `snellen align`: bitext in, word alignments and what transport plans say of themselves out.

mod results;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use snellen::data::bitext::{self, Pair};
use snellen::data::links::{self, Links, Reading};
use snellen::encoder::{How, Model, Recipe};
use snellen::metric::representation::{self, Representation};
use snellen::task::align::{Aligner, Masses};
use snellen::transport::cost::Distance;

use super::encoding::Encoding;
use super::solving::Solving;
use super::task::check_output;
use super::{Context, Ending, Failure, Machine, progress, same_file};
use results::Results;

/// Align the words of sentences and their translations by optimal transport between token states.
///
/// Words are what blanks separate. Two words are linked if, of some token of either, most of the mass goes to the other's and comes from it. Exit status 1 where a solver did not
/// reach what it was after.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model that encodes sentences: a folder in the Hugging Face layout, or a name that `snellen data list` shows.
    #[arg(long, value_name = "MODEL")]
    teacher: String,
    /// The model that encodes translations. Default: the teacher.
    #[arg(long, value_name = "MODEL")]
    student: Option<String>,
    /// One file, `source ||| target` a line or .tsv (id, tab, source, tab, target), or two, a sentence a line or <s snum=N> … </s>; each also .gz.
    #[arg(long, value_name = "FILE", num_args = 1..=2, required = true)]
    bitext: Vec<PathBuf>,
    /// Links that people made. Needs --gold-from.
    #[arg(long, value_name = "FILE", requires = "gold_from")]
    gold: Option<PathBuf>,
    /// The number of a sentence's first word in --gold: 0 or 1.
    #[arg(long, value_name = "0|1", requires = "gold", value_parser = clap::value_parser!(u8).range(0..=1))]
    gold_from: Option<u8>,
    /// pharaoh (`0-0 1p2`, a line a pair) or naacl (`sentence i j [S|P]`, a line a link).
    #[arg(long, default_value = "pharaoh", requires = "gold")]
    gold_format: Format,
    /// In --gold the translation's word comes first.
    #[arg(long, requires = "gold")]
    gold_reversed: bool,
    /// cosine, euclidean or squared.
    #[arg(long, default_value_t = Distance::Cosine, value_name = "DISTANCE")]
    distance: Distance,
    /// What tokens weigh: uniform, norm (in proportion to the length of their states) or idf (to their rarity in this bitext).
    #[arg(long, default_value_t = Masses::Uniform, value_name = "MASSES")]
    masses: Masses,
    #[command(flatten)]
    solving: Solving,
    /// Only the first N pairs.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Put before every sentence, e.g. "query: ".
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    teacher_prefix: String,
    /// Put before every translation.
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    student_prefix: String,
    /// Write here `pairs.csv`, `summary.json`, `alignments.txt` (Pharaoh's format, from 0) and `lexicon.tsv`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Also `plans.safetensors` there: the plan between tokens of every pair, and the word of each token.
    #[arg(long, requires = "output")]
    plans: bool,
    /// Also a picture ID.svg there of these pairs, or of `all`.
    #[arg(long, value_name = "ID,ID", value_delimiter = ',', requires = "output")]
    heat_maps: Vec<String>,
    /// Also say how alike the sentences' embeddings of both sides are, and how well each uses its space: CKA, Procrustes, isotropy, effective rank, hubness, margin,
    /// gap. Needs more than 10 pairs.
    #[arg(long)]
    representation: bool,
    /// table or json.
    #[arg(long, default_value = "table")]
    format: Machine,
    #[command(flatten)]
    encoding: Encoding,
}

/// One gold link of so many may lead to a word that is not there.
const OUTSIDE: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Pharaoh,
    Naacl,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let solver = args.solving.solver()?;
    if args.bitext.len() > 2 {
        return Err(Failure::Usage("--bitext: one file or two".to_owned()));
    }
    let mut pairs = bitext::read(&args.bitext[0], args.bitext.get(1).map(PathBuf::as_path))?;
    let gold = args.gold.as_deref().map(|file| gold(args, context, file, &pairs)).transpose()?;
    pairs.truncate(args.limit.unwrap_or(usize::MAX));
    if pairs.is_empty() {
        return Err(Failure::Usage(format!("{}: no pairs", args.bitext[0].display())));
    }
    let neighbours = representation::Options::default().neighbours;
    if args.representation && pairs.len() <= neighbours {
        let what = format!("--representation needs more than {neighbours} pairs, and there are {}", pairs.len());
        return Err(Failure::Usage(what));
    }
    check_folder(args, &pairs)?;
    let teacher = context.model(&args.teacher)?;
    let other = args.student.as_ref().map(|name| context.model(name)).transpose()?;
    let student = other.as_ref().unwrap_or(&teacher);
    let recipe = |model: &Model, prefix: &str| args.encoding.recipe(model, prefix);
    let recipes = [recipe(&teacher, &args.teacher_prefix), recipe(student, &args.student_prefix)];
    let bar = progress::bar(context, 2 * pairs.len(), "aligning");
    let aligner = Aligner {
        teacher: &teacher,
        student,
        recipes: [&recipes[0], &recipes[1]],
        batching: args.encoding.batching(),
        distance: args.distance,
        masses: args.masses,
        solver: &solver,
        done: &|n| bar.inc(n as u64),
    };
    let mut results = Results::default();
    aligner.each(&pairs, |aligned| results.take(args, &aligned, gold.as_ref()))?;
    bar.finish_and_clear();
    if args.representation {
        results.representation = Some(representation(args, context, &aligner, &pairs)?);
    }
    results.finish(args, [&teacher, student], &recipes)?;
    if results.empty > 0 {
        context.note(&format!("pairs of which a side has no words: {}, and do not count", results.empty));
    }
    if results.cut > 0 {
        context.note(&format!(
            "words without tokens, as the models read no further, or know no such character: {}",
            results.cut
        ));
    }
    let unreached = results.unreached;
    if unreached > 0 {
        context.note(&format!("pairs that the solver did not solve: {unreached}"));
    }
    // Giving back a tokeniser's small pieces of memory takes a third of a second.
    std::mem::forget((teacher, other));
    Ok(if unreached == 0 { Ending::Holds } else { Ending::Fails })
}

/// Of the embeddings of sentences and translations, pooled as the models' recipes say.
fn representation(
    args: &Args,
    context: &Context,
    aligner: &Aligner<'_>,
    pairs: &[Pair],
) -> Result<Representation, Failure> {
    let cache = context.embeddings(args.encoding.no_cache);
    let embed = |model: &Model, recipe: &Recipe, text: fn(&Pair) -> &str| {
        let texts: Vec<&str> = pairs.iter().map(text).collect();
        cache.embed(model, &How { recipe, batching: aligner.batching, first: 0, done: &|_| {} }, &texts)
    };
    let sentences = embed(aligner.teacher, aligner.recipes[0], |pair| &pair.source)?;
    let translations = embed(aligner.student, aligner.recipes[1], |pair| &pair.target)?;
    Ok(representation::representation(sentences.view(), translations.view(), &representation::Options::default())?)
}

/// Gold links by pair. Files that people use have a wrong link here and there; many mean that words are counted from another number.
fn gold(args: &Args, context: &Context, file: &Path, pairs: &[Pair]) -> Result<BTreeMap<String, Links>, Failure> {
    let reading = Reading { from_one: args.gold_from == Some(1), reversed: args.gold_reversed };
    let refuse = |what: String| Failure::Usage(format!("{}: {what}", file.display()));
    let gold: BTreeMap<String, Links> = match args.gold_format {
        Format::Pharaoh => {
            let lines = links::pharaoh(file, reading)?;
            if lines.len() != pairs.len() {
                return Err(refuse(format!("{} lines for {} pairs", lines.len(), pairs.len())));
            }
            pairs.iter().map(|pair| pair.id.clone()).zip(lines).collect()
        }
        Format::Naacl => links::naacl(file, reading)?.into_iter().map(|(n, links)| (n.to_string(), links)).collect(),
    };
    let lengths: BTreeMap<&str, [usize; 2]> = pairs
        .iter()
        .map(|pair| (pair.id.as_str(), [&pair.source, &pair.target].map(|text| text.split_whitespace().count())))
        .collect();
    let (mut all, mut outside) = (0, Vec::new());
    for (id, links) in &gold {
        let words = lengths.get(id.as_str());
        let [m, n] = words.ok_or_else(|| refuse(format!("links of sentence {id}, which the bitext has not")))?;
        all += links.possible.len();
        let beyond = links.possible.iter().filter(|(i, j)| i >= m || j >= n);
        outside.extend(beyond.map(|(i, j)| format!("pair {id}: {i}-{j} of {m} and {n} words")));
    }
    if let Some(first) = outside.first() {
        let what =
            format!("{} of {all} links lead to words that are not there (counted from 0, {first})", outside.len());
        if outside.len() * OUTSIDE > all {
            return Err(refuse(format!("{what}; is --gold-from right?")));
        }
        context.note(&format!("{}: {what}; they count as links that were not found", file.display()));
    }
    Ok(gold)
}

/// Refuses, before the work, a folder where its files cannot be put, files that would replace an input, and pictures of pairs that are not there or would have one name.
fn check_folder(args: &Args, pairs: &[Pair]) -> Result<(), Failure> {
    let Some(folder) = &args.output else { return Ok(()) };
    if let Some(unknown) = args.heat_maps.iter().find(|id| *id != "all" && !pairs.iter().any(|pair| pair.id == **id)) {
        return Err(Failure::Usage(format!("--heat-maps: no pair {unknown}")));
    }
    let mut pictures = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| args.draws(&pair.id)) {
        let name = results::picture(&pair.id);
        // Some file systems do not tell upper case from lower.
        if let Some((_, other)) = pictures.insert(name.to_lowercase(), (name.clone(), &pair.id)) {
            let what = format!("--heat-maps: the pictures of {other} and {} would both be {name}", pair.id);
            return Err(Failure::Usage(what));
        }
    }
    let plans = args.plans.then_some("plans.safetensors");
    let files = ["pairs.csv", "summary.json", "alignments.txt", "lexicon.tsv"].into_iter().chain(plans);
    let files: Vec<String> = files.map(str::to_owned).chain(pictures.into_values().map(|(name, _)| name)).collect();
    for input in args.bitext.iter().chain(&args.gold) {
        if let Some(file) = files.iter().find(|file| same_file(input, &folder.join(file))) {
            let what = format!("{}: the output {file} would replace an input", input.display());
            return Err(Failure::Usage(what));
        }
    }
    check_output(folder, files)
}

impl Args {
    pub(super) fn output(&self) -> Option<&Path> {
        self.output.as_deref()
    }

    /// Whether a pair's picture was asked for.
    fn draws(&self, id: &str) -> bool {
        self.heat_maps.iter().any(|asked| asked == "all" || asked == id)
    }
}
