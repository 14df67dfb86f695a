//! `py-spy` on a process of Python and those that it started. It reads their memory; nothing is installed
//! where they run.

use procfs::process::Process;

use super::tool::{Failure, Tool};
use crate::profile::{Sampled, read_py_spy};

/// Samples a second; a prime, so that turns of whole milliseconds do not fall in step with it.
const RATE: u32 = 293;

/// A recording.
pub(super) struct PySpy(Tool);

impl PySpy {
    pub(super) fn start(pid: i32) -> Result<Self, Failure> {
        Tool::start("py-spy", |out| {
            let (pid, rate) = (pid.to_string(), RATE.to_string());
            let out = out.display().to_string();
            let words = [
                "record",
                "--pid",
                &pid,
                "--subprocesses",
                "--full-filenames",
                "--rate",
                &rate,
                "--format",
                "raw",
                "--output",
                &out,
            ];
            let mut words = words.map(str::to_owned).to_vec();
            if is_contained(&pid) {
                words.push("--gil".into());
            }
            words
        })
        .map(Self)
    }

    /// Ends it. Nothing was seen of a process that was idle.
    pub(super) async fn stacks(mut self) -> Result<Vec<Sampled>, Failure> {
        self.0.interrupted().await?;
        let written = self.0.written_or_silent()?;
        Ok(read_py_spy(&String::from_utf8_lossy(&written), RATE))
    }
}

/// Whether a process has another number where it runs. Its threads have too, so that py-spy cannot ask the
/// kernel which of them are running: then those are taken that hold the interpreter's lock.
fn is_contained(pid: &str) -> bool {
    let process = pid.parse().ok().and_then(|pid| Process::new(pid).ok());
    let numbers = process.and_then(|it| it.status().ok()?.nspid);
    numbers.is_some_and(|it| it.len() > 1)
}
