//! git as a store of objects: plumbing alone, so that the work tree, the index and HEAD of the
//! clone stay as they are.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use tempfile::TempDir;

use super::Error;

/// A clone whose objects, remotes and credentials are used.
#[derive(Debug, Clone)]
pub(super) struct Git {
    clone: PathBuf,
}

/// A file in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) blob: String,
}

/// How a remote is reached.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// Its name, or its address without a password.
    address: String,
    /// What its password is sent in.
    header: Option<String>,
}

impl Place {
    fn of(remote: &str) -> Self {
        Self {
            address: remote.to_owned(),
            header: None,
        }
    }

    /// An address of HTTP that has a password in it.
    fn with_password(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let (credentials, _) = rest.split('/').next()?.rsplit_once('@')?;
        let (user, password) = credentials.split_once(':')?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let basic = BASE64.encode(format!("{}:{}", decoded(user), decoded(password)));
        ["http", "https"].contains(&scheme).then(|| Self {
            address: format!("{scheme}://{}", &rest[credentials.len() + 1..]),
            header: Some(format!("Authorization: Basic {basic}")),
        })
    }
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
            clone: clone.to_owned(),
        }
    }

    /// The newest commit of a remote's branch, with its objects; nothing where there is no such
    /// branch.
    pub(super) fn fetch(&self, remote: &str, branch: &str) -> Result<Option<String>, Error> {
        let full = format!("refs/heads/{branch}");
        let address = self.address(remote, &["remote", "get-url", "--", remote]);
        let place = self.with_password(&address)?.unwrap_or(Place::of(remote));
        let ask = |what: &str, words: &[&str]| self.answer(what, self.to(&place).args(words));
        let listed = ask("ls-remote", &["ls-remote", "--", &place.address, &full])?;
        let found = listed.lines().find_map(|line| {
            let (commit, name) = line.split_once('\t')?;
            (name == full).then(|| commit.to_owned())
        });
        // No reference of the clone is written: others may be at work in it.
        let quietly = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
        let nowhere = [
            "--no-recurse-submodules",
            "--refmap=",
            "--",
            &place.address,
            &full,
        ];
        if found.is_some() {
            ask("fetch", &[quietly.as_slice(), &nowhere].concat())?;
        }
        Ok(found)
    }

    /// The files of a commit.
    pub(super) fn files(&self, commit: &str) -> Result<Vec<Entry>, Error> {
        let words = ["ls-tree", "-r", "-z", "--full-tree", commit];
        Ok(entries(&self.text("ls-tree", &words)?))
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
        let sizes = self.fed("cat-file", &["cat-file", "--batch-check"], &names)?;
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
        let batch = self.fed("cat-file", &["cat-file", "--batch"], &names)?;
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
        let name = self.fed("hash-object", &words, text)?;
        Ok(String::from_utf8_lossy(&name).trim().to_owned())
    }

    /// A commit whose tree is that of `base` with files added; without a base those files alone.
    pub(super) fn commit(
        &self,
        base: Option<&str>,
        added: &[Entry],
        message: &str,
    ) -> Result<String, Error> {
        let scratch = TempDir::with_prefix("perfgate-index-").map_err(|it| self.failed(it))?;
        let index = scratch.path().join("index");
        if let Some(base) = base {
            self.with_index(&index, "read-tree", &["read-tree", base], "")?;
        }
        let lines: String = added
            .iter()
            .map(|entry| format!("100644 {}\t{}\0", entry.blob, entry.path))
            .collect();
        let update = ["update-index", "--add", "-z", "--index-info"];
        self.with_index(&index, "update-index", &update, &lines)?;
        let tree = self.with_index(&index, "write-tree", &["write-tree"], "")?;
        let mut words = vec!["commit-tree", tree.trim(), "-m", message];
        words.extend(base.iter().flat_map(|base| ["-p", *base]));
        let commit = self.text("commit-tree", &words)?;
        Ok(commit.trim().to_owned())
    }

    /// Makes a commit the newest of a remote's branch.
    pub(super) fn push(
        &self,
        remote: &str,
        branch: &str,
        commit: &str,
        over: Over<'_>,
    ) -> Result<Pushed, Error> {
        let full = format!("refs/heads/{branch}");
        let refspec = format!("{commit}:{full}");
        let lease = match over {
            Over::Ancestors => None,
            Over::Exactly(old) => Some(format!("--force-with-lease={full}:{old}")),
        };
        // By its name git would also move the clone's own memory of the remote's branch.
        let address = self.address(remote, &["remote", "get-url", "--push", "--", remote]);
        let place = self.with_password(&address)?.unwrap_or(Place::of(&address));
        // A hook of the clone is for its own branches.
        let mut words = vec!["push", "--porcelain", "--no-verify"];
        words.extend(lease.as_deref());
        words.extend(["--", &place.address, &refspec]);
        let output = self.output(self.to(&place).args(&words))?;
        if output.status.success() {
            return Ok(Pushed::Done);
        }
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let refused = answer.lines().find(|line| line.starts_with('!'));
        Ok(match refused {
            None => Pushed::Refused(reason(&output)),
            Some(line) if is_race(line) => Pushed::Behind,
            Some(line) => {
                let why = line.rsplit('\t').next().unwrap_or(line);
                Pushed::Refused(without_credentials(why))
            }
        })
    }

    /// The address of a remote; what `named` does not find is one.
    fn address(&self, remote: &str, named: &[&str]) -> String {
        let named = (!remote.contains("://")).then(|| self.text("remote", named).ok());
        match named.flatten() {
            Some(address) => address.trim_end().to_owned(),
            None => remote.to_owned(),
        }
    }

    /// Where an address leads that has a password in it.
    fn with_password(&self, address: &str) -> Result<Option<Place>, Error> {
        let Some(mut place) = Place::with_password(address) else {
            return Ok(None);
        };
        // Where git has a header for the server, a second one would be refused.
        let known = [
            "config",
            "--get-urlmatch",
            "http.extraheader",
            &place.address,
        ];
        if self.output(self.command().args(known))?.status.success() {
            place.header = None;
        }
        Ok(Some(place))
    }

    /// A command that speaks with a remote. Arguments are seen by every process; what is secret
    /// is in the environment.
    fn to(&self, place: &Place) -> Command {
        let mut command = self.command();
        if let Some(header) = &place.header {
            let count = env::var("GIT_CONFIG_COUNT").ok();
            let count: usize = count.and_then(|it| it.parse().ok()).unwrap_or(0);
            let key = format!("http.{}.extraheader", place.address);
            command
                .env("GIT_CONFIG_COUNT", (count + 1).to_string())
                .env(format!("GIT_CONFIG_KEY_{count}"), key)
                .env(format!("GIT_CONFIG_VALUE_{count}"), header);
        }
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.clone)
            .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
            .args(["-c", "commit.gpgSign=false"])
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "perfgate")))
            .envs(
                ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"]
                    .map(|name| (name, "perfgate@localhost")),
            )
            .env_remove("GIT_INDEX_FILE")
            .stdin(Stdio::null());
        command
    }

    fn with_index(
        &self,
        index: &Path,
        what: &str,
        words: &[&str],
        input: &str,
    ) -> Result<String, Error> {
        let mut command = self.command();
        command.args(words).env("GIT_INDEX_FILE", index);
        let output = self.feed(&mut command, input)?;
        succeeded(what, output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn text(&self, what: &str, words: &[&str]) -> Result<String, Error> {
        self.answer(what, self.command().args(words))
    }

    fn answer(&self, what: &str, command: &mut Command) -> Result<String, Error> {
        let output = self.output(command)?;
        succeeded(what, output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn fed(&self, what: &str, words: &[&str], input: &str) -> Result<Vec<u8>, Error> {
        let output = self.feed(self.command().args(words), input)?;
        succeeded(what, output)
    }

    fn feed(&self, command: &mut Command, input: &str) -> Result<Output, Error> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| self.failed(source))?;
        let mut stdin = child.stdin.take().expect("standard input is piped");
        // git answers while it reads; a full pipe on both sides would be a deadlock.
        std::thread::scope(|scope| {
            // What a git that ended early did not read is told by its exit.
            scope.spawn(move || stdin.write_all(input.as_bytes()).ok());
            child.wait_with_output()
        })
        .map_err(|source| self.failed(source))
    }

    fn output(&self, command: &mut Command) -> Result<Output, Error> {
        command.output().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::NoGit {
            clone: self.clone.clone(),
            source,
        }
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

fn succeeded(what: &str, output: Output) -> Result<Vec<u8>, Error> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Git {
        what: what.to_owned(),
        reason: reason(&output),
    })
}

fn reason(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines = stderr.lines().map(str::trim);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [] => output.status.to_string(),
        lines => without_credentials(&lines.join("; ")),
    }
}

/// A text with the user and the password of every URL in it left out.
pub(super) fn without_credentials(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let ends = |letter: char| letter.is_whitespace() || "/'\"".contains(letter);
        let end = after.find(ends).unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        rest = &after[host..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_from_the_address_into_a_header() {
        let place = Place::with_password("https://a%40b:c%3Ad@git.example.org:8443/x/y.git");
        let place = place.expect("it has one");
        assert_eq!(place.address, "https://git.example.org:8443/x/y.git");
        let header = place.header.expect("it has one");
        let sent = header
            .strip_prefix("Authorization: Basic ")
            .expect("its form");
        assert_eq!(BASE64.decode(sent).expect("its form"), b"a@b:c:d");
    }

    #[test]
    fn other_addresses_stay_as_they_are() {
        let others = [
            "origin",
            "/srv/a:b@c/x.git",
            "git@example.org:x/y.git",
            "ssh://git:x@example.org/y.git",
            "https://user@example.org/y.git",
            "https://example.org/a:b@c.git",
        ];
        for other in others {
            assert_eq!(Place::with_password(other), None, "{other}");
        }
    }
}
