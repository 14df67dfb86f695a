//! git as a store of objects: plumbing alone, so that the work tree, the index and HEAD of the
//! clone stay as they are.

use std::path::Path;

use tempfile::TempDir;

use super::Error;
use crate::git::credentials::{Remote, without_credentials};
use crate::git::{self, Call};

/// How often a branch may be rewritten while it is fetched.
const REWRITES: usize = 5;
/// What git says where a branch is not there any more.
const GONE: &str = "couldn't find remote ref";

/// A clone whose objects, remotes and credentials are used.
#[derive(Debug, Clone)]
pub(super) struct Git {
    clone: git::Git,
}

/// A file in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) blob: String,
}

/// What came of a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Done,
    /// Somebody else was faster.
    Behind,
    /// The remote does not want it.
    Refused(String),
}

/// Which history a push may replace.
#[derive(Debug, Clone, Copy)]
pub(super) enum Over<'a> {
    /// None: the branch only grows.
    Ancestors,
    /// Whatever is there, as long as it is this commit.
    Exactly(&'a str),
}

impl Git {
    pub(super) fn new(clone: &Path) -> Self {
        Self {
            clone: git::Git::at(clone),
        }
    }

    /// The newest commit of a remote's branch, with its objects; nothing where there is no such
    /// branch.
    pub(super) fn fetch(&self, remote: &str, branch: &str) -> Result<Option<String>, Error> {
        let full = format!("refs/heads/{branch}");
        let address = self.address(remote, &["remote", "get-url", "--", remote]);
        let remote_address = self.with_password(&address)?.unwrap_or(Remote::of(remote));
        let ask = |words: &[&str]| self.to(&remote_address, words).text();
        // No reference of the clone is written: others may be at work in it.
        let quietly = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
        let nowhere = [
            "--no-recurse-submodules",
            "--refmap=",
            "--",
            &remote_address.address,
            &full,
        ];
        for _ in 0..REWRITES {
            let listed = ask(&["ls-remote", "--", &remote_address.address, &full])?;
            let found = listed.lines().find_map(|line| {
                let (commit, name) = line.split_once('\t')?;
                (name == full).then(|| commit.to_owned())
            });
            let Some(found) = found else { return Ok(None) };
            let fetched = ask(&[quietly.as_slice(), &nowhere].concat());
            // Where the branch was rewritten or removed in between, what was listed did not come.
            if self.clone.commit(&found)?.is_some() {
                fetched?;
                return Ok(Some(found));
            }
            match fetched {
                Err(error) if !error.to_string().contains(GONE) => return Err(error.into()),
                _ => {}
            }
        }
        Err(Error::Contended {
            branch: branch.to_owned(),
            remote: without_credentials(remote),
            tries: REWRITES,
        })
    }

    /// The files of a commit.
    pub(super) fn files(&self, commit: &str) -> Result<Vec<Entry>, Error> {
        let words = ["ls-tree", "-r", "-z", "--full-tree", commit];
        Ok(entries(&self.clone.call(&words).text()?))
    }

    /// The contents of blobs, in their order; nothing for one larger than `most` bytes.
    pub(super) fn blobs(
        &self,
        entries: &[Entry],
        most: usize,
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let names: String = entries
            .iter()
            .map(|entry| format!("{}\n", entry.blob))
            .collect();
        let sizes = self.fed(&["cat-file", "--batch-check"], &names)?;
        let sizes = String::from_utf8_lossy(&sizes).into_owned();
        let small: Vec<_> = sizes
            .lines()
            .map(|line| line.rsplit(' ').next().and_then(|size| size.parse().ok()))
            .map(|size: Option<usize>| size.is_some_and(|size| size <= most))
            .collect();
        let wanted = entries.iter().zip(&small).filter(|(_, small)| **small);
        let names: String = wanted
            .map(|(entry, _)| format!("{}\n", entry.blob))
            .collect();
        let batch = self.fed(&["cat-file", "--batch"], &names)?;
        let mut rest = batch.as_slice();
        Ok(small
            .iter()
            .map(|small| {
                if *small {
                    next_of_batch(&mut rest)
                } else {
                    None
                }
            })
            .collect())
    }

    /// Stores a text as an object.
    pub(super) fn store(&self, text: &str) -> Result<String, Error> {
        let words = ["hash-object", "-w", "-t", "blob", "--stdin"];
        let name = self.fed(&words, text)?;
        Ok(String::from_utf8_lossy(&name).trim().to_owned())
    }

    /// A commit whose tree is that of `base` with files added; without a base those files alone.
    pub(super) fn commit(
        &self,
        base: Option<&str>,
        added: &[Entry],
        message: &str,
    ) -> Result<String, Error> {
        let scratch = TempDir::with_prefix("perfgate-index-")
            .map_err(|source| git::Error::Scratch { source })?;
        let index = scratch.path().join("index");
        if let Some(base) = base {
            self.with_index(&index, &["read-tree", base], "")?;
        }
        let lines: String = added
            .iter()
            .map(|entry| format!("100644 {}\t{}\0", entry.blob, entry.path))
            .collect();
        let update = ["update-index", "--add", "-z", "--index-info"];
        self.with_index(&index, &update, &lines)?;
        let tree = self.with_index(&index, &["write-tree"], "")?;
        let mut words = vec!["commit-tree", tree.trim(), "-m", message];
        words.extend(base.iter().flat_map(|base| ["-p", *base]));
        Ok(self.clone.ask(&words)?)
    }

    /// Makes a commit the newest of a remote's branch.
    pub(super) fn push(
        &self,
        remote: &str,
        branch: &str,
        commit: &str,
        over: Over<'_>,
    ) -> Result<Pushed, Error> {
        self.pushed(remote, branch, commit, over, &[])
    }

    /// What would come of it, as far as the remote says it before it is sent anything.
    pub(super) fn try_push(
        &self,
        remote: &str,
        branch: &str,
        commit: &str,
    ) -> Result<Pushed, Error> {
        self.pushed(remote, branch, commit, Over::Ancestors, &["--dry-run"])
    }

    fn pushed(
        &self,
        remote: &str,
        branch: &str,
        commit: &str,
        over: Over<'_>,
        options: &[&str],
    ) -> Result<Pushed, Error> {
        let full = format!("refs/heads/{branch}");
        let refspec = format!("{commit}:{full}");
        let lease = match over {
            Over::Ancestors => None,
            Over::Exactly(old) => Some(format!("--force-with-lease={full}:{old}")),
        };
        // By its name git would also move the clone's own memory of the remote's branch.
        let address = self.address(remote, &["remote", "get-url", "--push", "--", remote]);
        let remote_address = self
            .with_password(&address)?
            .unwrap_or(Remote::of(&address));
        // A hook of the clone is for its own branches.
        let mut words = vec!["push", "--porcelain", "--no-verify"];
        words.extend(options);
        words.extend(lease.as_deref());
        words.extend(["--", &remote_address.address, &refspec]);
        // A commit that has arrived although the answer is lost is there already at the next try.
        let output = self.to(&remote_address, &words).output_in_the_end()?;
        if output.status.success() {
            return Ok(Pushed::Done);
        }
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let refused = answer.lines().find(|line| line.starts_with('!'));
        Ok(match refused {
            None => Pushed::Refused(git::reason(&output)),
            Some(line) if is_race(line) => Pushed::Behind,
            Some(line) => {
                let why = line.rsplit('\t').next().unwrap_or(line);
                Pushed::Refused(without_credentials(why))
            }
        })
    }

    /// The address of a remote; what `named` does not find is one.
    fn address(&self, remote: &str, named: &[&str]) -> String {
        let named = (!remote.contains("://")).then(|| self.clone.ask(named).ok());
        named.flatten().unwrap_or_else(|| remote.to_owned())
    }

    /// Where an address leads that has a password in it.
    fn with_password(&self, address: &str) -> Result<Option<Remote>, Error> {
        let Some(mut remote_address) = Remote::with_password(address) else {
            return Ok(None);
        };
        // Where git has a header for the server, a second one would be refused.
        let known = ["config", "--get-urlmatch", "http.extraheader"];
        let known = [known.as_slice(), &[remote_address.address.as_str()]].concat();
        if self.clone.look(&known)?.is_some() {
            remote_address.header = None;
        }
        Ok(Some(remote_address))
    }

    /// A command that speaks with a remote, with its password where it has one.
    fn to(&self, remote_address: &Remote, words: &[&str]) -> Call<'_> {
        let call = self.clone.call(words).remote();
        match &remote_address.header {
            Some(header) => {
                let key = format!("http.{}.extraheader", remote_address.address);
                call.settings(&[(key.as_str(), header.as_str())])
            }
            None => call,
        }
    }

    fn with_index(&self, index: &Path, words: &[&str], input: &str) -> Result<String, Error> {
        let call = self.clone.call(words).input(input);
        Ok(call.env("GIT_INDEX_FILE", index).text()?)
    }

    fn fed(&self, words: &[&str], input: &str) -> Result<Vec<u8>, Error> {
        Ok(self.clone.call(words).input(input).bytes()?)
    }
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

/// Whether a push came too late, as git says it: the branch moved, or is being moved.
fn is_race(line: &str) -> bool {
    let signs = [
        "fetch first",
        "non-fast-forward",
        "stale info",
        "cannot lock ref",
    ];
    let more = [
        "failed to update ref",
        "already exists",
        "incorrect old value",
    ];
    signs.iter().chain(&more).any(|sign| line.contains(sign))
}
