//! Where compose files are read from: a folder, or what a commit holds of one.

use std::io;
use std::path::{Path, PathBuf};

use crate::bounded;

/// Bytes of a compose file, and of a file of variables.
const LARGEST: u64 = 4 << 20;

/// Files by their paths from the root on.
pub trait Files {
    fn read(&self, path: &Path) -> io::Result<String>;
    fn is_file(&self, path: &Path) -> bool;
    fn is_dir(&self, path: &Path) -> bool;
    /// The names in a folder, in their order.
    fn names(&self, path: &Path) -> Vec<String>;
}

/// Files of a folder.
#[derive(Debug, Clone)]
pub struct Folder {
    pub root: PathBuf,
    /// Where the head lies of which this is the base: files that git ignores are read there.
    pub beside: Option<PathBuf>,
    /// Whether paths may leave the root.
    pub allow_outside: bool,
}

impl Folder {
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            beside: None,
            allow_outside: false,
        }
    }

    fn full(&self, path: &Path) -> PathBuf {
        let own = self.root.join(path);
        match &self.beside {
            Some(beside) if !own.exists() => beside.join(path),
            _ => own,
        }
    }
}

impl Files for Folder {
    fn read(&self, path: &Path) -> io::Result<String> {
        let full = self.full(path);
        let root = if full.starts_with(&self.root) {
            &self.root
        } else {
            self.beside.as_ref().unwrap_or(&self.root)
        };
        if !self.allow_outside && !bounded::leads_inside(&full, root) {
            return Err(io::Error::other(
                "it leads outside the folder of perfgate.toml; `allow_outside = true` at the top of that file \
                 lets it",
            ));
        }
        bounded::read_text(&full, LARGEST)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.full(path).is_file()
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.full(path).is_dir()
    }

    fn names(&self, path: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(self.full(path)).into_iter().flatten();
        let names = entries
            .flatten()
            .map(|it| it.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}
