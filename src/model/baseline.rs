use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Counters, Metric, Outcome, Runner, Sample, Statement, Took};

/// Runs a history is cut to, newest first.
pub const LONGEST_HISTORY: usize = 30;
/// Runs in which steps are looked for: room for as many that regressed as for good ones.
pub const LONGEST_SERIES: usize = 2 * LONGEST_HISTORY;

/// What decides whether two numbers may be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    pub server: String,
    pub endpoint: String,
    pub load: LoadShape,
    /// Digest of the settings around the server that change its numbers: services, network
    /// path, CPU layout, memory limit. The server's own image, command and environment are
    /// what is judged and not part of it.
    pub settings: String,
    pub runner: Runner,
}

/// The load a number was measured under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LoadShape {
    /// Digest of the requests: targets, header fields, bodies, expectations.
    pub request: String,
    pub connections: usize,
    pub threads: usize,
    /// Arrivals per second; nothing for the closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// Longest wait for one response, in milliseconds.
    pub timeout_ms: u64,
    /// Length of a round, in milliseconds.
    pub round_ms: u64,
}

/// A measured cell that was kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// Version of this document's form.
    pub schema: u32,
    pub key: Key,
    pub commit: Option<String>,
    /// Whether files differed from the commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dirty: bool,
    pub time: Timestamp,
    /// The verdict of this run on the head it stored.
    pub verdict: Outcome,
    /// Image that can be run again as the other side of a comparison.
    pub anchor: Option<String>,
    /// Digest of the command, environment and limits that the anchor ran with: with others it would
    /// be another build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// The one value per metric that histories are made of.
    pub values: BTreeMap<Metric, f64>,
    /// The value of every round, or of every batch of a counter.
    pub rounds: BTreeMap<Metric, Vec<f64>>,
    /// The statements of the database, to find which are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// How long it took to measure it; absent in documents of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
}

impl Baseline {
    /// The version this program writes.
    pub const SCHEMA: u32 = 1;
    /// What errors call such a document.
    pub const KIND: &str = "baseline";

    /// What was counted, without how many requests made it.
    pub fn counters(&self) -> Counters {
        let counters = self.rounds.iter().filter(|(metric, _)| metric.is_counter());
        Counters {
            requests: 0,
            batches: counters
                .map(|(metric, values)| (*metric, values.clone()))
                .collect(),
            statements: self.statements.clone(),
            sizes: Vec::new(),
        }
    }

    /// The document that keeps a sample.
    pub fn of_sample(
        sample: &Sample,
        commit: Option<String>,
        time: Timestamp,
        verdict: Outcome,
    ) -> Self {
        let value = |metric: &Metric| Some((*metric, metric.of_sample(sample)?));
        let rounds = |metric: &Metric| {
            let values = sample.rounds().iter().map(|round| metric.of_round(round));
            let values = values.collect::<Option<Vec<_>>>()?;
            (!values.is_empty()).then_some((*metric, values))
        };
        let counters = sample.counters.clone().unwrap_or_default();
        let relative = sample.relative_cpu().map(|it| (Metric::RelativeCpu, it));
        Self {
            schema: Self::SCHEMA,
            key: sample.key.clone(),
            commit,
            dirty: false,
            time,
            verdict,
            anchor: None,
            configuration: None,
            values: Metric::ALL.iter().filter_map(value).collect(),
            rounds: Metric::ALL
                .iter()
                .filter_map(rounds)
                .chain(counters.batches)
                .chain(relative)
                .collect(),
            statements: counters.statements,
            took: sample.took,
        }
    }

    /// The same without what answers cost: so many of them were not as expected that it says nothing.
    /// What single requests made services count stays.
    #[must_use]
    pub fn without_answers(mut self) -> Self {
        let stays = |metric: &Metric| metric.is_counter() || !metric.is_of_answers();
        self.values.retain(|metric, _| stays(metric));
        self.rounds.retain(|metric, _| stays(metric));
        self
    }

    /// The same without the timed values of single rounds, which nothing is compared with.
    #[must_use]
    pub fn without_rounds(mut self) -> Self {
        self.rounds.retain(|metric, _| metric.is_counter());
        self
    }

    /// Whether the run may stand in the history that new runs are judged by.
    pub fn is_good(&self) -> bool {
        self.verdict != Outcome::Regression
    }
}

/// What a new run is compared with: the newest good ones of the runs, newest first.
pub fn history<'a>(runs: impl IntoIterator<Item = &'a Baseline>) -> Vec<&'a Baseline> {
    let mut good: Vec<_> = runs.into_iter().filter(|run| run.is_good()).collect();
    good.sort_by_key(|run| std::cmp::Reverse(run.time));
    good.truncate(LONGEST_HISTORY);
    good
}

impl Key {
    /// What makes this key incomparable with another of the same server and endpoint.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let pairs = [
            (Difference::Request, self.load.request != other.load.request),
            (
                Difference::Connections,
                self.load.connections != other.load.connections,
            ),
            (Difference::Rate, self.load.rate != other.load.rate),
            (Difference::Threads, self.load.threads != other.load.threads),
            (
                Difference::Timeout,
                self.load.timeout_ms != other.load.timeout_ms,
            ),
            (Difference::Round, self.load.round_ms != other.load.round_ms),
            (Difference::Settings, self.settings != other.settings),
            (Difference::Runner, self.runner != other.runner),
        ];
        pairs
            .into_iter()
            .filter(|(_, differs)| *differs)
            .map(|(what, _)| what)
            .collect()
    }
}

/// A part of the key in which two baselines differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    Request,
    Connections,
    Threads,
    Rate,
    Timeout,
    Round,
    Settings,
    Runner,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Connections => "connections",
            Self::Threads => "threads",
            Self::Rate => "rate",
            Self::Timeout => "timeout",
            Self::Round => "round length",
            Self::Settings => "stack settings",
            Self::Runner => "runner class",
        })
    }
}
