//! Resources of a container from the files of its control group: exact, and read in an instant,
//! where the engine's own statistics can take a second.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use procfs::process::Process;

/// Where the kernel counts one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cgroup {
    V1 { cpu: PathBuf, memory: PathBuf },
    V2(PathBuf),
}

const MOUNT: &str = "/sys/fs/cgroup";

impl Cgroup {
    /// The control group of the container `id`, whose first process is `pid`; nothing where the
    /// kernel's files are not those of the engine's machine.
    pub(super) fn of_container(id: &str, pid: i32) -> Option<Self> {
        let groups = Process::new(pid).ok()?.cgroups().ok()?.0;
        // Elsewhere the process id may belong to something else.
        let own: Vec<_> = groups
            .iter()
            .filter(|group| group.pathname.contains(id))
            .collect();
        let folder = |controller: &str| {
            let group = own
                .iter()
                .find(|it| it.controllers.iter().any(|name| name == controller))?;
            Some(below(&Path::new(MOUNT).join(controller), &group.pathname))
        };
        let found = if let (Some(cpu), Some(memory)) = (folder("cpuacct"), folder("memory")) {
            Self::V1 { cpu, memory }
        } else {
            let unified = own.iter().find(|group| group.controllers.is_empty())?;
            Self::V2(below(Path::new(MOUNT), &unified.pathname))
        };
        found.read().is_some().then_some(found)
    }

    /// CPU time since the container's start, and its working set in bytes.
    pub(super) fn read(&self) -> Option<(Duration, u64)> {
        match self {
            Self::V1 { cpu, memory } => {
                let cpu = Duration::from_nanos(number(&cpu.join("cpuacct.usage"))?);
                let used = number(&memory.join("memory.usage_in_bytes"))?;
                let cache = field(&memory.join("memory.stat"), "total_inactive_file")?;
                Some((cpu, used.saturating_sub(cache)))
            }
            Self::V2(folder) => {
                let cpu = Duration::from_micros(field(&folder.join("cpu.stat"), "usage_usec")?);
                let used = number(&folder.join("memory.current"))?;
                let cache = field(&folder.join("memory.stat"), "inactive_file")?;
                Some((cpu, used.saturating_sub(cache)))
            }
        }
    }
}

fn below(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in pairs {
            fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    #[test]
    fn both_versions_are_read() {
        let old = files(&[
            ("cpuacct.usage", "1500000000\n"),
            ("memory.usage_in_bytes", "1000\n"),
            ("memory.stat", "inactive_file 7\ntotal_inactive_file 400\n"),
        ]);
        let path = old.path().to_owned();
        let old = Cgroup::V1 {
            cpu: path.clone(),
            memory: path,
        };
        assert_eq!(old.read(), Some((Duration::from_millis(1500), 600)));
        let new = files(&[
            ("cpu.stat", "usage_usec 2500\nuser_usec 1\n"),
            ("memory.current", "1000\n"),
            ("memory.stat", "anon 5\ninactive_file 300\n"),
        ]);
        let new = Cgroup::V2(new.path().to_owned()).read();
        assert_eq!(new, Some((Duration::from_micros(2500), 700)));
    }

    #[test]
    fn a_group_that_is_gone_reads_nothing() {
        assert_eq!(Cgroup::V2(PathBuf::from("/nowhere")).read(), None);
    }
}
