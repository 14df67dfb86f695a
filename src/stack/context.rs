//! A build folder as the archive the engine's builder takes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::Error;
use crate::bounded;
use crate::model;

/// Bytes of a build folder: its archive is made in memory.
const LARGEST: u64 = 1 << 30;
const LARGEST_IGNORE: u64 = 1 << 20;

/// The files of a build folder, less what its `.dockerignore` names.
pub(super) struct Context {
    pub(super) archive: Vec<u8>,
    /// Short digest of names, modes and contents; times do not count.
    pub(super) digest: String,
}

impl Context {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let fail = |source| Error::Context {
            folder: folder.to_owned(),
            source,
        };
        let mut archive = tar::Builder::new(Vec::new());
        archive.mode(tar::HeaderMode::Deterministic);
        archive.follow_symlinks(false);
        // The engine knows no sparse entries.
        archive.sparse(false);
        let ignored = ignored(folder).map_err(fail)?;
        let mut size = 0;
        for path in files(folder, &ignored).map_err(fail)? {
            let found = folder.join(&path).symlink_metadata().map_err(fail)?;
            size += found.len();
            if size > LARGEST {
                let why = format!(
                    "it holds more than {} MiB; leave out by .dockerignore what the image does not need",
                    LARGEST >> 20
                );
                return Err(fail(io::Error::other(why)));
            }
            archive
                .append_path_with_name(folder.join(&path), &path)
                .map_err(fail)?;
        }
        let archive = archive.into_inner().map_err(fail)?;
        let digest = model::digest(&archive);
        Ok(Self { archive, digest })
    }
}

/// `.dockerignore` patterns start at the folder, unlike those of `.gitignore`.
fn ignored(folder: &Path) -> io::Result<Gitignore> {
    let mut builder = GitignoreBuilder::new(folder);
    let text = match own_text(&folder.join(".dockerignore")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (not, pattern) = line
            .strip_prefix('!')
            .map_or(("", line), |rest| ("!", rest.trim()));
        let rooted = format!("{not}/{}", pattern.trim_start_matches('/'));
        builder.add_line(None, &rooted).map_err(io::Error::other)?;
    }
    builder.build().map_err(io::Error::other)
}

fn own_text(path: &Path) -> io::Result<String> {
    let text = bounded::read_own(path, LARGEST_IGNORE)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Paths below the folder, relative to it and sorted, so that the same files give one archive.
fn files(folder: &Path, ignored: &Gitignore) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let is_folder = entry.file_type()?.is_dir();
            if is_folder {
                folders.push(path);
            } else if is_needed(&path) || !is_ignored(ignored, &path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_ignored(ignored: &Gitignore, path: &Path) -> bool {
    ignored.matched_path_or_any_parents(path, false).is_ignore()
}

/// The builder needs these two also where they keep themselves out of the image.
fn is_needed(path: &Path) -> bool {
    path == Path::new("Dockerfile") || path == Path::new(".dockerignore")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(context: &Context) -> Vec<String> {
        let mut archive = tar::Archive::new(context.archive.as_slice());
        let entries = archive.entries().expect("an archive of ours");
        entries
            .map(|entry| {
                entry
                    .expect("readable")
                    .path()
                    .expect("a path")
                    .display()
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn dockerignore_patterns_are_rooted_and_can_be_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [
            "Dockerfile",
            "a.log",
            "sub/a.log",
            "cache/x",
            "cache/keep",
            "sub/__pycache__/y",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "text").expect("written");
        }
        fs::write(
            folder.path().join(".dockerignore"),
            "Dockerfile\n*.log\n# note\ncache/*\n!cache/keep\n**/__pycache__\n",
        )
        .expect("written");
        let context = Context::read(folder.path()).expect("read");
        assert_eq!(
            names(&context),
            [".dockerignore", "Dockerfile", "cache/keep", "sub/a.log"]
        );
    }

    #[test]
    fn a_file_with_holes_is_an_ordinary_entry() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = fs::File::create(folder.path().join("holes")).expect("created");
        file.set_len(1 << 20).expect("a hole");
        let context = Context::read(folder.path()).expect("read");
        let mut archive = tar::Archive::new(context.archive.as_slice());
        let entry = archive
            .entries()
            .expect("ours")
            .next()
            .expect("one")
            .expect("readable");
        assert!(entry.header().entry_type().is_file());
        assert_eq!(entry.size(), 1 << 20);
    }

    #[test]
    fn the_digest_does_not_depend_on_times() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("Dockerfile"), "FROM scratch").expect("written");
        let first = Context::read(folder.path()).expect("read").digest;
        fs::write(folder.path().join("Dockerfile"), "FROM scratch").expect("written");
        assert_eq!(Context::read(folder.path()).expect("read").digest, first);
        fs::write(folder.path().join("Dockerfile"), "FROM other").expect("written");
        assert_ne!(Context::read(folder.path()).expect("read").digest, first);
    }
}
