//! What keeps the whole machine from its work: time stolen by the hypervisor, CPU quotas, other
//! programs, and lost packets.

use std::fs;
use std::time::{Duration, Instant};

use procfs::net::snmp;
use procfs::{CurrentSI, KernelStats};

use super::cgroup::Cgroup;
use super::crowd::{Crowd, of_generator};
use super::others::Watched;
use super::queue::Queue;
use super::roll::Roll;
use super::server::Crowds;
use super::{Server, Stack};
use crate::model::{Machine, Others, RunDelay};

/// Looks at the machine over a round of some servers that are measured at the same time.
///
/// It begins and ends while no request is in flight, when it may take milliseconds; what it does in
/// between is to read a few small files at each look.
pub struct Watch {
    before: Moment,
    /// By server.
    waiting: Vec<Waiting>,
    generator: Queue,
    /// `None` if something was measured that perfgate did not start: it could be among the
    /// others.
    others: Option<Watched>,
    interval: Duration,
    looked: Instant,
    late: Duration,
}

/// Who of one server's stack waits for CPUs.
struct Waiting {
    server: Vec<(Crowd, Queue)>,
    services: Vec<(Crowd, Queue)>,
}

/// What a watch has seen.
pub struct Seen {
    before: Moment,
    after: Moment,
    /// By server; `None` if the kernel does not report how long threads waited.
    run_delays: Vec<Option<RunDelay>>,
    others: Option<Others>,
    late: Duration,
}

impl Watch {
    /// Begins to watch; a look is to follow at every interval.
    pub async fn begin(servers: &[&Server], interval: Duration) -> Self {
        let mut all = Vec::new();
        for server in servers {
            all.push(server.crowds().await);
        }
        Self::over(all, interval)
    }

    /// Begins to watch the start of servers, of which only the services are there yet; to be ended by
    /// [`Self::end_of_start`].
    pub async fn start(stack: &Stack, interval: Duration) -> Self {
        let services = stack.crowds().await.into_iter().collect();
        Self::from_parts(Vec::new(), services, Roll::call(), interval)
    }

    fn over(all: Vec<Crowds>, interval: Duration) -> Self {
        let roll = Roll::call();
        let crowds = distinct(&all);
        let waiting = all
            .into_iter()
            .map(|it| Waiting::from_crowds(it, &roll))
            .collect();
        Self::from_parts(waiting, crowds, roll, interval)
    }

    fn from_parts(
        waiting: Vec<Waiting>,
        crowds: Option<Vec<Crowd>>,
        roll: Roll,
        interval: Duration,
    ) -> Self {
        Self {
            before: Moment::now(),
            waiting,
            generator: Queue::new(of_generator()),
            others: crowds.and_then(|crowds| Watched::begin(crowds, roll)),
            interval,
            looked: Instant::now(),
            late: Duration::ZERO,
        }
    }

    /// A look while requests are in flight. The generator's threads end with the load, so that how
    /// long they waited is read here.
    pub fn sample(&mut self) {
        let late = self.looked.elapsed().saturating_sub(self.interval);
        self.late = self.late.max(late);
        self.looked = Instant::now();
        if let Some(others) = &mut self.others {
            others.look();
        }
        self.generator.look(of_generator());
    }

    /// Ends it, once servers have started that were not there when it began.
    pub async fn end_of_start(mut self, servers: &[&Server]) -> Seen {
        let mut all = Vec::new();
        for server in servers {
            all.push(server.crowds().await);
        }
        self.others = self.others.zip(distinct(&all)).map(|(mut others, crowds)| {
            others.add(crowds);
            others
        });
        self.waiting = all.into_iter().map(Waiting::since_its_start).collect();
        self.end()
    }

    /// Ends it, once no request is in flight any more.
    pub fn end(mut self) -> Seen {
        let roll = Roll::call();
        let others = self.others.take().map(|others| others.end(&roll));
        let (waiting, generator) = (&mut self.waiting, &self.generator);
        let run_delays = waiting.iter_mut().map(|it| it.run_delay(generator, &roll));
        Seen {
            before: self.before,
            run_delays: run_delays.collect(),
            after: Moment::now(),
            others,
            late: self.late,
        }
    }
}

impl Waiting {
    fn from_crowds(crowds: Crowds, roll: &Roll) -> Self {
        let from_now_on = |crowd: Crowd| {
            let queue = Queue::new(crowd.waits(roll));
            (crowd, queue)
        };
        Self {
            server: crowds.server.into_iter().map(from_now_on).collect(),
            services: crowds
                .services
                .into_iter()
                .flatten()
                .map(from_now_on)
                .collect(),
        }
    }

    /// Of a server that has just started, which waited for nothing before; what its services waited
    /// is not known.
    fn since_its_start(crowds: Crowds) -> Self {
        let server = crowds.server.into_iter();
        Self {
            server: server.map(|crowd| (crowd, Queue::default())).collect(),
            services: Vec::new(),
        }
    }

    /// How long all have waited by now.
    fn run_delay(&mut self, generator: &Queue, roll: &Roll) -> Option<RunDelay> {
        for (crowd, queue) in self.server.iter_mut().chain(&mut self.services) {
            queue.look(crowd.waits(roll));
        }
        let all = self
            .server
            .iter()
            .chain(&self.services)
            .map(|(_, queue)| queue);
        let waited = |some: &[(Crowd, Queue)]| some.iter().map(|(_, queue)| queue.waited()).sum();
        all.chain([generator])
            .any(Queue::is_known)
            .then(|| RunDelay {
                server: waited(&self.server),
                services: waited(&self.services),
                generator: generator.waited(),
            })
    }
}

impl Seen {
    /// What kept the machine from its work while a server was measured, its own quota included.
    pub fn machine(&self, server: usize, throttled: Duration) -> Machine {
        Machine {
            run_delay: self.run_delays.get(server).copied().flatten(),
            others: self.others.clone(),
            stood_still: self.late,
            ..self.after.since(self.before, throttled)
        }
    }
}

/// What other programs take of this machine's CPUs now, of which nothing is measured.
pub async fn others_now(over: Duration) -> Option<Others> {
    let mut watch = Watch::over(Vec::new(), INTERVAL);
    let end = Instant::now() + over;
    while Instant::now() < end {
        tokio::time::sleep(INTERVAL).await;
        watch.sample();
    }
    watch.end().others
}

/// Between two looks where nothing is measured.
const INTERVAL: Duration = Duration::from_millis(250);

/// The crowds of all servers, each once; `None` if one is not known.
fn distinct(all: &[Crowds]) -> Option<Vec<Crowd>> {
    let mut crowds = Vec::new();
    for crowd in all
        .iter()
        .flat_map(|it| std::iter::once(&it.server).chain(&it.services))
    {
        let crowd = crowd.as_ref()?;
        if !crowds.contains(crowd) {
            crowds.push(crowd.clone());
        }
    }
    Some(crowds)
}

/// One moment's counts since the machine's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Ticks of all CPUs, in any state.
    all: u64,
    /// Ticks that the hypervisor gave to others.
    stolen: u64,
    /// Time for which this process's group was denied the CPU.
    throttled: Duration,
    /// TCP segments of this network namespace that were sent for the first time.
    sent: u64,
    /// Those that were sent again.
    resent: u64,
    /// Those that were sent again and had not been lost, by what their receivers reported.
    needless: u64,
}

impl Moment {
    pub fn now() -> Self {
        let Ok(stat) = KernelStats::current() else {
            return Self::default();
        };
        let cpu = stat.total;
        let known = [
            cpu.user,
            cpu.nice,
            cpu.system,
            cpu.idle,
            cpu.iowait.unwrap_or_default(),
            cpu.irq.unwrap_or_default(),
            cpu.softirq.unwrap_or_default(),
        ];
        let stolen = cpu.steal.unwrap_or_default();
        let segments = snmp().map(|it| (it.tcp_out_segs, it.tcp_retrans_segs));
        let (sent, resent) = segments.unwrap_or_default();
        Self {
            all: known.iter().sum::<u64>() + stolen,
            stolen,
            throttled: Cgroup::own().map_or(Duration::ZERO, |group| group.throttled()),
            sent,
            resent,
            needless: needless().unwrap_or_default(),
        }
    }

    /// What kept the machine from its work since `before`, the server's own quota included.
    pub fn since(self, before: Self, server_throttled: Duration) -> Machine {
        let all = self.all.saturating_sub(before.all).max(1);
        let stolen = self.stolen.saturating_sub(before.stolen);
        let resent = self.resent.saturating_sub(before.resent);
        let lost = resent.saturating_sub(self.needless.saturating_sub(before.needless));
        let sent = self.sent.saturating_sub(before.sent) + resent;
        Machine {
            steal: stolen as f64 / all as f64,
            throttled: self.throttled.saturating_sub(before.throttled) + server_throttled,
            own_quota: server_throttled,
            lost: lost as f64 / sent.max(1) as f64,
            ..Machine::default()
        }
    }
}

/// Segments that reached their receiver twice (D-SACK). The kernel sends what is not acknowledged
/// within milliseconds again, also where only the acknowledgement takes its time.
fn needless() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/netstat").ok()?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut counts = names.split(' ').zip(values.split(' '));
    let (_, count) = counts.find(|(name, _)| *name == "TCPDSACKRecv")?;
    count.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_and_lost_is_a_share_of_all() {
        let before = Moment {
            all: 1000,
            stolen: 10,
            throttled: Duration::from_millis(5),
            sent: 500,
            resent: 7,
            needless: 3,
        };
        let after = Moment {
            all: 1200,
            stolen: 20,
            throttled: Duration::from_millis(8),
            sent: 592,
            resent: 15,
            needless: 6,
        };
        let machine = after.since(before, Duration::from_millis(4));
        assert!((machine.steal - 0.05).abs() < 1e-12);
        assert_eq!(machine.throttled, Duration::from_millis(7));
        assert_eq!(machine.own_quota, Duration::from_millis(4));
        assert!((machine.lost - 0.05).abs() < 1e-12);
        assert!(Moment::now().all > 0);
        assert!(needless().is_some());
    }

    #[test]
    fn what_is_unknown_says_nothing_of_others() {
        let group = |number| Some(Crowd::Group(number));
        let crowds = |server, services| Crowds { server, services };
        let known = [
            crowds(group(1), vec![group(3)]),
            crowds(group(2), vec![group(3)]),
        ];
        let all = [Crowd::Group(1), Crowd::Group(3), Crowd::Group(2)];
        assert_eq!(distinct(&known), Some(all.to_vec()));
        assert_eq!(distinct(&[crowds(None, vec![])]), None);
        assert_eq!(distinct(&[crowds(group(1), vec![None])]), None);
        let watch = Watch::over(vec![crowds(None, vec![])], INTERVAL);
        assert_eq!(watch.end().machine(0, Duration::ZERO).others, None);
    }

    #[test]
    fn a_look_that_comes_late_is_reported() {
        let mut watch = Watch::over(Vec::new(), Duration::ZERO);
        std::thread::sleep(Duration::from_millis(20));
        watch.sample();
        let machine = watch.end().machine(0, Duration::ZERO);
        assert!(machine.stood_still >= Duration::from_millis(20));
        assert!(machine.others.is_some());
    }

    /// Processes that do nothing but use a CPU, in a group of their own.
    struct Hogs(Vec<std::process::Child>);

    impl Hogs {
        fn start(count: usize, program: &[&str]) -> Self {
            use std::os::unix::process::CommandExt;
            let start = |_| {
                let mut command = std::process::Command::new(program[0]);
                command.args(&program[1..]).process_group(0);
                command.stdout(std::process::Stdio::null());
                command.stderr(std::process::Stdio::null());
                command.spawn().expect("it is installed")
            };
            Self((0..count).map(start).collect())
        }

        fn crowds(&self) -> Vec<Crowds> {
            let numbers = self
                .0
                .iter()
                .map(|it| i32::try_from(it.id()).expect("a number"));
            let crowds = numbers.map(|number| Crowds {
                server: Some(Crowd::Group(number)),
                services: Vec::new(),
            });
            crowds.collect()
        }
    }

    impl Drop for Hogs {
        fn drop(&mut self) {
            for child in &mut self.0 {
                let pid = i32::try_from(child.id())
                    .ok()
                    .and_then(rustix::process::Pid::from_raw);
                let end = rustix::process::Signal::KILL;
                let _ = rustix::process::kill_process_group(pid.expect("a number"), end);
                let _ = child.wait();
            }
        }
    }

    #[expect(clippy::print_stderr, reason = "its figures are what is asked for")]
    fn observed(crowds: Vec<Crowds>) -> Machine {
        let cpu = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Duration::try_from(time).expect("not negative")
        };
        let start = cpu();
        let mut watch = Watch::over(crowds, INTERVAL);
        let begun = cpu();
        for _ in 0..8 {
            std::thread::sleep(INTERVAL);
            watch.sample();
        }
        let looked = cpu();
        let seen = watch.end();
        eprintln!(
            "CPU time of the beginning {:.2?}, a look {:.2?}, the end {:.2?}",
            begun.saturating_sub(start),
            looked.saturating_sub(begun) / 8,
            cpu().saturating_sub(looked)
        );
        seen.machine(0, Duration::ZERO)
    }

    /// What the rule rests on: `cargo test --lib detector -- --ignored --nocapture` on a quiet
    /// machine, with stress-ng installed.
    #[test]
    #[ignore = "keeps all CPUs busy for half a minute"]
    #[expect(clippy::print_stderr, reason = "its figures are what is asked for")]
    fn the_detector_beside_others() {
        let pinned = ["taskset", "-c", "0", "sh", "-c", "while :; do :; done"];
        let disturbers: [(&str, &[&str]); 4] = [
            ("quiet", &["sleep", "9"]),
            (
                "half a CPU",
                &["stress-ng", "--cpu", "1", "--cpu-load", "50"],
            ),
            ("a CPU", &["stress-ng", "--cpu", "1"]),
            ("two CPUs", &["stress-ng", "--cpu", "2"]),
        ];
        let window = INTERVAL * 8;
        for (what, program) in disturbers {
            let disturber = Hogs::start(1, program);
            std::thread::sleep(Duration::from_secs(1));
            for servers in 1..=2 {
                let hogs = Hogs::start(servers, &pinned);
                let machine = observed(hogs.crowds());
                let by = machine.disturbance(window);
                eprintln!("{what}, {servers} on a CPU: {by:?}, {machine:?}");
                assert!(machine.others.is_some() && machine.run_delay.is_some());
            }
            drop(disturber);
        }
    }
}
