use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tally::{pooled, total, total_time};
use super::{Machine, Round, Sample, Tally};

/// What is read off the rounds of one server and endpoint.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Expected responses per second within the window.
    Throughput,
    LatencyMean,
    LatencyStdev,
    LatencyP50,
    LatencyP75,
    LatencyP90,
    LatencyP99,
    LatencyP999,
    LatencyMax,
    /// Failed requests over those that ended: one that was never sent, or was cut off before its
    /// time-out, has not failed.
    ErrorRate,
    /// CPU time of the server (all its processes) per completed request.
    CpuPerRequest,
    /// The same as a multiple of what the reference program took beside it.
    RelativeCpu,
    /// Highest working set of the server (all its processes) seen in a round.
    MemoryPeak,
    /// Memory that the server did not give back, per completed request: below zero where it became less.
    MemoryGrowth,
    /// Resident memory of every process of the server added up.
    MemoryRss,
    /// Time from the start of the server to its first expected response.
    StartupTime,
    /// Body bytes per complete response.
    BytesPerResponse,
    /// SQL statements.
    SqlPerRequest,
    /// Rows that statements gave back or changed.
    RowsPerRequest,
    /// Blocks that statements looked at, or moved to and from temporary files.
    BlocksPerRequest,
    /// Bytes that statements wrote ahead (WAL).
    WalPerRequest,
    /// Connections opened to Postgres.
    PostgresConnectionsPerRequest,
    /// Connections to Postgres left open, per request.
    PostgresConnectionsLeaked,
    RedisCommandsPerRequest,
    /// Connections opened to Redis.
    RedisConnectionsPerRequest,
    /// Connections to Redis left open, per request.
    RedisConnectionsLeaked,
    /// Messages published to RabbitMQ.
    MessagesPerRequest,
    /// Order of growth of SQL statements with the size of the data: the *b* of *n*^*b*.
    SqlGrowthOrder,
    /// The same of rows.
    RowsGrowthOrder,
    /// The same of blocks.
    BlocksGrowthOrder,
    /// The same of commands to Redis.
    RedisCommandsGrowthOrder,
    /// The same of body bytes.
    BytesGrowthOrder,
    /// Times that a thread of the server gave up the CPU to wait.
    ContextSwitchesPerRequest,
    /// Pages that the server's processes touched and that were not there.
    PageFaultsPerRequest,
    /// Calls of the kernel by which the server's processes read or write.
    IoCallsPerRequest,
    /// Allocations, of a server that counts them by `perfgate-alloc`.
    AllocationsPerRequest,
    AllocatedBytesPerRequest,
    /// Bytes of the program that a server of this host runs.
    BinarySize,
}

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    HigherIsBetter,
    LowerIsBetter,
}

/// The unit a metric's values are kept and reported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Unit {
    #[serde(rename = "1/s")]
    PerSecond,
    #[serde(rename = "us")]
    Microseconds,
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "bytes")]
    Bytes,
    /// A share between 0 and 1.
    #[serde(rename = "1")]
    Share,
    #[serde(rename = "count")]
    Count,
    /// A multiple of something.
    #[serde(rename = "x")]
    Multiple,
}

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Self; 38] = [
        Self::Throughput,
        Self::LatencyMean,
        Self::LatencyStdev,
        Self::LatencyP50,
        Self::LatencyP75,
        Self::LatencyP90,
        Self::LatencyP99,
        Self::LatencyP999,
        Self::LatencyMax,
        Self::ErrorRate,
        Self::CpuPerRequest,
        Self::RelativeCpu,
        Self::MemoryPeak,
        Self::MemoryGrowth,
        Self::MemoryRss,
        Self::StartupTime,
        Self::BytesPerResponse,
        Self::SqlPerRequest,
        Self::RowsPerRequest,
        Self::BlocksPerRequest,
        Self::WalPerRequest,
        Self::PostgresConnectionsPerRequest,
        Self::PostgresConnectionsLeaked,
        Self::RedisCommandsPerRequest,
        Self::RedisConnectionsPerRequest,
        Self::RedisConnectionsLeaked,
        Self::MessagesPerRequest,
        Self::SqlGrowthOrder,
        Self::RowsGrowthOrder,
        Self::BlocksGrowthOrder,
        Self::RedisCommandsGrowthOrder,
        Self::BytesGrowthOrder,
        Self::ContextSwitchesPerRequest,
        Self::PageFaultsPerRequest,
        Self::IoCallsPerRequest,
        Self::AllocationsPerRequest,
        Self::AllocatedBytesPerRequest,
        Self::BinarySize,
    ];

    /// The name in configuration, JSON and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::LatencyMean => "latency_mean",
            Self::LatencyStdev => "latency_stdev",
            Self::LatencyP50 => "latency_p50",
            Self::LatencyP75 => "latency_p75",
            Self::LatencyP90 => "latency_p90",
            Self::LatencyP99 => "latency_p99",
            Self::LatencyP999 => "latency_p999",
            Self::LatencyMax => "latency_max",
            Self::ErrorRate => "error_rate",
            Self::CpuPerRequest => "cpu_per_request",
            Self::RelativeCpu => "relative_cpu",
            Self::MemoryPeak => "memory_peak",
            Self::MemoryGrowth => "memory_growth",
            Self::MemoryRss => "memory_rss",
            Self::StartupTime => "startup_time",
            counter => match counter.counter_kind() {
                Some(kind) => kind.name,
                // Metrics of rounds have their names above.
                None => unreachable!(),
            },
        }
    }

    /// Whether it is counted exactly, from single requests, and not measured in rounds.
    pub const fn is_counter(self) -> bool {
        self.counter_kind().is_some()
    }

    pub const fn unit(self) -> Unit {
        match self {
            Self::Throughput => Unit::PerSecond,
            Self::ErrorRate => Unit::Share,
            Self::MemoryPeak | Self::MemoryGrowth | Self::MemoryRss => Unit::Bytes,
            Self::StartupTime => Unit::Seconds,
            Self::RelativeCpu => Unit::Multiple,
            it => match it.counter_kind() {
                Some(kind) => kind.unit,
                None => Unit::Microseconds,
            },
        }
    }

    pub const fn direction(self) -> Direction {
        match self {
            Self::Throughput => Direction::HigherIsBetter,
            _ => Direction::LowerIsBetter,
        }
    }

    /// Whether it is read off the requests' times, and so no better than the generator was.
    pub const fn is_timed_by_generator(self) -> bool {
        let elsewhere = matches!(
            self,
            Self::ErrorRate
                | Self::CpuPerRequest
                | Self::RelativeCpu
                | Self::MemoryPeak
                | Self::MemoryGrowth
                | Self::MemoryRss
                | Self::StartupTime
        );
        !elsewhere && !self.is_counter()
    }

    /// Whether it says what answers cost, so that failing ones must not be mixed in.
    pub const fn is_of_answers(self) -> bool {
        !matches!(self, Self::StartupTime | Self::ErrorRate | Self::BinarySize)
    }

    /// Whether it is a time that single requests took.
    pub const fn is_latency(self) -> bool {
        matches!(
            self,
            Self::LatencyMean
                | Self::LatencyStdev
                | Self::LatencyP50
                | Self::LatencyP75
                | Self::LatencyP90
                | Self::LatencyP99
                | Self::LatencyP999
                | Self::LatencyMax
        )
    }

    /// Whether others that take the CPUs make it worse: memory and counts they do not.
    pub const fn is_of_time(self) -> bool {
        self.is_latency() || matches!(self, Self::Throughput | Self::CpuPerRequest)
    }

    /// Whether it is about the slowest requests alone.
    pub const fn is_tail(self) -> bool {
        matches!(
            self,
            Self::LatencyP99 | Self::LatencyP999 | Self::LatencyMax
        )
    }

    /// Requests behind a value before the metric is judged: ten beyond the percentile, and for what
    /// every request has a part in as many as make a mean nearly normal (Hogg and Tanis, *Probability
    /// and statistical inference*: 25 to 30).
    pub const fn requests_needed(self) -> u64 {
        match self {
            Self::LatencyMean | Self::LatencyStdev | Self::LatencyP50 => 30,
            Self::LatencyP75 => 40,
            Self::LatencyP90 => 100,
            Self::LatencyP99 => 1_000,
            Self::LatencyP999 | Self::LatencyMax => 10_000,
            _ => 0,
        }
    }

    /// The value of one round; `None` if the round lacks it, or the metric is not of rounds.
    pub fn of_round(self, round: &Round) -> Option<f64> {
        let completed = round.tally.completed();
        let value = match self {
            Self::Throughput => (completed > 0).then(|| round.throughput()),
            Self::ErrorRate => share(round.tally.failed(), completed),
            Self::CpuPerRequest => {
                let cpu = round.usage?.cpu.as_secs_f64() * 1e6;
                (completed > 0).then(|| cpu / float(completed))
            }
            Self::MemoryPeak => Some(float(round.usage?.memory)),
            Self::MemoryGrowth => growth(round.usage?.grown?, completed),
            Self::MemoryRss => Some(float(round.usage?.rss?)),
            _ => self.of_latencies(&round.tally.latency),
        };
        // In a window of no length there is no rate.
        value.filter(|value| value.is_finite())
    }

    /// The value of latencies in nanoseconds; nothing for none of them, and for another metric.
    pub fn of_latencies(self, latencies: &Histogram<u64>) -> Option<f64> {
        if latencies.is_empty() {
            return None;
        }
        let at = |quantile| Some(micros(latencies.value_at_quantile(quantile)));
        match self {
            Self::LatencyMean => Some(latencies.mean() / 1e3),
            Self::LatencyStdev => Some(latencies.stdev() / 1e3),
            Self::LatencyP50 => at(0.5),
            Self::LatencyP75 => at(0.75),
            Self::LatencyP90 => at(0.9),
            Self::LatencyP99 => at(0.99),
            Self::LatencyP999 => at(0.999),
            Self::LatencyMax => at(1.0),
            _ => None,
        }
    }

    /// The one value a sample stands for: rates and CPU time over the totals of the rounds that nothing
    /// disturbed, errors over all of them, latencies by the median of the rounds' values, memory at its
    /// highest, start-up as it was, counters as their own pass found them; what another generator reported
    /// is taken as it is.
    pub fn of_sample(self, sample: &Sample) -> Option<f64> {
        if let Some(summary) = &sample.summary {
            return summary.values.get(&self).copied();
        }
        match self {
            Self::StartupTime => sample
                .starts
                .first()?
                .startup
                .map(|startup| startup.as_secs_f64()),
            Self::RelativeCpu => crate::stats::median(&sample.relative_cpu()?),
            Self::ErrorRate => share(
                total(sample.rounds().iter().map(|round| round.tally.failed())),
                total(sample.rounds().iter().map(|round| round.tally.completed())),
            ),
            Self::MemoryPeak | Self::MemoryRss => {
                self.of_rounds(sample).into_iter().reduce(f64::max)
            }
            Self::Throughput | Self::CpuPerRequest => self.of_pooled(self.calm_rounds(sample)),
            Self::MemoryGrowth => self.of_pooled(sample.rounds()),
            counter if counter.is_counter() => sample.counters.as_ref()?.median(counter),
            _ => crate::stats::median(&self.of_rounds(sample)),
        }
    }

    /// The value of several rounds together: rates and costs over their totals, percentiles of all
    /// their requests, memory at its highest. Totals, because a median of rounds does not see what
    /// slows one round in three.
    pub fn of_pooled<'a>(self, rounds: impl IntoIterator<Item = &'a Round>) -> Option<f64> {
        let rounds: Vec<_> = rounds.into_iter().collect();
        let tallies = || rounds.iter().map(|round| &round.tally);
        let completed = total(tallies().map(Tally::completed));
        let usages = || {
            rounds
                .iter()
                .map(|round| round.usage)
                .collect::<Option<Vec<_>>>()
        };
        let value = match self {
            Self::Throughput => (completed > 0).then(|| {
                let span = total_time(tallies().map(Tally::span));
                float(total(tallies().map(|it| it.succeeded_in_window))) / span.as_secs_f64()
            }),
            Self::ErrorRate => share(total(tallies().map(Tally::failed)), completed),
            Self::CpuPerRequest => {
                // Whoever answers takes CPU time: none of it is a value that was not read.
                let is_unread =
                    |round: &&Round| round.tally.completed() > 0 && has_no_cpu_time(round);
                let is_unread = rounds.iter().any(is_unread);
                let cpu = total_time(usages()?.iter().map(|usage| usage.cpu));
                (completed > 0 && !is_unread).then(|| cpu.as_secs_f64() * 1e6 / float(completed))
            }
            Self::MemoryPeak => usages()?.iter().map(|it| float(it.memory)).reduce(f64::max),
            Self::MemoryGrowth => {
                let grown: Option<Vec<_>> = usages()?.iter().map(|it| it.grown).collect();
                growth(grown?.into_iter().fold(0, i64::saturating_add), completed)
            }
            Self::MemoryRss => {
                let sizes: Option<Vec<_>> = usages()?.iter().map(|it| it.rss.map(float)).collect();
                sizes?.into_iter().reduce(f64::max)
            }
            _ => self.of_latencies(&pooled(tallies().map(|tally| &tally.latency))),
        };
        value.filter(|value| value.is_finite())
    }

    /// The rounds that say something of a rate or a cost; without those that something else disturbed,
    /// unless these are most of them. A round in which nothing completes has a rate, of zero.
    fn calm_rounds(self, sample: &Sample) -> Vec<&Round> {
        let rounds = sample.rounds().iter();
        let known: Vec<_> = rounds
            .filter(|round| self == Self::Throughput || self.of_round(round).is_some())
            .collect();
        let calm: Vec<_> = known
            .iter()
            .copied()
            .filter(|round| !Machine::is_disturbed([*round]))
            .collect();
        if calm.len() * 2 < known.len() {
            known
        } else {
            calm
        }
    }

    /// The values of the rounds that have one.
    fn of_rounds(self, sample: &Sample) -> Vec<f64> {
        let rounds = sample.rounds().iter();
        rounds.filter_map(|round| self.of_round(round)).collect()
    }
}

impl Direction {
    /// The sign of a change for the worse.
    pub const fn sign_of_worse(self) -> f64 {
        match self {
            Self::HigherIsBetter => -1.0,
            Self::LowerIsBetter => 1.0,
        }
    }
}

impl Unit {
    /// The unit as JSON reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "1/s",
            Self::Microseconds => "us",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Share => "1",
            Self::Count => "count",
            Self::Multiple => "x",
        }
    }
}

fn has_no_cpu_time(round: &Round) -> bool {
    round.usage.is_some_and(|usage| usage.cpu.is_zero())
}

fn growth(bytes: i64, requests: u64) -> Option<f64> {
    (requests > 0).then(|| bytes as f64 / float(requests))
}

fn micros(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e3
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| float(part) / float(all))
}

fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Failure, Tally, Usage};

    #[test]
    fn a_round_in_which_nothing_ended_has_no_rate_and_no_times() {
        let mut tally = Tally::empty(Duration::from_secs(1));
        (tally.started, tally.unfinished) = (50, 50);
        let usage = Usage {
            cpu: Duration::from_millis(1),
            memory: 1 << 20,
            rss: None,
            grown: None,
        };
        let mut round = Round {
            tally,
            usage: Some(usage),
            machine: None,
            turnover: None,
            workers: None,
        };
        let available = |round: &Round| {
            let all = Metric::ALL.into_iter();
            all.filter(|it| it.of_round(round).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(available(&round), [Metric::MemoryPeak]);
        round.tally.unfinished = 0;
        round.tally.errors.insert(Failure::Timeout, 50);
        let ended = available(&round);
        assert!(ended.contains(&Metric::ErrorRate) && ended.contains(&Metric::Throughput));
    }
}
