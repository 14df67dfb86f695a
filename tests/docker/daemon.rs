//! A container engine of a test's own, which can be ended and started again. It has a network of its
//! own, too: an engine takes the bridges that it finds for its own, and removes them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::docker;
use crate::support::eventually;

/// An engine that is up until this is dropped.
pub(crate) struct Daemon {
    folder: TempDir,
    network: Network,
    process: Child,
}

/// A network with a loopback interface alone, and the process that holds it.
struct Network {
    holder: Child,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let network = Network::new();
        let daemon = Self {
            process: spawn(folder.path(), &network),
            folder,
            network,
        };
        daemon.until_it_answers();
        daemon
    }

    /// Where it is, as `DOCKER_HOST` says it.
    pub(crate) fn host(&self) -> String {
        host(self.folder.path())
    }

    /// What starts a program in the engine's network, where its containers are reached.
    pub(crate) fn inside(&self, program: &str) -> [String; 3] {
        ["nsenter".into(), self.network.option(), program.into()]
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
        self.process = spawn(self.folder.path(), &self.network);
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
            // Nobody is left to report how it ended.
            let _ = self.process.wait();
        }
        // What it leaves mounted, its folder could not be removed with.
        let host_network = self.folder.path().join("exec/netns/default");
        let _ = Command::new("umount").arg(host_network).output();
    }
}

impl Network {
    fn new() -> Self {
        let script = "ip link set lo up && echo up && exec sleep infinity";
        let mut holder = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net"])
            .args(["sh", "-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv runs");
        let stdout = holder.stdout.take().expect("standard output is piped");
        let said = BufReader::new(stdout).lines().next();
        assert_eq!(said.and_then(Result::ok).as_deref(), Some("up"));
        Self { holder }
    }

    /// How `nsenter` names it.
    fn option(&self) -> String {
        format!("--net=/proc/{}/ns/net", self.holder.id())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // One that has ended already is no longer there to be killed.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn spawn(folder: &Path, network: &Network) -> Child {
    let path = |name: &str| folder.join(name).display().to_string();
    // The file of the machine's engine says what holds for that one alone.
    fs::write(path("daemon.json"), "{}").expect("written");
    let log = File::create(path("log")).expect("created");
    let storage = docker(&["info", "--format", "{{.Driver}}"]);
    // It ends with the test, however that ends.
    Command::new("nsenter")
        .arg(network.option())
        .args(["setpriv", "--pdeathsig", "TERM", "dockerd"])
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
        .expect("nsenter runs")
}

fn host(folder: &Path) -> String {
    format!("unix://{}", folder.join("docker.sock").display())
}
