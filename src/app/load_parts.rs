//! The loads of several workers → one load.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::part_files;
use super::shards;
use crate::document;
use crate::error::Error;
use crate::model::{JoinedLoad, LoadPart, chain};

/// The name of a worker's load in a folder.
const FILE: &str = "load.json";

/// The load of all workers, or why there is none; nothing where the files are no loads.
pub fn joined_load(sources: &[PathBuf]) -> Result<Option<Result<JoinedLoad, Vec<String>>>, Error> {
    if !are_loads(sources)? {
        return Ok(None);
    }
    let files = part_files::find(sources, FILE)?.into_iter();
    let parts = files.map(|path| {
        let read = document::read(&path, LoadPart::KIND, LoadPart::SCHEMA);
        let name = path.display().to_string();
        (name, read.map_err(|error| chain(&error)))
    });
    Ok(Some(JoinedLoad::of(parts.collect())))
}

/// Whether the sources hold loads and no measurements of shards.
fn are_loads(sources: &[PathBuf]) -> Result<bool, Error> {
    let has_measurements = |it: &PathBuf| it.file_name().is_some_and(|it| it == shards::FILE);
    if part_files::find(sources, shards::FILE)?
        .iter()
        .any(has_measurements)
    {
        return Ok(false);
    }
    Ok(part_files::find(sources, FILE)?
        .iter()
        .any(|it| is_load(it)))
}

/// By its name, or by what a load has and a measurement has not.
fn is_load(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Marks {
        #[expect(dead_code, reason = "that it is there is enough")]
        worker: IgnoredAny,
    }
    let is_named = path.file_name().is_some_and(|it| it == FILE);
    is_named || document::read::<Marks>(path, LoadPart::KIND, LoadPart::SCHEMA).is_ok()
}
