//! Large files, which a commit holds as pointers (Git LFS).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::source::Source;
use super::{Error, Git};

/// Puts the contents of large files in the place of their pointers; what is missing, and why.
pub(super) fn fill(source: &Source, commit: &str, tree: &Git) -> Result<Vec<String>, Error> {
    let pointers = tree.ask(&["ls-files", "--", ":(top,attr:filter=lfs)"])?;
    let count = pointers.lines().count();
    if count == 0 {
        return Ok(Vec::new());
    }
    if !is_installed(tree)? {
        return Ok(vec![format!(
            "{count} files of Git LFS are pointers, because git-lfs is not installed"
        )]);
    }
    match contents(source, commit, tree) {
        Ok(()) => Ok(Vec::new()),
        Err(error) => Ok(vec![format!(
            "files of Git LFS are missing, of {count}: {error}"
        )]),
    }
}

fn is_installed(tree: &Git) -> Result<bool, Error> {
    Ok(tree.call(&["lfs", "version"]).output()?.status.success())
}

fn contents(source: &Source, commit: &str, tree: &Git) -> Result<(), Error> {
    tree.ask(&["lfs", "install", "--local", "--skip-repo"])?;
    let named = named(tree)?;
    let is_missing = |name: &String| !stored(&source.common, name).is_file();
    if named.iter().any(is_missing) {
        // Into the repository's own store, as a checkout there would, and with its rights.
        let fetch = ["lfs", "fetch", "origin", commit];
        source.git().call(&fetch).remote().text()?;
    }
    let own = tree.folder().join(".git");
    for name in &named {
        let (from, to) = (stored(&source.common, name), stored(&own, name));
        linked(&from, &to).map_err(|source| Error::Scratch { source })?;
    }
    tree.ask(&["lfs", "checkout"]).map(drop)
}

/// The digests of the contents that the tree's pointers stand for.
fn named(tree: &Git) -> Result<Vec<String>, Error> {
    let listed = tree.ask(&["lfs", "ls-files", "--long"])?;
    let name = |line: &str| line.split(' ').next().map(str::to_owned);
    let is_digest = |it: &String| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
    Ok(listed.lines().filter_map(name).filter(is_digest).collect())
}

/// Where a repository keeps contents.
fn stored(repository: &Path, name: &str) -> PathBuf {
    let folder = repository.join("lfs/objects");
    folder.join(&name[..2]).join(&name[2..4]).join(name)
}

/// The same file at another place, without a copy where the file system can do that.
fn linked(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    if to.exists() || fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).map(drop)
}
