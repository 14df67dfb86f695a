//! The sample service: its program, built as cargo builds it for tests, and runs of it.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A service that runs on a port of its own until it is dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Service {
    /// Starts it and waits until it can be connected to.
    pub(crate) fn start(options: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let child = Command::new(program())
            .args(["--listen", &address.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .spawn()
            .expect("the sample service starts");
        let service = Self { child, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "nobody answers");
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has no children.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Where the program is. `cargo test` has built it already unless only some tests were asked for.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(build);
    &PROGRAM
}

/// A test of the service needs its program. Asked for by the name of the test and not of the
/// package, packages have the features that they have in all tests: nothing is compiled anew.
fn build() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["test", "--no-run", "--locked", "--quiet", "--test=program"])
        .arg("--message-format=json")
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let messages = String::from_utf8(output.stdout).expect("text");
    let messages = messages
        .lines()
        .map(|it| serde_json::from_str::<Value>(it).expect("JSON"));
    let mut programs = messages.filter(|it| it["target"]["name"] == "perfgate-sample");
    let program = programs.find_map(|it| it["executable"].as_str().map(PathBuf::from));
    program.expect("cargo names the program")
}
