//! The encoder of queries and that of documents.

use super::{EncoderFault, Model};
use crate::Result;
use crate::kernel::devices::Devices;

/// Who encodes queries, and who documents: mostly one model; where a query encoder was distilled, the student and its teacher.
#[derive(Clone, Copy)]
pub struct Towers<'a> {
    queries: &'a Model,
    documents: &'a Model,
}

impl<'a> Towers<'a> {
    /// Two models whose embeddings are compared. With the same files on both sides they are one.
    ///
    /// # Errors
    /// Embeddings of different widths.
    pub fn new(queries: &'a Model, documents: &'a Model) -> Result<Self> {
        let widths = [queries, documents].map(|model| model.config().hidden);
        if widths[0] != widths[1] {
            let what =
                format!("{} numbers an embedding, but those of {} have {}", widths[0], documents.name(), widths[1]);
            return Err(EncoderFault::Config { file: queries.name().to_owned(), what }.into());
        }
        let documents = if queries.digest() == documents.digest() { queries } else { documents };
        Ok(Self { queries, documents })
    }

    /// The encoder of queries.
    #[must_use]
    pub fn queries(&self) -> &'a Model {
        self.queries
    }

    /// The encoder of documents.
    #[must_use]
    pub fn documents(&self) -> &'a Model {
        self.documents
    }

    /// As keys name them: the model, or `STUDENT over TEACHER`.
    #[must_use]
    pub fn name(&self) -> String {
        self.each(Model::name)
    }

    /// SHA-256 of the model, or of both.
    #[must_use]
    pub fn digest(&self) -> String {
        self.each(Model::digest)
    }

    /// Where they compute.
    #[must_use]
    pub fn devices(&self) -> &'a Devices {
        self.queries.devices()
    }

    fn each(&self, what: impl Fn(&'a Model) -> &'a str) -> String {
        let [queries, documents] = [self.queries, self.documents].map(what);
        if std::ptr::eq(self.queries, self.documents) {
            queries.to_owned()
        } else {
            format!("{queries} over {documents}")
        }
    }
}

impl<'a> From<&'a Model> for Towers<'a> {
    /// One model for both.
    fn from(model: &'a Model) -> Self {
        Self { queries: model, documents: model }
    }
}
