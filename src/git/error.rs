use std::io;
use std::path::{self, Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use super::credentials::without_credentials;

/// Why git did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot run git in `{}`", folder.display())]
    NotInstalled { folder: PathBuf, source: io::Error },
    #[error("cannot find a git repository around `{}`", folder.display())]
    NoRepository { folder: PathBuf },
    /// git ended with an error: its command, how it ended, and what it said.
    #[error("cannot do `git {command}` ({status}): {reason}")]
    Refused {
        command: String,
        status: String,
        reason: String,
        /// What git proposes, or what is known to help.
        remedy: Option<String>,
    },
    #[error("cannot do `git {command}`: it did not end within {within:?}")]
    Overdue { command: String, within: Duration },
    #[error("cannot make a folder for the files of a commit")]
    Scratch { source: io::Error },
}

/// Most letters of a command that an error shows.
const LONGEST_COMMAND: usize = 100;

/// What git says, and what helps then. Its words are those of `LC_ALL=C`.
const REMEDIES: [(&str, &str); 12] = [
    (
        "Needed a single revision",
        "commit once: this repository may have no commit yet",
    ),
    (
        "does not have any commits yet",
        "commit once: this repository has no commit yet",
    ),
    (
        ".lock': File exists",
        "wait until the other git has ended; where none is running, remove the lock file",
    ),
    (
        "could not read Username",
        "give git the rights to read the remote: a credential helper, or a token in CI",
    ),
    (
        "terminal prompts disabled",
        "give git the rights to read the remote: a credential helper, or a token in CI",
    ),
    (
        "Permission denied (publickey",
        "give git the rights to read the remote: a key that ssh uses without a passphrase prompt",
    ),
    (
        "shallow",
        "fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` of actions/checkout",
    ),
    (
        "Stopping at filesystem boundary",
        "set GIT_DISCOVERY_ACROSS_FILESYSTEM=1 where the repository begins on another file system",
    ),
    (
        "not a git repository",
        "repair `.git`, or check the code out again: git does not accept it as a repository",
    ),
    (
        "bad file",
        "check the code out again: objects of the repository are missing or damaged",
    ),
    (
        "bad object",
        "check the code out again: objects of the repository are missing or damaged",
    ),
    (
        "No space left on device",
        "make room on the disk, or set TMPDIR to a folder that has it",
    ),
];

impl Error {
    /// The error of a command that ended with one.
    pub(super) fn from_output(folder: PathBuf, command: &str, output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr);
        // One whose `.git` git cannot use is called the same; its words say why.
        if said.contains("fatal: not a git repository") && !has_dot_git(&folder) {
            return Self::NoRepository { folder };
        }
        let status = output.status;
        Self::Refused {
            command: short(&without_credentials(command)),
            status: status
                .code()
                .map_or_else(|| status.to_string(), |code| format!("exit code {code}")),
            reason: reason(output),
            remedy: remedy(&said),
        }
    }

    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotInstalled { .. } => Some("install git, or put it on PATH".into()),
            Self::NoRepository { .. } => {
                Some("`git init` makes one; in CI check the code out with git".into())
            }
            Self::Refused { remedy, .. } => remedy.clone(),
            Self::Overdue { .. } => Some("see whether the remote answers: `git ls-remote`".into()),
            Self::Scratch { .. } => {
                Some("set TMPDIR to a folder that can be written to and has room".into())
            }
        }
    }

    /// Whether there is a repository, and git would not work in it. Without one there is nothing
    /// that anybody has to mend.
    pub const fn is_refusal(&self) -> bool {
        !matches!(self, Self::NotInstalled { .. } | Self::NoRepository { .. })
    }
}

/// Whether a folder, or one around it, has what git calls its folder.
fn has_dot_git(folder: &Path) -> bool {
    let folder = path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut around = folder.ancestors();
    around.any(|it| it.join(".git").symlink_metadata().is_ok())
}

/// What git said, in one line.
pub(crate) fn reason(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().map(str::trim);
    let lines: Vec<_> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        // The command that it proposes is the remedy.
        .take_while(|line| !line.starts_with("To add an exception"))
        .collect();
    match lines.as_slice() {
        [] => output.status.to_string(),
        lines => without_credentials(&lines.join("; ")),
    }
}

fn remedy(said: &str) -> Option<String> {
    let proposed = said.lines().map(str::trim);
    let mut proposed = proposed.filter(|line| line.starts_with("git config --global --add safe."));
    if let Some(command) = proposed.next() {
        return Some(format!("`{command}`, if you trust its owner"));
    }
    let known = REMEDIES.iter().find(|(sign, _)| said.contains(sign));
    known.map(|(_, remedy)| (*remedy).to_owned())
}

fn short(command: &str) -> String {
    match command.char_indices().nth(LONGEST_COMMAND) {
        None => command.to_owned(),
        Some((end, _)) => format!("{}…", &command[..end]),
    }
}
