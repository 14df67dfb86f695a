use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::model::{Side, digest};

/// Below the folder for caches.
const FOLDER: &str = "perfgate/bases";
const LOCK: &str = "lock";
const TREE: &str = "tree";
const TARGET: &str = "target";

/// A folder of one repository that stays from run to run, for what builds of its bases leave: the tree
/// lies at the same path every time, so that a build finds what the one before has built.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    _lock: File,
}

impl Kept {
    /// The folder of one side of the repository at `top`, with no tree in it; `None` if another run has
    /// it, or where there is no place for it.
    pub(super) fn for_side(top: &Path, side: Side) -> Option<Self> {
        Self::new_in(&caches()?.join(FOLDER), top, side)
    }

    fn new_in(parent: &Path, top: &Path, side: Side) -> Option<Self> {
        let name = digest(top.as_os_str().as_encoded_bytes());
        let folder = parent.join(match side {
            Side::Base => name,
            Side::Head => format!("{name}-head"),
        });
        fs::create_dir_all(&folder).ok()?;
        let lock = File::create(folder.join(LOCK)).ok()?;
        lock.try_lock().ok()?;
        let kept = Self {
            folder,
            _lock: lock,
        };
        kept.remove_tree();
        (!kept.tree().exists()).then_some(kept)
    }

    /// Where the tree lies.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.join(TREE)
    }

    /// Where the target directory of a workspace lies, by its path in the tree.
    pub(super) fn target(&self, workspace: &Path) -> PathBuf {
        let path = workspace.to_string_lossy();
        // A folder each: programs of two workspaces may have one name.
        let name = match path.as_ref() {
            "" => TARGET.to_owned(),
            path => format!("{TARGET}-{}", digest(path.as_bytes())),
        };
        self.folder.join(name)
    }

    /// What a server or a command has left in a tree is not for the next one.
    fn remove_tree(&self) {
        // What cannot be removed is found by the next run.
        fs::remove_dir_all(self.tree()).ok();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.remove_tree();
    }
}

/// The user's folder for caches (XDG Base Directory Specification).
fn caches() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let parent = named.filter(|it| it.is_absolute()).or_else(usual)?;
    parent.is_absolute().then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_finds_what_it_left_and_no_other_takes_it() {
        let parent = tempfile::tempdir().expect("a folder");
        let of = |top: &str| Kept::new_in(parent.path(), Path::new(top), Side::Base);
        let first = of("/a").expect("nobody has it");
        fs::create_dir_all(first.tree().join("app")).expect("made");
        fs::create_dir_all(first.target(Path::new(""))).expect("made");
        assert!(of("/a").is_none(), "a run has it");
        let other = of("/b").expect("another repository");
        assert_ne!(other.tree(), first.tree());
        let head = Kept::new_in(parent.path(), Path::new("/a"), Side::Head);
        assert_ne!(head.expect("another side").tree(), first.tree());
        let (tree, target) = (first.tree(), first.target(Path::new("")));
        drop(first);
        assert!(!tree.exists() && target.exists());
        let again = of("/a").expect("the run has ended");
        assert_eq!(again.target(Path::new("")), target);
        assert_ne!(again.target(Path::new("service")), target);
    }
}
