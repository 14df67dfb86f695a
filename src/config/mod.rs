//! perfgate.toml → [`Plan`]. The file is found upwards from a folder, read
//! exactly as written, then resolved: defaults filled in, thresholds inherited, every value
//! checked. Errors name file, line and column, what was found and what is allowed.

mod accept;
mod data;
mod endpoint;
mod error;
mod file;
mod grammar;
mod inside;
mod login;
mod names;
mod place;
mod proxy;
mod random;
mod ready;
mod reference;
mod resolve;
mod server;
mod service;
mod spanned;
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
use serde_json::json;

use crate::bounded;
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
    resolved(path, &read(path)?, Some(beside))
}

/// Resolves the text of a configuration file that lies at `path`.
pub fn parse(path: &Path, text: &str) -> Result<Plan, Error> {
    resolved(path, text, None)
}

fn read(path: &Path) -> Result<String, Error> {
    bounded::read_text(path, LARGEST).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn resolved(path: &Path, text: &str, beside: Option<&Path>) -> Result<Plan, Error> {
    let place = place::Places::new(path, text);
    version::check(text, &place)?;
    let file: file::File = toml::from_str(text).map_err(|error| place.syntax(&error))?;
    resolve::resolve(path, file, &place, beside)
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
