//! What can be wrong with a model.

/// A model that cannot be used: which file, which place in it, and why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncoderFault {
    #[error("{file}: {what}")]
    Config { file: String, what: String },
    #[error("{file}: {what}")]
    Weights { file: String, what: String },
    #[error("{file}: tensor {tensor}: {what}")]
    Tensor { file: String, tensor: String, what: String },
    #[error("{file}: {what}")]
    Tokenizer { file: String, what: String },
    #[error("{file}: text {text}: {what}")]
    Text { file: String, text: usize, what: String },
    #[error("{model}: {stage}: text {text} gave a value that is not finite")]
    NotFinite { model: String, stage: String, text: usize },
    #[error("{model}: no hidden layer {layer}: the model has layers 0 (embeddings) to {layers}")]
    Layer { model: String, layer: usize, layers: usize },
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Card(crate::kernel::cuda::Error),
}

impl crate::error::Fault for EncoderFault {}

// Said here, as the kernel knows nothing of the crate around it.
impl crate::error::Fault for crate::kernel::devices::NoCard {}
