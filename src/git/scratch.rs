use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// How these folders are called.
const PREFIX: &str = "perfgate-base-";
/// A file in each that its process holds a lock on; the system gives the lock back when the process
/// ends, however it ends.
const LOCK: &str = "lock";

/// A temporary folder, which is removed when this is dropped; by the next run where the process
/// was killed before.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    fn new_in(parent: &Path) -> io::Result<Self> {
        remove_stale(parent);
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            let path = folder.path().join(LOCK);
            let lock = File::create(&path)?;
            // Another process may have found the folder before it was locked.
            if lock.try_lock().is_ok() && path.exists() {
                return Ok(Self {
                    folder,
                    _lock: lock,
                });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders whose process has ended.
fn remove_stale(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(is_ours) {
        // Those of other users cannot be opened, and are theirs to remove.
        let lock = File::options().write(true).open(path.join(LOCK));
        if let Ok(lock) = lock
            && lock.try_lock().is_ok()
        {
            // What cannot be removed is tried again by the next run.
            fs::remove_dir_all(&path).ok();
        }
    }
}

fn is_ours(path: &PathBuf) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(PREFIX) && fs::symlink_metadata(path).is_ok_and(|it| it.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_whose_process_was_killed_is_removed_by_the_next() {
        let parent = TempDir::new().expect("a folder");
        let living = Scratch::new_in(parent.path()).expect("made");
        let killed = parent.path().join("perfgate-base-killed");
        fs::create_dir(&killed).expect("made");
        fs::write(killed.join(LOCK), "").expect("written");
        let foreign = parent.path().join("perfgate-base-foreign");
        fs::create_dir(&foreign).expect("made");
        let next = Scratch::new_in(parent.path()).expect("made");
        assert!(!killed.exists());
        assert!(living.path().exists() && next.path().exists() && foreign.exists());
        let path = next.path().to_owned();
        drop(next);
        assert!(!path.exists());
    }
}
