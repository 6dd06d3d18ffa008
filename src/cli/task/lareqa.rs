//! LAReQA.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use snellen::data::atomic;
use snellen::data::digest::Digest;
use snellen::encoder::How;
use snellen::retrieval;
use snellen::task::Key;
use snellen::task::lareqa::{self, Join, Language, MEASURES, Question, Scored, Setup, View};

use super::{check_output, chosen, columns, csv};
use crate::cli::encoding::{Encoding, Sides};
use crate::cli::perturbing::{Perturbation, Perturbing};
use crate::cli::shard::Share;
use crate::cli::{Context, Ending, Failure, Machine, progress};

#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder in the Hugging Face layout, or a name that `snellen data list` shows.
    #[arg(long)]
    model: String,
    /// A data set's name, or a folder with `LANG.json` of XQuAD-R.
    #[arg(long, default_value = "xquad-r")]
    data: String,
    /// Only these languages, on both sides. Default: all.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    languages: Vec<String>,
    /// What stands between a candidate's sentence and its context: blank, or none as in XTREME's evaluation.
    #[arg(long, default_value_t)]
    join: Join,
    /// Also write here `cells.csv`, the TREC run `lareqa.run` (first 100 candidates), its `lareqa.qrels` and
    /// `languages.tsv` for `snellen score`.
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
    let perturbation = args.perturbing.read()?;
    let encoders = args.sides.encoders(context, &args.model)?;
    let models = encoders.towers()?;
    let [questions, candidates] = args.encoding.recipes(models, &args.sides);
    let setup =
        Setup { questions, candidates, join: args.join, perturbation: perturbation.as_ref().map(Perturbation::name) };
    let mut languages = chosen(&args.languages, &lareqa::languages(&data)?, &data.name)?
        .iter()
        .map(|code| Language::read(&data, code, args.join))
        .collect::<Result<Vec<_>, _>>()?;
    for Language { code, questions, .. } in &mut languages {
        let texts = questions.iter_mut().map(|Question { id, text, .. }| (id.as_str(), text));
        if let Some(perturbation) = &perturbation {
            perturbation.texts(code, texts);
        }
    }
    if let Some(folder) = &args.output {
        check_output(
            folder,
            ["cells.csv", "lareqa.run", "lareqa.qrels", "languages.tsv", "summary.json"].map(str::to_owned),
        )?;
    }
    let work = || languages.iter().flat_map(|language| setup.work(language, models)).collect();
    if let Some(ending) = args.share.ahead(context, &args.encoding, work)? {
        return Ok(ending);
    }
    let texts = languages.iter().map(|language| language.questions.len() + language.candidates.len()).sum();
    let bar = progress::bar(context, texts, "encoding");
    let how =
        How { recipe: &setup.questions, batching: args.encoding.batching(), first: 0, done: &|n| bar.inc(n as u64) };
    let scored = setup.score(&data, &languages, models, &how, &context.embeddings(args.encoding.no_cache))?;
    bar.finish_and_clear();
    if let Some(folder) = &args.output {
        write(folder, &languages, &scored, &models.name())?;
        super::write_summary(folder, &summary(&scored))?;
    }
    print(args, &scored)?;
    Ok(Ending::Holds)
}

/// Cells, run and judgements, so that other programs can check the first with the others.
fn write(folder: &Path, languages: &[Language], scored: &Scored, tag: &str) -> Result<(), Failure> {
    let row = |(key, value): &(Key, f64)| {
        vec![key.language.clone(), key.direction.clone(), key.measure.clone(), value.to_string()]
    };
    let cells: Vec<Vec<String>> = scored.cells.iter().map(row).collect();
    let questions: Vec<String> = languages
        .iter()
        .flat_map(|language| language.questions.iter().map(|question| format!("{}_{}", question.id, language.code)))
        .collect();
    let candidates: Vec<&str> =
        languages.iter().flat_map(|language| &language.candidates).map(|candidate| candidate.id.as_str()).collect();
    let mut run = Vec::new();
    let (query, document) = (|i: usize| questions[i].as_str(), |i: usize| candidates[i]);
    retrieval::write_trec(&mut run, &scored.rankings, query, document, &tag.replace(char::is_whitespace, "-"))?;
    let mut qrels = String::new();
    for (i, question) in questions.iter().enumerate() {
        for answer in scored.views.answers(i) {
            qrels.push_str(&format!("{question} 0 {} 1\n", candidates[*answer]));
        }
    }
    let mut spoken = String::new();
    for language in languages {
        language.candidates.iter().for_each(|one| spoken.push_str(&format!("{}\t{}\n", one.id, language.code)));
    }
    atomic::write(&folder.join("languages.tsv"), spoken.as_bytes())?;
    atomic::write(&folder.join("cells.csv"), &csv(&["language", "view", "measure", "value"], &cells)?)?;
    atomic::write(&folder.join("lareqa.run"), &run)?;
    Ok(atomic::write(&folder.join("lareqa.qrels"), qrels.as_bytes())?)
}

/// The digest of all of it.
fn digest(scored: &Scored) -> String {
    let mut digest = Digest::new();
    digest.field(&scored.digest).field(&scored.embeddings);
    digest.hex()
}

fn summary(scored: &Scored) -> Value {
    let cells = scored.cells.iter().map(|(key, value)| json!({"key": key, "value": value}));
    let n = 0..scored.views.languages.len();
    let share = |asking| n.clone().map(|answering| scored.views.share(asking, answering)).collect::<Vec<_>>();
    let bias: Vec<_> = n.clone().map(share).collect();
    let mut all = super::summary(cells.collect(), &digest(scored));
    all["languages"] = json!(scored.views.languages);
    all["share_of_first_20"] = json!(bias);
    all
}

fn print(args: &Args, scored: &Scored) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let views = &scored.views;
    if args.format == Machine::Json {
        return super::print_summary(&mut out, summary(scored), args.output());
    }
    writeln!(out, "{:10}{}", "view", columns(&["mAP@20", "mAP"], 10))?;
    for view in View::ALL {
        let means: Vec<String> = (0..2).map(|i| number(views.mean(view, i), 6)).collect();
        writeln!(out, "{:10}{}", view.to_string(), columns(&means, 10))?;
    }
    let codes = &views.languages;
    writeln!(out, "\n{:10}{}", "questions", columns(&["mAP@20", "mAP"], 10))?;
    for (row, code) in codes.iter().enumerate() {
        let means: Vec<String> = (0..2).map(|i| number(views.pool.at(row, 0, i), 6)).collect();
        writeln!(out, "{code:10}{}", columns(&means, 10))?;
    }
    for (title, grid) in [("all languages, the answer in one", &views.single), ("one language", &views.mono)] {
        let title = format!("mAP by language of questions (rows) and answers; candidates of {title}");
        matrix(&mut out, &title, codes, |a, b| number(grid.at(a, b, 1), 3))?;
    }
    let share = |a, b| format!("{:.3}", views.share(a, b));
    matrix(&mut out, "share of languages (columns) in the first 20 candidates of all", codes, share)?;
    writeln!(out, "\nmeasures are {} and {}; digest {}", MEASURES[0], MEASURES[1], &digest(scored)[..16])?;
    Ok(())
}

fn matrix(
    out: &mut dyn Write,
    title: &str,
    codes: &[String],
    value: impl Fn(usize, usize) -> String,
) -> Result<(), Failure> {
    writeln!(out, "\n{title}\n{:10}{}", "", columns(codes, 7))?;
    for (row, code) in codes.iter().enumerate() {
        let values: Vec<String> = (0..codes.len()).map(|column| value(row, column)).collect();
        writeln!(out, "{code:10}{}", columns(&values, 7))?;
    }
    Ok(())
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}
