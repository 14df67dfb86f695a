use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Disturbance, Machine, Metric, Others, PairedSample, PairedStart, Round, RunDelay, Sample,
    Sides, Tally,
};

/// Why a load says less about the server than it seems to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The generator's threads had no time left: they, not the server, set the pace.
    GeneratorBusy,
    /// The generator sent late by more than it may.
    GeneratorLate,
    /// Fewer requests were sent than were due, because every connection was busy.
    ShortOfRate,
}

impl Doubt {
    /// The gravest first.
    pub(super) const ALL: [Self; 3] = [Self::GeneratorBusy, Self::GeneratorLate, Self::ShortOfRate];

    /// What speaks against most of the rounds, the gravest first.
    fn common(rounds: &[Vec<Self>]) -> Option<Self> {
        let is_common = |doubt: &Self| {
            let so = rounds.iter().filter(|doubts| doubts.contains(doubt));
            so.count() * 2 > rounds.len()
        };
        Self::ALL.into_iter().find(is_common)
    }
}

/// Share of its threads' time at which the generator is the bottleneck.
const BUSY: f64 = 0.9;
/// Mean send lag that is always allowed, in nanoseconds.
const LAG: f64 = 100_000.0;
/// Mean send lag that is allowed as a share of the mean latency, which it is part of.
const LAG_SHARE: f64 = 0.05;
/// Share of the requests due that must be sent in time.
const ACHIEVED: f64 = 0.99;

/// Share of a window that the hypervisor may give to others.
const STEAL: f64 = 0.05;
/// Share of a window for which quotas may deny both sides the CPU.
const THROTTLED: f64 = 0.03;
/// Share of a window by which what is denied to one side may differ from what is denied to the other,
/// where both are denied it alike. A quota that holds for both, that of the group which perfgate runs in, is
/// counted on both sides as the same time. What one is denied beyond that makes its rate lower by as
/// much: a fifth of the usual margin, which changes few verdicts, is still alike.
const THROTTLED_APART: f64 = 0.01;
/// CPUs that other programs may take on average over a round: half of what one process takes that is
/// always hungry and shares its CPU with a busy server.
const OTHERS: f64 = 0.25;
/// The same in the busiest quarter of a second. The kernel counts in hundredths of a second, so that
/// as short a time is known to about a tenth of a CPU.
const OTHERS_PEAK: f64 = 0.5;
/// Threads waiting for a CPU on average below which nobody was kept waiting.
const WAITING: f64 = 0.05;
/// Threads that may share a core.
const THREADS_OF_CORE: f64 = 2.0;

/// How late a look at the machine may come. Beside fifteen hungry processes on two CPUs the latest of
/// 64 looks came 0.13 s late, beside few it is milliseconds.
const STILL: Duration = Duration::from_millis(200);

impl Machine {
    /// Whether something other than the builds decided the rounds of one stretch of time, one for
    /// each side that was up. It follows from what the machine says, never by what was measured, so that no
    /// side has an advantage.
    ///
    /// A server's own quota is part of what is compared: a build that needs more CPU runs into it sooner.
    /// Only time that another quota denies to both sides alike can be the machine's.
    pub fn is_disturbed<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> bool {
        let rounds = rounds.into_iter();
        let seen: Vec<_> = rounds
            .filter_map(|round| Some((round.machine.as_ref()?, round.tally.window)))
            .collect();
        let denied = |(machine, window): &(&Self, Duration)| {
            machine.throttled_from_outside() > window.mul_f64(THROTTLED)
        };
        let throttled = || {
            seen.iter()
                .map(|(machine, _)| machine.throttled_from_outside())
        };
        let [least, most] = [throttled().min(), throttled().max()].map(Option::unwrap_or_default);
        let shortest = seen.iter().map(|(_, window)| *window).min();
        let apart = shortest.unwrap_or_default().mul_f64(THROTTLED_APART);
        let is_alike = most.saturating_sub(least) <= apart;
        (seen.len() > 1 && is_alike && seen.iter().all(denied))
            || seen
                .iter()
                .any(|(it, window)| it.disturbance(*window).is_some())
    }

    /// Time denied by another quota than the server's own, such as that of the group which perfgate runs in.
    fn throttled_from_outside(&self) -> Duration {
        self.throttled.saturating_sub(self.own_quota)
    }

    /// Whether something other than the server decided how long it took to start. The engine, and what
    /// it runs for a new container, are among the others for a moment: only their mean counts.
    pub fn has_disturbed_start(&self, took: Duration) -> bool {
        let mean = |others: Others| Others {
            peak: others.mean,
            ..others
        };
        let seen = Self {
            others: self.others.clone().map(mean),
            ..self.clone()
        };
        seen.disturbance(took).is_some()
    }

    /// By how many times others can have made what a round timed longer at the most: whoever had to wait
    /// for a CPU took so much longer than without. Infinite where it is not known how long.
    pub fn most_slowed<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> f64 {
        most(rounds, Self::slowed)
    }

    /// By how many times others can have made whole rounds longer at the most. A round that mostly
    /// waited for something else, a lost packet or a database, lost no more than the time in which
    /// somebody waited for a CPU, however much that is beside the little CPU time that it took; the rest
    /// of it ran at half of its speed at the worst, beside a busy thread of the same core.
    pub fn most_prolonged<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> f64 {
        let prolonged = |round: &Round| {
            let machine = round.machine.as_ref()?;
            let delay = machine.run_delay?;
            let waited = delay.server.saturating_add(delay.services);
            let waited = waited.saturating_add(delay.generator);
            let window = round.tally.window;
            let by_waits = window.div_duration_f64(window.saturating_sub(waited));
            Some(THREADS_OF_CORE * by_waits * machine.held_up(window))
        };
        most(rounds, |round| {
            Some(Self::slowed(round)?.min(prolonged(round)?))
        })
    }

    fn slowed(round: &Round) -> Option<f64> {
        let machine = round.machine.as_ref()?;
        let (delay, usage) = (machine.run_delay?, round.usage?);
        let waited = |delay: Duration, ran: Duration| delay.div_duration_f64(ran).max(0.0);
        let server = waited(delay.server.saturating_add(delay.services), usage.cpu);
        let generator = waited(delay.generator, round.tally.generator_cpu);
        Some((1.0 + server) * (1.0 + generator) * machine.held_up(round.tally.window))
    }

    /// By how many times a round of such a length became longer while all stood still.
    fn held_up(&self, window: Duration) -> f64 {
        window.div_duration_f64(window.saturating_sub(self.stood_still)) * self.stolen()
    }

    /// By how many times others can have made CPU time longer at the most. Whoever waits for a CPU uses
    /// none; but what the hypervisor takes is counted as used, and of two threads of one core each runs at
    /// half of its speed at the worst.
    pub fn most_cpu_lengthened<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> f64 {
        most(rounds, |round| {
            Some(THREADS_OF_CORE * round.machine.as_ref()?.stolen())
        })
    }

    /// By how many times stolen time makes a round longer.
    fn stolen(&self) -> f64 {
        1.0 / (1.0 - self.steal.clamp(0.0, 1.0))
    }

    /// Who took the machine away from a round of such a length, if it was neither the server nor
    /// the load.
    ///
    /// That threads waited for a CPU is no sign: of two servers side by side on one CPU each
    /// waits half of the time. That others were busy is none either: where CPUs are left,
    /// nobody waits for them. Both together do.
    pub fn disturbance(&self, window: Duration) -> Option<Disturbance> {
        let has_waited = self
            .run_delay
            .is_none_or(|delay| delay.longest() > window.mul_f64(WAITING));
        let are_busy = self.others.as_ref().is_some_and(Others::are_notable);
        [
            (self.steal >= STEAL, Disturbance::Steal),
            (self.stood_still > STILL, Disturbance::StoodStill),
            (are_busy && has_waited, Disturbance::Others),
        ]
        .into_iter()
        .find_map(|(so, disturbance)| so.then_some(disturbance))
    }
}

/// The largest factor of some rounds, infinite where one is not known.
fn most<'a>(
    rounds: impl IntoIterator<Item = &'a Round>,
    factor: impl Fn(&Round) -> Option<f64>,
) -> f64 {
    let factors = rounds
        .into_iter()
        .map(|it| factor(it).unwrap_or(f64::INFINITY));
    // Of an endless wait nothing is known either.
    let known = |it: f64| if it.is_nan() { f64::INFINITY } else { it };
    factors.map(known).fold(1.0, f64::max)
}

impl Others {
    /// Whether they took so much that who has to share CPUs with them is slower.
    pub fn are_notable(&self) -> bool {
        self.mean >= OTHERS || self.peak >= OTHERS_PEAK
    }
}

impl RunDelay {
    /// That of whoever waited longest: whatever of the stack is slow makes the answers slow.
    pub fn longest(&self) -> Duration {
        self.server.max(self.services).max(self.generator)
    }
}

impl Tally {
    /// What speaks against the load, the gravest first; the generator had so many threads.
    pub fn doubts(&self, threads: usize) -> Vec<Doubt> {
        let open = self.open.as_ref();
        let is_late = open
            .is_some_and(|open| open.send_lag.mean() > LAG.max(LAG_SHARE * self.latency.mean()));
        let is_short = open.is_some_and(|open| (open.sent as f64) < ACHIEVED * open.offered as f64);
        let applies = |doubt: &Doubt| match doubt {
            Doubt::GeneratorBusy => self.generator_share(threads) > BUSY,
            Doubt::GeneratorLate => is_late,
            Doubt::ShortOfRate => is_short,
        };
        Doubt::ALL.into_iter().filter(applies).collect()
    }

    /// Share of the time of the load that so many generator threads spent on the CPU.
    pub fn generator_share(&self, threads: usize) -> f64 {
        let time = self.window.max(self.span());
        self.generator_cpu.as_secs_f64() / (time.as_secs_f64() * threads as f64)
    }
}

impl Sample {
    /// What speaks against most of the rounds, the gravest first.
    pub fn doubt(&self) -> Option<Doubt> {
        let threads = self.key.load.threads;
        let rounds = self.rounds().iter();
        let doubts: Vec<_> = rounds.map(|round| round.tally.doubts(threads)).collect();
        Doubt::common(&doubts)
    }
}

impl PairedSample {
    /// What speaks against most of the pairs that have a metric, the gravest first.
    pub fn doubt(&self, metric: Metric) -> Option<Doubt> {
        self.doubt_of(&self.starts, metric)
    }

    /// The same of the starts that confirm a regression.
    pub fn doubt_again(&self, metric: Metric) -> Option<Doubt> {
        self.doubt_of(&self.confirmation, metric)
    }

    fn doubt_of(&self, starts: &[PairedStart], metric: Metric) -> Option<Doubt> {
        let pairs = starts.iter().flat_map(|start| &start.pairs);
        let rounds = pairs.flat_map(|pair| pair.rounds(metric));
        let of_both = |sides: &Sides<Round>| {
            let both = [&sides.head, &sides.base].into_iter();
            both.flat_map(|it| it.tally.doubts(self.threads)).collect()
        };
        let doubts: Vec<Vec<Doubt>> = rounds.map(of_both).collect();
        Doubt::common(&doubts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OpenLoop;

    fn tally(cpu: u64, lag: u64, sent: u64) -> Tally {
        let mut tally = Tally::empty(Duration::from_secs(1));
        tally.generator_cpu = Duration::from_millis(cpu);
        tally.latency.saturating_record(1_000_000);
        let mut open = OpenLoop::empty();
        open.send_lag.saturating_record(lag);
        (open.offered, open.sent) = (1000, sent);
        tally.open = Some(open);
        tally
    }

    #[test]
    fn each_doubt_has_its_bound() {
        assert_eq!(tally(900, 99_000, 990).doubts(1), []);
        assert_eq!(tally(910, 99_000, 990).doubts(1), [Doubt::GeneratorBusy]);
        assert_eq!(tally(910, 99_000, 990).doubts(2), []);
        assert_eq!(tally(100, 110_000, 990).doubts(1), [Doubt::GeneratorLate]);
        assert_eq!(tally(100, 99_000, 989).doubts(1), [Doubt::ShortOfRate]);
    }

    #[test]
    fn a_twentieth_of_the_latency_is_no_delay() {
        let mut tally = tally(100, 110_000, 1000);
        tally.latency.reset();
        tally.latency.saturating_record(10_000_000);
        assert_eq!(tally.doubts(1), []);
    }

    const WINDOW: Duration = Duration::from_secs(1);

    fn round(machine: Machine) -> Round {
        Round {
            tally: Tally::empty(WINDOW),
            usage: None,
            machine: Some(machine),
            turnover: None,
            workers: None,
        }
    }

    fn throttled(millis: u64) -> Round {
        round(Machine {
            throttled: Duration::from_millis(millis),
            ..Machine::default()
        })
    }

    fn beside(mean: f64, peak: f64, waited: Option<u64>) -> Machine {
        Machine {
            others: Some(Others {
                mean,
                peak,
                most: None,
            }),
            run_delay: waited.map(|millis| RunDelay {
                server: Duration::from_millis(millis),
                ..RunDelay::default()
            }),
            ..Machine::default()
        }
    }

    #[test]
    fn waiting_or_busy_others_alone_disturb_nobody() {
        let disturbance = |mean, peak, waited| beside(mean, peak, waited).disturbance(WINDOW);
        let others = Some(Disturbance::Others);
        // Two servers on one CPU, which each wait half of the time.
        assert_eq!(disturbance(0.05, 0.2, Some(500)), None);
        // Another program on a CPU that is left over.
        assert_eq!(disturbance(1.0, 1.0, Some(20)), None);
        assert_eq!(disturbance(1.0, 1.0, Some(500)), others);
        // A burst, which the mean hides.
        assert_eq!(disturbance(0.1, 1.0, Some(100)), others);
        // A kernel that does not report who waited.
        assert_eq!(disturbance(0.5, 0.5, None), others);
        assert_eq!(Machine::default().disturbance(WINDOW), None);
    }

    #[test]
    fn whoever_waits_longest_counts() {
        let mut machine = beside(1.0, 1.0, Some(0));
        assert_eq!(machine.disturbance(WINDOW), None);
        machine.run_delay = Some(RunDelay {
            generator: Duration::from_millis(60),
            ..RunDelay::default()
        });
        assert_eq!(machine.disturbance(WINDOW), Some(Disturbance::Others));
    }

    #[test]
    fn stolen_time_and_a_standstill_disturb_whoever_waited() {
        let mut machine = Machine {
            steal: 0.05,
            ..Machine::default()
        };
        assert_eq!(machine.disturbance(WINDOW), Some(Disturbance::Steal));
        machine.steal = 0.04;
        assert_eq!(machine.disturbance(WINDOW), None);
        machine.stood_still = Duration::from_secs(2);
        assert_eq!(machine.disturbance(WINDOW), Some(Disturbance::StoodStill));
    }

    #[test]
    fn a_quota_disturbs_only_where_it_denies_both_sides() {
        assert!(!Machine::is_disturbed([&throttled(500)]));
        assert!(!Machine::is_disturbed([&throttled(500), &throttled(0)]));
        assert!(!Machine::is_disturbed([&throttled(29), &throttled(29)]));
        assert!(Machine::is_disturbed([&throttled(31), &throttled(31)]));
        assert!(Machine::is_disturbed([&throttled(500), &throttled(491)]));
    }

    #[test]
    fn a_side_that_its_quota_denies_more_is_not_measured_again() {
        assert!(!Machine::is_disturbed([&throttled(100), &throttled(40)]));
        assert!(!Machine::is_disturbed([&throttled(40), &throttled(100)]));
        assert!(!Machine::is_disturbed([&throttled(500), &throttled(31)]));
        assert!(!Machine::is_disturbed([&throttled(60), &throttled(45)]));
    }

    /// Both servers have `cpus` and use all of it.
    #[test]
    fn the_quotas_of_the_servers_themselves_disturb_nobody() {
        let quota = |millis, own| {
            round(Machine {
                throttled: Duration::from_millis(millis),
                own_quota: Duration::from_millis(own),
                ..Machine::default()
            })
        };
        assert!(!Machine::is_disturbed([&quota(500, 500), &quota(495, 495)]));
        assert!(!Machine::is_disturbed([&quota(529, 500), &quota(524, 495)]));
        assert!(Machine::is_disturbed([&quota(531, 500), &quota(431, 400)]));
    }

    #[test]
    fn what_disturbs_one_side_disturbs_the_pair() {
        let quiet = round(beside(0.0, 0.1, Some(500)));
        let busy = round(beside(0.9, 1.0, Some(500)));
        assert!(Machine::is_disturbed([&quiet, &busy]));
        assert!(!Machine::is_disturbed([&quiet, &quiet]));
        let untold = Round {
            machine: None,
            ..round(Machine::default())
        };
        assert!(!Machine::is_disturbed([&untold]));
    }
}
