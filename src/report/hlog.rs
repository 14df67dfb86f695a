use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::model::{Measurement, Round};

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

/// Every series of rounds with its tag.
fn tagged(measurement: &Measurement) -> Vec<(String, Vec<&Round>)> {
    let mut series = Vec::new();
    for sample in &measurement.samples {
        let name = tag(&[&sample.key.server, &sample.key.endpoint]);
        series.push((name, sample.rounds.iter().collect()));
    }
    for sample in &measurement.pairs {
        let starts = sample.starts.iter().chain(&sample.confirmation);
        let pairs: Vec<_> = starts.flat_map(|start| &start.pairs).collect();
        for side in crate::model::Side::BOTH {
            let named = |load| tag(&[&sample.server, &sample.endpoint, side.name(), load]);
            let closed = pairs.iter().map(|pair| pair.closed.get(side));
            let open = pairs.iter().filter_map(|pair| pair.open.as_ref());
            series.push((named("closed"), closed.collect()));
            series.push((named("open"), open.map(|it| it.get(side)).collect()));
        }
    }
    series
}

/// Parts of a name without what a tag must not hold.
fn tag(parts: &[&str]) -> String {
    let forbidden = |letter: char| letter == ',' || letter.is_whitespace() || letter.is_control();
    parts.join("/").replace(forbidden, "_")
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn a_tag_holds_nothing_that_ends_it() {
        assert_eq!(tag(&["a b", "c,d\ne", "head"]), "a_b/c_d_e/head");
    }
}
