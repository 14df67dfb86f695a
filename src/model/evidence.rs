use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Machine, Measurement, Metric, PairedSample, Round, Sample, Side, new_histogram};

/// What the pictures of one server and endpoint are drawn from: its rounds, thinned out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    pub server: String,
    pub endpoint: String,
    /// Of each round the fresh start it was measured after, counted from 1.
    pub starts: Vec<usize>,
    /// Position of the first round that was made to confirm a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<usize>,
    pub head: Trace,
    /// Absent if the head was measured alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Trace>,
}

/// One build over all its rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// Requests behind the latencies.
    pub requests: u64,
    /// Shares of the requests of all rounds, each with the time in microseconds within which they
    /// had ended; the last is the whole.
    pub latency: Vec<[f64; 2]>,
    /// The value of each round, in the unit of its metric. Metrics that a round does not have are
    /// missing.
    pub rounds: BTreeMap<Metric, Vec<f64>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbed: Vec<Disturbed>,
}

/// A round that says less about the server than the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disturbed {
    /// Its position.
    pub round: usize,
    pub by: Disturbance,
}

/// What came between a round and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disturbance {
    /// Processes of the server ended.
    Turnover,
    /// The hypervisor gave CPU time to others.
    Steal,
    /// Nothing ran on the machine for a while.
    StoodStill,
    /// Other programs took the CPU.
    Others,
    /// A quota denied the CPU.
    Throttled,
    /// Packets were lost.
    Loss,
    /// The load was not what it should have been.
    Load,
}

/// Metrics whose rounds are kept.
const TRACED: [Metric; 6] = [
    Metric::Throughput,
    Metric::LatencyP50,
    Metric::LatencyP99,
    Metric::ErrorRate,
    Metric::CpuPerRequest,
    Metric::MemoryPeak,
];
/// Points of a latency curve each time the distance to the slowest request halves.
const POINTS_PER_HALVING: u32 = 4;
/// Shares that a latency curve always has.
const ASKED_FOR: [f64; 8] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0];
/// Requests up to which shares of them are exact. Only an untrusted document has more: a round that
/// leads past it is left out of the sum.
const COUNTABLE: u64 = 1 << f64::MANTISSA_DIGITS;

impl Evidence {
    /// The evidence of every cell of a measurement that has rounds.
    pub fn from_measurement(measurement: &Measurement) -> Vec<Self> {
        let alone = measurement.samples.iter().map(Self::of_sample);
        let paired = measurement.pairs.iter().map(Self::of_pairs);
        let all = alone.chain(paired);
        all.filter(|it| !it.starts.is_empty()).collect()
    }

    fn of_sample(sample: &Sample) -> Self {
        let rounds: Vec<_> = sample.rounds().iter().collect();
        Self {
            server: sample.key.server.clone(),
            endpoint: sample.key.endpoint.clone(),
            starts: vec![1; rounds.len()],
            confirmation: None,
            head: Trace::from_rounds(&rounds, &rounds, sample.key.load.threads),
            base: None,
        }
    }

    fn of_pairs(sample: &PairedSample) -> Self {
        let all = || sample.starts.iter().chain(&sample.confirmation);
        let starts = all().enumerate();
        let starts = starts.flat_map(|(number, start)| vec![number + 1; start.pairs.len()]);
        let before = sample.starts.iter().map(|start| start.pairs.len()).sum();
        let trace = |side: Side| {
            let pairs = all().flat_map(|start| &start.pairs);
            let closed: Vec<_> = pairs.clone().map(|pair| pair.closed.get(side)).collect();
            let open = pairs.map(|pair| Some(pair.open.as_ref()?.get(side)));
            let open: Option<Vec<_>> = open.collect();
            Trace::from_rounds(&closed, open.as_ref().unwrap_or(&closed), sample.threads)
        };
        Self {
            server: sample.server.clone(),
            endpoint: sample.endpoint.clone(),
            starts: starts.collect(),
            confirmation: (!sample.confirmation.is_empty()).then_some(before),
            head: trace(Side::Head),
            base: Some(trace(Side::Base)),
        }
    }

    /// The change from base to head in each round; `None` if one has no ratio.
    pub fn changes(&self, metric: Metric) -> Option<Vec<f64>> {
        let head = self.head.rounds.get(&metric)?;
        let base = self.base.as_ref()?.rounds.get(&metric)?;
        let change = |(head, base): (&f64, &f64)| (*base > 0.0).then(|| head / base - 1.0);
        head.iter().zip(base).map(change).collect()
    }
}

impl Trace {
    /// Latencies are read off the rounds at a fixed rate, where there are such, all else off those
    /// under full load.
    fn from_rounds(full: &[&Round], timed: &[&Round], threads: usize) -> Self {
        let mut latency = new_histogram();
        for round in timed {
            let more = &round.tally.latency;
            if latency.len().saturating_add(more.len()) <= COUNTABLE {
                latency.add(more).expect("histograms of one range");
            }
        }
        let values = |metric: Metric| {
            let rounds = if metric.is_latency() { timed } else { full };
            let values = rounds.iter().map(|round| metric.of_round(round));
            let values: Option<Vec<_>> = values.map(|value| value.map(short)).collect();
            Some((metric, values?))
        };
        let disturbed = full.iter().zip(timed).enumerate();
        let disturbed = disturbed.filter_map(|(round, (full, timed))| {
            let by = Disturbance::from_round(full, threads)
                .or_else(|| Disturbance::from_round(timed, threads))?;
            Some(Disturbed { round, by })
        });
        Self {
            requests: latency.len(),
            latency: curve(&latency),
            rounds: TRACED.into_iter().filter_map(values).collect(),
            disturbed: disturbed.collect(),
        }
    }

    /// The time in microseconds within which a share of the requests had ended.
    pub fn within(&self, share: f64) -> Option<f64> {
        let at = |point: &&[f64; 2]| point[0] >= share - 1e-9;
        Some(self.latency.iter().find(at)?[1])
    }
}

impl Disturbance {
    /// The gravest of what came between.
    fn from_round(round: &Round, threads: usize) -> Option<Self> {
        let window = round.tally.window;
        let machine = round.machine.as_ref();
        if round.turnover.is_some() {
            return Some(Self::Turnover);
        }
        if let Some(by) = machine.and_then(|it| it.disturbance(window)) {
            return Some(by);
        }
        let is_denied =
            |machine: &Machine| machine.throttled >= window.mul_f64(Machine::NOTABLE_SHARE);
        let is_lossy = |machine: &Machine| machine.lost >= Machine::NOTABLE_LOSS;
        [
            (machine.is_some_and(is_denied), Self::Throttled),
            (machine.is_some_and(is_lossy), Self::Loss),
            (!round.tally.doubts(threads).is_empty(), Self::Load),
        ]
        .into_iter()
        .find_map(|(so, disturbance)| so.then_some(disturbance))
    }
}

/// A curve through evenly thinned shares and those that people ask for; of no requests there is none.
fn curve(latency: &Histogram<u64>) -> Vec<[f64; 2]> {
    if latency.is_empty() {
        return Vec::new();
    }
    let even = latency.iter_quantiles(POINTS_PER_HALVING);
    let mut shares: Vec<_> = even.map(|it| it.quantile_iterated_to()).collect();
    shares.extend(ASKED_FOR);
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    let within = |share: f64| latency.value_at_quantile(share) as f64 / 1e3;
    let points = shares
        .into_iter()
        .map(|share| [share, short(within(share))]);
    points.collect()
}

/// Four significant digits: more than a picture shows.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Pair, PairedStart, Sides, Strategy, Tally};

    /// A second in which requests took 1, 2, … milliseconds.
    fn round(requests: u64) -> Round {
        let mut tally = Tally::empty(Duration::from_secs(1));
        (tally.started, tally.succeeded, tally.succeeded_in_window) =
            (requests, requests, requests);
        for time in 1..=requests {
            tally.latency.saturating_record(time * 1_000_000);
        }
        Round {
            tally,
            usage: None,
            machine: None,
            turnover: None,
            workers: None,
        }
    }

    fn start(pairs: usize) -> PairedStart {
        let pair = Pair {
            closed: Sides {
                head: round(90),
                base: round(100),
            },
            open: Some(Sides {
                head: round(1000),
                base: round(1000),
            }),
        };
        PairedStart {
            startup: Sides::default(),
            startup_disturbed: false,
            pairs: vec![pair; pairs],
        }
    }

    fn sample(confirmation: Vec<PairedStart>) -> PairedSample {
        PairedSample {
            server: "app".into(),
            endpoint: "home".into(),
            strategy: Strategy::Duet,
            threads: 1,
            starts: vec![start(2), start(1)],
            confirmation,
            control: Vec::new(),
            counters: Sides::default(),
        }
    }

    #[test]
    fn rounds_keep_their_start_and_their_side() {
        let evidence = Evidence::of_pairs(&sample(vec![start(2)]));
        assert_eq!(evidence.starts, [1, 1, 2, 3, 3]);
        assert_eq!(evidence.confirmation, Some(3));
        assert_eq!(evidence.head.rounds[&Metric::Throughput], [90.0; 5]);
        let changes = evidence.changes(Metric::Throughput).expect("both sides");
        assert!(changes.iter().all(|change| (change + 0.1).abs() < 1e-9));
        assert_eq!(Evidence::of_pairs(&sample(vec![])).confirmation, None);
        assert_eq!(sample(vec![start(2)]).rounds().count(), 5 * 4);
    }

    #[test]
    fn what_a_round_does_not_have_is_missing() {
        let evidence = Evidence::of_pairs(&sample(vec![]));
        assert!(!evidence.head.rounds.contains_key(&Metric::CpuPerRequest));
        assert_eq!(evidence.changes(Metric::CpuPerRequest), None);
    }

    #[test]
    fn the_curve_rises_and_holds_what_people_ask_for() {
        let trace = Evidence::of_pairs(&sample(vec![])).head;
        assert_eq!(trace.requests, 3000);
        let rises = |two: &[[f64; 2]]| two[0][0] < two[1][0] && two[0][1] <= two[1][1];
        assert!(trace.latency.windows(2).all(rises), "{:?}", trace.latency);
        for (share, millis) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let within = trace.within(share).expect("a time") / 1e3;
            assert!((within / millis - 1.0).abs() < 2e-3, "{share}: {within} ms");
        }
    }

    #[test]
    fn of_no_requests_there_is_no_curve() {
        let empty = round(0);
        let trace = Trace::from_rounds(&[&empty], &[&empty], 1);
        assert_eq!((trace.requests, trace.within(0.5)), (0, None));
        assert!(!trace.rounds.contains_key(&Metric::Throughput));
    }

    #[test]
    fn rounds_that_cannot_be_added_up_are_left_out() {
        let mut large = round(0);
        for time in 1..=3 {
            let counted = large
                .tally
                .latency
                .record_n(time * 1_000_000, COUNTABLE / 4);
            counted.expect("a time within its range");
        }
        let rounds = vec![&large; 3];
        let trace = Trace::from_rounds(&rounds, &rounds, 1);
        assert_eq!(trace.requests, large.tally.latency.len());
        let slowest = trace.within(1.0).expect("a time") / 1e3;
        assert!((slowest / 3.0 - 1.0).abs() < 2e-3, "{slowest} ms");
    }

    #[test]
    fn the_gravest_disturbance_is_named() {
        let disturbance = |steal, throttled, lost| {
            let mut round = round(10);
            round.machine = Some(Machine {
                steal,
                throttled: Duration::from_millis(throttled),
                lost,
                ..Machine::default()
            });
            Disturbance::from_round(&round, 1)
        };
        assert_eq!(disturbance(0.05, 100, 0.05), Some(Disturbance::Steal));
        assert_eq!(disturbance(0.01, 100, 0.05), Some(Disturbance::Throttled));
        assert_eq!(disturbance(0.01, 10, 0.001), Some(Disturbance::Loss));
        assert_eq!(disturbance(0.01, 10, 0.0009), None);
        assert_eq!(Disturbance::from_round(&round(10), 1), None);
    }
}
