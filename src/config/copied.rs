//! A file that is put into a container: a path, or a table that says more.

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::Error;
use super::resolve::Resolver;
use super::spanned::Spanned;
use crate::model::{self, FileSource};

#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum CopiedFile {
    Path(PathBuf),
    Table(Table),
}

/// A file, and what is replaced in the copy: one of `path` and `text`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CopiedFileTable")]
pub(super) struct Table {
    /// The file or folder here.
    path: Option<PathBuf>,
    /// What the file is to hold, with placeholders.
    text: Option<Spanned<String>>,
    /// Texts of the file at `path`, each with what the copy has in its place, such as
    /// `"redis://cache:6379" = "{redis.url}"`. A text that the file lacks is an error.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, String>")]
    replace: IndexMap<Spanned<String>, Spanned<String>>,
}

impl<'de> Deserialize<'de> for CopiedFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CopiedFileVisitor)
    }
}

/// An untagged enum would say of a table only that it is no `CopiedFile`.
struct CopiedFileVisitor;

impl<'de> Visitor<'de> for CopiedFileVisitor {
    type Value = CopiedFile;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a path, or a table with `path` or `text`")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<CopiedFile, E> {
        Ok(CopiedFile::Path(path.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CopiedFile, A::Error> {
        Table::deserialize(MapAccessDeserializer::new(map)).map(CopiedFile::Table)
    }
}

impl Resolver<'_> {
    /// Files that are put into a container.
    pub(super) fn files(
        &self,
        files: &IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    ) -> Result<Vec<model::CopiedFile>, Error> {
        let files = files.iter();
        files.map(|(there, file)| self.file(there, file)).collect()
    }

    fn file(
        &self,
        there: &Spanned<String>,
        file: &Spanned<CopiedFile>,
    ) -> Result<model::CopiedFile, Error> {
        let span = file.span();
        let at = |path: &PathBuf| {
            let full = self.inside_of(path, &span)?;
            Ok::<_, Error>(FileSource::Path(self.or_beside(full, path)))
        };
        let wrong = |message: &str, hint: &str| {
            let hint = Some(hint.to_owned());
            Err(self.spans.invalid(&span, message, hint))
        };
        let (source, replace) = match file.get_ref() {
            CopiedFile::Path(path) => (at(path)?, Vec::new()),
            CopiedFile::Table(table) => match (&table.path, &table.text) {
                (Some(path), None) => (at(path)?, self.replacements(&table.replace)?),
                (None, Some(text)) if table.replace.is_empty() => {
                    (FileSource::Text(self.filled_later(text)?), Vec::new())
                }
                (None, Some(_)) => {
                    let message = "`replace` is for the text of a `path`";
                    return wrong(message, "write the placeholders into `text`");
                }
                _ => {
                    let message = "a file has one of `path` and `text`";
                    return wrong(message, "name a file here, or write what it holds");
                }
            },
        };
        Ok(model::CopiedFile {
            inside: self.is_inside_a_container(there)?,
            source,
            replace,
        })
    }

    fn replacements(
        &self,
        replace: &IndexMap<Spanned<String>, Spanned<String>>,
    ) -> Result<Vec<(String, String)>, Error> {
        let pair = |(text, with): (&Spanned<String>, &Spanned<String>)| {
            if text.get_ref().is_empty() {
                let hint = "write a text of the file before the `=`";
                let message = "nothing is to be replaced";
                return Err(self.spans.invalid(&text.span(), message, Some(hint.into())));
            }
            Ok((text.get_ref().clone(), self.filled_later(with)?))
        };
        replace.iter().map(pair).collect()
    }
}
