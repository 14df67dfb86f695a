//! git as a store of objects: plumbing alone, in a repository of its own, so that the clone stays as it is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;

use super::Error;
use super::backend::{Changes, Content, Entry};
use super::remote::{Over, Pushed, Repository};
use crate::git;
use crate::git::credentials::without_credentials;

/// Objects of a remote of a clone.
#[derive(Debug, Clone)]
pub(super) struct Git {
    clone: PathBuf,
    remote: String,
    /// Made when it is first needed; what it has fetched is not fetched again.
    repository: Arc<OnceLock<Repository>>,
}

impl Git {
    pub(super) fn new(clone: &Path, remote: &str) -> Self {
        Self {
            clone: clone.to_owned(),
            remote: remote.to_owned(),
            repository: Arc::default(),
        }
    }

    fn repository(&self) -> Result<&Repository, Error> {
        if let Some(repository) = self.repository.get() {
            return Ok(repository);
        }
        let new = Repository::new(&self.clone, &self.remote)?;
        Ok(self.repository.get_or_init(|| new))
    }

    /// The newest commit of the remote's branch; `None` if there is no such branch.
    pub(super) fn tip(&self, branch: &str) -> Result<Option<String>, Error> {
        self.repository()?.tip(branch)
    }

    /// The files of a commit, by their paths.
    pub(super) fn files(&self, commit: &str) -> Result<Vec<Entry>, Error> {
        let words = ["ls-tree", "-r", "-z", "--full-tree", commit];
        let mut files = entries(&self.repository()?.call(&words).text()?);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The contents of files, in their order; none for one larger than its path allows. What is not here yet is fetched.
    pub(super) fn contents(
        &self,
        files: &[Entry],
        most: impl Fn(&str) -> usize,
    ) -> Result<Vec<Content>, Error> {
        let mut sizes = self.sizes()?;
        let missing = files.iter().filter(|it| !sizes.contains_key(&it.blob));
        let missing = lines(missing);
        if !missing.is_empty() {
            self.repository()?.fetch_objects(&missing)?;
            sizes = self.sizes()?;
        }
        let is_small = |it: &Entry| {
            let size = sizes.get(&it.blob);
            size.is_some_and(|size| *size <= most(&it.path))
        };
        let batch = lines(files.iter().filter(|it| is_small(it)));
        let batch = self.fed(&["cat-file", "--batch"], batch)?;
        let mut rest = batch.as_slice();
        let next = |it| {
            let bytes = is_small(it).then(|| next_of_batch(&mut rest)).flatten();
            bytes.map_or(Content::TooLarge, Content::Bytes)
        };
        Ok(files.iter().map(next).collect())
    }

    /// The sizes of the objects that are here.
    fn sizes(&self) -> Result<HashMap<String, usize>, Error> {
        let words = ["cat-file", "--batch-check", "--batch-all-objects"];
        let listed = self.repository()?.call(&words).text()?;
        let size = |line: &str| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next_back()?.parse().ok()?))
        };
        Ok(listed.lines().filter_map(size).collect())
    }

    /// Stores a text as an object.
    pub(super) fn store(&self, text: impl Into<Vec<u8>>) -> Result<String, Error> {
        let words = ["hash-object", "-w", "-t", "blob", "--stdin"];
        let name = self.fed(&words, text)?;
        Ok(String::from_utf8_lossy(&name).trim().to_owned())
    }

    /// A commit with the files of `base` and changes to them, on top of `parent`.
    pub(super) fn commit(
        &self,
        base: Option<&str>,
        parent: Option<&str>,
        changes: &Changes,
        message: &str,
    ) -> Result<String, Error> {
        let scratch = TempDir::with_prefix("perfgate-index-")
            .map_err(|source| git::Error::Scratch { source })?;
        let index = scratch.path().join("index");
        if let Some(base) = base {
            self.with_index(&index, &["read-tree", base], String::new())?;
        }
        let update = ["update-index", "--add", "-z", "--index-info"];
        let none = "0".repeat(base.map_or(0, str::len));
        self.with_index(&index, &update, index_lines(changes, &none))?;
        // Files that stay as they are need not be here.
        let write = ["write-tree", "--missing-ok"];
        let tree = self.with_index(&index, &write, String::new())?;
        let mut words = vec!["commit-tree", tree.trim(), "-m", message];
        words.extend(parent.iter().flat_map(|parent| ["-p", *parent]));
        Ok(self.repository()?.call(&words).text()?.trim().to_owned())
    }

    /// Makes a commit the newest of the remote's branch.
    pub(super) fn push(&self, branch: &str, commit: &str, over: Over<'_>) -> Result<Pushed, Error> {
        self.repository()?.push(branch, commit, over, &[])
    }

    /// What would come of it, as far as the remote says it before it is sent anything.
    pub(super) fn try_push(&self, branch: &str, commit: &str) -> Result<Pushed, Error> {
        let repository = self.repository()?;
        repository.push(branch, commit, Over::Ancestors, &["--dry-run"])
    }

    fn with_index(&self, index: &Path, words: &[&str], input: String) -> Result<String, Error> {
        let call = self.repository()?.call(words).input(input);
        Ok(call.env("GIT_INDEX_FILE", index).text()?)
    }

    fn fed(&self, words: &[&str], input: impl Into<Vec<u8>>) -> Result<Vec<u8>, Error> {
        Ok(self.repository()?.call(words).input(input).bytes()?)
    }
}

fn lines<'a>(files: impl Iterator<Item = &'a Entry>) -> String {
    files.map(|it| format!("{}\n", it.blob)).collect()
}

/// What `update-index --index-info -z` reads, with the name that stands for no object. A file that is removed and
/// added is there in the end.
fn index_lines(changes: &Changes, none: &str) -> String {
    let removed = changes.removed.iter();
    let removed = removed.map(|path| format!("0 {none}\t{path}\0"));
    let added = changes.added.iter();
    let added = added.map(|it| format!("100644 {}\t{}\0", it.blob, it.path));
    removed.chain(added).collect()
}

/// The regular files of `ls-tree -z`.
fn entries(listed: &str) -> Vec<Entry> {
    let entry = |line: &str| {
        let (facts, path) = line.split_once('\t')?;
        let mut facts = facts.split(' ');
        let (mode, kind, blob) = (facts.next()?, facts.next()?, facts.next()?);
        // Symbolic links are blobs too, of another mode.
        (kind == "blob" && mode.starts_with("100")).then(|| Entry {
            path: path.to_owned(),
            blob: blob.to_owned(),
        })
    };
    listed.split('\0').filter_map(entry).collect()
}

/// Reads bytes as answers of git: what fuzzing does.
pub fn read_answers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for entry in entries(&text) {
        assert!(!entry.path.contains('\0'));
    }
    let mut rest = bytes;
    while let Some(contents) = next_of_batch(&mut rest) {
        assert!(contents.len() < bytes.len());
    }
    let shown = without_credentials(&text);
    assert!(shown.len() <= text.len());
}

/// Reads one object of `cat-file --batch`: `NAME blob SIZE`, a new line, the contents, a new line.
fn next_of_batch(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = String::from_utf8_lossy(&rest[..end]).into_owned();
    *rest = &rest[end + 1..];
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    let contents = rest.get(..size)?.to_vec();
    *rest = rest.get(size + 1..).unwrap_or_default();
    Some(contents)
}
