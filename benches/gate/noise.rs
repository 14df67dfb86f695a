use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::Failure;

/// What else the machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Noise {
    None,
    /// One more program, which takes half of a CPU, wherever the kernel puts it.
    Neighbour,
}

/// A neighbour, until it is dropped.
pub(crate) struct Running(Option<Child>);

impl Noise {
    pub(crate) const ALL: [Self; 2] = [Self::None, Self::Neighbour];

    /// Every other check of a case has a neighbour.
    pub(crate) const fn of_turn(done: usize) -> Self {
        if done.is_multiple_of(2) {
            Self::None
        } else {
            Self::Neighbour
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "alone",
            Self::Neighbour => "beside stress-ng",
        }
    }

    pub(crate) fn begin(self) -> Result<Running, Failure> {
        if self == Self::None {
            return Ok(Running(None));
        }
        // Ends by itself, whatever becomes of us.
        let words = ["--cpu", "1", "--cpu-load", "50", "--timeout", "300s"];
        let child = Command::new("stress-ng")
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("stress-ng, `apt-get install stress-ng`: {error}"))?;
        Ok(Running(Some(child)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // SIGTERM lets it end its workers.
            let pid = child.id().to_string();
            let _ = Command::new("kill").arg(&pid).status();
            let _ = child.wait();
        }
    }
}
