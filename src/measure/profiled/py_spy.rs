//! `py-spy` on a process of Python and those that it started. It reads their memory; nothing is installed
//! where they run.

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
                // Whoever holds the interpreter's lock is running. What py-spy asks the kernel instead
                // takes threads that wait for those that run, in a container all of them.
                "--gil",
                "--full-filenames",
                "--rate",
                &rate,
                "--format",
                "raw",
                "--output",
                &out,
            ];
            words.map(str::to_owned).to_vec()
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
