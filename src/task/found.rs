//! A data set that was found, with what identifies it.

use crate::data::folder::Folder;

/// A data set ready to be read.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name and version as keys show it, e.g. `tatoeba@74bc6ae7`.
    pub name: String,
    /// SHA-256 over its files.
    pub digest: String,
    /// Where its files are.
    pub folder: Folder,
}
