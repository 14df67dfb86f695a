//! Compose files, however they are written.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Compose files and their options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ComposeTable {
    /// Files to merge; later files override earlier ones.
    pub(in super::super) files: Vec<PathBuf>,
    /// Active profiles.
    #[serde(default)]
    pub(in super::super) profiles: Vec<String>,
    /// Files with the variables for their values; by default `.env` beside the first file.
    #[serde(default)]
    pub(in super::super) env_file: Vec<PathBuf>,
}

/// A file, a list of files, or a table that says more.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "for the schema")]
enum ComposeForms {
    File(PathBuf),
    Files(Vec<PathBuf>),
    Table(ComposeTable),
}

/// Compose files, however they are written.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Compose(pub(in super::super) ComposeTable);

impl JsonSchema for Compose {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Compose".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        ComposeForms::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for Compose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ComposeVisitor).map(Self)
    }
}

struct ComposeVisitor;

impl<'de> Visitor<'de> for ComposeVisitor {
    type Value = ComposeTable;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a file, a list of files, or a table with `files`")
    }

    fn visit_str<E: de::Error>(self, file: &str) -> Result<ComposeTable, E> {
        Ok(ComposeTable {
            files: vec![file.into()],
            ..ComposeTable::default()
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ComposeTable, A::Error> {
        let mut files = Vec::new();
        while let Some(file) = list.next_element()? {
            files.push(file);
        }
        Ok(ComposeTable {
            files,
            ..ComposeTable::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ComposeTable, A::Error> {
        ComposeTable::deserialize(MapAccessDeserializer::new(map))
    }
}
