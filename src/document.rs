//! Versioned JSON documents on disk: read only when their schema is known, written whole or not
//! at all.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::bounded;

/// Bytes of a document; those of long runs have some mebibytes.
pub const LARGEST: u64 = 256 << 20;

/// Why a document cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read `{}` as a {what}", path.display())]
    Parse {
        path: PathBuf,
        what: &'static str,
        source: serde_json::Error,
    },
    #[error("cannot read `{}`: its schema is {found} and this version reads up to {highest}", path.display())]
    Schema {
        path: PathBuf,
        found: u32,
        highest: u32,
    },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write to the standard output")]
    Print { source: io::Error },
}

impl Error {
    /// Whether the machine, and not the document, is to blame.
    pub const fn is_of_writing(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Print { .. })
    }

    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Parse { .. } => "it is damaged or something else: name another, or restore it",
            Self::Schema { .. } => "update perfgate",
            Self::Read { .. } => "name a file that can be read",
            Self::Print { .. } => "lead it to a place that takes all of it",
            Self::Write { .. } => "name a place that can be written, with space left",
        };
        Some(hint.into())
    }
}

/// Reads a document whose schema version is at most `highest`.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    what: &'static str,
    highest: u32,
) -> Result<T, Error> {
    let text = bounded::read(path, LARGEST);
    parse(&text.map_err(|it| unread(path, it))?, path, what, highest)
}

/// The same of a store's own document, which is no link to somewhere else.
pub fn read_own<T: DeserializeOwned>(
    path: &Path,
    what: &'static str,
    highest: u32,
) -> Result<T, Error> {
    let text = bounded::read_own(path, LARGEST);
    parse(&text.map_err(|it| unread(path, it))?, path, what, highest)
}

fn unread(path: &Path, source: io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        source,
    }
}

/// Reads a document whose schema version is at most `highest` out of what lies at `path`.
pub fn parse<T: DeserializeOwned>(
    text: &[u8],
    path: &Path,
    what: &'static str,
    highest: u32,
) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let damaged = |source| Error::Parse {
        path: path.to_owned(),
        what,
        source,
    };
    let Version { schema: found } = serde_json::from_slice(text).map_err(damaged)?;
    if found > highest {
        let path = path.to_owned();
        return Err(Error::Schema {
            path,
            found,
            highest,
        });
    }
    serde_json::from_slice(text).map_err(damaged)
}

/// The text of a document.
pub fn text(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document);
    text.expect("our documents have a JSON form") + "\n"
}

/// The text of a document on one line.
pub fn line(document: &impl Serialize) -> String {
    let text = serde_json::to_string(document);
    text.expect("our documents have a JSON form") + "\n"
}

/// Writes a file in place of an older one; folders on the way are made. What is not a regular
/// file, such as a pipe, is written to as it is.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    let special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    let written = if special {
        fs::write(path, text)
    } else {
        stage(path, text).and_then(|file| {
            file.persist(path)?;
            sync_folder(path)
        })
    };
    written.map_err(|source| failed(path, source))
}

/// Writes a file that must not be there yet; folders on the way are made.
pub fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    let written = stage(path, text).and_then(|file| {
        file.persist_noclobber(path)?;
        sync_folder(path)
    });
    written.map_err(|source| failed(path, source))
}

/// The text on disk, in a temporary file beside its place.
fn stage(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = folder(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// A name in a folder outlasts a loss of power once the folder is on disk too.
fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(folder(path))?.sync_all()
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_document_never_replaces_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b.json");
        write_new(&path, "first").expect("written");
        assert!(write_new(&path, "second").is_err());
        assert_eq!(fs::read_to_string(&path).expect("read"), "first");
        write(&path, "third").expect("replaced");
        assert_eq!(fs::read_to_string(&path).expect("read"), "third");
        let files = fs::read_dir(path.parent().expect("a folder")).expect("listed");
        assert_eq!(files.count(), 1, "no temporary file is left");
    }

    #[test]
    fn what_is_no_file_is_written_to_as_it_is() {
        write(Path::new("/dev/null"), "text").expect("written");
        assert!(!fs::metadata("/dev/null").expect("there").is_file());
    }
}
