//! A file that is put into a container: its path, or a table that says what is replaced in the copy.

use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::spanned::Spanned;

#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum CopiedFile {
    Path(PathBuf),
    Table(Table),
}

/// A file, and what is replaced in the copy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CopiedFileTable")]
pub(super) struct Table {
    /// The file here.
    path: PathBuf,
    /// Texts of the file, each with what the copy has in its place, such as
    /// `"redis://cache:6379" = "{redis.url}"`. A text that the file lacks is an error.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, String>")]
    replace: Replacements,
}

pub(super) type Replacements = IndexMap<Spanned<String>, Spanned<String>>;

impl CopiedFile {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Table(table) => &table.path,
        }
    }

    pub(super) fn replace(&self) -> Option<&Replacements> {
        match self {
            Self::Path(_) => None,
            Self::Table(table) => Some(&table.replace),
        }
    }
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
        formatter.write_str("a path, or a table with `path`")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<CopiedFile, E> {
        Ok(CopiedFile::Path(path.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CopiedFile, A::Error> {
        Table::deserialize(MapAccessDeserializer::new(map)).map(CopiedFile::Table)
    }
}
