use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Error, name, prune};
use crate::document;
use crate::model::Baseline;

/// Baselines in a directory.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Every baseline, oldest first within its cell.
    pub fn all(&self) -> Result<Vec<Baseline>, Error> {
        let documents = self.documents()?.into_iter();
        Ok(documents.map(|(_, baseline)| baseline).collect())
    }

    /// Keeps a baseline in a file of its own; nothing is replaced.
    pub fn add(&self, baseline: &Baseline) -> Result<(), Error> {
        let path = self.root.join(name::path(baseline));
        document::write_new(&path, &document::text(baseline))?;
        Ok(())
    }

    /// Removes all but the newest runs of every key; how many were removed.
    pub fn prune(&self, keep: usize) -> Result<usize, Error> {
        let old = prune::superseded(self.documents()?, keep);
        for path in &old {
            fs::remove_file(path).map_err(|source| Error::Remove {
                path: path.clone(),
                source,
            })?;
        }
        Ok(old.len())
    }

    fn documents(&self) -> Result<Vec<(PathBuf, Baseline)>, Error> {
        let mut documents = Vec::new();
        for server in entries(&self.root)? {
            for endpoint in entries(&server)? {
                let paths = entries(&endpoint)?.into_iter();
                for path in paths.filter(|it| it.extension().is_some_and(|end| end == "json")) {
                    let baseline = document::read_own(&path, Baseline::KIND, Baseline::SCHEMA)?;
                    documents.push((path, baseline));
                }
            }
        }
        Ok(documents)
    }
}

/// What a folder holds, in the order of the names; nothing where it is not one.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |source| Error::List {
        path: folder.to_owned(),
        source,
    };
    let listed = match fs::read_dir(folder) {
        Err(error) if absent(&error) => return Ok(Vec::new()),
        listed => listed.map_err(fail)?,
    };
    let mut paths = Vec::new();
    for entry in listed {
        let entry = entry.map_err(fail)?;
        let path = entry.path();
        if entry.file_type().map_err(fail)?.is_symlink() {
            return Err(Error::Link { path });
        }
        paths.push(path);
    }
    paths.sort();
    Ok(paths)
}

fn absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
