//! perfgate.toml → [`Plan`]. The file is found upwards from a folder, read
//! exactly as written, then resolved: defaults filled in, thresholds inherited, every value
//! checked. Errors name file, line and column, what was found and what is allowed.

mod accept;
mod compose;
mod copied;
mod data;
mod endpoint;
mod error;
mod file;
mod files;
mod grammar;
mod growth;
mod inside;
mod login;
mod names;
mod privileges;
mod proxy;
mod random;
mod ready;
mod reference;
mod resolve;
mod server;
mod service;
mod spanned;
mod spans;
mod store;
mod thresholds;
mod units;
mod url;
mod version;

use std::path::{Path, PathBuf};

pub use error::Error;
pub use store::parse as parse_store;
pub use thresholds::defaults as default_thresholds;
pub use units::{parse_duration, parse_rate};
pub use url::Url;

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, schema_for};
use serde::Deserialize;
use serde_json::json;
use toml::de::DeTable;

use crate::bounded;
use crate::compose::{Files, Folder};
use crate::model::Plan;

/// Bytes of a configuration, and of a file that one names.
const LARGEST: u64 = 16 << 20;

/// The name of the configuration file.
pub const FILE_NAME: &str = "perfgate.toml";

/// Reads and resolves a configuration file.
pub fn load(path: &Path) -> Result<Plan, Error> {
    parse(path, &read(path)?)
}

/// The same for a base: environment files that git ignores are those of the head, which lies at
/// `beside`.
pub fn load_base(path: &Path, beside: &Path) -> Result<Plan, Error> {
    resolved(path, &read(path)?, Some(beside), None)
}

/// The same of a text, in place of what lies at `path`.
pub fn parse_base(path: &Path, text: &str, beside: &Path) -> Result<Plan, Error> {
    resolved(path, text, Some(beside), None)
}

/// Resolves the text of a configuration file that lies at `path`.
pub fn parse(path: &Path, text: &str) -> Result<Plan, Error> {
    resolved(path, text, None, None)
}

/// The same where the compose files that it names lie elsewhere.
pub fn parse_with(path: &Path, text: &str, files: &dyn Files) -> Result<Plan, Error> {
    resolved(path, text, None, Some(files))
}

fn read(path: &Path) -> Result<String, Error> {
    bounded::read_text(path, LARGEST).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn resolved(
    path: &Path,
    text: &str,
    beside: Option<&Path>,
    files: Option<&dyn Files>,
) -> Result<Plan, Error> {
    let mut spans = spans::Spans::new(path, text);
    version::check(text, &spans)?;
    let mut table = DeTable::parse(text).map_err(|error| spans.syntax(&error))?;
    let folder = Folder {
        root: spans.root(),
        beside: beside.map(Path::to_owned),
        allow_outside: compose::allows_outside(&table),
    };
    let composed = compose::read(&table, &spans, files.unwrap_or(&folder))?;
    if let Some(composed) = &composed {
        table = composed.below(table, &mut spans);
    }
    let file = file::File::deserialize(toml::Deserializer::from(table));
    let file = file.map_err(|error| spans.syntax(&error))?;
    let plan = resolve::resolve(path, file, &spans, beside)?;
    Ok(Plan {
        notes: composed.map(|it| it.notes).unwrap_or_default(),
        ..plan
    })
}

/// The JSON Schema of a configuration file.
pub fn schema() -> Schema {
    let mut schema = schema_for!(file::File);
    // The keys of a table of thresholds are metrics, which the map's own schema leaves open.
    let threshold = json!({ "$ref": "#/$defs/Threshold" });
    let mut names = RecursiveTransform(move |schema: &mut Schema| {
        if schema.get("additionalProperties") == Some(&threshold) {
            schema.insert("propertyNames".into(), json!({ "$ref": "#/$defs/Metric" }));
        }
    });
    names.transform(&mut schema);
    schema
}

/// The nearest configuration file, from `folder` upwards.
pub fn find(folder: &Path) -> Result<PathBuf, Error> {
    let candidates = folder.ancestors().map(|folder| folder.join(FILE_NAME));
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| Error::NotFound {
            folder: folder.to_owned(),
        })
}

#[cfg(test)]
mod tests;
