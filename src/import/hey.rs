use super::error::Fault;
use super::told::{Told, is_good, total};
use super::units::number;
use crate::model::Metric;

/// Head of what `hey -o csv` writes.
const COLUMNS: &str =
    "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset";
const RESPONSE_TIME: usize = 0;
const STATUS: usize = 6;
const OFFSET: usize = 7;
const ROUNDED: &str = "times are rounded to 0.1 ms";

/// Whether hey wrote it, as text or as CSV.
pub(super) fn is(text: &str) -> bool {
    is_csv(text) || (text.trim_start().starts_with("Summary:") && text.contains("Requests/sec:"))
}

fn is_csv(text: &str) -> bool {
    text.trim_start().starts_with("response-time,")
}

pub(super) fn read(text: &str) -> Result<Told, Fault> {
    let mut told = if is_csv(text) {
        read_csv(text)
    } else {
        read_text(text)
    }?;
    told.remarks.push(ROUNDED);
    Ok(told)
}

/// Answers and failures, as the lines at the end tell them.
#[derive(Default)]
struct Counts {
    good: u64,
    bad_status: u64,
    unanswered: u64,
}

fn read_text(text: &str) -> Result<Told, Fault> {
    let mut told = Told::default();
    let mut counts = Counts::default();
    let mut section = "";
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if !trimmed.is_empty() && !line.starts_with(char::is_whitespace) {
            section = trimmed;
        }
        let fault = |expected| Fault::Line {
            line: at + 1,
            expected,
            found: trimmed.chars().take(80).collect(),
        };
        take(section, trimmed, &mut told, &mut counts).map_err(fault)?;
    }
    if told.seconds == 0.0 {
        let expected = "`Total:`";
        return Err(Fault::Missing { expected });
    }
    told.requests = total([counts.good, counts.bad_status]);
    told.count(counts.good, total([counts.bad_status, counts.unanswered]));
    Ok(told)
}

/// Takes what a line tells; what it should have been, when it cannot be read.
fn take(
    section: &str,
    line: &str,
    told: &mut Told,
    counts: &mut Counts,
) -> Result<(), &'static str> {
    let words: Vec<_> = line.split_whitespace().collect();
    match (section, words.as_slice()) {
        ("Summary:", ["Total:", seconds, "secs"]) => {
            told.seconds = number(seconds).ok_or("a number of seconds")?;
        }
        ("Summary:", ["Slowest:", seconds, "secs"]) => {
            told.tell(Metric::LatencyMax, micros(seconds)?);
        }
        // Without a response it is NaN.
        ("Summary:", ["Average:", seconds, "secs"]) if *seconds != "NaN" => {
            told.tell(Metric::LatencyMean, micros(seconds)?);
        }
        ("Latency distribution:", [percent, "in", seconds, "secs"]) => {
            if let Some(metric) = percentile(percent) {
                told.tell(metric, micros(seconds)?);
            }
        }
        ("Status code distribution:", [status, responses, "responses"]) => {
            let count = if is_good(bracketed(status)?) {
                &mut counts.good
            } else {
                &mut counts.bad_status
            };
            *count = total([*count, whole(responses)?]);
        }
        ("Error distribution:", [times, _, ..]) if times.starts_with('[') => {
            counts.unanswered = total([counts.unanswered, whole(bracketed(times)?)?]);
        }
        _ => {}
    }
    Ok(())
}

fn percentile(percent: &str) -> Option<Metric> {
    match percent.trim_end_matches('%') {
        "50" => Some(Metric::LatencyP50),
        "75" => Some(Metric::LatencyP75),
        "90" => Some(Metric::LatencyP90),
        "99" => Some(Metric::LatencyP99),
        _ => None,
    }
}

fn bracketed(text: &str) -> Result<&str, &'static str> {
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inside.ok_or("a number in brackets")
}

fn whole(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "a whole number")
}

fn micros(seconds: &str) -> Result<f64, &'static str> {
    number(seconds)
        .map(|seconds| seconds * 1e6)
        .ok_or("a number of seconds")
}

/// A line for every response: exact percentiles, but nothing of requests without one.
fn read_csv(text: &str) -> Result<Told, Fault> {
    let (mut times, mut good, mut told) = (Vec::new(), 0, Told::default());
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    for (at, line) in lines {
        if at == 0 && line.trim() == COLUMNS {
            continue;
        }
        let row = row(line).ok_or_else(|| Fault::Line {
            line: at + 1,
            expected: "eight columns: times in seconds, status and offset",
            found: line.chars().take(80).collect(),
        })?;
        good += u64::from(row.is_good);
        told.seconds = told.seconds.max(row.offset + row.seconds);
        times.push(row.seconds * 1e6);
    }
    told.requests = times.len() as u64;
    told.count(good, told.requests - good);
    spread(&mut told, times);
    told.remarks
        .push("requests without a response are not in it");
    Ok(told)
}

struct Row {
    seconds: f64,
    is_good: bool,
    offset: f64,
}

fn row(line: &str) -> Option<Row> {
    let columns: Vec<_> = line.trim().split(',').collect();
    if columns.len() != OFFSET + 1 {
        return None;
    }
    let status: u16 = columns[STATUS].parse().ok()?;
    Some(Row {
        seconds: number(columns[RESPONSE_TIME])?,
        is_good: is_good(&status.to_string()),
        offset: number(columns[OFFSET])?,
    })
}

/// Mean, deviation and percentiles (by nearest rank) of every time.
fn spread(told: &mut Told, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / count;
    told.tell(Metric::LatencyMean, mean);
    told.tell(Metric::LatencyStdev, variance.sqrt());
    told.tell(Metric::LatencyMax, times.last().copied());
    for (metric, thousandths) in [
        (Metric::LatencyP50, 500),
        (Metric::LatencyP75, 750),
        (Metric::LatencyP90, 900),
        (Metric::LatencyP99, 990),
        (Metric::LatencyP999, 999),
    ] {
        let rank = (times.len() * thousandths).div_ceil(1000);
        told.tell(metric, times.get(rank.saturating_sub(1)).copied());
    }
}
