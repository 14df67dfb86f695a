use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, FirstFailure, Measurement, PairedSample, Round, Sample, Side};

/// Why requests of one build failed, over all its rounds on one server and endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failures {
    pub server: String,
    pub endpoint: String,
    pub side: Side,
    /// Requests that were started.
    pub requests: u64,
    /// Those that failed, by kind; empty for a build beside one whose requests failed.
    pub kinds: BTreeMap<Failure, u64>,
    /// Complete responses by status code, expected or not.
    pub status: BTreeMap<u16, u64>,
    /// The first of them; nothing in measurements of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstFailure>,
}

impl Failures {
    /// The failures of every cell that has some. Of builds side by side both are listed where one has
    /// some.
    pub fn from_measurement(measurement: &Measurement) -> Vec<Self> {
        let alone = measurement.samples.iter().filter_map(Self::of_sample);
        let paired = measurement.pairs.iter().flat_map(Self::of_pairs);
        alone.chain(paired).collect()
    }

    /// Requests that failed.
    pub fn failed(&self) -> u64 {
        super::tally::total(self.kinds.values().copied())
    }

    fn of_sample(sample: &Sample) -> Option<Self> {
        let key = &sample.key;
        let none = Self::none(&key.server, &key.endpoint, Side::Head);
        let all = sample.rounds().iter().fold(none, Self::and);
        Some(all).filter(|it| it.failed() > 0)
    }

    fn of_pairs(sample: &PairedSample) -> Vec<Self> {
        let of_side = |side| {
            let none = Self::none(&sample.server, &sample.endpoint, side);
            sample.rounds_of(side).fold(none, Self::and)
        };
        let both = Side::BOTH.map(of_side);
        let any = both.iter().any(|it| it.failed() > 0);
        both.into_iter().filter(|_| any).collect()
    }

    fn none(server: &str, endpoint: &str, side: Side) -> Self {
        Self {
            server: server.to_owned(),
            endpoint: endpoint.to_owned(),
            side,
            requests: 0,
            kinds: BTreeMap::new(),
            status: BTreeMap::new(),
            first: None,
        }
    }

    /// The same with a round that came later.
    fn and(mut self, round: &Round) -> Self {
        let tally = &round.tally;
        self.requests = self.requests.saturating_add(tally.started);
        add(&mut self.kinds, &tally.errors);
        add(&mut self.status, &tally.status);
        self.first = self.first.or_else(|| tally.first_failure.clone());
        self
    }
}

fn add<K: Copy + Ord>(sum: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        let of_key = sum.entry(*key).or_default();
        *of_key = of_key.saturating_add(*count);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Pair, PairedStart, Sides, Strategy, Tally};

    /// A round with so many requests, of which so many failed by a status.
    fn round(requests: u64, failed: u64) -> Round {
        let mut tally = Tally::empty(Duration::from_secs(1));
        (tally.started, tally.succeeded) = (requests, requests - failed);
        tally.status.insert(200, requests - failed);
        if failed > 0 {
            tally.status.insert(503, failed);
            tally.errors.insert(Failure::UnexpectedStatus, failed);
            tally.first_failure = Some(FirstFailure {
                after: Duration::from_millis(failed),
                kind: Failure::UnexpectedStatus,
                request: "GET /".into(),
                status_line: Some("HTTP/1.1 503 Busy".into()),
                body: "busy".into(),
                expected: Some("status 200".into()),
                found: Some("status 503".into()),
                log: String::new(),
            });
        }
        Round {
            tally,
            usage: None,
            machine: None,
            turnover: None,
            workers: None,
        }
    }

    fn sample(rounds: &[[u64; 2]]) -> PairedSample {
        let pairs = rounds.iter().map(|[head, base]| Pair {
            closed: Sides {
                head: round(100, *head),
                base: round(100, *base),
            },
            open: Some(Sides {
                head: round(10, *head),
                base: round(10, 0),
            }),
        });
        PairedSample {
            server: "app".into(),
            endpoint: "home".into(),
            strategy: Strategy::Duet,
            threads: 1,
            starts: vec![PairedStart {
                startup: Sides::default(),
                startup_disturbed: false,
                pairs: pairs.collect(),
            }],
            confirmation: Vec::new(),
            control: Vec::new(),
            counters: Sides::default(),
        }
    }

    #[test]
    fn failures_are_added_up_for_each_side() {
        let failures = Failures::of_pairs(&sample(&[[0, 0], [4, 1], [3, 0]]));
        let [head, base] = failures.as_slice() else {
            panic!("{failures:?}");
        };
        assert_eq!((head.side, base.side), (Side::Head, Side::Base));
        assert_eq!((head.requests, head.failed()), (330, 14));
        assert_eq!((base.requests, base.failed()), (330, 1));
        assert_eq!(head.status, BTreeMap::from([(200, 316), (503, 14)]));
        let first = head.first.as_ref().expect("the first");
        assert_eq!(
            first.after,
            Duration::from_millis(4),
            "of the earliest round"
        );
    }

    #[test]
    fn a_side_without_failures_is_named_beside_one_that_has_some() {
        let failures = Failures::of_pairs(&sample(&[[0, 2]]));
        assert_eq!(failures.len(), 2);
        assert_eq!(
            (failures[0].failed(), failures[0].first.as_ref()),
            (0, None)
        );
        assert_eq!(failures[1].failed(), 2);
        assert!(Failures::of_pairs(&sample(&[[0, 0]])).is_empty());
    }
}
