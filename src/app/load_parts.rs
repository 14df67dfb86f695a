//! The loads of several workers → one load.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::part_files::{self, PartFile, Sources};
use super::shards;
use crate::error::Error;
use crate::model::{JoinedLoad, LoadPart};

/// The name of a worker's load in a folder.
const FILE: &str = "load.json";

/// The load of all workers, or why there is none; nothing where the files are no loads.
pub fn joined_load(sources: &[PathBuf]) -> Result<Option<Result<JoinedLoad, Vec<String>>>, Error> {
    let sources = Sources::open(sources)?;
    if !are_loads(&sources)? {
        return Ok(None);
    }
    let files = sources.find(FILE)?;
    let read = part_files::read(&files, LoadPart::KIND, LoadPart::SCHEMA)?;
    let parts = read.into_iter();
    let parts = parts.map(|(path, read)| (path.display().to_string(), read));
    Ok(Some(JoinedLoad::of(parts.collect())))
}

/// Whether the sources hold loads and no measurements of shards.
fn are_loads(sources: &Sources) -> Result<bool, Error> {
    let found = sources.find(shards::FILE)?;
    if found.iter().any(|it| is_named(it, shards::FILE)) {
        return Ok(false);
    }
    let files = sources.find(FILE)?;
    if files.iter().any(|it| is_named(it, FILE)) {
        return Ok(true);
    }
    // By what a load has and a measurement has not.
    let marks = part_files::read::<Marks>(&files, LoadPart::KIND, LoadPart::SCHEMA)?;
    Ok(marks.iter().any(|(_, read)| read.is_ok()))
}

#[derive(Deserialize)]
struct Marks {
    #[expect(dead_code, reason = "that it is there is enough")]
    worker: IgnoredAny,
}

fn is_named(file: &PartFile<'_>, name: &str) -> bool {
    file.path.file_name().is_some_and(|it| it == name)
}
