use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::Rng;

use super::Error;
use crate::document;
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

    /// Keeps a baseline in a file of its own; nothing is replaced.
    pub fn add(&self, baseline: &Baseline) -> Result<(), Error> {
        let folder = self.cell(&baseline.key.server, &baseline.key.endpoint);
        let text = serde_json::to_string_pretty(baseline).expect("a baseline has a JSON form");
        document::write_new(&folder.join(document_name(baseline)), &(text + "\n"))?;
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
    let read = |path: PathBuf| document::read(&path, "baseline", Baseline::SCHEMA);
    Ok(documents.map(read).collect::<Result<_, _>>()?)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |source| Error::List {
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
