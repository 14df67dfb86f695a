//! `perf` on processes of native code, by the software clock, which needs no counters of the CPU.

use std::path::Path;

use procfs::process::Process;

use super::tool::{Failure, Tool};
use crate::profile::{Sample, read_perf_script};

/// Samples a second; a prime, so that turns of whole milliseconds do not fall in step with it.
pub(super) const RATE: u32 = 499;
/// Bytes of the stack that are kept of each sample, to find callers by the unwinding tables that every
/// program has: few are built with frame pointers.
const STACK: &str = "dwarf,8192";

/// A recording.
pub(super) struct Perf(Tool);

impl Perf {
    /// Samples these processes, with the threads and processes that they start.
    pub(super) fn start(pids: &[i32]) -> Result<Self, Failure> {
        let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
        Tool::start("perf", |out| {
            let out = out.display().to_string();
            let rate = RATE.to_string();
            let stack = if pids.iter().any(|pid| has_map(pid)) {
                // Code that was made while it ran has no tables.
                "fp"
            } else {
                STACK
            };
            let words = [
                "record",
                "--quiet",
                "-e",
                "cpu-clock",
                "-F",
                &rate,
                "--call-graph",
                stack,
                "-k",
                "CLOCK_MONOTONIC",
                "-p",
                &pids.join(","),
                "-o",
                &out,
            ];
            words.map(str::to_owned).to_vec()
        })
        .map(Self)
    }

    /// Why it sees nothing, where it has ended by itself.
    pub(super) fn failed(&mut self) -> Option<Failure> {
        self.0.has_ended().then(|| self.0.failure())
    }

    /// Ends it. Its processes must still be there: names are looked up where they see their files.
    pub(super) async fn samples(mut self) -> Result<Vec<Sample>, Failure> {
        self.0.interrupted().await?;
        self.0.written()?;
        let input = self.0.out().display().to_string();
        let mut script = Tool::start("perf", |_| {
            let words = [
                "script",
                "-i",
                &input,
                "--no-inline",
                "-F",
                "pid,time,ip,sym,dso",
            ];
            words.map(str::to_owned).to_vec()
        })?;
        script.ended().await?;
        let written = script.printed_or_silent()?;
        Ok(read_perf_script(&String::from_utf8_lossy(&written)))
    }
}

/// Whether a runtime writes down the names of its functions for perf, by the number that the process has
/// in its container.
fn has_map(pid: &str) -> bool {
    let process = pid.parse().ok().and_then(|pid| Process::new(pid).ok());
    let numbers = process.and_then(|it| it.status().ok()?.nspid);
    let own = numbers.and_then(|it| it.last().copied());
    own.is_some_and(|own| Path::new(&format!("/proc/{pid}/root/tmp/perf-{own}.map")).exists())
}
