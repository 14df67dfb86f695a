//! Other programs that take CPU time while a bench measures.

use std::error::Error;
use std::process::{Child, Command, Stdio};

/// Processes of stress-ng, until it is dropped.
pub(crate) struct StressNg(Child);

impl StressNg {
    /// So many processes that each want this share of a CPU, wherever the kernel puts them.
    pub(crate) fn start(processes: usize, percent: usize) -> Result<Self, Box<dyn Error>> {
        // Ends by itself, whatever becomes of us.
        let child = Command::new("stress-ng")
            .args(["--cpu", &processes.to_string()])
            .args(["--cpu-load", &percent.to_string(), "--timeout", "2h"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("stress-ng, `apt-get install stress-ng`: {error}"))?;
        Ok(Self(child))
    }
}

impl Drop for StressNg {
    fn drop(&mut self) {
        // SIGTERM lets it end its workers.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
