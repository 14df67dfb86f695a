//! Processes that belong together: those of a container, or of a server that is a process of this
//! host.

use std::collections::BTreeMap;

use procfs::process::Process;

use super::cgroup::Cgroup;
use super::roll::Roll;

/// Where the processes of a server or a service are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Crowd {
    Container(Cgroup),
    /// A process group of this host.
    Group(i32),
}

impl Crowd {
    pub(super) fn processes(&self, roll: &Roll) -> Vec<i32> {
        match self {
            Self::Container(cgroup) => cgroup.processes().into_iter().collect(),
            Self::Group(group) => roll.of_group(*group).collect(),
        }
    }

    /// Nanoseconds for which its threads waited for a CPU, by thread. Where the kernel adds them up
    /// for the whole container it forgets none that has ended; what it gives is one entry.
    pub(super) fn waits(&self, roll: &Roll) -> BTreeMap<i32, u64> {
        if let Self::Container(cgroup) = self
            && let Some(waited) = cgroup.waited()
        {
            return BTreeMap::from([(0, waited)]);
        }
        self.processes(roll)
            .into_iter()
            .flat_map(of_process)
            .collect()
    }
}

/// The waits of a process's threads; of one that is gone, none.
fn of_process(pid: i32) -> Vec<(i32, u64)> {
    let tasks = Process::new(pid).and_then(|process| process.tasks());
    let tasks = tasks.into_iter().flatten().filter_map(Result::ok);
    tasks
        .filter_map(|task| Some((task.tid, task.schedstat().ok()?.run_delay)))
        .collect()
}

/// The waits of this program's threads that send the load.
pub(super) fn of_generator() -> BTreeMap<i32, u64> {
    let tasks = Process::myself().and_then(|process| process.tasks());
    let tasks = tasks.into_iter().flatten().filter_map(Result::ok);
    tasks
        .filter(|task| task.stat().is_ok_and(|stat| stat.comm.starts_with("load-")))
        .filter_map(|task| Some((task.tid, task.schedstat().ok()?.run_delay)))
        .collect()
}
