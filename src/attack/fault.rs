//! What can be wrong with what is asked of an attack.

#[derive(Debug, thiserror::Error)]
pub(crate) enum AttackFault {
    #[error("no perturbation {0:?}; `snellen perturb --list` has them")]
    Kind(String),
    #[error("{0:?} is no perturbation: expected KIND, KIND@SHARE or KIND=EDITS, joined by +")]
    Step(String),
    #[error("{0:?} is no share: expected a number above 0 and up to 1")]
    Share(String),
    #[error("{0:?} is no number of edits: expected 1 to 1000000")]
    Edits(String),
    #[error("{0:?} is no language: expected a code of two or three letters, as en, deu or pt-BR")]
    Language(String),
    #[error("document {0}: its embedding is not finite")]
    Document(usize),
    #[error("an embedding of a query is not finite")]
    Embedding,
}

impl crate::error::Fault for AttackFault {}
