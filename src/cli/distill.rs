//! `snellen distill`: a teacher, bitext and a configuration in, a student out.

use std::path::{Path, PathBuf};

use snellen::data::atomic;
use snellen::distill::config::Setting;
use snellen::distill::{Config, Data, Distillation, Event, LOG, VALIDATION};
use snellen::encoder::Model;
use snellen::report::curve::{self, Chart, Point, Series};

use super::{Context, Ending, Failure, progress};

/// Train a student to embed translations where a teacher embeds their sentences.
///
/// The output is a folder in the Hugging Face layout, with `log.csv`, `validation.csv`, `loss.svg`, `accuracy.svg` and `run.json` (every digest) beside the checkpoint. The same configuration gives the same bytes, on any
/// number of threads and however often it is interrupted. docs/reference/distill.md has an example of a configuration.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is done: a TOML file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Another value for a key of it, as in TOML: seed=2, objective.pooled=0.5, 'adversary={ method = "pgd", radius = 0.3 }'; KEY= takes the key away. May be given again and again.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Setting>,
    /// Where the student goes.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Go on with what was interrupted there; begin if nothing was.
    #[arg(long)]
    resume: bool,
    /// After how many steps, again and again, what is needed to go on is saved.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    save: u32,
}

impl Args {
    pub(super) fn output(&self) -> &Path {
        &self.output
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let config = Config::read(&args.config, &args.set)?;
    let beside = args.config.parent().unwrap_or(Path::new("."));
    let teacher = context.model(&config.teacher)?;
    let found = context.shelf()?.find(config.student.as_ref().unwrap_or(&config.teacher))?;
    let student = Model::open(found.name, found.folder)?;
    let data = Data::read(&config, &context.shelf()?, beside)?;
    let mut distillation = Distillation::new(&config, &teacher, student, &data)?;
    for (what, count) in [
        ("that are held out", distillation.held_out()),
        ("of which a side is too long or has no tokens", distillation.unusable()),
    ] {
        if count > 0 {
            context.note(&format!("pairs {what}, and are not learned from: {count}"));
        }
    }
    let bar = progress::bar(context, config.steps, "distilling");
    let mut tokens = 0;
    distillation.train(&args.output, args.resume, args.save as usize, &mut |event| match event {
        Event::Step(report) => {
            tokens += report.read;
            bar.set_position(report.step as u64);
            let speed = tokens as f64 / bar.elapsed().as_secs_f64();
            bar.set_message(format!("loss {:.4} {speed:.0} tok/s", report.loss));
        }
        Event::Validated(found) => bar.suspend(|| {
            let each = found.accuracy.iter().map(|(language, accuracy)| format!("{language} {accuracy:.3}"));
            context.note(&format!(
                "step {}: {:.4} ({})",
                found.step,
                found.mean(),
                each.collect::<Vec<_>>().join(", ")
            ));
        }),
    })?;
    bar.finish_and_clear();
    // Before the summary, which says that all is there.
    curves(&args.output)?;
    distillation.finish(&args.output)?;
    let early = if distillation.steps() < config.steps {
        format!(" of {}: validation got no better", config.steps)
    } else {
        String::new()
    };
    let best = distillation.best_step().map_or(String::new(), |step| format!("; the student of step {step}"));
    context.note(&format!("{}: {} steps{early}{best}", args.output.display(), distillation.steps()));
    Ok(Ending::Holds)
}

/// Pictures of the logs.
fn curves(folder: &Path) -> Result<(), Failure> {
    let read = |name: &str| -> Result<Vec<String>, Failure> {
        Ok(std::fs::read_to_string(folder.join(name))?.lines().map(str::to_owned).collect())
    };
    let log = read(LOG)?;
    let column = |name: &str, at: usize| {
        let point = |line: &String| {
            let fields: Vec<&str> = line.split(',').collect();
            Some(Point { x: fields[0].parse().ok()?, y: fields[at].parse().ok()?, range: None })
        };
        Series { name: name.to_owned(), points: log.iter().skip(1).filter_map(point).collect() }
    };
    let series = vec![column("loss", 1), column("shifted or perturbed", 4)];
    picture(folder, "loss", series)?;
    let mut languages: Vec<Series> = Vec::new();
    for line in read(VALIDATION)?.iter().skip(1) {
        let [step, language, accuracy] = line.split(',').collect::<Vec<_>>()[..] else { continue };
        let (Ok(x), Ok(y)) = (step.parse(), accuracy.parse()) else { continue };
        let point = Point { x, y, range: None };
        match languages.iter_mut().find(|series| series.name == language) {
            Some(series) => series.points.push(point),
            None => languages.push(Series { name: language.to_owned(), points: vec![point] }),
        }
    }
    picture(folder, "accuracy", languages)
}

fn picture(folder: &Path, what: &str, mut series: Vec<Series>) -> Result<(), Failure> {
    series.retain(|series| !series.points.is_empty());
    if series.is_empty() {
        return Ok(());
    }
    let chart = Chart { title: what.to_owned(), x: "step".to_owned(), y: what.to_owned(), series };
    let mut svg = Vec::new();
    curve::write(&chart, &mut svg)?;
    Ok(atomic::write(&folder.join(format!("{what}.svg")), &svg)?)
}
