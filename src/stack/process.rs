//! Servers that run as a process of this host: pinned, labelled by an environment variable, in a
//! process group of their own, with their resources read from /proc.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::time::{clock_getcpuclockid, clock_gettime};
use procfs::WithCurrentSystemInfo;
use procfs::process::{Process as Entry, all_processes};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::process::{Pid, Signal, kill_process_group};

use super::cores::pin_this_thread;
use super::crowd::Crowd;
use super::owner::VARIABLE;
use super::resources::Resources;
use super::tail::tail;
use super::{Error, Observer, Owner, Stage, cargo_env, scrubbed_env};
use crate::secrets::know_masks;

/// How much of the end of an output is kept on disk.
const KEPT: u64 = 1024 * 1024;
/// Pause between two looks at a running command.
const PAUSE: Duration = Duration::from_millis(20);

/// What to run and where.
pub(super) struct Recipe<'a> {
    pub(super) name: &'a str,
    pub(super) command: &'a [String],
    pub(super) env: &'a [(String, String)],
    pub(super) folder: &'a Path,
    /// Where it may run; empty for anywhere.
    pub(super) cpus: &'a [usize],
    pub(super) owner: &'a Owner,
}

/// A process group that is ended when this is dropped.
pub(super) struct Group {
    name: String,
    child: Child,
    output: File,
    /// Bytes of its program, where that is named by its path.
    size: Option<u64>,
}

impl Group {
    pub(super) fn start(recipe: &Recipe<'_>) -> Result<Self, Error> {
        let fail = |source| Error::Spawn {
            command: recipe.command.join(" "),
            source,
        };
        let output = tempfile::tempfile().map_err(fail)?;
        let program = located(&recipe.command[0], recipe.folder).map_err(fail)?;
        let size = fs::metadata(&program).map(|it| it.len()).ok();
        let mut command = Command::new(&program);
        for name in scrubbed_env::variables() {
            command.env_remove(name);
        }
        command
            .args(&recipe.command[1..])
            .envs(cargo_env::own_target(recipe.folder))
            .envs(recipe.env.iter().map(|(name, value)| (name, value)))
            .env(VARIABLE, recipe.owner.to_variable())
            .current_dir(recipe.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(fail)?)
            .stderr(output.try_clone().map_err(fail)?)
            .process_group(0);
        let child = spawn_pinned(command, recipe.cpus)?.map_err(fail)?;
        Ok(Self {
            name: recipe.name.to_owned(),
            child,
            output,
            size: size.filter(|_| program.is_absolute()),
        })
    }

    pub(super) const fn size(&self) -> Option<u64> {
        self.size
    }

    /// Where its processes are found.
    pub(super) fn crowd(&self) -> Crowd {
        Crowd::Group(self.number())
    }

    fn number(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// How the process ended, once it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(|source| Error::Spawn {
            command: self.name.clone(),
            source,
        })
    }

    pub(super) fn ended_error(&self, status: ExitStatus) -> Error {
        Error::Ended {
            name: self.name.clone(),
            status: status.to_string(),
            output: self.output(),
        }
    }

    /// The last lines of its output.
    pub(super) fn output(&self) -> String {
        last_bytes(&self.output).map_or_else(|error| error.to_string(), |bytes| tail(&bytes))
    }

    /// CPU time of the group since its start and its share of memory (PSS), all processes
    /// together.
    pub(super) fn resources(&self) -> Result<Resources, Error> {
        let fail = |reason: String| Error::Usage {
            name: self.name.clone(),
            reason,
        };
        forget(&self.output);
        let members = self.members().map_err(|error| fail(error.to_string()))?;
        if members.is_empty() {
            return Err(fail("it ended".into()));
        }
        let resident = |entry: &Entry| Some(entry.stat().ok()?.rss_bytes().get());
        Ok(Resources {
            cpu: members.iter().filter_map(cpu_time).sum(),
            memory: members.iter().filter_map(proportional_memory).sum(),
            rss: Some(members.iter().filter_map(resident).sum()),
            processes: members.iter().map(|entry| entry.pid).collect(),
            ..Resources::default()
        })
    }

    fn members(&self) -> procfs::ProcResult<Vec<Entry>> {
        let group = self.number();
        let alive = all_processes()?.filter_map(Result::ok);
        Ok(alive
            .filter(|entry| entry.stat().is_ok_and(|stat| stat.pgrp == group))
            .collect())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Runs a command to its end, its output passed on line by line; ends it when its time is over.
pub(super) async fn run_to_end(
    recipe: &Recipe<'_>,
    within: Duration,
    observe: Observer<'_>,
) -> Result<(), Error> {
    let mut group = Group::start(recipe)?;
    let start = Instant::now();
    let mut passed_on = 0;
    let status = loop {
        let ended = group.ended()?;
        passed_on = pass_on(&group.output, passed_on, observe);
        forget(&group.output);
        match ended {
            Some(status) => break status,
            None if start.elapsed() >= within => {
                return Err(Error::Overdue {
                    name: recipe.name.to_owned(),
                    command: recipe.command.join(" "),
                    within,
                    output: group.output(),
                });
            }
            None => tokio::time::sleep(PAUSE).await,
        }
    };
    if status.success() {
        return Ok(());
    }
    Err(Error::Command {
        name: recipe.name.to_owned(),
        command: recipe.command.join(" "),
        status: status.to_string(),
        output: group.output(),
    })
}

/// Passes on the whole lines written since `passed_on`; where the next ones begin.
fn pass_on(output: &File, passed_on: u64, observe: Observer<'_>) -> u64 {
    let Ok(bytes) = bytes_from(output, passed_on) else {
        return passed_on;
    };
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    for line in bytes[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let line = tail(line);
        know_masks(&line);
        observe(Stage::Output(&line));
    }
    passed_on + u64::try_from(whole).unwrap_or_default()
}

/// A program named with a path is found from the folder; a bare name on PATH.
pub(super) fn located(program: &str, folder: &Path) -> io::Result<PathBuf> {
    if program.contains('/') {
        std::path::absolute(folder.join(program))
    } else {
        Ok(program.into())
    }
}

/// A child inherits the CPUs of the thread that starts it, so a thread is pinned for that.
fn spawn_pinned(mut command: Command, cpus: &[usize]) -> Result<io::Result<Child>, Error> {
    std::thread::scope(|scope| {
        let spawner = scope.spawn(|| {
            if !cpus.is_empty() {
                pin_this_thread(cpus)?;
            }
            Ok(command.spawn())
        });
        spawner.join().expect("spawning a process does not panic")
    })
}

fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // A group that is gone already needs no signal.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = child.wait();
}

/// Time on the CPU by the process's own clock, and that of children it has waited for, which the
/// kernel counts in ticks of 10 ms.
pub(super) fn cpu_time(entry: &Entry) -> Option<Duration> {
    let clock = clock_getcpuclockid(nix::unistd::Pid::from_raw(entry.pid)).ok()?;
    let own = Duration::from(clock_gettime(clock).ok()?);
    let stat = entry.stat().ok()?;
    let ticks = u64::try_from(stat.cutime + stat.cstime).unwrap_or_default();
    let children = ticks * 1_000_000_000 / procfs::ticks_per_second();
    Some(own + Duration::from_nanos(children))
}

/// Memory with pages shared among processes divided by their number, without those of files: of a
/// file that others on this machine have mapped, such as the same interpreter, the share follows from
/// how many of them there are.
fn proportional_memory(entry: &Entry) -> Option<u64> {
    let rollup = entry.smaps_rollup().ok()?;
    let totals = &rollup.memory_map_rollup.0.first()?.extension.map;
    without_files(totals).or_else(|| Some(entry.stat().ok()?.rss_bytes().get()))
}

fn without_files(totals: &HashMap<String, u64>) -> Option<u64> {
    // Kernels before 5.3 do not report files.
    let files = totals.get("Pss_File").copied().unwrap_or_default();
    Some(totals.get("Pss")?.saturating_sub(files))
}

/// Gives the disk back what an output holds beside its end: a server may write for hours. Where the file
/// system cannot, it stays.
fn forget(output: &File) {
    let length = output.metadata().map_or(0, |it| it.len());
    let old = length.saturating_sub(KEPT);
    if old > KEPT {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(output, hole, 0, old);
    }
}

fn last_bytes(output: &File) -> io::Result<Vec<u8>> {
    let length = output.metadata()?.len();
    bytes_from(output, length.saturating_sub(16 * 1024))
}

/// Reads at a position of its own: the child writes at the shared one.
fn bytes_from(output: &File, start: u64) -> io::Result<Vec<u8>> {
    let length = output.metadata()?.len().saturating_sub(start);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    output.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_keeps_its_end_alone() {
        use std::io::Write;
        use std::os::unix::fs::MetadataExt;

        let mut output = tempfile::tempfile().expect("a file");
        output
            .write_all(&vec![b'a'; 8 * 1024 * 1024])
            .expect("written");
        output.write_all(b"the last line\n").expect("written");
        forget(&output);
        let on_disk = output.metadata().expect("a file").blocks() * 512;
        assert!(on_disk <= KEPT + 64 * 1024, "{on_disk}");
        let last = last_bytes(&output).expect("readable");
        assert!(last.ends_with(b"the last line\n"));
    }

    #[test]
    fn files_that_others_have_mapped_are_not_a_server_s_memory() {
        let totals = |pairs: &[(&str, u64)]| {
            let pairs = pairs
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), *bytes));
            without_files(&pairs.collect())
        };
        let alone = [("Pss", 900), ("Pss_Anon", 500), ("Pss_File", 400)];
        let beside_another = [("Pss", 700), ("Pss_Anon", 500), ("Pss_File", 200)];
        assert_eq!(totals(&alone), Some(500));
        assert_eq!(totals(&beside_another), Some(500));
        assert_eq!(totals(&[("Pss", 900)]), Some(900));
        assert_eq!(totals(&[]), None);
    }
}
