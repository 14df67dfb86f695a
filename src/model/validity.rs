use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Metric, PairedSample, Sample, Sides, Strategy, Tally};

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
    const ALL: [Self; 3] = [Self::GeneratorBusy, Self::GeneratorLate, Self::ShortOfRate];

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

    /// Share of the window that so many generator threads spent on the CPU.
    pub fn generator_share(&self, threads: usize) -> f64 {
        self.generator_cpu.as_secs_f64() / (self.window.as_secs_f64() * threads as f64)
    }
}

impl Sample {
    /// What speaks against most of the rounds, the gravest first.
    pub fn doubt(&self) -> Option<Doubt> {
        let threads = self.key.load.threads;
        let rounds = self.rounds.iter();
        let doubts: Vec<_> = rounds.map(|round| round.tally.doubts(threads)).collect();
        Doubt::common(&doubts)
    }
}

impl PairedSample {
    /// What speaks against most of the pairs that tell of a metric, the gravest first.
    pub fn doubt(&self, metric: Metric) -> Option<Doubt> {
        let pairs = self.starts.iter().flat_map(|start| &start.pairs);
        let rounds = pairs.filter_map(|pair| pair.rounds(metric));
        let doubts: Vec<_> = rounds
            .map(|sides| self.doubts(sides.as_ref().map(|round| &round.tally)))
            .collect();
        Doubt::common(&doubts)
    }

    /// Side by side, both generators run on the same CPUs.
    fn doubts(&self, tallies: Sides<&Tally>) -> Vec<Doubt> {
        let Sides { head, base } = tallies;
        let mut doubts = head.doubts(self.threads);
        doubts.extend(base.doubts(self.threads));
        let share = head.generator_share(self.threads) + base.generator_share(self.threads);
        let busy = self.strategy == Strategy::Duet && share > BUSY;
        doubts.extend(busy.then_some(Doubt::GeneratorBusy));
        doubts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
}
