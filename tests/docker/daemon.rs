//! A container engine of a test's own, which can be ended and started again.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::docker;
use crate::support::eventually;

/// An engine without networks of its own: its containers use the host's.
pub(crate) struct Daemon {
    folder: TempDir,
    process: Child,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let daemon = Self {
            process: spawn(folder.path()),
            folder,
        };
        daemon.until_it_answers();
        daemon
    }

    /// Where it is, as `DOCKER_HOST` says it.
    pub(crate) fn host(&self) -> String {
        host(self.folder.path())
    }

    /// Takes over an image of the machine's engine.
    pub(crate) fn load(&self, image: &str) {
        let mut save = Command::new("docker")
            .args(["save", image])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the docker client runs");
        let load = Command::new("docker")
            .args(["--host", &self.host(), "load", "--quiet"])
            .stdin(save.stdout.take().expect("standard output is piped"))
            .output()
            .expect("the docker client runs");
        let saved = save.wait().expect("the docker client ends");
        assert!(saved.success() && load.status.success(), "{load:?}");
    }

    /// Ends it in order, and its containers with it.
    pub(crate) fn end(&mut self) {
        self.ask_to_end();
        eventually("the engine ends", Duration::from_secs(30), || {
            self.has_ended()
        });
    }

    pub(crate) fn start_again(&mut self) {
        self.process = spawn(self.folder.path());
        self.until_it_answers();
    }

    fn until_it_answers(&self) {
        let host = self.host();
        let answers = || {
            let client = Command::new("docker")
                .args(["--host", &host, "version"])
                .output();
            client.is_ok_and(|output| output.status.success())
        };
        eventually("the engine answers", Duration::from_secs(30), answers);
    }

    fn ask_to_end(&self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &pid]).status();
        assert!(sent.expect("kill runs").success(), "the signal is sent");
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.ask_to_end();
            // Nobody is left to tell of how it ended.
            let _ = self.process.wait();
        }
        // What it leaves mounted, its folder could not be removed with.
        let host_network = self.folder.path().join("exec/netns/default");
        let _ = Command::new("umount").arg(host_network).output();
    }
}

fn spawn(folder: &Path) -> Child {
    let path = |name: &str| folder.join(name).display().to_string();
    // The file of the machine's engine says what holds for that one alone.
    fs::write(path("daemon.json"), "{}").expect("written");
    let log = File::create(path("log")).expect("created");
    let storage = docker(&["info", "--format", "{{.Driver}}"]);
    // It ends with the test, however that ends.
    Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "dockerd", "--bridge", "none"])
        .args(["--iptables=false", "--ip6tables=false"])
        .args(["--host", &host(folder), "--pidfile", &path("pid")])
        .args(["--config-file", &path("daemon.json")])
        .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
        .args(["--containerd-namespace", "perfgate-test"])
        .args(["--containerd-plugins-namespace", "perfgate-test-plugins"])
        .args(["--storage-driver", &storage])
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a descriptor"))
        .stderr(log)
        .spawn()
        .expect("setpriv runs")
}

fn host(folder: &Path) -> String {
    format!("unix://{}", folder.join("docker.sock").display())
}
