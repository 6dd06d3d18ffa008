//! Snellen: the eye chart for cross-lingual retrieval.
//!
//! A published claim goes in; out comes, cell by cell, whether the published number holds, with the same bits on every
//! machine. The floors of the house, each importing only those below it:
//!
//! | floor | module | job |
//! |---|---|---|
//! | 6 | [`report`] | verdict tables for people and machines |
//! | 5 | [`claim`] | published cells, recipes, statements, verdicts |
//! | 4 | [`distill`] | a student learns from a teacher |
//! | 3 | [`task`], [`attack`] | data → queries, corpus, judgements → cells; perturbed texts, attacks |
//! | 2 | [`retrieval`], [`metric`], [`transport`], [`encoder`] | rankings, measures, transport plans, embeddings |
//! | 1 | [`kernel`], [`data`] | the arithmetic contract; manifests, fetching, file formats |

pub mod attack;
pub mod claim;
pub mod data;
pub mod distill;
pub mod encoder;
mod error;
pub mod kernel;
pub mod metric;
pub mod report;
pub mod retrieval;
pub mod task;
pub mod transport;

pub use error::{Error, Result};
