use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::tally::total;
use super::{Counters, Key, Metric, Round, Sides};

/// What was measured of one server and endpoint, in one or more starts of the server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Sample {
    /// What the sample may be compared with.
    pub key: Key,
    /// The first is judged; the second was made because the first broke a rule, and must break it too.
    /// None of what another load generator reported.
    pub starts: Vec<SingleStart>,
    /// Absent if no single requests were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
    /// Rounds of the server (head) and of the reference program (base) at the same time on the same
    /// CPUs; none where the plan names no reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside_reference: Vec<Sides<Round>>,
    /// Why it was measured without the base that its neighbours have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<NoBase>,
    /// What another load generator reported, in place of rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Absent in documents of older versions, and of another load generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
}

/// How long it took to measure a server and endpoint: shards are dealt by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Took {
    /// A start of the server until it was ready, its data included.
    pub start: Duration,
    /// Single requests, warm-up and rounds of the endpoint.
    pub cell: Duration,
}

/// What one start of a server measured of one endpoint.
#[derive(Debug, Default, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SingleStart {
    /// Time the server took to its first expected response; nothing for a server that ran already.
    pub startup: Option<Duration>,
    /// Whether other programs took the CPUs meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub startup_disturbed: bool,
    /// Whether throughput became flat during the warm-up.
    pub steady: bool,
    pub rounds: Vec<Round>,
}

/// Why a server and endpoint has no base, although there is another build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoBase {
    /// The other build does not have it.
    New,
    /// The other build could not be measured.
    Failed,
}

/// The result of another load generator: the values that it gave and no others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Its name.
    pub generator: String,
    /// Responses that the times are of.
    pub requests: u64,
    pub values: BTreeMap<Metric, f64>,
}

impl Sample {
    /// The rounds that are judged: those of the first start.
    pub fn rounds(&self) -> &[Round] {
        self.starts.first().map_or(&[], |start| &start.rounds)
    }

    /// The same cell as the next start measured it, where there was one.
    pub fn repeated(&self) -> Option<Self> {
        let (_, later) = self.starts.split_first()?;
        (!later.is_empty()).then(|| Self {
            starts: later.to_vec(),
            ..self.clone()
        })
    }

    /// CPU time per request as a multiple of the reference's, by pair of rounds; `None` if there
    /// are none, or one reports no CPU time.
    pub fn relative_cpu(&self) -> Option<Vec<f64>> {
        let ratio = |sides: &Sides<Round>| {
            let cpu = sides.as_ref().map(|it| Metric::CpuPerRequest.of_round(it));
            let Sides { head, base } = cpu.both().filter(|it| it.base > 0.0)?;
            Some(head / base)
        };
        let ratios = self.beside_reference.iter().map(ratio);
        let ratios: Vec<_> = ratios.collect::<Option<_>>()?;
        (!ratios.is_empty()).then_some(ratios)
    }

    /// Completed requests of all rounds.
    pub fn all_requests(&self) -> u64 {
        match &self.summary {
            Some(summary) => summary.requests,
            None => total(self.rounds().iter().map(|it| it.tally.completed())),
        }
    }

    /// Completed requests of the middle round; of half the rounds there are no more.
    pub fn typical_requests(&self) -> u64 {
        if let Some(summary) = &self.summary {
            return summary.requests;
        }
        let rounds = self.rounds().iter();
        let mut counts: Vec<_> = rounds.map(|round| round.tally.completed()).collect();
        counts.sort_unstable();
        counts
            .get(counts.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(0)
    }
}

/// A sample as documents have it: those of version 1 have one start at their top, and perhaps another.
#[derive(Deserialize)]
struct Written {
    key: Key,
    starts: Option<Vec<SingleStart>>,
    startup: Option<Duration>,
    #[serde(default)]
    startup_disturbed: bool,
    steady: Option<bool>,
    rounds: Option<Vec<Round>>,
    again: Option<Again>,
    counters: Option<Counters>,
    #[serde(default)]
    beside_reference: Vec<Sides<Round>>,
    base: Option<NoBase>,
    summary: Option<Summary>,
    took: Option<Took>,
}

/// The second start of version 1.
#[derive(Deserialize)]
struct Again {
    startup: Option<Duration>,
    #[serde(default)]
    startup_disturbed: bool,
    rounds: Vec<Round>,
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let starts = match (written.starts, written.rounds, &written.summary) {
            (Some(starts), ..) => starts,
            (None, Some(_), Some(_)) => Vec::new(),
            (None, Some(rounds), None) => {
                let first = SingleStart {
                    startup: written.startup,
                    startup_disturbed: written.startup_disturbed,
                    steady: written.steady.unwrap_or(true),
                    rounds,
                };
                let again = written.again.map(|again| SingleStart {
                    startup: again.startup,
                    startup_disturbed: again.startup_disturbed,
                    steady: true,
                    rounds: again.rounds,
                });
                std::iter::once(first).chain(again).collect()
            }
            (None, None, _) => return Err(D::Error::missing_field("starts")),
        };
        Ok(Self {
            key: written.key,
            starts,
            counters: written.counters,
            beside_reference: written.beside_reference,
            base: written.base,
            summary: written.summary,
            took: written.took,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_str, to_value};

    use crate::model::{Measurement, Metric};

    /// One measurement as each version of the document has it.
    const VERSIONS: [&str; 2] = [
        include_str!("../../fixtures/measurements/1/two_starts.json"),
        include_str!("../../fixtures/measurements/2/two_starts.json"),
    ];

    #[test]
    fn older_documents_are_read_and_the_newest_form_is_written() {
        let newest: Value = from_str(VERSIONS[1]).expect("JSON");
        let read = VERSIONS.map(|text| from_str::<Measurement>(text).expect("read"));
        for mut measurement in read {
            measurement.schema = Measurement::SCHEMA;
            let sample = &measurement.samples[0];
            let first = Metric::Throughput.of_sample(sample).expect("a rate");
            let again = sample.repeated().expect("a second start");
            let second = Metric::Throughput.of_sample(&again).expect("a rate");
            assert!((first - second).abs() > 0.0, "{first}");
            assert!(again.repeated().is_none());
            assert_eq!(to_value(&measurement).expect("JSON"), newest);
        }
    }
}
