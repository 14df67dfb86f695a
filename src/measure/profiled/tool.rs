//! A sampling program, which is asked to end when enough was seen.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a program may take to end, with what it writes then.
const LONGEST_END: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

/// A program that is running; dropped, it is ended.
pub(super) struct Tool {
    name: &'static str,
    child: Child,
    /// Holds what it writes.
    folder: TempDir,
    /// Whether it has ended well.
    succeeded: bool,
}

/// Why nothing was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Missing { name: &'static str },
    Said { name: &'static str, what: String },
}

impl Failure {
    /// In words, for the processes of a server.
    pub(super) fn describe(&self, server: &str) -> String {
        let page = "docs/profiles.md says what it needs";
        match self {
            Self::Missing { name: "py-spy" } => format!(
                "Python functions of `{server}` are not profiled: py-spy is not installed \
                 (`pip install py-spy`); {page}"
            ),
            Self::Missing { name } => format!(
                "functions of `{server}` are not profiled: {name} is not installed (Debian: \
                 linux-perf, Ubuntu: linux-tools-generic); {page}"
            ),
            Self::Said { name, what } => {
                format!("functions of `{server}` are not profiled: {name} says: {what}; {page}")
            }
        }
    }

    pub(super) fn of_error(name: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing { name },
            _ => Self::Said {
                name,
                what: error.to_string(),
            },
        }
    }
}

impl Tool {
    /// A program that writes to the path that it is given.
    pub(super) fn start(
        name: &'static str,
        words: impl FnOnce(&Path) -> Vec<String>,
    ) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::of_error(name, &error);
        let folder = tempfile::tempdir().map_err(failed)?;
        let said = File::create(folder.path().join("said")).map_err(failed)?;
        let child = Command::new(name)
            .args(words(&folder.path().join("out")))
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("printed")).map_err(failed)?)
            .stderr(said)
            .spawn()
            .map_err(failed)?;
        Ok(Self {
            name,
            child,
            folder,
            succeeded: false,
        })
    }

    pub(super) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Asks it to end, and waits until it has written everything.
    pub(super) async fn interrupted(&mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // The number of one that has ended may be another's.
        if let Some(pid) = pid.filter(|_| !self.has_ended()) {
            let _ = kill_process(pid, Signal::INT);
        }
        self.ended().await
    }

    pub(super) fn has_ended(&mut self) -> bool {
        match self.child.try_wait() {
            Ok(Some(status)) => {
                self.succeeded = status.success();
                true
            }
            Ok(None) => false,
            Err(_) => true,
        }
    }

    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        while !self.has_ended() {
            if begun.elapsed() > LONGEST_END {
                return Err(Failure::Said {
                    name: self.name,
                    what: format!("nothing within {} s", LONGEST_END.as_secs()),
                });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// What it wrote; where there is nothing, why.
    pub(super) fn written(&self) -> Result<Vec<u8>, Failure> {
        self.file("out")
    }

    /// The same; empty if it said nothing either, as there was nothing to see.
    pub(super) fn written_or_silent(&self) -> Result<Vec<u8>, Failure> {
        self.file("out").or_else(|failure| self.silent(failure))
    }

    /// The same of what it printed.
    pub(super) fn printed_or_silent(&self) -> Result<Vec<u8>, Failure> {
        self.file("printed").or_else(|failure| self.silent(failure))
    }

    /// Its status says whether it failed.
    fn silent(&self, failure: Failure) -> Result<Vec<u8>, Failure> {
        if self.succeeded {
            Ok(Vec::new())
        } else {
            Err(failure)
        }
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, Failure> {
        match std::fs::read(self.folder.path().join(name)) {
            Ok(written) if !written.is_empty() => Ok(written),
            _ => Err(self.failure()),
        }
    }

    pub(super) fn failure(&self) -> Failure {
        let said = std::fs::read(self.folder.path().join("said")).unwrap_or_default();
        Failure::Said {
            name: self.name,
            what: first_words(&String::from_utf8_lossy(&said)),
        }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The first line that says something.
fn first_words(said: &str) -> String {
    let lines = said.lines().map(str::trim);
    let mut lines = lines.filter(|line| line.chars().any(char::is_alphabetic));
    let line = lines.find(|line| !matches!(*line, "Error:"));
    let line = line.map(|it| it.trim_start_matches("py-spy> ").trim_end_matches('.'));
    line.unwrap_or("nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_the_remedy() {
        let missing = Failure::Missing { name: "py-spy" }.describe("web");
        assert!(missing.contains("`web`") && missing.contains("pip install py-spy"));
        let said = "Error:\nAccess to performance monitoring operations is limited.\nConsider\n";
        let expected = "Access to performance monitoring operations is limited";
        assert_eq!(first_words(said), expected);
        assert_eq!(first_words("\n--\n"), "nothing");
    }

    #[tokio::test]
    async fn a_program_is_ended_and_what_it_said_is_kept() {
        let mut tool = Tool::start("sh", |_| {
            vec![
                "-c".into(),
                "echo Permission denied. >&2; exec sleep 60".into(),
            ]
        })
        .expect("a shell");
        while std::fs::read(tool.folder.path().join("said"))
            .unwrap_or_default()
            .is_empty()
        {
            tokio::time::sleep(POLL).await;
        }
        tool.interrupted().await.expect("it ends");
        let expected = Failure::Said {
            name: "sh",
            what: "Permission denied".into(),
        };
        assert_eq!(tool.written(), Err(expected));
    }

    #[test]
    fn a_program_that_is_not_there_is_missing() {
        let started = Tool::start("no-such-sampler", |_| Vec::new());
        let missing = Failure::Missing {
            name: "no-such-sampler",
        };
        assert_eq!(started.err(), Some(missing));
    }
}
