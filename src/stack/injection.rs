//! Changes of known size: CPU time that is used beside a server, in proportion to what the server uses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use super::Error;
use super::cgroup::CpuClock;
use super::cores::pin_this_thread;
use super::crowd::Crowd;
use super::roll::Roll;

/// Pauses between two looks: so long that the server is interrupted seldom (a thousand times a second cost
/// Gunicorn's threads 7 % more CPU time themselves: docs/decisions/0025), so short that much of what is used in a
/// turn of the load falls into it.
const SHORTEST: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);
/// What is used between two looks is so many times what a look costs, at the least.
const LOOKS: f64 = 3.0;
/// What it costs to wake up.
const WAKING: Duration = Duration::from_micros(5);
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
    /// `name` is the server's.
    pub(super) fn begin(
        name: &str,
        crowd: Option<Crowd>,
        cpus: &[usize],
        share: f64,
    ) -> Result<Self, Error> {
        let meter = crowd.and_then(Meter::new).ok_or_else(|| Error::Usage {
            name: name.to_owned(),
            reason: "its CPU time cannot be read on this machine, so that none can be added".into(),
        })?;
        let ends = Arc::<AtomicBool>::default();
        let [spent, paid] = [(); 2].map(|()| Arc::<AtomicU64>::default());
        let user = User {
            meter,
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
            tokio::time::sleep(SHORTEST).await;
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
        let (mut last, mut looked) = (begun, Instant::now());
        let mut pause = SHORTEST;
        while !self.ends.load(Ordering::Relaxed) {
            let woken = own_cpu_time();
            let used = self.meter.read();
            let due = own + used.saturating_sub(begun).mul_f64(self.share);
            let look = own_cpu_time().saturating_sub(woken);
            // What the looks take counts as used.
            let end = (own_cpu_time() + LONGEST).min(due);
            while own_cpu_time() < end {
                std::hint::spin_loop();
            }
            let spent = own_cpu_time().saturating_sub(own);
            let spent = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
            self.spent.store(spent, Ordering::Relaxed);
            if end == due {
                self.paid.fetch_add(1, Ordering::Relaxed);
            }
            let since = looked.elapsed();
            looked = Instant::now();
            let wanted = used.saturating_sub(last).mul_f64(self.share);
            pause = next_pause(pause, look, wanted.div_duration_f64(since));
            last = used;
            std::thread::sleep(pause);
        }
    }
}

/// The pause after which a look costs a small part of what is to be used until then, at `wanted` CPUs; longer
/// by steps, so that a server that begins to work is seen soon.
fn next_pause(last: Duration, look: Duration, wanted: f64) -> Duration {
    let affordable = (look + WAKING).mul_f64(LOOKS).div_f64(wanted.max(1e-6));
    affordable.clamp(SHORTEST, LONGEST_PAUSE).min(last * 2)
}

/// CPU time of a server's processes, never less than before.
struct Meter {
    source: Source,
    last: Duration,
}

enum Source {
    Container(CpuClock),
    /// A process group of this host.
    Group {
        number: i32,
        /// By process, with what was seen of it last.
        members: BTreeMap<i32, (ClockId, Duration)>,
        looked: Option<Instant>,
    },
}

impl Meter {
    fn new(crowd: Crowd) -> Option<Self> {
        let source = match crowd {
            Crowd::Container(cgroup) => Source::Container(cgroup.cpu_clock()?),
            Crowd::Group(number) => Source::Group {
                number,
                members: BTreeMap::new(),
                looked: None,
            },
        };
        let last = Duration::ZERO;
        Some(Self { source, last })
    }

    fn read(&mut self) -> Duration {
        let now = match &mut self.source {
            Source::Container(clock) => clock.read().unwrap_or_default(),
            Source::Group {
                number,
                members,
                looked,
            } => {
                if looked.is_none_or(|it| it.elapsed() >= MEMBERS) {
                    admit(*number, members);
                    *looked = Some(Instant::now());
                }
                for (clock, seen) in members.values_mut() {
                    let now = clock_gettime(*clock).map(Duration::from);
                    *seen = now.unwrap_or_default().max(*seen);
                }
                members.values().map(|(_, seen)| *seen).sum()
            }
        };
        self.last = self.last.max(now);
        self.last
    }
}

/// Adds the processes of a group that have begun since.
fn admit(group: i32, members: &mut BTreeMap<i32, (ClockId, Duration)>) {
    for number in Roll::call().of_group(group) {
        if let Ok(clock) = clock_getcpuclockid(Pid::from_raw(number)) {
            members.entry(number).or_insert((clock, Duration::ZERO));
        }
    }
}

fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map(Duration::from).unwrap_or_default()
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
        let mut meter = Meter::new(crowd.clone()).expect("readable");
        let before = meter.read();
        let injection = Injection::begin("app", Some(crowd), &[], 0.2).expect("a thread");
        while meter.read() < before + Duration::from_millis(500) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let spent = injection.spent().await;
        let share = spent.div_duration_f64(meter.read().saturating_sub(before));
        assert!((0.17..0.23).contains(&share), "{share}");
    }

    #[test]
    fn looks_are_rarer_the_less_there_is_to_use() {
        let look = Duration::from_micros(5);
        let after = |last, wanted| next_pause(last, look, wanted);
        assert_eq!(after(LONGEST_PAUSE, 0.1), SHORTEST);
        assert_eq!(after(LONGEST_PAUSE, 0.005), Duration::from_millis(6));
        assert_eq!(after(SHORTEST, 0.0), SHORTEST * 2);
        assert_eq!(after(LONGEST_PAUSE, 0.0), LONGEST_PAUSE);
    }

    #[tokio::test]
    async fn beside_a_server_that_rests_it_rests() {
        let (_server, crowd) = busy(&["sleep", "9"]);
        let injection = Injection::begin("app", Some(crowd), &[], 0.5).expect("a thread");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(injection.spent().await < Duration::from_millis(20));
    }
}
