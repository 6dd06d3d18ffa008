//! What can be wrong with a distillation.

#[derive(Debug, thiserror::Error)]
pub(super) enum DistillFault {
    #[error("{file}: {what}")]
    Config { file: String, what: String },
    #[error(
        "{language}: no pair of the {pairs} that are not held out has tokens on both sides, and at most {longest} (`longest`)"
    )]
    NoPairs { language: String, longest: usize, pairs: usize },
    #[error("{language}: no pair to validate with")]
    NothingToFind { language: String },
    #[error("step {step}: {what}")]
    Step { step: usize, what: String },
    #[error("{file}: {what}")]
    State { file: String, what: String },
}

impl crate::error::Fault for DistillFault {}
