//! Data on disk: manifests and the cache that they describe, folders of files, digests, whole-or-nothing writing, and the formats
//! that the program reads and writes.

pub(crate) mod allowance;
pub mod atomic;
pub mod bitext;
pub mod builtin;
pub mod catalogue;
pub mod digest;
mod fault;
pub mod fetch;
pub mod folder;
#[doc(hidden)]
pub mod fuzzing;
pub mod levels;
pub mod links;
pub mod manifest;
pub mod matrix;
mod pins;
mod place;
mod q4;
pub(crate) mod seen;
pub mod shelf;
mod source;
pub mod spool;
pub(crate) mod stamp;
pub mod store;
pub mod tensors;
pub mod text;
pub mod trec;

pub(crate) use fault::FileFault;
