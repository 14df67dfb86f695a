//! Resources of a container from the files of its control group: exact, and read in an instant,
//! where the engine's own statistics can take a second.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use procfs::process::Process;
use procfs::{ProcessCGroup, WithCurrentSystemInfo};

use super::resources::Resources;

/// Where the kernel counts one container, by controller; version 2 has one folder for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cgroup {
    version: Version,
    cpu: PathBuf,
    memory: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

const MOUNT: &str = "/sys/fs/cgroup";

/// The file cache of a group by what its kernel counts: version 1 has its children's under `total_`.
///
/// The kernel charges a page to whoever reads it first while it is not cached: of two servers that read
/// the same file one has it and the other has not, and neither where it was cached before. What is read
/// twice counts as active.
pub(super) fn file_cache(count: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let of = |inactive, active| Some(count(inactive)? + count(active)?);
    of("total_inactive_file", "total_active_file").or_else(|| of("inactive_file", "active_file"))
}

impl Cgroup {
    /// The control group of the container `id`, whose first process is `pid`; `None` if the
    /// kernel's files are not those of the engine's machine.
    pub(super) fn of_container(id: &str, pid: i32) -> Option<Self> {
        let groups = Process::new(pid).ok()?.cgroups().ok()?.0;
        // Elsewhere the process id may belong to something else.
        Self::among(
            groups
                .into_iter()
                .filter(|group| group.pathname.contains(id)),
        )
    }

    /// The control group of this process.
    pub(super) fn own() -> Option<Self> {
        Self::among(Process::myself().ok()?.cgroups().ok()?.0.into_iter())
    }

    fn among(groups: impl Iterator<Item = ProcessCGroup>) -> Option<Self> {
        let groups: Vec<_> = groups.collect();
        let folder = |controller: &str| {
            let group = groups
                .iter()
                .find(|it| it.controllers.iter().any(|name| name == controller))?;
            Some(below(&Path::new(MOUNT).join(controller), &group.pathname))
        };
        if let (Some(cpu), Some(memory)) = (folder("cpuacct"), folder("memory")) {
            let version = Version::V1;
            return Some(Self {
                version,
                cpu,
                memory,
            });
        }
        let unified = groups.iter().find(|group| group.controllers.is_empty())?;
        let folder = below(Path::new(MOUNT), &unified.pathname);
        Some(Self {
            version: Version::V2,
            cpu: folder.clone(),
            memory: folder,
        })
    }

    /// What the container uses now; nothing once it is gone.
    pub(super) fn read(&self) -> Option<Resources> {
        let processes = self.processes();
        Some(Resources {
            cpu: self.cpu_time()?,
            memory: self.working_set()?,
            rss: resident(&processes),
            out_of_memory: self.out_of_memory(),
            throttled: self.throttled(),
            processes,
        })
    }

    /// Memory without file cache, in bytes.
    pub(super) fn working_set(&self) -> Option<u64> {
        let usage = match self.version {
            Version::V1 => "memory.usage_in_bytes",
            Version::V2 => "memory.current",
        };
        let stat = fs::read_to_string(self.memory.join("memory.stat")).ok()?;
        let cache = file_cache(|name| field_of(&stat, name))?;
        Some(number(&self.memory.join(usage))?.saturating_sub(cache))
    }

    /// Time for which the group was denied the CPU by its quota.
    pub(super) fn throttled(&self) -> Duration {
        let stat = self.cpu.join("cpu.stat");
        match self.version {
            Version::V1 => field(&stat, "throttled_time").map(Duration::from_nanos),
            Version::V2 => field(&stat, "throttled_usec").map(Duration::from_micros),
        }
        .unwrap_or_default()
    }

    /// CPU time of the group since it was made.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        match self.version {
            Version::V1 => number(&self.cpu.join("cpuacct.usage")).map(Duration::from_nanos),
            Version::V2 => {
                field(&self.cpu.join("cpu.stat"), "usage_usec").map(Duration::from_micros)
            }
        }
    }

    /// Its CPU time to be read often, at the cost of one call.
    pub(super) fn cpu_clock(&self) -> Option<CpuClock> {
        let (name, version) = match self.version {
            Version::V1 => ("cpuacct.usage", Version::V1),
            Version::V2 => ("cpu.stat", Version::V2),
        };
        let file = File::open(self.cpu.join(name)).ok()?;
        Some(CpuClock { file, version })
    }

    /// Processes killed because the group's memory ran out.
    fn out_of_memory(&self) -> u64 {
        let file = match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        field(&self.memory.join(file), "oom_kill").unwrap_or_default()
    }

    /// Nanoseconds for which threads of the group waited for a CPU, as the kernel adds them up where
    /// it does: time in which several waited counts once.
    pub(super) fn waited(&self) -> Option<u64> {
        let pressure = fs::read_to_string(self.cpu.join("cpu.pressure")).ok()?;
        some_total(&pressure)
    }

    pub(super) fn processes(&self) -> BTreeSet<i32> {
        let listed = fs::read_to_string(self.memory.join("cgroup.procs")).unwrap_or_default();
        listed
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect()
    }
}

/// The open file of a group's CPU time.
#[derive(Debug)]
pub(super) struct CpuClock {
    file: File,
    version: Version,
}

impl CpuClock {
    /// CPU time of the group since it was made; nothing once it is gone.
    pub(super) fn read(&self) -> Option<Duration> {
        let mut bytes = [0; 64];
        let length = self.file.read_at(&mut bytes, 0).ok()?;
        let text = str::from_utf8(&bytes[..length]).ok()?;
        match self.version {
            Version::V1 => text.trim().parse().ok().map(Duration::from_nanos),
            // Its first line; the rest may be cut off.
            Version::V2 => field_of(text.lines().next()?, "usage_usec").map(Duration::from_micros),
        }
    }
}

/// Resident memory of the processes added up, in bytes; `None` if none can be looked into.
fn resident(processes: &BTreeSet<i32>) -> Option<u64> {
    let of_process = |pid: &i32| Some(Process::new(*pid).ok()?.stat().ok()?.rss_bytes().get());
    let sizes: Vec<_> = processes.iter().filter_map(of_process).collect();
    (!sizes.is_empty()).then(|| sizes.iter().sum())
}

/// The time in which some threads waited, in nanoseconds. Kernels before 5.13 have no line of those in
/// which all did.
fn some_total(pressure: &str) -> Option<u64> {
    let some = pressure
        .lines()
        .find_map(|line| line.strip_prefix("some "))?;
    let total = some.split(' ').find_map(|it| it.strip_prefix("total="))?;
    total.parse::<u64>().ok()?.checked_mul(1000)
}

fn below(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    field_of(&fs::read_to_string(path).ok()?, name)
}

fn field_of(text: &str, name: &str) -> Option<u64> {
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

    fn group(version: Version, files: &tempfile::TempDir) -> Cgroup {
        Cgroup {
            version,
            cpu: files.path().to_owned(),
            memory: files.path().to_owned(),
        }
    }

    #[test]
    fn both_versions_are_read() {
        let old = files(&[
            ("cpuacct.usage", "1500000000\n"),
            (
                "cpu.stat",
                "nr_periods 3\nnr_throttled 1\nthrottled_time 7000000\n",
            ),
            ("memory.usage_in_bytes", "1000\n"),
            (
                "memory.stat",
                "inactive_file 7\ntotal_inactive_file 300\ntotal_active_file 100\n",
            ),
            (
                "memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            ),
        ]);
        let resources = group(Version::V1, &old).read().expect("readable");
        let mut expected = Resources {
            cpu: Duration::from_millis(1500),
            memory: 600,
            rss: None,
            out_of_memory: 2,
            throttled: Duration::from_millis(7),
            processes: BTreeSet::new(),
        };
        assert_eq!(resources, expected);

        let clock = group(Version::V1, &old).cpu_clock().expect("a file");
        assert_eq!(clock.read(), Some(Duration::from_millis(1500)));

        let new = files(&[
            (
                "cpu.stat",
                "usage_usec 2500\nuser_usec 1\nthrottled_usec 9\n",
            ),
            ("memory.current", "1000\n"),
            (
                "memory.stat",
                "anon 5\ninactive_file 200\nactive_file 100\n",
            ),
            ("memory.events", "low 0\noom 1\noom_kill 1\n"),
            ("cgroup.procs", &format!("{}\n", std::process::id())),
        ]);
        let resources = group(Version::V2, &new).read().expect("readable");
        assert!(resources.rss.is_some_and(|rss| rss > 0));
        expected = Resources {
            cpu: Duration::from_micros(2500),
            memory: 700,
            rss: resources.rss,
            out_of_memory: 1,
            throttled: Duration::from_micros(9),
            processes: BTreeSet::from([rustix::process::getpid().as_raw_pid()]),
        };
        assert_eq!(resources, expected);
        let clock = group(Version::V2, &new).cpu_clock().expect("a file");
        assert_eq!(clock.read(), Some(Duration::from_micros(2500)));
    }

    #[test]
    fn waits_are_read_where_the_kernel_adds_them_up() {
        let some = "some avg10=17.23 avg60=11.26 avg300=5.38 total=23193163\n";
        let full = "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(some_total(&format!("{some}{full}")), Some(23_193_163_000));
        assert_eq!(some_total(some), Some(23_193_163_000));
        for odd in ["", full, "some avg10=0.00", "some total=x", "some total=-1"] {
            assert_eq!(some_total(odd), None, "{odd}");
        }
        let pressure = files(&[("cpu.pressure", some)]);
        assert_eq!(group(Version::V2, &pressure).waited(), Some(23_193_163_000));
        assert_eq!(group(Version::V1, &files(&[])).waited(), None);
    }

    #[test]
    fn a_group_that_is_gone_reads_nothing() {
        let gone = files(&[]);
        assert_eq!(group(Version::V2, &gone).read(), None);
    }
}
