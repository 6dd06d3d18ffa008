//! What the trainer does, looked at from outside, on the fixtures that are built in.

use ndarray::{Array2, Axis};

use super::{Finding, Part};
use crate::Result;
use crate::data::bitext::Pair;
use crate::data::shelf::Shelf;
use crate::distill::{Bitext, Config, Data, Distillation};
use crate::encoder::{Batching, How, Model, Tokens};
use crate::task::tatoeba;
use crate::transport::cost::{Distance, uniform};
use crate::transport::{Problem, Sinkhorn, Solver};

const LANGUAGE: &str = "swh";

/// Plain OT of all pairs at once.
const CONFIG: &str = r#"
teacher = "fixture-teacher"
student = "fixture-student"
steps = 3
batch = PAIRS
bitext = [{ language = "swh", file = "-" }]
objective = { tokens = { solver = "sinkhorn", epsilon = 0.1 } }
optimizer = { learning_rate = 1e-3 }
"#;

/// The fixtures, read.
struct Fixtures {
    teacher: Model,
    student: Model,
    data: Data,
    config: Config,
}

impl Fixtures {
    fn read(shelf: &Shelf) -> Result<Self> {
        let open = |name: &str| shelf.find(name).and_then(|found| Model::open(found.name, found.folder));
        let pair = tatoeba::Pair::read(&shelf.find("fixture-bitext")?, LANGUAGE)?;
        let lines = pair.english.into_iter().zip(pair.foreign).enumerate();
        let pairs: Vec<Pair> = lines.map(|(i, (source, target))| Pair { id: i.to_string(), source, target }).collect();
        let config = Config::parse(&CONFIG.replace("PAIRS", &pairs.len().to_string()), "the fixtures'", &[])?;
        let data = Data { bitext: vec![Bitext { language: LANGUAGE.to_owned(), pairs }], ..Data::default() };
        Ok(Self { teacher: open("fixture-teacher")?, student: open("fixture-student")?, data, config })
    }

    /// The states of each text's own tokens.
    fn tokens(model: &Model, texts: &[&str]) -> Result<Vec<Array2<f32>>> {
        let located = model.locate("", texts)?;
        let tokens = Tokens::from(&located[..]);
        let recipe = model.recipe();
        let how = How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| () };
        let states = model.embed_tokens(&tokens, &how)?;
        let own = located.iter().zip(tokens.offsets()).map(|(text, first)| {
            let rows: Vec<usize> = text.own().into_iter().map(|token| first + token).collect();
            states.select(Axis(0), &rows)
        });
        Ok(own.collect())
    }
}

/// 1 − cos of each token of one text and each of the other, by plain sums.
fn costs(student: &Array2<f32>, teacher: &Array2<f32>) -> Array2<f64> {
    let inner = |a: ndarray::ArrayView1<'_, f32>, b: ndarray::ArrayView1<'_, f32>| {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    Array2::from_shape_fn((student.nrows(), teacher.nrows()), |(i, j)| {
        let (a, b) = (student.row(i), teacher.row(j));
        1.0 - inner(a, b) / (inner(a, a) * inner(b, b)).sqrt()
    })
}

/// The largest deviation of a part of the loss from what it has to be.
pub(super) fn transport_loss(shelf: &Shelf, part: Part) -> Result<Finding> {
    let Fixtures { teacher, student, data, config } = Fixtures::read(shelf)?;
    let side = |side: fn(&Pair) -> &str| data.bitext[0].pairs.iter().map(side).collect::<Vec<&str>>();
    let taught = Fixtures::tokens(&teacher, &side(|pair| &pair.source))?;
    let learned = Fixtures::tokens(&student, &side(|pair| &pair.target))?;
    let solver = Solver::Sinkhorn(Sinkhorn { epsilon: 0.1, ..Sinkhorn::default() });
    let (mut farthest, mut total) = (0.0f64, 0.0);
    for (student, teacher) in learned.iter().zip(&taught) {
        let costs = costs(student, teacher);
        let masses = [uniform(costs.nrows()), uniform(costs.ncols())];
        let plan = solver.solve(&Problem::new(costs.view(), masses[0].clone(), masses[1].clone())?)?.plan;
        total += plan.iter().zip(&costs).map(|(mass, cost)| mass * cost).sum::<f64>();
        let off = match part {
            Part::Marginals => {
                let sums = [plan.sum_axis(Axis(1)), plan.sum_axis(Axis(0))];
                let off = sums.iter().zip(&masses).flat_map(|(sums, masses)| sums.iter().zip(masses));
                off.map(|(sum, mass)| (sum - mass).abs()).fold(0.0, f64::max)
            }
            Part::Costs => {
                let trained = Distance::Cosine.between(student.view(), teacher.view())?;
                trained.iter().zip(&costs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
            }
            Part::Product => 0.0,
        };
        farthest = farthest.max(off);
    }
    let pairs = taught.len() as f64;
    if part == Part::Product {
        let (report, _) = Distillation::new(&config, &teacher, student, &data)?.slope()?;
        farthest = (report.tokens - total / pairs).abs();
    }
    let (measure, most) = match part {
        // Sinkhorn's own tolerance.
        Part::Marginals => ("marginals", 1e-6),
        // Of sums of 64 products.
        Part::Costs => ("costs", 1e-12),
        // Costs that differ in their last bits end Sinkhorn's iterations a little elsewhere.
        Part::Product => ("loss", 1e-9),
    };
    Ok(Finding {
        subject: "fixture-bitext".to_owned(),
        measure,
        wanted: format!("<= {most:e} off"),
        value: Ok(farthest),
        holds: farthest <= most,
        why: Some(format!("{pairs} pairs, {LANGUAGE}; mean cost of transport {:.6}", total / pairs)),
    })
}

/// How many documents have another embedding after a distillation.
pub(super) fn documents_unchanged(shelf: &Shelf) -> Result<Finding> {
    let Fixtures { teacher, student, data, config } = Fixtures::read(shelf)?;
    let texts = |side: fn(&Pair) -> &str| data.bitext[0].pairs.iter().map(side).collect::<Vec<&str>>();
    let (documents, queries) = (texts(|pair| &pair.source), texts(|pair| &pair.target));
    let embed = |model: &Model, texts: &[&str]| {
        let recipe = model.recipe();
        model.embed_texts(&How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| () }, texts)
    };
    let before = [embed(&teacher, &documents)?, embed(&student, &queries)?];
    let mut distillation = Distillation::new(&config, &teacher, student, &data)?;
    while !distillation.is_over() {
        distillation.step()?;
    }
    let after = [embed(&teacher, &documents)?, embed(distillation.student(), &queries)?];
    let [documents, queries] = [0, 1].map(|side| {
        let rows = before[side].rows().into_iter().zip(after[side].rows());
        rows.filter(|(before, after)| before != after).count()
    });
    Ok(Finding {
        subject: "fixture-bitext".to_owned(),
        measure: "changed-documents",
        wanted: "= 0".to_owned(),
        value: Ok(documents as f64),
        holds: documents == 0 && queries > 0,
        why: Some(format!("{} steps on bitext alone changed the embeddings of {queries} queries", config.steps)),
    })
}
