//! Options of every command that encodes.

use snellen::encoder::{Batching, Model, Order, Pooling, Recipe};

/// How texts become embeddings.
#[derive(clap::Args)]
pub(crate) struct Encoding {
    /// Put before every text, e.g. "query: ".
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    prefix: String,
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
    /// The model's own recipe with what the options change.
    pub(crate) fn recipe(&self, model: &Model) -> Recipe {
        let own = model.recipe();
        Recipe {
            prefix: self.prefix.clone(),
            pooling: self.pooling.unwrap_or(own.pooling),
            layer: self.layer.unwrap_or(own.layer),
            ..own
        }
    }

    pub(crate) fn batching(&self) -> Batching {
        Batching { tokens: self.batch_tokens, order: self.batch_order, ..Batching::default() }
    }
}
