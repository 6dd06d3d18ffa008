//! Options of every command that encodes.

use snellen::encoder::{Batching, Model, Order, Pooling, Recipe, Towers};
use snellen::retrieval::Analyzer;
use snellen::retrieval::bm25::Parameters;

use super::{Context, Failure};

/// What stands before texts of one kind.
#[derive(clap::Args)]
pub(crate) struct Prefix {
    /// Put before every text, e.g. "query: ".
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub(crate) prefix: String,
}

/// What queries and documents do not have in common.
#[derive(clap::Args)]
pub(crate) struct Sides {
    /// Another model for the documents, e.g. the teacher of a student that encodes queries: a folder or a name. Default: the same.
    #[arg(long, value_name = "MODEL", requires = "model")]
    document_model: Option<String>,
    /// Put before every query, e.g. "query: ".
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub(crate) query_prefix: String,
    /// Put before every document, e.g. "passage: ".
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub(crate) corpus_prefix: String,
}

/// The models of a command.
pub(crate) struct Encoders {
    queries: Model,
    documents: Option<Model>,
}

impl Encoders {
    /// Opens one, or two.
    pub(crate) fn open(context: &Context, queries: &str, documents: Option<&str>) -> Result<Self, Failure> {
        let documents = documents.map(|name| context.model(name)).transpose()?;
        Ok(Self { queries: context.model(queries)?, documents })
    }

    /// Them, if they fit each other.
    pub(crate) fn towers(&self) -> Result<Towers<'_>, Failure> {
        Ok(Towers::new(&self.queries, self.documents.as_ref().unwrap_or(&self.queries))?)
    }
}

impl Sides {
    /// The models.
    pub(crate) fn encoders(&self, context: &Context, queries: &str) -> Result<Encoders, Failure> {
        Encoders::open(context, queries, self.document_model.as_deref())
    }
}

/// How BM25 counts.
#[derive(clap::Args)]
pub(crate) struct Lexical {
    /// plain (words in lower case), or a language whose stems bm25 compares: english, french, …
    #[arg(long, default_value = "english", value_name = "NAME")]
    pub(crate) analyzer: Analyzer,
    /// How soon further occurrences of a term cease to count.
    #[arg(long, default_value_t = Parameters::default().k1, value_parser = k1, allow_hyphen_values = true, value_name = "X")]
    k1: f64,
    /// How much longer documents are held back, 0 to 1.
    #[arg(long, default_value_t = Parameters::default().b, value_parser = b, allow_hyphen_values = true, value_name = "X")]
    b: f64,
}

fn k1(text: &str) -> Result<f64, String> {
    let k1 = text.parse().ok().filter(|k1| (0.0..=1e6).contains(k1));
    k1.ok_or_else(|| "expected a number from 0 to 1000000".to_owned())
}

fn b(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|b| (0.0..=1.0).contains(b)).ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

impl Lexical {
    pub(crate) fn parameters(&self) -> Parameters {
        Parameters { k1: self.k1, b: self.b }
    }
}

/// How texts become embeddings.
#[derive(clap::Args)]
pub(crate) struct Encoding {
    /// mean, cls, max or none. Default: what the model's modules.json says, else mean.
    #[arg(long)]
    pooling: Option<Pooling>,
    /// Take the states after this many layers (0: the embeddings). Default: the last.
    #[arg(long, value_name = "N")]
    layer: Option<usize>,
    /// About how many tokens one thread computes at once. Results do not depend on it.
    #[arg(long, value_name = "N", default_value_t = Batching::default().tokens, hide_short_help = true)]
    batch_tokens: usize,
    /// In which order texts are put into batches: given, reversed, sorted (by length) or shuffled. Results do not depend on it.
    #[arg(long, value_name = "ORDER", default_value_t = Batching::default().order, hide_short_help = true)]
    batch_order: Order,
    /// Neither look for embeddings that were computed before nor keep new ones.
    #[arg(long)]
    pub(crate) no_cache: bool,
}

impl Encoding {
    /// The model's own recipe with what the options change, for texts with this prefix.
    pub(crate) fn recipe(&self, model: &Model, prefix: &str) -> Recipe {
        let own = model.recipe();
        Recipe {
            prefix: prefix.to_owned(),
            pooling: self.pooling.unwrap_or(own.pooling),
            layer: self.layer.unwrap_or(own.layer),
            ..own
        }
    }

    /// The recipes of both sides.
    pub(crate) fn recipes(&self, models: Towers<'_>, sides: &Sides) -> [Recipe; 2] {
        [self.recipe(models.queries(), &sides.query_prefix), self.recipe(models.documents(), &sides.corpus_prefix)]
    }

    pub(crate) fn batching(&self) -> Batching {
        Batching { tokens: self.batch_tokens, order: self.batch_order, ..Batching::default() }
    }
}
