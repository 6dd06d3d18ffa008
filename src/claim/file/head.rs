//! The TOML half of a claim.

use std::path::{Component, Path};

use serde::Deserialize;

use super::{ClaimFile, Content, Kind, Numbers, Source, Tolerance, Written, cells};
use crate::claim::{Comparison, Property, Recipe};
use crate::data::{FileFault, text};

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    id: String,
    title: String,
    kind: Kind,
    cells: Option<String>,
    source: Source,
    recipe: Option<Recipe>,
    tolerance: Option<Tolerance>,
    comparison: Option<Comparison>,
    property: Option<Property>,
    missing: Option<String>,
}

impl Head {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, FileFault> {
        let head: Self = toml::from_str(text).map_err(|e| {
            let what = e.message().replace('\n', ", ");
            match e.span() {
                Some(span) => FileFault::line(name, text::line_at(text.as_bytes(), span.start), what),
                None => FileFault::content(name, what),
            }
        })?;
        head.check().map_err(|what| FileFault::content(name, what))?;
        Ok(head)
    }

    /// What the types do not say.
    fn check(&self) -> Result<(), String> {
        let mut texts = vec![("id", &self.id), ("title", &self.title), ("source.title", &self.source.title)];
        texts.extend(self.cells.iter().map(|cells| ("cells", cells)));
        texts.extend(self.missing.iter().map(|missing| ("missing", missing)));
        if let Some(recipe) = &self.recipe {
            texts.extend([("recipe.model", &recipe.model), ("recipe.data", &recipe.data)]);
            texts.extend(recipe.document_model.iter().map(|model| ("recipe.document_model", model)));
        }
        if let Some((field, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(format!("`{field}` is empty"));
        }
        let beside = |cells: &String| Path::new(cells).components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(cells) = self.cells.as_ref().filter(|cells| !beside(cells)) {
            return Err(format!("`cells` is {cells}: it has to lie beside the claim or below it"));
        }
        self.check_parts()?;
        if !self.source.recorded && self.source.url.is_none() {
            return Err("`source.url` is missing: only claims with `recorded = true` may do without".to_owned());
        }
        match &self.tolerance {
            Some(t) if !(t.value.is_finite() && t.value >= 0.0) => {
                Err("`tolerance.value` is not a distance".to_owned())
            }
            Some(t) if t.reason.trim().is_empty() => Err("`tolerance.reason` is empty".to_owned()),
            _ => Ok(()),
        }
    }

    /// Each kind of claim has parts of its own.
    fn check_parts(&self) -> Result<(), String> {
        let needed: &[&str] = match self.kind {
            Kind::Equals => &["cells", "recipe"],
            Kind::Greater | Kind::NonInferior => &["comparison"],
            Kind::Property => &["property"],
            Kind::Blocked => &["missing"],
        };
        let given = [
            ("cells", self.cells.is_some()),
            ("recipe", self.recipe.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("comparison", self.comparison.is_some()),
            ("property", self.property.is_some()),
            ("missing", self.missing.is_some()),
        ];
        if let Some((part, _)) = given.iter().find(|(part, given)| !given && needed.contains(part)) {
            return Err(format!("`{part}` is missing"));
        }
        let suits = |part: &str| needed.contains(&part) || (part, self.kind) == ("tolerance", Kind::Equals);
        if let Some((part, _)) = given.iter().find(|(part, given)| *given && !suits(part)) {
            return Err(format!("`{part}` is not of claims of kind `{}`", self.kind));
        }
        match (&self.comparison, &self.property) {
            (Some(comparison), _) => comparison.check(self.kind),
            (None, Some(property)) => property.check(),
            (None, None) => Ok(()),
        }
    }

    /// The claim, whose file is `own`; `read` reads the file of cells.
    pub(super) fn content(
        self,
        own: Written,
        read: impl FnOnce(&str) -> crate::Result<Written>,
    ) -> crate::Result<ClaimFile> {
        let Self { id, title, kind, source, recipe, tolerance, comparison, property, missing, cells } = self;
        let folder = own.path.parent().unwrap_or(Path::new("")).to_owned();
        let mut written = vec![own];
        let content = match (comparison, property, missing, recipe.zip(cells)) {
            (Some(comparison), ..) => Content::Comparison { comparison: comparison.written_out(), folder },
            (_, Some(property), ..) => Content::Property { property, folder },
            (.., Some(missing), _) => Content::Blocked(missing),
            (.., Some((recipe, cells))) => {
                let file = read(&cells)?;
                let name = file.path.display().to_string();
                let cells = cells::parse(&name, &file.text, recipe.languages.as_deref(), source.printed)?;
                written.push(file);
                Content::Numbers(Numbers { recipe, tolerance, cells })
            }
            _ => unreachable!("checked: each kind of claim has its parts"),
        };
        Ok(ClaimFile { id, title, kind, source, content, written })
    }
}
