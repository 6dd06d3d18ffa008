//! Data on disk: folders of files, digests, whole-or-nothing writing, and the formats that the program reads and writes.

pub mod atomic;
pub mod digest;
mod fault;
pub mod folder;
pub mod tensors;
pub mod text;

pub(crate) use fault::FileFault;
