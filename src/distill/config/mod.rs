//! What a distillation is: a TOML file.

mod check;
mod set;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use set::Setting;

use super::fault::DistillFault;
use crate::Result;
use crate::attack::ball::{Ball, Norm};
use crate::attack::text::Spec;
use crate::data::FileFault;
use crate::transport::{Exact, Ipot, Matching, Sinkhorn, Solver};

/// A distillation, as its file has it. What a file leaves out has the value that is said here.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model whose embeddings of sentences are learned: a name or a folder.
    pub teacher: String,
    /// The model that learns; the teacher's checkpoint.
    pub student: Option<String>,
    /// Put before what the teacher reads; nothing.
    #[serde(default)]
    pub teacher_prefix: String,
    /// Put before what the student reads; nothing.
    #[serde(default)]
    pub student_prefix: String,
    /// After which layer tokens are compared and embeddings pooled; the last.
    pub layer: Option<usize>,
    /// What everything that is drawn begins with; 0.
    #[serde(default)]
    pub seed: u64,
    /// How many steps.
    pub steps: usize,
    /// How many pairs a step.
    pub batch: usize,
    /// Pairs of which a side has more tokens are left out; 128.
    #[serde(default = "longest")]
    pub longest: usize,
    /// Languages are drawn in proportion to (pairs)^(1/temperature): 1, the more pairs the more often; beyond, ever more evenly. 1.
    #[serde(default = "one")]
    pub temperature: f64,
    /// Whether the student learns from the sentences of the teacher's language, too; no.
    #[serde(default)]
    pub both_sides: bool,
    /// What it learns from. Files of one language are put together.
    pub bitext: Vec<Source>,
    /// What it is going to be asked: a pair of which a side is among these is not learned from, whatever the case of its letters, its blanks and punctuation.
    #[serde(default)]
    pub held_out: Vec<HeldOut>,
    /// What is made small.
    pub objective: Objective,
    /// How.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// What of the student changes; all but its embeddings.
    #[serde(default)]
    pub trained: Trained,
    /// Learning from shifted embeddings, too.
    pub adversary: Option<Adversary>,
    /// Learning from perturbed texts, too.
    pub noise: Option<Noise>,
    /// Retrieval along the way.
    pub validation: Option<Validation>,
}

fn longest() -> usize {
    128
}

fn one() -> f64 {
    1.0
}

/// Sentences of the teacher's language and their translations.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The translations' language.
    pub language: String,
    /// The data that the file is of; none: a path beside this configuration.
    pub data: Option<String>,
    /// The file.
    pub file: String,
    /// Pairs at its beginning that are left out; none.
    #[serde(default)]
    pub skip: usize,
    /// How many are taken; all.
    pub take: Option<usize>,
}

/// Texts that are not to be learned from.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// The data that the files are of; none: paths beside this configuration.
    pub data: Option<String>,
    /// The files: .txt, .tsv, .jsonl, each also .gz. None: all that the data ask, be they Tatoeba's pairs, a collection's queries and their translations, or XQuAD-R's questions.
    #[serde(default)]
    pub files: Vec<String>,
}

/// What is made small: a weighted sum, of each pair, averaged over a batch.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// What it costs to bring the student's tokens onto the teacher's; not looked at.
    pub tokens: Option<Tokens>,
    /// The weight of the squared distance between the embeddings of whole texts (Reimers & Gurevych, EMNLP 2020, arXiv 2004.09813, eq. 1, times their width); 0.
    #[serde(default)]
    pub pooled: f64,
}

/// An alignment of tokens, at distances 1 − cos.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Its weight; 1.
    #[serde(default = "one")]
    pub weight: f64,
    /// How the plan is found: sinkhorn, ipot, exact, greedy (of which the cost is half the mean squared distance of aligned unit vectors, DR.DECR's loss) or hungarian.
    pub solver: Plan,
    /// What tokens weigh: uniform or norm; uniform.
    #[serde(default)]
    pub masses: Masses,
    /// The weight of the entropy (sinkhorn); 0.05.
    pub epsilon: Option<f64>,
    /// The weight of the proximal term (ipot); 0.5.
    pub beta: Option<f64>,
    /// When a solver that iterates may end.
    pub tolerance: Option<f64>,
    /// When it has to.
    pub iterations: Option<usize>,
}

/// A solver's name.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// [`Solver::Sinkhorn`].
    Sinkhorn,
    /// [`Solver::Ipot`].
    Ipot,
    /// [`Solver::Exact`].
    Exact,
    /// [`Matching::Greedy`].
    Greedy,
    /// [`Matching::Hungarian`].
    Hungarian,
}

/// What tokens weigh.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Masses {
    /// All the same.
    #[default]
    Uniform,
    /// In proportion to the lengths of their states, which are held fixed for the gradient.
    Norm,
}

/// AdamW (Loshchilov & Hutter, ICLR 2019, arXiv 1711.05101, algorithm 2), in PyTorch's order of operations.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Optimizer {
    /// The largest step; 2e-5.
    pub learning_rate: f64,
    /// Steps in which it is reached; 0.
    pub warmup: usize,
    /// What comes after: linear, to 0 at the end, or constant; linear.
    pub decay: Decay,
    /// Of matrices, not of biases, norms and embeddings; 0.01.
    pub weight_decay: f64,
    /// The longest gradient, over all weights; 1. 0: as long as it is.
    pub clip: f64,
    /// Of the mean of gradients; 0.9.
    pub beta1: f64,
    /// Of the mean of their squares; 0.999.
    pub beta2: f64,
    /// What is added to the root; 1e-8.
    pub epsilon: f64,
}

/// What becomes of the learning rate.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Nothing.
    Constant,
    /// It goes to 0 evenly.
    Linear,
}

impl Default for Optimizer {
    fn default() -> Self {
        let (learning_rate, weight_decay, clip) = (2e-5, 0.01, 1.0);
        let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
        Self { learning_rate, warmup: 0, decay: Decay::Linear, weight_decay, clip, beta1, beta2, epsilon }
    }
}

/// What of the student changes.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Trained {
    /// Layers from this one on, from 0.
    pub from_layer: usize,
    /// Embeddings of words, positions and types, and their norm. Of words those that occur in a step (as PyTorch's SparseAdam).
    pub embeddings: bool,
}

/// Shifts of the student's input embeddings that make the objective large.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Adversary {
    /// fgsm, pgd or freelb.
    pub method: Method,
    /// How large they may be, as a share of the tokens' root mean square length.
    pub radius: f64,
    /// How many steps (pgd, freelb); 2.
    pub steps: Option<usize>,
    /// linf, l2 (of a token) or frobenius (of a text) (pgd); frobenius.
    pub norm: Option<String>,
    /// What shifted texts count in the objective, clean ones counting the rest; 0.5.
    #[serde(default = "half")]
    pub weight: f64,
    /// What it counts how different the student's scores of the batch's teacher embeddings become: KL(clean ‖ shifted), as in self-teaching (Zhuang & Zuccon, SIGIR 2022,
    /// arXiv 2204.00716, eq. 4); 0.
    #[serde(default)]
    pub consistency: f64,
    /// What scores are divided by in that; 0.05.
    #[serde(default = "sharp")]
    pub temperature: f64,
}

fn half() -> f64 {
    0.5
}

fn sharp() -> f64 {
    0.05
}

/// How shifts are found.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// One step.
    Fgsm,
    /// Some steps; what is learned from is the end.
    Pgd,
    /// Some steps from a start that is drawn; what is learned from is the mean over all of them (Zhu et al., ICLR 2020, arXiv 1909.11764, algorithm 1).
    FreeLb,
}

/// Perturbed translations.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// What is done to them, as `snellen perturb --kind` has it.
    pub kind: String,
    /// What perturbed texts count in the objective, clean ones counting the rest; 0.5.
    #[serde(default = "half")]
    pub weight: f64,
}

/// Retrieval along the way: translations, which the student encodes, look for their sentences, which the teacher does.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// After how many steps, again and again, and at the end.
    pub every: usize,
    /// Training ends when so many in a row were no better than the best, and what is kept is the best; 0: neither.
    #[serde(default)]
    pub patience: usize,
    /// What is looked for.
    pub bitext: Vec<Source>,
}

impl Config {
    /// Reads a file, with other values for some of its keys.
    ///
    /// # Errors
    /// A file that cannot be read, is not of this form, or says what makes no sense.
    pub fn read(path: &Path, settings: &[Setting]) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(FileFault::io("read", path))?;
        Self::parse(&text, &path.display().to_string(), settings)
    }

    /// As [`Self::read`], of a file's text.
    ///
    /// # Errors
    /// As there.
    pub fn parse(text: &str, file: &str, settings: &[Setting]) -> Result<Self> {
        let wrong = |e: toml::de::Error| {
            let line = e.span().map_or(0, |span| text[..span.start].matches('\n').count()) + 1;
            FileFault::line(file, line, e.message())
        };
        let refuse = |what| DistillFault::Config { file: file.to_owned(), what };
        let config: Self = if settings.is_empty() {
            toml::from_str(text).map_err(wrong)?
        } else {
            let mut table = toml::from_str(text).map_err(wrong)?;
            settings.iter().try_for_each(|setting| setting.apply(&mut table)).map_err(refuse)?;
            // Whose values have no lines.
            table.try_into().map_err(|e: toml::de::Error| refuse(e.to_string().trim().replace('\n', ", ")))?
        };
        config.check().map_err(refuse)?;
        Ok(config)
    }
}

impl Tokens {
    /// What finds the plan.
    ///
    /// # Errors
    /// An option of another solver.
    pub fn solver(&self) -> Result<Solver, String> {
        let Self { solver, epsilon, beta, tolerance, iterations, masses, .. } = self;
        let iterates = matches!(solver, Plan::Sinkhorn | Plan::Ipot);
        let matches = matches!(solver, Plan::Greedy | Plan::Hungarian);
        let given = [
            ("epsilon", epsilon.is_some(), *solver == Plan::Sinkhorn),
            ("beta", beta.is_some(), *solver == Plan::Ipot),
            ("tolerance", tolerance.is_some(), iterates),
            ("iterations", iterations.is_some(), iterates),
            ("masses", *masses != Masses::Uniform, !matches),
        ];
        if let Some((name, ..)) = given.iter().find(|(_, given, fits)| *given && !fits) {
            return Err(format!("objective.tokens.{name}: this solver has none"));
        }
        Ok(match solver {
            Plan::Sinkhorn => {
                let default = Sinkhorn::default();
                Solver::Sinkhorn(Sinkhorn {
                    epsilon: epsilon.unwrap_or(default.epsilon),
                    tolerance: tolerance.unwrap_or(default.tolerance),
                    iterations: iterations.unwrap_or(default.iterations),
                })
            }
            Plan::Ipot => {
                let default = Ipot::default();
                Solver::Ipot(Ipot {
                    beta: beta.unwrap_or(default.beta),
                    tolerance: tolerance.unwrap_or(default.tolerance),
                    iterations: iterations.unwrap_or(default.iterations),
                    ..default
                })
            }
            Plan::Exact => Solver::Exact(Exact::default()),
            Plan::Greedy => Solver::Matching(Matching::Greedy),
            Plan::Hungarian => Solver::Matching(Matching::Hungarian),
        })
    }
}

impl Adversary {
    /// Where shifts are looked for; starts are drawn with this seed.
    ///
    /// # Errors
    /// An option that the method has not.
    pub fn ball(&self, seed: u64) -> Result<Ball, String> {
        let steps = self.steps.unwrap_or(2);
        if steps == 0 {
            return Err("adversary.steps = 0: it must be at least 1".to_owned());
        }
        let norm = match self.norm.as_deref() {
            None => None,
            Some("linf") => Some(Norm::Number),
            Some("l2") => Some(Norm::Token),
            Some("frobenius") => Some(Norm::Text),
            Some(other) => return Err(format!("adversary.norm = {other:?}: linf, l2 or frobenius")),
        };
        match self.method {
            Method::Pgd => Ok(Ball::pgd(norm.unwrap_or(Norm::Text), self.radius, steps)),
            _ if norm.is_some() => Err("adversary.norm: of pgd only".to_owned()),
            Method::FreeLb => Ok(Ball::free_lb(self.radius, steps, seed)),
            Method::Fgsm if self.steps.is_some() => Err("adversary.steps: fgsm has one".to_owned()),
            Method::Fgsm => Ok(Ball::fgsm(self.radius)),
        }
    }
}

impl Noise {
    /// What is done to texts.
    ///
    /// # Errors
    /// A kind that there is not.
    pub fn spec(&self) -> Result<Spec, String> {
        self.kind.parse().map_err(|e| format!("noise.kind: {e}"))
    }
}
