use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Error, name, prune};
use crate::document;
use crate::model::{Baseline, Key, Pin};

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

    /// The pin that holds.
    pub fn pin(&self) -> Result<Option<Pin>, Error> {
        let paths = documents_in(&self.root.join(name::PINS))?.into_iter();
        let pins = paths.map(|path| document::read(&path, Pin::KIND, Pin::SCHEMA));
        Ok(Pin::in_force(pins.collect::<Result<Vec<_>, _>>()?))
    }

    /// Adds a pin; those before it stay, and hold no longer.
    pub fn add_pin(&self, pin: &Pin) -> Result<(), Error> {
        let path = self.root.join(name::pin(pin));
        document::write_new(&path, &document::text(pin))?;
        Ok(())
    }

    /// Removes all but the newest runs of these keys and those that the pin is about; how many were
    /// removed.
    pub fn prune(&self, keep: usize, of: &dyn Fn(&Key) -> bool) -> Result<usize, Error> {
        let pin = self.pin()?;
        let documents = self.documents()?;
        let documents = documents.iter().map(|(path, run)| (path, run));
        let old = prune::superseded(documents, of, keep, pin.as_ref());
        for path in &old {
            fs::remove_file(path).map_err(|source| Error::Remove {
                path: (*path).clone(),
                source,
            })?;
        }
        Ok(old.len())
    }

    fn documents(&self) -> Result<Vec<(PathBuf, Baseline)>, Error> {
        let mut documents = Vec::new();
        for server in entries(&self.root)? {
            for endpoint in entries(&server)? {
                for path in documents_in(&endpoint)? {
                    let baseline = document::read_own(&path, Baseline::KIND, Baseline::SCHEMA)?;
                    documents.push((path, baseline));
                }
            }
        }
        Ok(documents)
    }
}

/// The documents right in a folder.
fn documents_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
    Ok(paths)
}

/// What a folder holds, in the order of the names; empty if it is not one.
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
