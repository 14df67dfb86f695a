use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::Error;

/// Longest time for a command, which may read a large repository.
const LOCAL: Duration = Duration::from_secs(600);
/// Longest time for a command that speaks with a remote.
const REMOTE: Duration = Duration::from_secs(300);
/// Pause between two looks at a running command.
const PAUSE: Duration = Duration::from_millis(5);

/// Variables by which a hook of git, or a shell, names another repository than the folder's.
const OF_ELSEWHERE: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
];

/// Nobody is asked, by no terminal and no window; git speaks the language that errors are read in
/// and takes no lock for a mere look.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    // An empty one keeps git from `core.askPass` and SSH_ASKPASS, too.
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_EDITOR", ":"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_AUTHOR_NAME", "perfgate"),
    ("GIT_COMMITTER_NAME", "perfgate"),
];

/// Hooks and watchers are other programs; gathering garbage is not ours to start.
const SETTINGS: [&str; 5] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
];

/// A folder in which a repository may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    folder: PathBuf,
}

impl Git {
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command of git, yet to be run.
    pub fn call<'a, Word: AsRef<str>>(&'a self, words: &[Word]) -> Call<'a> {
        Call {
            git: self,
            words: words.iter().map(|word| word.as_ref().to_owned()).collect(),
            env: Vec::new(),
            input: Vec::new(),
            within: LOCAL,
            is_remote: false,
        }
    }

    /// What a command answers, without the line's end.
    pub fn ask(&self, words: &[&str]) -> Result<String, Error> {
        Ok(self.call(words).text()?.trim_end_matches('\n').to_owned())
    }

    /// The same of a command that ends with 1 for no.
    pub fn look(&self, words: &[&str]) -> Result<Option<String>, Error> {
        let answer = self.call(words).unless_no()?;
        Ok(answer.map(|answer| answer.trim_end_matches('\n').to_owned()))
    }
}

/// A command of git.
#[derive(Debug)]
#[must_use]
pub struct Call<'a> {
    git: &'a Git,
    words: Vec<String>,
    env: Vec<(String, OsString)>,
    input: Vec<u8>,
    within: Duration,
    is_remote: bool,
}

impl Call<'_> {
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Settings for this command alone. Arguments are seen by every process; what may be secret is
    /// in the environment.
    pub fn settings<K: AsRef<str>, V: AsRef<str>>(mut self, settings: &[(K, V)]) -> Self {
        let count = env::var("GIT_CONFIG_COUNT").ok();
        let mut count: usize = count.and_then(|it| it.parse().ok()).unwrap_or(0);
        for (key, value) in settings {
            self = self
                .env(&format!("GIT_CONFIG_KEY_{count}"), key.as_ref())
                .env(&format!("GIT_CONFIG_VALUE_{count}"), value.as_ref());
            count += 1;
        }
        self.env("GIT_CONFIG_COUNT", count.to_string())
    }

    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Of a command that speaks with a remote: it gives up where ssh would ask for something, and
    /// tries again where the trouble is a passing one.
    pub fn remote(mut self) -> Self {
        self.within = REMOTE;
        self.is_remote = true;
        let ssh = self.git.ssh();
        match ssh {
            Some(ssh) => self.env("GIT_SSH_COMMAND", ssh),
            None => self,
        }
    }

    pub fn text(self) -> Result<String, Error> {
        let bytes = self.bytes()?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        // What is read of a remote may be read again.
        let output = if self.is_remote {
            self.output_in_the_end()?
        } else {
            self.output()?
        };
        self.succeeded(output)
    }

    /// `None` if it ends with 1, by which commands that look something up say no.
    pub fn unless_no(self) -> Result<Option<String>, Error> {
        let output = self.output()?;
        if output.status.code() == Some(1) {
            return Ok(None);
        }
        let bytes = self.succeeded(output)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn succeeded(&self, output: Output) -> Result<Vec<u8>, Error> {
        if output.status.success() {
            return Ok(output.stdout);
        }
        let folder = self.git.folder.clone();
        Err(Error::from_output(folder, &self.words.join(" "), &output))
    }

    /// What came of it, however it ended.
    pub fn output(&self) -> Result<Output, Error> {
        let failed = |source| Error::NotInstalled {
            folder: self.git.folder.clone(),
            source,
        };
        let mut child = self.command().spawn().map_err(failed)?;
        // git answers while it reads; a full pipe on both sides would be a deadlock.
        feed(&mut child, self.input.clone());
        let stdout = read(child.stdout.take());
        let stderr = read(child.stderr.take());
        let status = ended(&mut child, self.within).map_err(failed)?;
        let status = status.ok_or_else(|| Error::Overdue {
            command: self.words.first().cloned().unwrap_or_default(),
            within: self.within,
        })?;
        Ok(Output {
            status,
            stdout: stdout.recv().unwrap_or_default(),
            stderr: stderr.recv().unwrap_or_default(),
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.arg("--no-pager").arg("-C").arg(&self.git.folder);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        for name in OF_ELSEWHERE {
            command.env_remove(name);
        }
        let address = ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"];
        command
            .args(&self.words)
            .envs(ENVIRONMENT)
            .envs(address.map(|name| (name, "perfgate@localhost")))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.input.is_empty() {
            command.stdin(Stdio::null());
        }
        command
    }
}

impl Git {
    /// The program that git reaches remotes by, with prompts switched off; none where it is another
    /// one than ssh.
    fn ssh(&self) -> Option<String> {
        let set = env::var("GIT_SSH_COMMAND").ok();
        let configured = || self.look(&["config", "core.sshCommand"]).ok().flatten();
        let command = set.filter(|it| !it.is_empty()).or_else(configured);
        let command = match command {
            Some(command) => command,
            // A path, not a command line.
            None if env::var_os("GIT_SSH").is_some() => return None,
            None => "ssh".into(),
        };
        let program = command.split_whitespace().next()?.rsplit('/').next()?;
        (program == "ssh").then(|| format!("{command} -oBatchMode=yes"))
    }
}

/// Writes to a command what it reads.
fn feed(child: &mut Child, input: Vec<u8>) {
    if let Some(mut stdin) = child.stdin.take() {
        // What a git that ended early did not read shows in its exit code.
        thread::spawn(move || stdin.write_all(&input).ok());
    }
}

/// Reads a pipe to its end on a thread of its own: where a command is ended for its time is over,
/// what it started may hold the pipe open.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).ok();
        }
        sender.send(bytes).ok();
    });
    receiver
}

/// How a command ended; `None` if its time was over before.
fn ended(child: &mut Child, within: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    while start.elapsed() < within {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(PAUSE);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
