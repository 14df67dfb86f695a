use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::model::{Measurement, PairedSample, Round, Side};

/// Nanoseconds in a millisecond, the unit that viewers expect the largest value of a line in.
const MILLIS: f64 = 1e6;

/// The latencies of a measurement as an interval log of `HdrHistogram`: a line for every round,
/// tagged by server and endpoint, in pairs also by side and load, values in nanoseconds. When a
/// round began is not kept, so that the rounds of a tag stand one after the other.
pub fn hlog(measurement: &Measurement) -> String {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(&format!("perfgate {}", measurement.provenance.perfgate))
        .add_comment("latency in nanoseconds; the rounds of a tag one after the other")
        .with_base_time(SystemTime::from(measurement.provenance.started))
        .with_max_value_divisor(MILLIS)
        .begin_log_with(&mut bytes, &mut serializer)
        .expect("memory can be written to");
    for (name, rounds) in tagged(measurement) {
        let mut start = Duration::ZERO;
        for round in rounds {
            let tally = &round.tally;
            let tag = Tag::new(&name).expect("what a tag must not hold is replaced");
            log.write_histogram(&tally.latency, start, tally.window, Some(tag))
                .expect("a histogram in memory can be written to memory");
            start = start.saturating_add(tally.window);
        }
    }
    String::from_utf8(bytes).expect("a log is text")
}

/// Rounds that belong together, with their tag.
type Series<'a> = (String, Vec<&'a Round>);

fn tagged(measurement: &Measurement) -> Vec<Series<'_>> {
    let samples = measurement.samples.iter().map(|sample| {
        let name = tag(&[&sample.key.server, &sample.key.endpoint]);
        (name, sample.rounds().iter().collect())
    });
    let pairs = measurement.pairs.iter().flat_map(of_pairs);
    samples.chain(pairs).collect()
}

fn of_pairs(sample: &PairedSample) -> Vec<Series<'_>> {
    let starts = sample.starts.iter().chain(&sample.confirmation);
    let pairs: Vec<_> = starts.flat_map(|start| &start.pairs).collect();
    let of_side = |side: Side| {
        let named = |load| tag(&[&sample.server, &sample.endpoint, side.name(), load]);
        let closed = pairs.iter().map(|pair| pair.closed.get(side));
        let open = pairs.iter().filter_map(|pair| pair.open.as_ref());
        [
            (named("closed"), closed.collect()),
            (named("open"), open.map(|it| it.get(side)).collect()),
        ]
    };
    Side::BOTH.into_iter().flat_map(of_side).collect()
}

/// Parts of a name without what a tag must not hold.
fn tag(parts: &[&str]) -> String {
    let forbidden = |letter: char| letter == ',' || letter.is_whitespace() || letter.is_control();
    parts.join("/").replace(forbidden, "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Pair, PairedSample, PairedStart, Sides, Strategy, Tally};

    fn round(latencies: &[u64]) -> Round {
        let mut tally = Tally::empty(Duration::from_secs(1));
        for nanoseconds in latencies {
            tally.latency.saturating_record(*nanoseconds);
        }
        Round {
            tally,
            usage: None,
            machine: None,
            turnover: None,
            workers: None,
        }
    }

    fn start() -> PairedStart {
        let sides = |head: &[u64], base: &[u64]| Sides {
            head: round(head),
            base: round(base),
        };
        PairedStart {
            startup: Sides::default(),
            startup_disturbed: false,
            pairs: vec![Pair {
                closed: sides(&[1, 2, 3], &[4]),
                open: Some(sides(&[5, 6], &[])),
            }],
        }
    }

    #[test]
    fn a_tag_holds_nothing_that_ends_it() {
        assert_eq!(tag(&["a b", "c,d\ne", "head"]), "a_b/c_d_e/head");
    }

    #[test]
    fn pairs_are_distinguished_by_side_and_load() {
        let sample = PairedSample {
            server: "app".into(),
            endpoint: "home".into(),
            strategy: Strategy::Duet,
            threads: 1,
            starts: vec![start()],
            confirmation: vec![start()],
            control: Vec::new(),
            counters: Sides::default(),
        };
        let series = of_pairs(&sample);
        let found: Vec<_> = series
            .iter()
            .map(|(tag, rounds)| {
                let requests = rounds.iter().map(|round| round.tally.latency.len());
                (tag.as_str(), requests.collect::<Vec<_>>())
            })
            .collect();
        let expected = [
            ("app/home/head/closed", vec![3, 3]),
            ("app/home/head/open", vec![2, 2]),
            ("app/home/base/closed", vec![1, 1]),
            ("app/home/base/open", vec![0, 0]),
        ];
        assert_eq!(found, expected);
    }
}
