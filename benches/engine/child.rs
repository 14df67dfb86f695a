//! Processes on a core of their own. Takes a command and a core, gives what the process printed,
//! the CPU time it used and the memory it held; promises that CPU times are exact as long as
//! processes are waited for one after the other.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use procfs::process::Process;

/// Time between two looks at the memory of a process.
const LOOK: Duration = Duration::from_millis(50);

/// A process that ended well.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) output: String,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Most memory resident at any time, in KiB.
    pub(crate) peak: u64,
    /// Memory resident at each look, in KiB.
    pub(crate) resident: Vec<u64>,
}

/// A command that will run on one core only.
pub(crate) fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Runs a command to its end, which must be a success.
pub(crate) fn run(mut command: Command) -> Finished {
    let file = tempfile::tempfile().expect("a temporary file can be made");
    let output = file.try_clone().expect("a file can be opened twice");
    let before = children_cpu();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .spawn()
        .expect("taskset is installed");
    let (peak, resident) = look_until_end(&mut child);
    let status = child.wait().expect("a child can be waited for");
    assert!(status.success(), "{command:?} ended with {status}");
    Finished {
        output: contents(file),
        cpu: children_cpu().saturating_sub(before),
        peak,
        resident,
    }
}

fn look_until_end(child: &mut Child) -> (u64, Vec<u64>) {
    let mut peak = 0;
    let mut resident = Vec::new();
    while child
        .try_wait()
        .expect("a child can be waited for")
        .is_none()
    {
        if let Some((now, most)) = memory(child) {
            resident.push(now);
            peak = most;
        }
        std::thread::sleep(LOOK);
    }
    (peak, resident)
}

/// Memory resident now, and the most so far; none of a process that is ending.
fn memory(child: &Child) -> Option<(u64, u64)> {
    let process = Process::new(child.id().try_into().ok()?).ok()?;
    let status = process.status().ok()?;
    Some((status.vmrss?, status.vmhwm?))
}

fn contents(mut file: File) -> String {
    let mut text = String::new();
    file.rewind().expect("a file has a start");
    file.read_to_string(&mut text).expect("engines print text");
    text
}

/// CPU time of all processes that were waited for.
fn children_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage can be read");
    let time = usage.user_time() + usage.system_time();
    Duration::new(
        time.tv_sec().try_into().expect("CPU time is not negative"),
        u32::try_from(time.tv_usec()).expect("less than a second") * 1000,
    )
}
