//! How an image is built, however it is written.

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// How an image is built.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct BuildTable {
    /// Build context: the folder with the files for the builder.
    pub(in super::super) context: PathBuf,
    /// Path of the Dockerfile in the context; `Dockerfile` by default.
    pub(in super::super) dockerfile: Option<PathBuf>,
    /// The stage to build; by default the last one.
    pub(in super::super) target: Option<String>,
    /// Build arguments, by name.
    #[serde(default)]
    pub(in super::super) args: IndexMap<String, String>,
    /// Secrets of `RUN --mount=type=secret`, by id: `{env.NAME}`, or a file.
    #[serde(default)]
    pub(in super::super) secrets: IndexMap<String, String>,
    /// Whether `RUN --mount=type=ssh` may use the keys of the SSH agent.
    #[serde(default)]
    pub(in super::super) ssh: bool,
    /// Platform of the image, such as `linux/amd64`; by default the engine's own.
    pub(in super::super) platform: Option<String>,
    /// Sources of BuildKit's layer cache: images, or entries such as `type=gha,scope=app`.
    #[serde(default)]
    pub(in super::super) cache_from: Vec<String>,
    /// Destinations of BuildKit's layer cache.
    #[serde(default)]
    pub(in super::super) cache_to: Vec<String>,
}

/// A folder, or a table that says more.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(in super::super) enum Build {
    Folder(PathBuf),
    Table(Box<BuildTable>),
}

impl<'de> Deserialize<'de> for Build {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BuildVisitor)
    }
}

/// An untagged enum would say of a table only that it is no `Build`.
struct BuildVisitor;

impl<'de> Visitor<'de> for BuildVisitor {
    type Value = Build;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a folder, or a table with `context`")
    }

    fn visit_str<E: de::Error>(self, folder: &str) -> Result<Build, E> {
        Ok(Build::Folder(folder.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Build, A::Error> {
        let table = BuildTable::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Build::Table(Box::new(table)))
    }
}
