//! Changes of known size: CPU time that is used beside a server, in proportion to what the server uses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};

use super::Error;
use super::cores::pin_this_thread;
use super::crowd::Crowd;
use super::process::cpu_time;
use super::roll::Roll;

/// Pause between two looks at a server that works: short beside a turn of the load, so that next to nothing
/// is used in the other side's turn.
const BUSY: Duration = Duration::from_millis(1);
/// Pause while the server rests, when a look takes CPU time from the other side.
const IDLE: Duration = Duration::from_millis(5);
/// How often it is looked which processes a server of this host has.
const MEMBERS: Duration = Duration::from_secs(1);
/// Longest stretch of use, after which the server is looked at again.
const LONGEST: Duration = Duration::from_millis(2);
/// How long it is waited at the most until what is due has been used: much longer than that takes.
const SETTLES: Duration = Duration::from_millis(200);

/// A thread on a server's CPUs that uses a share of what the server uses, and counts as the server's.
pub(super) struct Injection {
    ends: Arc<AtomicBool>,
    /// CPU time of the thread so far, in nanoseconds.
    spent: Arc<AtomicU64>,
    /// How often nothing was due any more.
    paid: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Injection {
    /// Begins beside the processes of a server; `share` 0.05 uses 5 % of what they use.
    pub(super) fn begin(crowd: Crowd, cpus: &[usize], share: f64) -> Result<Self, Error> {
        let ends = Arc::<AtomicBool>::default();
        let [spent, paid] = [(); 2].map(|()| Arc::<AtomicU64>::default());
        let user = User {
            meter: Meter::new(crowd),
            share,
            ends: Arc::clone(&ends),
            spent: Arc::clone(&spent),
            paid: Arc::clone(&paid),
        };
        let cpus = cpus.to_vec();
        let thread = Builder::new().name("injection".into()).spawn(move || {
            // Elsewhere it would not slow the server down, but its CPU time counts all the same.
            let _ = pin_this_thread(&cpus);
            user.run();
        });
        let thread = thread.map_err(|source| Error::Spawn {
            command: "the thread that uses CPU time beside a server".into(),
            source,
        })?;
        Ok(Self {
            ends,
            spent,
            paid,
            thread: Some(thread),
        })
    }

    /// CPU time so far, once all is used that was due.
    pub(super) async fn spent(&self) -> Duration {
        // The second time from now on began with a look after now.
        let paid = self.paid.load(Ordering::Relaxed) + 2;
        let begun = Instant::now();
        while self.paid.load(Ordering::Relaxed) < paid && begun.elapsed() < SETTLES {
            tokio::time::sleep(BUSY).await;
        }
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread does.
struct User {
    meter: Meter,
    share: f64,
    ends: Arc<AtomicBool>,
    spent: Arc<AtomicU64>,
    paid: Arc<AtomicU64>,
}

impl User {
    fn run(mut self) {
        let (begun, own) = (self.meter.read(), own_cpu_time());
        let mut last = begun;
        while !self.ends.load(Ordering::Relaxed) {
            let used = self.meter.read().max(last);
            let wanted = used.saturating_sub(begun).mul_f64(self.share);
            let due = own + wanted;
            let end = (own_cpu_time() + LONGEST).min(due);
            // What the looks take counts as used.
            while own_cpu_time() < end {
                std::hint::spin_loop();
            }
            let spent = own_cpu_time().saturating_sub(own);
            let spent = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
            self.spent.store(spent, Ordering::Relaxed);
            if end == due {
                self.paid.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(if used > last { BUSY } else { IDLE });
            last = used;
        }
    }
}

/// CPU time of a server's processes, never less than before.
struct Meter {
    crowd: Crowd,
    /// By process, with what was seen of it last.
    members: BTreeMap<i32, Duration>,
    looked: Option<Instant>,
    last: Duration,
}

impl Meter {
    const fn new(crowd: Crowd) -> Self {
        Self {
            crowd,
            members: BTreeMap::new(),
            looked: None,
            last: Duration::ZERO,
        }
    }

    fn read(&mut self) -> Duration {
        let now = match &self.crowd {
            Crowd::Container(cgroup) => cgroup.cpu_time().unwrap_or_default(),
            Crowd::Group(group) => {
                let group = *group;
                self.of_group(group)
            }
        };
        self.last = self.last.max(now);
        self.last
    }

    fn of_group(&mut self, group: i32) -> Duration {
        if self.looked.is_none_or(|it| it.elapsed() >= MEMBERS) {
            for pid in Roll::call().of_group(group) {
                self.members.entry(pid).or_default();
            }
            self.looked = Some(Instant::now());
        }
        for (pid, seen) in &mut self.members {
            let now = Process::new(*pid).ok().and_then(|it| cpu_time(&it));
            *seen = now.unwrap_or_default().max(*seen);
        }
        self.members.values().sum()
    }
}

fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    struct Busy(Child);

    impl Drop for Busy {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn busy(command: &[&str]) -> (Busy, Crowd) {
        let mut child = Command::new(command[0]);
        child.args(&command[1..]).process_group(0);
        child.stdout(Stdio::null()).stderr(Stdio::null());
        let child = child.spawn().expect("a shell");
        let group = i32::try_from(child.id()).expect("a number");
        (Busy(child), Crowd::Group(group))
    }

    #[tokio::test]
    async fn it_uses_the_share_of_what_the_server_uses() {
        let (_server, crowd) = busy(&["sh", "-c", "while :; do :; done"]);
        let mut meter = Meter::new(crowd.clone());
        let before = meter.read();
        let injection = Injection::begin(crowd, &[], 0.2).expect("a thread");
        while meter.read() < before + Duration::from_millis(500) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let spent = injection.spent().await;
        let share = spent.div_duration_f64(meter.read().saturating_sub(before));
        assert!((0.17..0.23).contains(&share), "{share}");
    }

    #[tokio::test]
    async fn beside_a_server_that_rests_it_rests() {
        let (_server, crowd) = busy(&["sleep", "9"]);
        let injection = Injection::begin(crowd, &[], 0.5).expect("a thread");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(injection.spent().await < Duration::from_millis(20));
    }
}
