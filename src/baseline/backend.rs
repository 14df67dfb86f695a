use std::fmt::{Debug, Display};
use std::path::PathBuf;

use super::Error;

/// Where the files of a shared store lie: versions of all of them together, of which the newest is replaced only by one
/// that knows it. It is shown as errors call the store. One is a branch, one a bucket.
pub trait Backend: Debug + Display {
    /// Whether others read files of it by their paths.
    const HAS_BADGES: bool;

    /// What errors call a file.
    fn shown(&self, path: &str) -> PathBuf;

    /// The newest version; `None` if there is none yet.
    fn newest(&self) -> Result<Option<String>, Error>;

    /// The files of a version, by their paths.
    fn files(&self, version: &str) -> Result<Vec<Entry>, Error>;

    /// The contents of files of the newest version, in their order; none for one that is larger than its path allows.
    fn contents(
        &self,
        files: &[Entry],
        most: impl Fn(&str) -> usize,
    ) -> Result<Vec<Content>, Error>;

    /// Stores a text that a version may hold from then on; what it is called.
    fn store(&self, text: Vec<u8>) -> Result<String, Error>;

    /// Writes a version with the files of `base`, which is the newest, and changes to them.
    fn write(
        &self,
        base: Option<&str>,
        changes: &Changes,
        message: &str,
        over: Over,
    ) -> Result<Written, Error>;

    /// Whether a version could be written, as far as that is known beforehand.
    fn try_writing(&self) -> Result<(), Error>;

    /// Whether an error says that what a version holds is gone since its files were listed.
    fn is_rewritten(&self, error: &Error) -> bool;

    /// Removes what no version holds.
    fn tidy(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) path: String,
    /// What its content is called: files of one content have one name.
    pub(super) blob: String,
}

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    TooLarge,
    /// It is there and cannot be made out.
    Damaged(String),
    /// It is not there, although the version has it.
    Gone,
}

impl Content {
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::TooLarge | Self::Damaged(_) | Self::Gone => None,
        }
    }
}

/// What a version changes in the files of the one before.
#[derive(Debug, Default)]
pub struct Changes {
    pub(super) added: Vec<Entry>,
    pub(super) removed: Vec<String>,
}

/// What becomes of the versions before.
#[derive(Debug, Clone, Copy)]
pub enum Over {
    /// They stay: the store only grows.
    Ancestors,
    /// They go.
    Everything,
}

/// What came of writing a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Done,
    /// Somebody else was faster.
    Behind,
}
