//! A bare repository of this process alone, in which the branch of a store is fetched, extended and pushed. The clone
//! lends its remote, its credentials and its other settings of transport, and stays as it is: a shallow fetch would make
//! the clone itself shallow.

use std::path::Path;

use tempfile::TempDir;

use super::Error;
use crate::git::credentials::{Remote, without_credentials};
use crate::git::{self, Call};

/// What the remote is called in the repository.
const NAME: &str = "store";
/// Where the newest commit of the branch is kept in it.
const TIP: &str = "refs/perfgate/tip";
/// What git says where a branch is not there any more.
const GONE: &str = "couldn't find remote ref";
/// What git says where objects are not there any more, because the branch was rewritten.
const REWRITTEN: &str = "not our ref";

/// Settings of a clone that say how remotes are reached.
const TRANSPORT: [&str; 8] = [
    "http.",
    "url.",
    "credential.",
    "protocol.",
    "ssh.",
    "core.sshcommand",
    "core.gitproxy",
    "core.askpass",
];
/// The same of the remote itself.
const OF_REMOTE: [&str; 5] = [
    "proxy",
    "proxyauthmethod",
    "uploadpack",
    "receivepack",
    "serveroption",
];

/// A repository that shares nothing with the clone but the way to the remote.
#[derive(Debug)]
pub(super) struct Repository {
    folder: TempDir,
    /// The top of the clone's work tree, where relative paths of its settings start.
    top: git::Git,
    to_fetch: Settings,
    to_push: Settings,
}

type Settings = Vec<(String, String)>;

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

impl Repository {
    /// An empty one that talks to a remote of a clone.
    pub(super) fn new(clone: &Path, remote: &str) -> Result<Self, Error> {
        let top = git::Git::at(&git::Git::at(clone).top()?);
        let folder = TempDir::with_prefix("perfgate-store-")
            .map_err(|source| git::Error::Scratch { source })?;
        let format = top.ask(&["rev-parse", "--show-object-format"])?;
        let format = format!("--object-format={format}");
        let path = folder.path().to_string_lossy();
        top.ask(&["init", "--quiet", "--bare", "--template=", &format, &path])?;
        let lent = transport_settings(&top, remote)?;
        let of = |options: &[&str]| {
            let words = [&["remote", "get-url"], options, &["--", remote]].concat();
            settings(&top, remote, &words, &lent)
        };
        Ok(Self {
            to_fetch: of(&[])?,
            to_push: of(&["--push"])?,
            folder,
            top,
        })
    }

    /// A command of git in this repository. Objects that were left out on purpose are not fetched one by one.
    pub(super) fn call(&self, words: &[&str]) -> Call<'_> {
        self.local(words).env("GIT_NO_LAZY_FETCH", "1")
    }

    /// The newest commit of a branch, with its trees; `None` if there is no such branch.
    pub(super) fn tip(&self, branch: &str) -> Result<Option<String>, Error> {
        let refspec = format!("+refs/heads/{branch}:{TIP}");
        let fetch = |options: &[&str]| {
            let words = [&["fetch", "--quiet"], options, &[NAME, &refspec]].concat();
            self.fetching(&words).text()
        };
        let mut fetched = fetch(&["--depth=1", "--filter=blob:none"]);
        if mentions(&fetched, "shallow") {
            // A server of files alone has no part of a history to give.
            fetched = fetch(&[]);
        }
        if mentions(&fetched, GONE) {
            return Ok(None);
        }
        fetched?;
        Ok(Some(self.call(&["rev-parse", TIP]).text()?.trim().into()))
    }

    /// Fetches objects of the newest commit by their names.
    pub(super) fn fetch_objects(&self, names: &str) -> Result<(), Error> {
        // Who has a commit is taken to have its files.
        let claim_nothing = ("fetch.negotiationAlgorithm".to_owned(), "noop".to_owned());
        let settings = [self.to_fetch.as_slice(), &[claim_nothing]].concat();
        let some = ["fetch", "--quiet", "--filter=blob:none", "--stdin", NAME];
        let some = self.local(&some).remote().settings(&settings).input(names);
        let fetched = some.text();
        if fetched.is_ok() || mentions(&fetched, REWRITTEN) {
            return Ok(fetched.map(drop)?);
        }
        // A server may know filters and give no single objects.
        let commit = self.call(&["rev-parse", TIP]).text()?;
        let all = ["fetch", "--quiet", "--refetch", "--no-filter", "--depth=1"];
        let words = [all.as_slice(), &[NAME, commit.trim()]].concat();
        Ok(self.fetching(&words).text().map(drop)?)
    }

    /// Makes a commit the newest of a branch.
    pub(super) fn push(
        &self,
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
        // A hook of the clone is for its own branches.
        let mut words = vec!["push", "--porcelain", "--no-verify"];
        words.extend(options);
        words.extend(lease.as_deref());
        words.extend(["--", NAME, &refspec]);
        let call = self.local(&words).remote().settings(&self.to_push);
        // A commit that has arrived although the answer is lost is there already at the next try.
        let output = call.output_in_the_end()?;
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

    fn fetching(&self, words: &[&str]) -> Call<'_> {
        self.local(words).remote().settings(&self.to_fetch)
    }

    fn local(&self, words: &[&str]) -> Call<'_> {
        self.top.call(words).env("GIT_DIR", self.folder.path())
    }
}

/// Whether an error means that the branch was rewritten since its newest commit was read.
pub(super) fn is_rewritten(error: &Error) -> bool {
    matches!(error, Error::Git(error) if error.to_string().contains(REWRITTEN))
}

fn mentions<T>(result: &Result<T, git::Error>, words: &str) -> bool {
    let error = result.as_ref().err();
    error.is_some_and(|error| error.to_string().contains(words))
}

/// What a clone's own settings say of the way to a remote; those of the user hold anyway.
fn transport_settings(top: &git::Git, remote: &str) -> Result<Settings, Error> {
    let listed = ["config", "--list", "--includes", "--show-scope", "-z"];
    let listed = top.call(&listed).text()?;
    let words: Vec<_> = listed.split('\0').collect();
    let own = words.chunks_exact(2);
    let own = own.filter(|it| ["local", "worktree"].contains(&it[0]));
    let lent = |it: &[&str]| {
        // A key alone is a switch that is on.
        let (key, value) = it[1].split_once('\n').unwrap_or((it[1], "true"));
        let of_remote = key.strip_prefix("remote.").and_then(|it| {
            let name = it.strip_prefix(remote)?.strip_prefix('.')?;
            OF_REMOTE.contains(&name).then_some(name)
        });
        let key = match of_remote {
            Some(name) => format!("remote.{NAME}.{name}"),
            None if TRANSPORT.iter().any(|it| key.starts_with(it)) => key.to_owned(),
            None => return None,
        };
        Some((key, value.to_owned()))
    };
    Ok(own.filter_map(lent).collect())
}

/// The settings by which a remote is reached. A password in its address is sent in a header, and seen nowhere else.
fn settings(
    top: &git::Git,
    remote: &str,
    get_url: &[&str],
    lent: &Settings,
) -> Result<Settings, Error> {
    let named = (!remote.contains("://")).then(|| top.ask(get_url).ok());
    let named = named.flatten();
    // What is no name is an address.
    let address = named.as_deref().unwrap_or(remote);
    let mut settings = Settings::new();
    let remote = Remote::with_password(address).unwrap_or(Remote::from_address(address));
    let address = remote.address;
    if let Some(header) = remote.header {
        // Where git has a header for the server, a second one would be refused.
        let known = ["config", "--get-urlmatch", "http.extraheader", &address];
        if top.look(&known)?.is_none() {
            settings.push((format!("http.{address}.extraheader"), header));
        }
    }
    settings.extend(lent.iter().cloned());
    if named.is_some() {
        // It was rewritten already; of several rules the longest holds.
        let rules = ["insteadOf", "pushInsteadOf"];
        let rules = rules.map(|rule| (format!("url.{address}.{rule}"), address.clone()));
        settings.extend(rules);
    }
    settings.extend([
        (format!("remote.{NAME}.tagOpt"), "--no-tags".to_owned()),
        ("fetch.recurseSubmodules".to_owned(), "false".to_owned()),
        (format!("remote.{NAME}.url"), address),
    ]);
    Ok(settings)
}

/// Whether a push came too late, as git says it: the branch moved, or is being moved.
fn is_race(line: &str) -> bool {
    let signs = [
        "fetch first",
        "non-fast-forward",
        "stale info",
        "cannot lock ref",
        "failed to update ref",
        "already exists",
        "incorrect old value",
    ];
    signs.iter().any(|sign| line.contains(sign))
}
