//! Files that several machines have written, wherever they lie in some folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Folders in folders in which files are looked for.
const DEEPEST: usize = 4;

/// The sources that are files, and the files of a name in those that are folders, each once.
pub(super) fn find(sources: &[PathBuf], name: &str) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for source in sources {
        let unread = |error| Error::Read {
            path: source.clone(),
            source: error,
        };
        if fs::metadata(source).map_err(unread)?.is_dir() {
            collect(source, name, DEEPEST, &mut files).map_err(unread)?;
        } else {
            files.push(source.clone());
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// That a folder among the sources holds nothing of what is looked for.
pub(super) fn missing(source: &Path, name: &str) -> Error {
    Error::Argument {
        argument: source.display().to_string(),
        reason: format!("there is no `{name}` in it"),
    }
}

fn collect(folder: &Path, name: &str, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Links are not followed: a folder may hold itself.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            collect(&entry.path(), name, depth - 1, files)?;
        } else if kind.is_file() && entry.file_name() == name {
            files.push(entry.path());
        }
    }
    Ok(())
}
