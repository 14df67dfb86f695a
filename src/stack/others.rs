//! What other programs take of the CPUs: the time that CPUs are busy, less what the stack and
//! perfgate use of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use procfs::process::Process;
use procfs::{CpuTime, CurrentSI, KernelStats};
use rustix::time::{ClockId, clock_gettime};

use super::cgroup::Cgroup;
use super::crowd::Crowd;
use super::process::cpu_time;
use super::roll::Roll;
use crate::model::Others;

/// Others' use of the CPUs from a first look on.
pub(super) struct Watched {
    known: Known,
    roll: Roll,
    first: Look,
    last: Look,
    peak: f64,
}

/// Whose use of the CPUs is known, with what was seen of it last: never less than before.
struct Known {
    crowds: Vec<Crowd>,
    containers: Vec<(Cgroup, Duration)>,
    processes: BTreeMap<i32, Duration>,
}

/// One moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    cpus: usize,
    /// Time of all CPUs in which no program ran.
    free: Duration,
    /// CPU time of all that is known.
    known: Duration,
}

/// Shortest time between two looks that shows a peak: the kernel counts in hundredths of a second.
const SHORTEST: Duration = Duration::from_millis(100);

impl Watched {
    pub(super) fn begin(crowds: Vec<Crowd>, roll: Roll) -> Option<Self> {
        let mut known = Known::new(crowds, &roll);
        let first = Look::now(&mut known)?;
        Some(Self {
            known,
            roll,
            first,
            last: first,
            peak: 0.0,
        })
    }

    /// Takes up those that began after the first look, whose CPU time counts in full.
    pub(super) fn add(&mut self, crowds: Vec<Crowd>) {
        for crowd in crowds {
            self.known.add(crowd);
        }
    }

    /// A further look, at the cost of a few small files.
    pub(super) fn look(&mut self) {
        let Some(mut now) = Look::now(&mut self.known) else {
            return;
        };
        if now.at.duration_since(self.last.at) < SHORTEST {
            return;
        }
        let mut taken = now.others_since(&self.last);
        // A process of the stack that has just begun is not among the others.
        if is_notable(taken) && !is_notable(self.peak) && self.known.has_groups() {
            now = self.looked_closer(now, &Roll::call());
            taken = now.others_since(&self.last);
        }
        self.peak = self.peak.max(taken);
        self.last = now;
    }

    /// The last look, with the processes that are there then; who took most, where that is notable.
    pub(super) fn end(mut self, after: &Roll) -> Others {
        self.look();
        let now = Look::now(&mut self.known).unwrap_or(self.last);
        let now = self.looked_closer(now, after);
        let mean = now.others_since(&self.first);
        let peak = self.peak.max(mean);
        let seconds = now.at.duration_since(self.first.at).as_secs_f64();
        let most = is_notable(peak).then(|| {
            let except = self.known.members(&[&self.roll, after]);
            after.taker(&self.roll, &except, seconds, mean)
        });
        Others {
            mean,
            peak,
            most: most.flatten(),
        }
    }

    /// The same look, with what processes of the stack used that began since.
    fn looked_closer(&mut self, look: Look, roll: &Roll) -> Look {
        self.known.admit(roll);
        Look {
            known: self.known.spent(),
            ..look
        }
    }
}

fn is_notable(cpus: f64) -> bool {
    let others = Others {
        mean: cpus,
        peak: cpus,
        most: None,
    };
    others.are_notable()
}

impl Look {
    fn now(known: &mut Known) -> Option<Self> {
        let stat = KernelStats::current().ok()?;
        Some(Self {
            at: Instant::now(),
            cpus: stat.cpu_time.len(),
            free: free(&stat.total),
            known: known.spent(),
        })
    }

    /// CPUs that others took since an earlier look.
    fn others_since(&self, before: &Self) -> f64 {
        let length = self.at.duration_since(before.at).as_secs_f64();
        let free = self.free.saturating_sub(before.free).as_secs_f64();
        let known = self.known.saturating_sub(before.known).as_secs_f64();
        if length <= 0.0 {
            return 0.0;
        }
        let cpus = self.cpus as f64;
        (cpus - (free + known) / length).clamp(0.0, cpus)
    }
}

/// Time in which no program ran. Interrupts are among it, since those of the load are most of them;
/// a kernel that counts them among the programs' time as well makes others seem to take a little less.
fn free(cpu: &CpuTime) -> Duration {
    let times = [Some(cpu.idle), cpu.iowait, cpu.irq, cpu.softirq, cpu.steal];
    let ticks: u64 = times.into_iter().flatten().sum();
    Duration::from_secs(ticks) / u32::try_from(procfs::ticks_per_second()).unwrap_or(100)
}

impl Known {
    fn new(crowds: Vec<Crowd>, roll: &Roll) -> Self {
        let mut known = Self {
            crowds: Vec::new(),
            containers: Vec::new(),
            processes: BTreeMap::new(),
        };
        for crowd in crowds {
            known.add(crowd);
        }
        known.admit(roll);
        known
    }

    fn add(&mut self, crowd: Crowd) {
        if self.crowds.contains(&crowd) {
            return;
        }
        if let Crowd::Container(cgroup) = &crowd {
            self.containers.push((cgroup.clone(), Duration::ZERO));
        }
        self.crowds.push(crowd);
    }

    fn has_groups(&self) -> bool {
        self.containers.len() < self.crowds.len()
    }

    /// Takes up the processes that are not known yet.
    fn admit(&mut self, roll: &Roll) {
        let groups = self.crowds.iter().filter_map(|crowd| match crowd {
            Crowd::Group(group) => Some(roll.of_group(*group)),
            Crowd::Container(_) => None,
        });
        for pid in groups.flatten().chain(roll.carriers()) {
            self.processes.entry(pid).or_default();
        }
    }

    /// CPU time of all, this program included.
    fn spent(&mut self) -> Duration {
        for (cgroup, spent) in &mut self.containers {
            *spent = cgroup.cpu_time().unwrap_or_default().max(*spent);
        }
        for (pid, spent) in &mut self.processes {
            let now = Process::new(*pid).ok().and_then(|it| cpu_time(&it));
            *spent = now.unwrap_or_default().max(*spent);
        }
        let containers = self.containers.iter().map(|(_, spent)| spent);
        let others: Duration = containers.chain(self.processes.values()).sum();
        others + own()
    }

    /// The numbers of all processes that are known.
    fn members(&self, rolls: &[&Roll]) -> BTreeSet<i32> {
        let of_roll = |roll: &&Roll| {
            let crowds = self.crowds.iter().flat_map(|crowd| crowd.processes(roll));
            crowds.collect::<Vec<_>>()
        };
        let own = rustix::process::getpid().as_raw_pid();
        let members = rolls.iter().flat_map(of_roll);
        members
            .chain(self.processes.keys().copied())
            .chain([own])
            .collect()
    }
}

/// CPU time of this program.
fn own() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_take_what_is_neither_free_nor_known() {
        let at = Instant::now();
        let look = |millis, free, known| Look {
            at: at + Duration::from_millis(millis),
            cpus: 2,
            free: Duration::from_millis(free),
            known: Duration::from_millis(known),
        };
        let before = look(0, 7000, 3000);
        let others = |look: Look| look.others_since(&before);
        assert!((others(look(250, 7100, 3150)) - 1.0).abs() < 1e-9);
        assert!(others(look(250, 7300, 3200)).abs() < 1e-9);
        // The counts are coarse: more than all is nothing.
        assert!(others(look(250, 7400, 3200)).abs() < 1e-9);
        assert!((others(look(250, 6900, 3000)) - 2.0).abs() < 1e-9);
        assert!(others(look(0, 7000, 3000)).abs() < 1e-9);
    }

    #[test]
    fn what_ended_keeps_what_it_used() {
        let roll = Roll::call();
        let group = rustix::process::getpgrp().as_raw_pid();
        let mut known = Known::new(vec![Crowd::Group(group)], &roll);
        // No process has this number.
        known.processes.insert(i32::MAX, Duration::from_secs(1000));
        assert!(known.has_groups());
        let first = known.spent();
        assert!(first > Duration::from_secs(1000));
        assert!(known.spent() >= first);
        let own = rustix::process::getpid().as_raw_pid();
        assert!(known.members(&[&roll]).contains(&own));
    }

    #[test]
    fn a_server_that_began_later_counts_from_its_start() {
        use std::os::unix::process::CommandExt;
        let mut watched = Watched::begin(Vec::new(), Roll::call()).expect("/proc");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "while :; do :; done"]).process_group(0);
        let mut server = command.spawn().expect("a shell");
        let pid = i32::try_from(server.id()).expect("a number");
        let used = || Process::new(pid).ok().and_then(|it| cpu_time(&it));
        while used().is_none_or(|it| it < Duration::from_millis(100)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let before = watched.known.spent();
        watched.add(vec![Crowd::Group(pid), Crowd::Group(pid)]);
        watched.known.admit(&Roll::call());
        let after = watched.known.spent();
        server.kill().expect("it runs");
        server.wait().expect("it ends");
        assert!(after >= before + Duration::from_millis(100));
        assert_eq!(watched.known.crowds, [Crowd::Group(pid)]);
    }
}
