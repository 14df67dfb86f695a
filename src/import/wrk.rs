use super::error::Fault;
use super::imported::{Imported, share, total};
use super::units::{micros, number};
use crate::model::Metric;

/// Head of the block of results.
const HEAD: [&str; 7] = ["Thread", "Stats", "Avg", "Stdev", "Max", "+/-", "Stdev"];

/// The lines that wrk itself wrote. Those of a Lua script may stand before them, between
/// [`start`](Self::start) and [`head`](Self::head), and after them, and say what they like; the block
/// from the head to the rate is written at once.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// `Running 10s test @ URL`.
    start: usize,
    /// `Thread Stats …`.
    head: usize,
}

impl Extent {
    fn from_lines(lines: &[&str]) -> Option<Self> {
        let begins = |line: &&str| begun(line).is_some();
        let first = lines.iter().position(begins)?;
        let is_head = |line: &&str| line.split_whitespace().eq(HEAD);
        let head = lines[first..].iter().position(is_head)? + first;
        let start = lines[..head].iter().rposition(begins)?;
        Some(Self { start, head })
    }
}

/// Length and URL of a run that begins.
fn begun(line: &str) -> Option<(&str, &str)> {
    let (length, url) = line
        .trim_start()
        .strip_prefix("Running ")?
        .split_once(" test @ ")?;
    micros(length)?;
    Some((length, url.trim()))
}

/// Whether wrk, or wrk2, wrote it.
pub(super) fn is(text: &str) -> bool {
    Extent::from_lines(&text.lines().collect::<Vec<_>>()).is_some()
}

/// Whether it is of wrk2, which counts waits from when a request was due: it calibrates its threads
/// in longer runs, and keeps its distribution in a histogram.
pub(super) fn is_wrk2(text: &str) -> bool {
    let lines: Vec<_> = text.lines().collect();
    let Some(extent) = Extent::from_lines(&lines) else {
        return false;
    };
    let calibrates = |line: &&str| line.contains("Thread calibration: mean lat.:");
    let is_histogram = |(_, line): &(usize, &str)| line.contains("Distribution (HdrHistogram");
    lines[extent.start..extent.head].iter().any(calibrates)
        || block(&lines, extent).iter().any(is_histogram)
}

/// The block of results with the number of each line.
fn block<'a>(lines: &[&'a str], extent: Extent) -> Vec<(usize, &'a str)> {
    let numbered = lines.iter().copied().enumerate().skip(extent.head + 1);
    let mut is_over = false;
    let until_rate = |(_, line): &(usize, &str)| {
        let is_in = !is_over;
        is_over = line.starts_with("Requests/sec:");
        is_in
    };
    numbered.take_while(until_rate).collect()
}

/// Counts of the lines at the end.
#[derive(Default)]
struct Counts {
    responses: u64,
    socket_errors: u64,
    bad_status: u64,
    per_second: f64,
}

/// Tables of percentiles up to a line. The first counts: wrk2 adds one of waits from when a request
/// was sent, which leaves out how long it was due.
#[derive(Default, PartialEq, Eq)]
enum Tables {
    #[default]
    None,
    First,
    Over,
}

pub(super) fn read(text: &str) -> Result<Imported, Fault> {
    let lines: Vec<_> = text.lines().collect();
    let expected = "`Running … test @ URL` and `Thread Stats`";
    let extent = Extent::from_lines(&lines).ok_or(Fault::Missing { expected })?;
    let block = block(&lines, extent);
    let after = block.last().map_or(lines.len(), |(at, _)| at + 1);
    if Extent::from_lines(&lines[after..]).is_some() {
        return Err(Fault::Several);
    }
    let mut imported = begin(&lines, extent)?;
    let mut counts = Counts::default();
    let mut tables = Tables::default();
    for (at, line) in block {
        take(line.trim(), &mut imported, &mut counts, &mut tables).map_err(fault(at, line))?;
    }
    finish(imported, &counts)
}

fn fault(at: usize, line: &str) -> impl FnOnce(&'static str) -> Fault {
    move |expected| Fault::Line {
        line: at + 1,
        expected,
        found: line.trim().chars().take(80).collect(),
    }
}

/// What is imported before the run: its length, URL, threads and connections.
fn begin(lines: &[&str], extent: Extent) -> Result<Imported, Fault> {
    let mut imported = Imported::default();
    if let Some((length, url)) = begun(lines[extent.start]) {
        let expected = "a length such as `10s`";
        imported.planned_seconds = seconds(length)
            .ok_or(expected)
            .map_err(fault(extent.start, length))?;
        imported.target = target(url);
    }
    let between = extent.start + 1..extent.head;
    for (at, line) in lines
        .iter()
        .enumerate()
        .take(between.end)
        .skip(between.start)
    {
        let words: Vec<_> = line.split_whitespace().collect();
        if let [threads, "threads", "and", connections, "connections"] = words.as_slice() {
            imported.threads = integer(threads).map_err(fault(at, line))?;
            imported.connections = integer(connections).map_err(fault(at, line))?;
            break;
        }
    }
    Ok(imported)
}

fn finish(mut imported: Imported, counts: &Counts) -> Result<Imported, Fault> {
    if counts.per_second == 0.0 && counts.responses > 0 {
        let expected = "`Requests/sec:`";
        return Err(Fault::Missing { expected });
    }
    imported.requests = counts.responses;
    let bad = total([counts.bad_status, counts.socket_errors]);
    let good = counts.responses.saturating_sub(counts.bad_status);
    imported.set(Metric::ErrorRate, share(bad, good));
    let share = good as f64 / counts.responses as f64;
    imported.set(Metric::Throughput, counts.per_second * share);
    if !imported.values.contains_key(&Metric::LatencyP50) {
        imported.notes.push("percentiles need `--latency`");
    }
    Ok(imported)
}

/// Parses a line; what it should have been, when it cannot be read.
fn take(
    line: &str,
    imported: &mut Imported,
    counts: &mut Counts,
    tables: &mut Tables,
) -> Result<(), &'static str> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words.as_slice() {
        ["Latency", "Distribution", ..] => *tables = opened(tables, line),
        ["Detailed", "Percentile", "spectrum:"] => *tables = Tables::Over,
        ["Latency", mean, stdev, max, _] if *tables == Tables::None => {
            imported.set(Metric::LatencyMean, time(mean)?);
            imported.set(Metric::LatencyStdev, time(stdev)?);
            imported.set(Metric::LatencyMax, time(max)?);
        }
        [percent, value] if percent.ends_with('%') && *tables == Tables::First => {
            if let Some(metric) = percentile(percent) {
                imported.set(metric, time(value)?);
            }
        }
        [requests, "requests", "in", length, ..] => {
            counts.responses = integer(requests)?;
            imported.seconds = time(length.trim_end_matches(','))? / 1e6;
        }
        ["Socket", "errors:", kinds @ ..] => counts.socket_errors = socket_errors(kinds)?,
        ["Non-2xx", "or", "3xx", "responses:", responses] => {
            counts.bad_status = integer(responses)?;
        }
        ["Requests/sec:", rate] => {
            counts.per_second = number(rate).ok_or("a number of requests per second")?;
        }
        _ => {}
    }
    Ok(())
}

/// Where a head of a table leads.
fn opened(before: &Tables, line: &str) -> Tables {
    match before {
        Tables::None if !line.contains("Uncorrected") => Tables::First,
        _ => Tables::Over,
    }
}

/// The sum of `connect 1, read 2, …`.
fn socket_errors(kinds: &[&str]) -> Result<u64, &'static str> {
    let numbers = kinds.iter().skip(1).step_by(2);
    let counts: Result<Vec<_>, _> = numbers
        .map(|number| integer(number.trim_end_matches(',')))
        .collect();
    Ok(total(counts?))
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

/// A time; of nothing, wrk computes what is not a number.
fn time(text: &str) -> Result<f64, &'static str> {
    let is_nothing = text.trim_start_matches('-').starts_with("nan");
    let time = if is_nothing {
        Some(f64::NAN)
    } else {
        micros(text)
    };
    time.ok_or("a time such as `1.50ms`")
}

fn integer<T: std::str::FromStr>(text: &str) -> Result<T, &'static str> {
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

/// The request target of a URL, as wrk takes it: without a path it asks for `/` and for no query.
fn target(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let path = rest[end..].strip_prefix('/').unwrap_or_default();
    Some(format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn a_url_without_a_path_asks_for_the_root() {
        for (url, expected) in [
            ("http://a:80", "/"),
            ("http://a:80/", "/"),
            ("http://a/b?c=1", "/b?c=1"),
            ("http://a?c=1", "/"),
            ("http://a?c=/d", "/"),
        ] {
            assert_eq!(target(url).as_deref(), Some(expected), "{url}");
        }
    }
}
