//! A file that is put into a container: a path, or a table that says more.

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::spanned::Spanned;

/// Texts, each with what stands in its place.
pub(super) type Replacements = IndexMap<Spanned<String>, Spanned<String>>;

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
    pub(super) path: Option<PathBuf>,
    /// What the file is to hold, with placeholders.
    pub(super) text: Option<Spanned<String>>,
    /// Texts of the file at `path`, each with what the copy has in its place, such as
    /// `"redis://cache:6379" = "{redis.url}"`. A text that the file lacks is an error.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, String>")]
    pub(super) replace: Replacements,
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
