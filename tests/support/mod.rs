//! A sandbox for black-box tests: a folder of its own, the built binary, what it printed.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[path = "sample.rs"]
pub(crate) mod sample;

const SAMPLE: &str = "{sample}";

/// The folder of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Makes sure that other programs are there, which a test is about to call.
pub(crate) fn require(programs: &[&str]) {
    let script = repository().join("tests/tools.sh");
    let output = Command::new(script).args(programs).output();
    let output = output.expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Of a report: every change is that of the values beside it, and lies within its interval.
pub(crate) fn assert_sound(name: &str, document: &serde_json::Value) {
    for finding in document["findings"].as_array().into_iter().flatten() {
        let number = |field: &str| finding[field].as_f64();
        let Some(change) = number("change") else {
            continue;
        };
        let near = 1e-9 * (1.0 + change.abs());
        if let Some((head, base)) = number("head").zip(number("base")) {
            let is_theirs = (head / base - 1.0 - change).abs() <= near;
            assert!(
                is_theirs,
                "{name}: {head} / {base} - 1 is not {change}: {finding}"
            );
        }
        if let Some([low, high]) = finding["interval"].as_array().map(Vec::as_slice) {
            let [low, high] = [low, high].map(|it| it.as_f64().expect("a number"));
            let is_within = low - near <= change && change <= high + near;
            assert!(
                is_within,
                "{name}: {change} is not within {low} to {high}: {finding}"
            );
        }
    }
}

/// A folder with a configuration, in which perfgate is run.
#[must_use]
pub(crate) struct Sandbox {
    folder: TempDir,
    /// The user's folder for caches.
    caches: TempDir,
    variables: Vec<(String, String)>,
}

/// An ended run of perfgate.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    shown: String,
}

/// A run of perfgate that is going on.
pub(crate) struct Running {
    child: Child,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder"),
            caches: TempDir::new().expect("a temporary folder"),
            variables: Vec::new(),
        }
    }

    /// A file; `{sample}` in it stands for the program of the sample service.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        let program = || sample::program().display().to_string();
        let whole = text
            .contains(SAMPLE)
            .then(|| text.replace(SAMPLE, &program()));
        fs::write(path, whole.as_deref().unwrap_or(text)).expect("a file is written");
        self
    }

    /// A copy of a repository of fixtures/strangers, or of a folder in it.
    pub(crate) fn stranger(name: &str) -> Self {
        let root = repository().join("fixtures/strangers").join(name);
        let mut sandbox = Self::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let inside = path.strip_prefix(&root).expect("below it");
                let text = fs::read_to_string(&path).expect("text");
                sandbox = sandbox.file(inside.to_str().expect("a plain name"), &text);
            }
        }
        sandbox
    }

    /// A shell script that can be run.
    pub(crate) fn program(self, name: &str, script: &str) -> Self {
        let sandbox = self.file(name, &format!("#!/bin/sh\n{script}\n"));
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(sandbox.path(name), executable).expect("a file is made executable");
        sandbox
    }

    pub(crate) fn config(self, text: &str) -> Self {
        self.file("perfgate.toml", text)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// No container engine, whatever the machine has.
    pub(crate) fn without_docker(self) -> Self {
        self.env("DOCKER_HOST", "unix:///nowhere/docker.sock")
    }

    /// What git answers in the folder.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.folder.path())
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(words)
            .output()
            .expect("git runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A git repository whose only commit holds what is there.
    pub(crate) fn committed(self) -> Self {
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message=all"]);
        self
    }

    /// The same with another commit of what has changed.
    pub(crate) fn committed_again(self) -> Self {
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message=more"]);
        self
    }

    /// The same, pushed to a remote of its own; where that lies.
    pub(crate) fn pushed(&self) -> PathBuf {
        let remote = self.path(".git/remote.git");
        let address = remote.to_string_lossy().into_owned();
        self.git(&[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            &address,
        ]);
        self.git(&["remote", "add", "origin", &address]);
        self.git(&["push", "--quiet", "origin", "main"]);
        remote
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What perfgate keeps in the user's folder for caches, if it has that name.
    pub(crate) fn cached(&self, name: &str) -> Vec<PathBuf> {
        let bases = self.caches.path().join("perfgate/bases");
        let folders = fs::read_dir(bases).into_iter().flatten().flatten();
        let named = folders.map(|it| it.path().join(name));
        named.filter(|it| it.exists()).collect()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        let document = serde_json::from_str(&self.read(name)).expect("JSON");
        assert_sound(name, &document);
        document
    }

    pub(crate) fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Run {
        self.start(words).end()
    }

    /// A program that runs where perfgate does, with its environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("CI", "true")
            .env("XDG_CACHE_HOME", self.caches.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts perfgate as a terminal does: it hears of a hangup, even where `nohup` runs the tests.
    pub(crate) fn start<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Running {
        let perfgate = env!("CARGO_BIN_EXE_perfgate");
        self.start_by(&["env", "--default-signal=HUP", perfgate], words)
    }

    /// The same by another program, which is given words of its own before those of perfgate.
    pub(crate) fn start_by<'a>(
        &self,
        program: &[&str],
        words: impl IntoIterator<Item = &'a str>,
    ) -> Running {
        let mut command = self.command(program[0]);
        command
            .args(&program[1..])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running {
            child: command.spawn().expect("perfgate starts"),
        }
    }
}

impl Run {
    pub(crate) fn from_output(output: &Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let shown = format!(
            "{}\n-- stdout\n{stdout}\n-- stderr\n{stderr}",
            output.status
        );
        Self {
            code: output.status.code(),
            stdout,
            stderr,
            shown,
        }
    }

    /// Asserts the exit code; shows everything when it is another.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.shown);
        self
    }

    /// Asserts what a reader sees, to the letter but for lines that were broken to fit.
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || unbroken(&self.stdout).contains(text),
            "stdout lacks {text:?}\n{}",
            self.shown
        );
        self
    }

    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "stderr lacks {text:?}\n{}",
            self.shown
        );
        self
    }
}

/// Paragraphs in a line each: a break, with the spaces after it, stands for a space.
fn unbroken(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<_> = paragraph.lines().map(str::trim_start).collect();
        lines.join(" ")
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads standard error until a line contains `text`.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let stderr = self.child.stderr.as_mut().expect("standard error is piped");
        let mut seen = Vec::new();
        let mut byte = [0];
        loop {
            let read = stderr.read(&mut byte).expect("standard error is readable");
            let so_far = String::from_utf8_lossy(&seen).into_owned();
            assert!(read > 0, "perfgate ended before it said {text:?}\n{so_far}");
            seen.push(byte[0]);
            if byte[0] == b'\n' && so_far.contains(text) {
                return so_far;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success(), "the signal is sent");
    }

    pub(crate) fn end(self) -> Run {
        let output = self.child.wait_with_output().expect("perfgate ends");
        Run::from_output(&output)
    }
}

/// The finding of a report on one metric.
pub(crate) fn finding<'a>(
    report: &'a serde_json::Value,
    server: &str,
    endpoint: &str,
    metric: &str,
) -> &'a serde_json::Value {
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .find(|f| f["server"] == server && f["endpoint"] == endpoint && f["metric"] == metric)
        .unwrap_or_else(|| panic!("no finding {server} {endpoint} {metric}"))
}

/// Cells and metrics with a verdict, as `server endpoint metric`.
pub(crate) fn with_verdict(report: &serde_json::Value, verdict: &str) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings").iter();
    let named = |f: &serde_json::Value| {
        let text = |key: &str| f[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text("server"), text("endpoint"), text("metric"))
    };
    findings
        .filter(|f| f["verdict"] == verdict)
        .map(named)
        .collect()
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < within, "{what} within {within:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
