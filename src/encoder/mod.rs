//! Encoders: a Hugging Face folder in, embeddings out, under the arithmetic contract.
//!
//! [`Model`] is a folder whose configuration was read; its tokeniser and weights are loaded when they are first needed. [`Recipe`] says how
//! texts become embeddings. [`Cache`] keeps what was computed.

mod batching;
mod bert;
mod cache;
#[cfg(feature = "cuda")]
mod cards;
#[cfg(not(feature = "cuda"))]
#[path = "no_cards.rs"]
mod cards;
mod config;
pub mod embeddings;
mod fault;
mod gradient;
mod late;
mod model;
mod pieces;
mod pooling;
mod space;
mod surface;
mod tokens;
mod towers;
mod trained;
mod unigram;
mod weights;
mod words;

pub use batching::{Batching, Order};
pub use bert::{Parameters, Wanted, WeightGradients};
pub use cache::{Ahead, Cache, PART, Work};
pub use config::{Architecture, Config};
pub use gradient::Gradients;
pub use late::{LateHead, Side, TokenEmbeddings};
pub use model::{How, Model, Recipe};
pub use pooling::Pooling;
pub use surface::{Located, Piece};
pub use tokens::{Tokens, in_tokenizer};
pub use towers::Towers;
pub use weights::{TensorInfo, Weights};
pub use words::Words;

pub(crate) use fault::EncoderFault;
