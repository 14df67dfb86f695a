use super::error::Fault;
use super::imported::{Imported, is_good, total};
use super::units::number;
use crate::model::Metric;

/// Columns of what `hey -o csv` writes; version 0.1.0 writes the first, or the first six.
const COLUMNS: &str =
    "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset";
/// How many they are.
const EVERY: usize = 8;
const ROUNDED: &str = "times are rounded to 0.1 ms";
/// Responses that hey keeps; of the others it knows the number alone.
const MOST: u64 = 1_000_000;

/// Whether hey wrote it, as text or as CSV.
pub(super) fn is(text: &str) -> bool {
    is_csv(text) || is_summary(text) || is_refused(text)
}

/// Others write the same heads: oha above a `Success rate:`, and ghz, whose requests are no HTTP, with times
/// of other units.
fn is_summary(text: &str) -> bool {
    let begins = |start: &str| {
        text.lines()
            .any(|line| line.trim_start().starts_with(start))
    };
    let is_length = |line: &str| matches!(*words(line), ["Total:", _, "secs"]);
    heads(text) > 0
        && text.lines().any(is_length)
        && ["Fastest:", "Requests/sec:", "Response time histogram:"]
            .into_iter()
            .all(begins)
        && !begins("Success rate:")
}

/// Without any response, version 0.1.0 writes the errors alone.
fn is_refused(text: &str) -> bool {
    let has = |whole: &str| text.lines().any(|line| line.trim() == whole);
    has("All requests done.") && has("Error distribution:")
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn heads(text: &str) -> usize {
    text.lines()
        .filter(|line| line.trim() == "Summary:")
        .count()
}

fn is_csv(text: &str) -> bool {
    let head = text.trim_start().lines().next().unwrap_or_default().trim();
    let rest = COLUMNS.strip_prefix(head);
    head.starts_with("response-time") && rest.is_some_and(|it| it.is_empty() || it.starts_with(','))
}

pub(super) fn read(text: &str) -> Result<Imported, Fault> {
    let mut imported = if is_csv(text) {
        read_csv(text)
    } else {
        read_text(text)
    }?;
    imported.notes.push(ROUNDED);
    Ok(imported)
}

/// Answers and failures, from the lines at the end.
#[derive(Default)]
struct Counts {
    good: u64,
    bad_status: u64,
    unanswered: u64,
    per_second: f64,
    /// Whether it is of a version since 0.1.1, whose rate is of all requests; before, it is of those
    /// with a response.
    rates_all: bool,
}

fn read_text(text: &str) -> Result<Imported, Fault> {
    if heads(text) > 1 {
        return Err(Fault::Several);
    }
    let mut imported = Imported::default();
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
        take(section, trimmed, &mut imported, &mut counts).map_err(fault)?;
    }
    counts.finish(imported)
}

impl Counts {
    fn finish(&self, mut imported: Imported) -> Result<Imported, Fault> {
        imported.requests = self.listed();
        if imported.requests == 0 && self.unanswered > 0 {
            return Err(Fault::Empty);
        }
        if imported.seconds == 0.0 {
            let expected = "`Total:`";
            return Err(Fault::Missing { expected });
        }
        let answered = self.answered(imported.seconds);
        let good = self.good as f64 / imported.requests as f64 * answered;
        let ended = answered + self.unanswered as f64;
        let rated = if self.rates_all { ended } else { answered };
        imported.set(Metric::Throughput, self.per_second * good / rated);
        imported.set(Metric::ErrorRate, (ended - good) / ended);
        if imported.requests >= MOST {
            // It divides the sum of all times by the number of those it kept.
            imported.values.remove(&Metric::LatencyMean);
            imported
                .notes
                .push("percentiles and statuses are of its first million responses");
        }
        Ok(imported)
    }

    /// Responses whose status is listed.
    fn listed(&self) -> u64 {
        total([self.good, self.bad_status])
    }

    /// Responses in all: where those listed are as many as can be, the rate gives the others.
    fn answered(&self, seconds: f64) -> f64 {
        let listed = self.listed();
        let by_rate = (self.per_second * seconds).round() - self.unanswered as f64;
        if listed < MOST {
            listed as f64
        } else {
            by_rate.max(listed as f64)
        }
    }
}

/// Parses a line; what it should have been, when it cannot be read.
fn take(
    section: &str,
    line: &str,
    imported: &mut Imported,
    counts: &mut Counts,
) -> Result<(), &'static str> {
    match (section, words(line).as_slice()) {
        ("Summary:", ["Total:", seconds, "secs"]) => {
            imported.seconds = number(seconds).ok_or("a number of seconds")?;
        }
        ("Summary:", ["Requests/sec:", rate]) => {
            counts.per_second = number(rate).ok_or("a number of requests per second")?;
        }
        ("Summary:", ["Slowest:", seconds, "secs"]) => {
            imported.set(Metric::LatencyMax, micros(seconds)?);
        }
        // Without a response it is NaN.
        ("Summary:", ["Average:", seconds, "secs"]) if *seconds != "NaN" => {
            imported.set(Metric::LatencyMean, micros(seconds)?);
        }
        ("Latency distribution:", [percent, "in", seconds, "secs"]) => {
            if let Some(metric) = percentile(percent) {
                imported.set(metric, micros(seconds)?);
            }
        }
        ("Details (average, fastest, slowest):", _) => counts.rates_all = true,
        ("Status code distribution:", [status, responses, "responses"]) => {
            let count = if is_good(bracketed(status)?) {
                &mut counts.good
            } else {
                &mut counts.bad_status
            };
            *count = total([*count, integer(responses)?]);
        }
        ("Error distribution:", [times, _, ..]) if times.starts_with('[') => {
            counts.unanswered = total([counts.unanswered, integer(bracketed(times)?)?]);
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

fn integer(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "a whole number")
}

fn micros(seconds: &str) -> Result<f64, &'static str> {
    number(seconds)
        .map(|seconds| seconds * 1e6)
        .ok_or("a number of seconds")
}

/// A line for every response: exact percentiles, but nothing of requests without one.
fn read_csv(text: &str) -> Result<Imported, Fault> {
    let (mut times, mut good, mut imported) = (Vec::new(), 0, Imported::default());
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let mut columns = 0;
    for (at, line) in lines {
        if columns == 0 {
            columns = line.split(',').count();
            continue;
        }
        let row = row(line, columns).ok_or_else(|| Fault::Line {
            line: at + 1,
            expected: "as many columns as its head: times in seconds, status and offset",
            found: line.chars().take(80).collect(),
        })?;
        good += u64::from(row.is_good);
        imported.seconds = imported.seconds.max(row.offset + row.seconds);
        times.push(row.seconds * 1e6);
    }
    imported.requests = times.len() as u64;
    if columns == EVERY {
        imported.count(good, imported.requests - good);
        imported
            .notes
            .push("requests without a response are not in it");
    } else {
        imported.seconds = 0.0;
        imported.notes.push("its version of hey reports no status");
    }
    spread(&mut imported, times);
    if imported.requests >= MOST {
        imported.notes.push("it is of the first million responses");
    }
    Ok(imported)
}

struct Row {
    seconds: f64,
    is_good: bool,
    offset: f64,
}

/// One response; status and offset are those of a head that has them.
fn row(line: &str, columns: usize) -> Option<Row> {
    let cells: Vec<_> = line.trim().split(',').collect();
    let seconds = number(cells.first()?)?;
    match cells.as_slice() {
        cells if cells.len() != columns => None,
        [.., status, offset] if columns == EVERY => Some(Row {
            seconds,
            is_good: is_good(&status.parse::<u16>().ok()?.to_string()),
            offset: number(offset)?,
        }),
        _ => Some(Row {
            seconds,
            is_good: false,
            offset: 0.0,
        }),
    }
}

/// Mean, deviation and percentiles (by nearest rank) of every time.
fn spread(imported: &mut Imported, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / count;
    imported.set(Metric::LatencyMean, mean);
    imported.set(Metric::LatencyStdev, variance.sqrt());
    imported.set(Metric::LatencyMax, times.last().copied());
    for (metric, thousandths) in [
        (Metric::LatencyP50, 500),
        (Metric::LatencyP75, 750),
        (Metric::LatencyP90, 900),
        (Metric::LatencyP99, 990),
        (Metric::LatencyP999, 999),
    ] {
        let rank = (times.len() * thousandths).div_ceil(1000);
        imported.set(metric, times.get(rank.saturating_sub(1)).copied());
    }
}
