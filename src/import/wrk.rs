use super::error::Fault;
use super::told::{Told, share, total};
use super::units::{micros, number};
use crate::model::Metric;

/// Whether wrk, or wrk2, wrote it.
pub(super) fn is(text: &str) -> bool {
    text.trim_start().starts_with("Running ") && text.contains("Thread Stats")
}

/// Counts of the lines at the end.
#[derive(Default)]
struct Counts {
    responses: u64,
    socket_errors: u64,
    bad_status: u64,
    per_second: f64,
}

pub(super) fn read(text: &str) -> Result<Told, Fault> {
    let mut told = Told::default();
    let mut counts = Counts::default();
    for (at, line) in text.lines().enumerate() {
        let fault = |expected| Fault::Line {
            line: at + 1,
            expected,
            found: line.trim().chars().take(80).collect(),
        };
        take(line.trim(), &mut told, &mut counts).map_err(fault)?;
    }
    if counts.per_second == 0.0 && counts.responses > 0 {
        let expected = "`Requests/sec:`";
        return Err(Fault::Missing { expected });
    }
    told.requests = counts.responses;
    let bad = total([counts.bad_status, counts.socket_errors]);
    let good = counts.responses.saturating_sub(counts.bad_status);
    told.tell(Metric::ErrorRate, share(bad, good));
    let share = good as f64 / counts.responses as f64;
    told.tell(Metric::Throughput, counts.per_second * share);
    if !told.values.contains_key(&Metric::LatencyP50) {
        told.remarks.push("percentiles need `wrk --latency`");
    }
    Ok(told)
}

/// Takes what a line tells; what it should have been, when it cannot be read.
fn take(line: &str, told: &mut Told, counts: &mut Counts) -> Result<(), &'static str> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words.as_slice() {
        ["Running", length, "test", "@", url] => {
            told.planned_seconds = seconds(length).ok_or("a length such as `10s`")?;
            told.target = target(url);
        }
        [threads, "threads", "and", connections, "connections"] => {
            told.threads = whole(threads)?;
            told.connections = whole(connections)?;
        }
        ["Latency", mean, stdev, max, _] => {
            told.tell(Metric::LatencyMean, time(mean)?);
            told.tell(Metric::LatencyStdev, time(stdev)?);
            told.tell(Metric::LatencyMax, time(max)?);
        }
        [percent, value] if percent.ends_with('%') => {
            if let Some(metric) = percentile(percent) {
                told.tell(metric, time(value)?);
            }
        }
        [requests, "requests", "in", length, ..] => {
            counts.responses = whole(requests)?;
            told.seconds = time(length.trim_end_matches(','))? / 1e6;
        }
        ["Socket", "errors:", kinds @ ..] => {
            let numbers = kinds.iter().skip(1).step_by(2);
            for number in numbers {
                let more = whole(number.trim_end_matches(','))?;
                counts.socket_errors = total([counts.socket_errors, more]);
            }
        }
        ["Non-2xx", "or", "3xx", "responses:", responses] => {
            counts.bad_status = whole(responses)?;
        }
        ["Requests/sec:", rate] => {
            counts.per_second = number(rate).ok_or("a number of requests per second")?;
        }
        _ => {}
    }
    Ok(())
}

fn percentile(percent: &str) -> Option<Metric> {
    let percent = number(percent.strip_suffix('%')?)?;
    [
        (50.0, Metric::LatencyP50),
        (75.0, Metric::LatencyP75),
        (90.0, Metric::LatencyP90),
        (99.0, Metric::LatencyP99),
        (99.9, Metric::LatencyP999),
    ]
    .into_iter()
    .find_map(|(known, metric)| ((percent - known).abs() < 1e-9).then_some(metric))
}

fn time(text: &str) -> Result<f64, &'static str> {
    micros(text).ok_or("a time such as `1.50ms`")
}

fn whole<T: std::str::FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "a whole number")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and no run lasts 2^53 seconds"
)]
fn seconds(text: &str) -> Option<u64> {
    Some((micros(text)? / 1e6).round() as u64)
}

/// The request target of a URL.
fn target(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some(format!("/{path}"))
}
