//! Options of every command that encodes.

use snellen::encoder::{Batching, Model, Order, Pooling, Recipe};

/// What stands before texts of one kind.
#[derive(clap::Args)]
pub(crate) struct Prefix {
    /// Put before every text, e.g. "query: ".
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub(crate) prefix: String,
}

/// What stands before queries, and what before documents.
#[derive(clap::Args)]
pub(crate) struct Prefixes {
    /// Put before every query, e.g. "query: ".
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub(crate) query_prefix: String,
    /// Put before every document, e.g. "passage: ".
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub(crate) corpus_prefix: String,
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

    pub(crate) fn batching(&self) -> Batching {
        Batching { tokens: self.batch_tokens, order: self.batch_order, ..Batching::default() }
    }
}
