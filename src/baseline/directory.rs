use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand::Rng;
use tempfile::NamedTempFile;

use super::Error;
use crate::model::Baseline;

/// Baselines in a directory: `SERVER/ENDPOINT/TIME-COMMIT-NUMBER.json`.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Every baseline of one server and endpoint, of any key, oldest first.
    pub fn of_cell(&self, server: &str, endpoint: &str) -> Result<Vec<Baseline>, Error> {
        let baselines = read_folder(&self.cell(server, endpoint))?;
        let own = |baseline: &Baseline| {
            baseline.key.server == server && baseline.key.endpoint == endpoint
        };
        Ok(baselines.into_iter().filter(own).collect())
    }

    /// Every baseline, oldest first within its cell.
    pub fn all(&self) -> Result<Vec<Baseline>, Error> {
        let mut baselines = Vec::new();
        for server in folders(&self.root)? {
            for endpoint in folders(&server)? {
                baselines.extend(read_folder(&endpoint)?);
            }
        }
        Ok(baselines)
    }

    /// Keeps a baseline, whole or not at all: a temporary file, flushed to disk, then renamed
    /// without replacing anything.
    pub fn add(&self, baseline: &Baseline) -> Result<(), Error> {
        let folder = self.cell(&baseline.key.server, &baseline.key.endpoint);
        let path = folder.join(document_name(baseline));
        let fail = |source| Error::Write {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&folder).map_err(fail)?;
        let mut file = NamedTempFile::new_in(&folder).map_err(fail)?;
        serde_json::to_writer_pretty(&mut file, baseline).map_err(|error| fail(error.into()))?;
        file.write_all(b"\n").map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
        file.persist_noclobber(&path)
            .map_err(|error| fail(error.error))?;
        Ok(())
    }

    fn cell(&self, server: &str, endpoint: &str) -> PathBuf {
        self.root.join(file_name(server)).join(file_name(endpoint))
    }
}

fn document_name(baseline: &Baseline) -> String {
    let time = baseline.time.strftime("%Y%m%dT%H%M%S%3fZ");
    let commit = baseline.commit.as_deref().unwrap_or("none");
    let commit: String = file_name(commit).chars().take(12).collect();
    format!("{time}-{commit}-{:08x}.json", rand::rng().random::<u32>())
}

/// A name that is one path component on any file system; the document holds the true name.
fn file_name(name: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let mut text = String::new();
    for letter in name.chars() {
        if safe(letter) {
            text.push(letter);
        } else {
            text.push_str(&format!("%{:x}", u32::from(letter)));
        }
    }
    text
}

/// Sub-folders in the order of their names; none where the folder is not there.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect())
}

fn read_folder(folder: &Path) -> Result<Vec<Baseline>, Error> {
    let documents = entries(folder)?;
    let documents = documents
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "json"));
    documents.map(|path| read(&path)).collect()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(fail)?,
    };
    let paths: io::Result<Vec<_>> = listed.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(fail)?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Baseline, Error> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }
    let text = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let damaged = |source| Error::Parse {
        path: path.to_owned(),
        source,
    };
    let Version { schema } = serde_json::from_slice(&text).map_err(damaged)?;
    if schema > Baseline::SCHEMA {
        return Err(Error::Schema {
            path: path.to_owned(),
            found: schema,
            highest: Baseline::SCHEMA,
        });
    }
    serde_json::from_slice(&text).map_err(damaged)
}
