//! The load of one of several workers, and the load of all of them.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Doubt, Rate, Shard, Tally};

/// How far a clock is from that of the other workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockOffset {
    /// By how many nanoseconds it is ahead; negative where it is behind.
    pub ahead_ns: i64,
    /// By how many that may be wrong, either way.
    pub error_ns: u64,
}

impl ClockOffset {
    /// That of the clock that the others go by.
    pub const NONE: Self = Self {
        ahead_ns: 0,
        error_ns: 0,
    };
}

/// What one worker of a load sent and got.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LoadPart {
    /// Version of this document's form.
    pub schema: u32,
    /// Version of perfgate.
    pub perfgate: String,
    /// Which of how many.
    pub worker: Shard,
    /// Digest of what all workers were to do alike.
    pub job: String,
    pub url: String,
    /// Of this worker.
    pub threads: usize,
    /// Of this worker.
    pub connections: usize,
    /// Of all workers together; nothing for the closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// When the window opened, by the clock that all go by.
    pub start: Timestamp,
    /// How far this worker's clock was from that one.
    pub clock: ClockOffset,
    /// How long the window was to be.
    pub window: Duration,
    pub tally: Tally,
    /// Latency of the requests due in each tenth of the window, where the rate changes.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        with = "super::histogram::list"
    )]
    #[schemars(with = "Vec<String>")]
    pub steps: Vec<hdrhistogram::Histogram<u64>>,
}

/// The load of all workers.
#[derive(Debug, Clone)]
pub struct JoinedLoad {
    /// In the order of their numbers.
    pub parts: Vec<LoadPart>,
    /// By how much any two windows may have opened apart.
    pub skew: Duration,
    pub tally: Tally,
}

/// Largest share of the window by which workers may begin apart.
const MOST_SKEW: f64 = 0.01;
/// Workers whose absence is named one by one.
const MOST_NAMED: usize = 10;
/// No count of a load comes near it, and a sum of some is no larger than a number of 64 bits.
const MOST: u64 = 1 << 53;

impl LoadPart {
    /// The version this program writes.
    pub const SCHEMA: u32 = 1;
    /// What errors call such a document.
    pub const KIND: &str = "load";

    fn doubts(&self) -> Vec<Doubt> {
        self.tally.doubts(self.threads)
    }

    /// What it must have in common with the others, in words.
    fn terms(&self) -> [(&'static str, String); 4] {
        [
            ("workers", self.worker.total.to_string()),
            ("load", self.job.clone()),
            ("version", self.perfgate.clone()),
            ("start", self.start.to_string()),
        ]
    }

    /// Why it cannot be a part of anything.
    fn flaw(&self) -> Option<&'static str> {
        let Shard { index, total } = self.worker;
        let tally = &self.tally;
        let open = tally.open.iter();
        let counts = [
            tally.started,
            tally.bytes,
            tally.body_bytes,
            tally.reconnects,
        ];
        let more = [tally.succeeded_in_window, tally.closed_by_server];
        let counts = counts.into_iter().chain(more);
        let mut counts = counts.chain(open.flat_map(|it| [it.offered, it.sent]));
        if index > total {
            Some("its number is beyond the last")
        } else if !tally.is_balanced() || counts.any(|it| it > MOST) {
            Some("its counts cannot be")
        } else if tally.window != self.window {
            Some("it was ended before its window closed")
        } else {
            None
        }
    }
}

impl JoinedLoad {
    /// Puts the parts together; each is a name, and what lies there or why that cannot be read. Where anything is
    /// wrong there is no load, and the reasons: a smaller one would pass for what was asked for.
    pub fn of(found: Vec<(String, Result<LoadPart, String>)>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut parts: Vec<LoadPart> = Vec::new();
        for (name, read) in found {
            match read {
                Err(why) => problems.push(why),
                Ok(part) => {
                    let flaw = part.flaw();
                    problems
                        .extend(flaw.map(|it| format!("worker {} (`{name}`): {it}", part.worker)));
                    parts.push(part);
                }
            }
        }
        parts.sort_by_key(|it| it.worker.index);
        if let Some(first) = parts.first() {
            problems.extend(parts.iter().filter_map(|it| difference(first, it)));
            problems.extend(absence(first.worker.total, &parts));
            problems.extend(skew_problem(&parts));
        } else {
            problems.push("there is no worker".into());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let window = parts.iter().map(|it| it.window).max().unwrap_or_default();
        let mut tally = Tally::empty(window);
        for part in &parts {
            let mut own = part.tally.clone();
            if let Some(open) = &mut own.open {
                open.steps.clone_from(&part.steps);
            }
            tally.merge(&own);
        }
        Ok(Self {
            skew: skew(&parts),
            parts,
            tally,
        })
    }

    /// What speaks against the load of any worker, the gravest first: one generator that was too slow
    /// does not show beside many that were not.
    pub fn doubts(&self) -> Vec<Doubt> {
        let of_all: Vec<_> = self.parts.iter().flat_map(LoadPart::doubts).collect();
        let doubts = Doubt::ALL.into_iter();
        doubts.filter(|it| of_all.contains(it)).collect()
    }
}

/// In what a part differs from the first.
fn difference(first: &LoadPart, part: &LoadPart) -> Option<String> {
    let pairs = first.terms().into_iter().zip(part.terms());
    let differ = pairs.filter(|(own, its)| own != its);
    let differ: Vec<_> = differ
        .map(|((what, own), (_, its))| format!("{what} {its} instead of {own}"))
        .collect();
    (!differ.is_empty()).then(|| format!("worker {}: {}", part.worker, differ.join(", ")))
}

/// Who is missing, or there more than once.
fn absence(total: NonZeroUsize, parts: &[LoadPart]) -> Vec<String> {
    let there: BTreeSet<usize> = parts.iter().map(|it| it.worker.index.get()).collect();
    let pairs = parts.windows(2);
    let doubled = pairs.filter(|pair| pair[0].worker.index == pair[1].worker.index);
    let doubled = doubled.map(|pair| format!("worker {} is there twice", pair[0].worker));
    let mut problems: Vec<_> = doubled.collect();
    let missing = (1..=total.get()).filter(|it| !there.contains(it));
    let named = missing
        .take(MOST_NAMED)
        .map(|it| format!("worker {it}/{total} is missing"));
    problems.extend(named);
    problems
}

/// The two clocks that are known worst may be wrong in opposite ways.
fn skew(parts: &[LoadPart]) -> Duration {
    let mut errors: Vec<u64> = parts.iter().map(|it| it.clock.error_ns).collect();
    errors.sort_unstable_by_key(|it| std::cmp::Reverse(*it));
    let worst = errors.iter().take(2);
    Duration::from_nanos(worst.fold(0, |sum, it| sum.saturating_add(*it)))
}

fn skew_problem(parts: &[LoadPart]) -> Option<String> {
    let (skew, window) = (skew(parts), parts.iter().map(|it| it.window).min()?);
    let is_alone = parts.len() == 1;
    (!is_alone && skew > window.mul_f64(MOST_SKEW)).then(|| {
        format!(
            "workers may have begun {skew:?} apart, more than a hundredth of the window of {window:?}: \
             their clocks are not known well enough"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OpenLoop;

    const WINDOW: Duration = Duration::from_secs(10);
    const WORKERS: usize = 4;

    fn shard(index: usize, total: usize) -> Shard {
        let number = |it| NonZeroUsize::new(it).expect("from 1");
        Shard {
            index: number(index),
            total: number(total),
        }
    }

    /// What is done to the second worker, and what is said of it.
    type Spoilt = (fn(&mut LoadPart), &'static str);

    /// A worker that sent a quarter of 1,000 requests a second.
    fn part(index: usize) -> LoadPart {
        let mut tally = Tally::empty(WINDOW);
        (tally.started, tally.succeeded, tally.succeeded_in_window) = (2_500, 2_500, 2_500);
        tally.latency.saturating_record_n(1_000_000, 2_500);
        tally.open = Some(OpenLoop {
            offered: 2_500,
            sent: 2_500,
            ..OpenLoop::empty()
        });
        LoadPart {
            schema: LoadPart::SCHEMA,
            perfgate: "0.1.0".into(),
            worker: shard(index, WORKERS),
            job: "0123456789abcdef".into(),
            url: "http://10.0.0.5:8000/".into(),
            threads: 2,
            connections: 50,
            rate: Some(Rate {
                from: 1_000.0,
                to: 1_000.0,
            }),
            start: Timestamp::UNIX_EPOCH,
            clock: ClockOffset {
                ahead_ns: -50_000_000,
                error_ns: 100_000,
            },
            window: WINDOW,
            tally,
            steps: Vec::new(),
        }
    }

    fn joined(parts: impl IntoIterator<Item = LoadPart>) -> Result<JoinedLoad, Vec<String>> {
        let named = |part: LoadPart| (format!("{}/load.json", part.worker.index), Ok(part));
        JoinedLoad::of(parts.into_iter().map(named).collect())
    }

    #[test]
    fn all_workers_are_one_load() {
        let load = joined([3, 1, 4, 2].map(part)).expect("all are there");
        assert_eq!(load.tally.started, 10_000);
        assert!((load.tally.throughput() - 1_000.0).abs() < 1e-9);
        assert_eq!(load.skew, Duration::from_micros(200));
        assert_eq!(load.doubts(), []);
    }

    #[test]
    fn a_worker_that_is_lost_invalidates_the_load_whichever_it_is() {
        for there in 1..(1_u32 << WORKERS) - 1 {
            let is_there = |index: &usize| there & (1 << (index - 1)) != 0;
            let problems = joined((1..=WORKERS).filter(is_there).map(part)).expect_err("not all");
            for index in (1..=WORKERS).filter(|it| !is_there(it)) {
                let missing = format!("worker {index}/4 is missing");
                assert!(problems.contains(&missing), "{there:b}: {problems:?}");
            }
        }
        assert_eq!(joined([]).expect_err("none"), ["there is no worker"]);
    }

    #[test]
    fn whatever_is_wrong_with_a_worker_leaves_no_load() {
        let spoilt: [Spoilt; 9] = [
            (|it| it.worker = shard(1, 4), "worker 1/4 is there twice"),
            (
                |it| it.worker = shard(2, 5),
                "worker 2/5: workers 5 instead of 4",
            ),
            (
                |it| it.worker.index = shard(9, 9).index,
                "its number is beyond the last",
            ),
            (|it| it.job = "another".into(), "load another instead of"),
            (
                |it| it.perfgate = "0.0.9".into(),
                "version 0.0.9 instead of 0.1.0",
            ),
            (|it| it.start = Timestamp::MAX, "start 9999-"),
            (
                |it| it.tally.window /= 2,
                "it was ended before its window closed",
            ),
            (|it| it.tally.bytes = u64::MAX, "its counts cannot be"),
            (
                |it| it.clock.error_ns = 99_950_000,
                "workers may have begun 100.05ms apart",
            ),
        ];
        for (spoil, said) in spoilt {
            let mut parts = [1, 2, 3, 4].map(part);
            spoil(&mut parts[1]);
            let problems = joined(parts).expect_err(said);
            assert!(problems.join("; ").contains(said), "{said}: {problems:?}");
        }
        let mut found: Vec<_> = [1, 3, 4].map(|it| (String::new(), Ok(part(it)))).into();
        found.push((String::new(), Err("cannot read `2/load.json`".into())));
        let problems = JoinedLoad::of(found).expect_err("one is damaged");
        assert_eq!(
            problems,
            ["cannot read `2/load.json`", "worker 2/4 is missing"]
        );
    }

    #[test]
    fn one_generator_that_is_too_slow_shows_beside_many_that_are_not() {
        let mut parts = [1, 2, 3, 4].map(part);
        parts[2].tally.generator_cpu = WINDOW * 19 / 10;
        let load = joined(parts).expect("all are there");
        assert_eq!(load.doubts(), [Doubt::GeneratorBusy]);
        assert_eq!(load.tally.doubts(8), [], "it would not show in the sum");
    }
}
