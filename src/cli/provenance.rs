//! Which commit is measured, asked of git.

use std::path::Path;
use std::process::Command;

/// The commit of the tree at `folder`, and whether the tree has changes beside it.
pub(super) fn head(folder: &Path) -> (Option<String>, bool) {
    let head = git(folder, &["rev-parse", "--verify", "HEAD"]);
    let changes = git(folder, &["status", "--porcelain"]);
    (
        head.map(|head| head.trim().to_owned()),
        changes.is_some_and(|changes| !changes.is_empty()),
    )
}

pub(super) fn git(folder: &Path, words: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(words)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
