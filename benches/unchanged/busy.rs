use std::process::{Child, Command, Stdio};

use crate::Failure;

/// Programs that take CPUs, until it is dropped.
pub(crate) struct Busy(Option<Child>);

impl Busy {
    /// So many processes that never rest, wherever the kernel puts them.
    pub(crate) fn with(processes: usize) -> Result<Self, Failure> {
        if processes == 0 {
            return Ok(Self(None));
        }
        // Ends by itself, whatever becomes of us.
        let child = Command::new("stress-ng")
            .args(["--cpu", &processes.to_string(), "--timeout", "2h"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("stress-ng, `apt-get install stress-ng`: {error}"))?;
        Ok(Self(Some(child)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // SIGTERM lets it end its workers.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}
