//! The result of one load: a table in wrk's spirit, and JSON.

use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::text::{
    bytes, doubt, failed_body, failure_name, first_failure, lenience, micros, percent, rate,
};
use crate::model::{Doubt, JoinedLoad, LoadPart, Rate, Tally, histogram};

/// A load and its tally.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    pub url: &'a str,
    pub threads: usize,
    pub connections: usize,
    /// Nothing for the closed loop.
    pub rate: Option<Rate>,
    pub tally: &'a Tally,
    /// The workers that sent it; nothing where this machine alone did.
    pub joined: Option<&'a JoinedLoad>,
}

/// Rows of the text histogram.
const ROWS: u32 = 8;
/// Length of its longest bar.
const BAR: f64 = 40.0;
/// Stands where nothing was measured.
const DASH: &str = "–";
const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
];

impl<'a> Load<'a> {
    /// The load as a table for people.
    pub fn terminal(self) -> String {
        let mut parts = vec![self.headline(), self.spreads(), self.quantiles()];
        parts.extend(Some(self.bars()).filter(|bars| !bars.is_empty()));
        parts.extend(self.steps().map(|steps| steps_table(&steps)));
        parts.push(self.counts());
        parts.extend(self.first_failure());
        parts.push(self.rates());
        parts.extend(self.joined.map(workers_table));
        let leniences = self.tally.leniences.iter();
        parts.extend(leniences.map(|it| format!("note: {}", lenience(*it))));
        let notes = self.doubts();
        parts.extend(notes.into_iter().map(|it| format!("invalid: {}", note(it))));
        parts.join("\n\n") + "\n"
    }

    /// The load as JSON; latencies in microseconds.
    pub fn json(self) -> Value {
        let Self { tally, .. } = self;
        let failures = failures(tally).map(|(kind, count)| (kind, json!(count)));
        let status = tally
            .status
            .iter()
            .map(|(code, count)| (code.to_string(), json!(count)));
        let doubts = self.doubts();
        let mut json = json!({
            "requests": tally.started,
            "succeeded": tally.succeeded,
            "unfinished": tally.unfinished,
            "errors": failures.collect::<Map<_, _>>(),
            "status": status.collect::<Map<_, _>>(),
            "seconds": tally.window.as_secs_f64(),
            "throughput": self.throughput(),
            "bytes": tally.bytes,
            "connections_opened": tally.connect.len(),
            "reconnects": tally.reconnects,
            "closed_by_server": tally.closed_by_server,
            "latency_us": times(&tally.latency),
            "connect_us": times(&tally.connect),
            "generator": {
                "cpu_seconds": tally.generator_cpu.as_secs_f64(),
                "cpu_us_per_request": self.generator_cost(),
                "bottleneck": doubts.contains(&Doubt::GeneratorBusy),
            },
            "valid": doubts.is_empty(),
            "doubts": doubts,
            "histogram": histogram::encode(&tally.latency),
        });
        if let Some(first) = &tally.first_failure {
            json["first_failure"] = json!(first);
        }
        if !tally.leniences.is_empty() {
            json["leniences"] = json!(tally.leniences);
        }
        if let Some(open) = &tally.open {
            json["open"] = json!({
                "offered": open.offered,
                "achieved": open.sent,
                "offered_per_second": self.per_second(open.offered),
                "achieved_per_second": self.per_second(open.sent),
            });
            json["service_us"] = times(&open.service);
            json["send_lag_us"] = times(&open.send_lag);
        }
        if let Some(joined) = self.joined {
            json["workers"] = joined.parts.iter().map(worker_json).collect();
            json["start_skew_us"] = json!(joined.skew.as_secs_f64() * 1e6);
        }
        if let Some(steps) = self.steps() {
            json["ramp"] = steps.iter().map(Step::json).collect();
        }
        json
    }

    /// A load as its workers made it together.
    pub fn of_workers(joined: &'a JoinedLoad) -> Option<Self> {
        let first = joined.parts.first()?;
        Some(Self {
            url: &first.url,
            threads: joined.parts.iter().map(|it| it.threads).sum(),
            connections: joined.parts.iter().map(|it| it.connections).sum(),
            rate: first.rate,
            tally: &joined.tally,
            joined: Some(joined),
        })
    }

    fn doubts(self) -> Vec<Doubt> {
        let own = || self.tally.doubts(self.threads);
        self.joined.map_or_else(own, JoinedLoad::doubts)
    }

    /// What became of the requests as the rate changed.
    fn steps(self) -> Option<Vec<Step<'a>>> {
        let open = self.tally.open.as_ref()?;
        let rate = self.rate.filter(|_| !open.steps.is_empty())?;
        let count = open.steps.len() as f64;
        let step = |(number, latency): (usize, &'a Histogram<u64>)| Step {
            rate: rate.at((number as f64 + 0.5) / count),
            latency,
        };
        Some(open.steps.iter().enumerate().map(step).collect())
    }

    fn headline(self) -> String {
        let pace = self.rate.map(|rate| format!(" at {rate}"));
        let workers = self
            .joined
            .map(|it| format!("{} workers, ", it.parts.len()));
        format!(
            "{} for {:.1} s{}: {}{} threads, {} connections",
            self.url,
            self.tally.window.as_secs_f64(),
            pace.unwrap_or_default(),
            workers.unwrap_or_default(),
            self.threads,
            self.connections
        )
    }

    /// Mean and spread of what has them.
    fn spreads(self) -> String {
        let mut table = right_aligned(["", "mean", "stdev", "max", "within one stdev"]);
        let mut add = |name: &str, histogram: &Histogram<u64>, show: fn(f64) -> String| {
            let (mean, deviation) = (histogram.mean(), histogram.stdev());
            if histogram.is_empty() {
                table.add_row([name, DASH, DASH, DASH, DASH]);
                return;
            }
            table.add_row([
                name.to_owned(),
                show(mean),
                show(deviation),
                show(histogram.max() as f64),
                percent(share(histogram, mean - deviation, mean + deviation)),
            ]);
        };
        let nanos = |nanoseconds: f64| micros(nanoseconds / 1e3);
        add("latency", &self.tally.latency, nanos);
        if let Some(open) = &self.tally.open {
            add("service", &open.service, nanos);
            add("send lag", &open.send_lag, nanos);
        }
        add("per thread", &self.tally.thread_rate, rate);
        table.trim_fmt()
    }

    fn quantiles(self) -> String {
        let mut table = right_aligned(QUANTILES.map(|(name, _)| name));
        let latency = &self.tally.latency;
        table.add_row(QUANTILES.map(|(_, quantile)| {
            quantile_of(latency, quantile).map_or_else(|| DASH.into(), micros)
        }));
        table.trim_fmt()
    }

    /// Shares of the requests in steps of equal ratio from the fastest to p99.9.
    fn bars(self) -> String {
        let latency = &self.tally.latency;
        let (low, high) = (
            latency.min().max(1) as f64,
            latency.value_at_quantile(0.999) as f64,
        );
        if latency.is_empty() || high <= low {
            return String::new();
        }
        let edge = |row: u32| low * (high / low).powf(f64::from(row) / f64::from(ROWS));
        let rows = (0..ROWS).map(|row| (edge(row), share(latency, edge(row), edge(row + 1) - 1.0)));
        let rows: Vec<_> = rows.collect();
        let longest = rows
            .iter()
            .map(|(_, share)| *share)
            .fold(f64::MIN_POSITIVE, f64::max);
        let mut table = right_aligned(["from", "", "requests"]);
        for (from, share) in &rows {
            table.add_row([micros(from / 1e3), bar(share / longest), percent(*share)]);
        }
        let bars = table.column_mut(1).expect("three columns");
        bars.set_cell_alignment(CellAlignment::Left);
        table.trim_fmt()
    }

    fn counts(self) -> String {
        let Self { tally, .. } = self;
        let mut lines = vec![format!(
            "{} requests: {} succeeded, {} failed, {} unfinished; {} reconnects",
            tally.started,
            tally.succeeded,
            tally.failed(),
            tally.unfinished,
            tally.reconnects
        )];
        let statuses = tally.status.iter().filter(|(code, _)| **code != 200);
        let statuses = statuses.map(|(code, count)| (format!("status {code}"), *count));
        lines.extend(
            statuses
                .chain(failures(tally))
                .map(|(what, count)| format!("  {count} {what}")),
        );
        lines.join("\n")
    }

    /// What came back for the first request that failed.
    fn first_failure(self) -> Option<String> {
        let first = self.tally.first_failure.as_ref()?;
        let lines = [Some(first_failure(first)), failed_body(first)];
        Some(lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    fn rates(self) -> String {
        let throughput = self.throughput().map_or_else(|| DASH.into(), rate);
        let cost = self.generator_cost().map_or_else(|| DASH.into(), micros);
        let due = self.tally.open.as_ref().filter(|open| open.offered > 0);
        let offered = due.map(|open| {
            let achieved = open.sent as f64 / open.offered as f64;
            format!("{} of the requests due were sent; ", percent(achieved))
        });
        format!(
            "{}{throughput} requests; {} received per second; {cost} CPU per request in the generator",
            offered.unwrap_or_default(),
            bytes(self.per_second(self.tally.bytes)),
        )
    }

    /// Expected responses per second; `None` if no request ended.
    fn throughput(self) -> Option<f64> {
        let ended = self.tally.completed() > 0;
        ended.then(|| self.per_second(self.tally.succeeded_in_window))
    }

    fn per_second(self, count: u64) -> f64 {
        count as f64 / self.tally.window.as_secs_f64()
    }

    /// CPU time of the generator per completed request, in microseconds.
    fn generator_cost(self) -> Option<f64> {
        let completed = self.tally.completed();
        let cpu = self.tally.generator_cpu.as_secs_f64() * 1e6;
        (completed > 0).then(|| cpu / completed as f64)
    }
}

/// What each worker sent, and how well its clock is known.
fn workers_table(joined: &JoinedLoad) -> String {
    let titles = ["worker", "requests", "p50", "p99", "clock", "known to"];
    let mut table = right_aligned(titles);
    let shown = |time: Option<f64>| time.map_or_else(|| DASH.into(), micros);
    for part in &joined.parts {
        let latency = &part.tally.latency;
        let ahead = part.clock.ahead_ns as f64 / 1e3;
        let sign = if ahead < 0.0 { "-" } else { "+" };
        table.add_row([
            part.worker.to_string(),
            part.tally.started.to_string(),
            shown(quantile_of(latency, 0.5)),
            shown(quantile_of(latency, 0.99)),
            format!("{sign}{}", micros(ahead.abs())),
            micros(part.clock.error_ns as f64 / 1e3),
        ]);
    }
    let skew = micros(joined.skew.as_secs_f64() * 1e6);
    format!("{}\nwindows opened at most {skew} apart", table.trim_fmt())
}

fn worker_json(part: &LoadPart) -> Value {
    json!({
        "worker": part.worker.to_string(),
        "requests": part.tally.started,
        "latency_us": times(&part.tally.latency),
        "clock_ahead_us": part.clock.ahead_ns as f64 / 1e3,
        "clock_error_us": part.clock.error_ns as f64 / 1e3,
    })
}

/// A part of a window whose rate changes.
struct Step<'a> {
    /// Mean rate at which requests were due.
    rate: f64,
    latency: &'a Histogram<u64>,
}

impl Step<'_> {
    fn json(&self) -> Value {
        json!({
            "rate": self.rate,
            "requests": self.latency.len(),
            "latency_us": times(self.latency),
        })
    }
}

fn steps_table(steps: &[Step<'_>]) -> String {
    let shown = |time: Option<f64>| time.map_or_else(|| DASH.into(), micros);
    let mut table = right_aligned(["due", "requests", "p50", "p99", "max"]);
    for Step { rate: due, latency } in steps {
        table.add_row([
            rate(*due),
            latency.len().to_string(),
            shown(quantile_of(latency, 0.5)),
            shown(quantile_of(latency, 0.99)),
            shown(quantile_of(latency, 1.0)),
        ]);
    }
    table.trim_fmt()
}

/// What is wrong, and what to do.
fn note(it: Doubt) -> String {
    let remedy = match it {
        Doubt::GeneratorBusy => "give it more threads (-t)",
        Doubt::GeneratorLate => "give it a core of its own",
        Doubt::ShortOfRate => "offer less, or open more connections (-c)",
    };
    format!("{}; {remedy}", doubt(it))
}

/// Times in microseconds; `null` if there are none.
fn times(histogram: &Histogram<u64>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    json!({
        "mean": histogram.mean() / 1e3,
        "stdev": histogram.stdev() / 1e3,
        "p50": quantile_of(histogram, 0.5),
        "p75": quantile_of(histogram, 0.75),
        "p90": quantile_of(histogram, 0.9),
        "p99": quantile_of(histogram, 0.99),
        "p999": quantile_of(histogram, 0.999),
        "max": histogram.max() as f64 / 1e3,
    })
}

/// In microseconds; `None` if there are no requests.
fn quantile_of(histogram: &Histogram<u64>, quantile: f64) -> Option<f64> {
    (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile) as f64 / 1e3)
}

/// Share of the values that lie between two.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times and rates are positive and fit"
)]
fn share(histogram: &Histogram<u64>, from: f64, to: f64) -> f64 {
    let between = histogram.count_between(from.max(0.0).round() as u64, to.max(0.0).round() as u64);
    between as f64 / histogram.len().max(1) as f64
}

/// Failures by the names they have in JSON.
fn failures(tally: &Tally) -> impl Iterator<Item = (String, u64)> {
    tally
        .errors
        .iter()
        .map(|(kind, count)| (failure_name(*kind), *count))
}

fn right_aligned<const COLUMNS: usize>(titles: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(titles);
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bar has at most 40 letters"
)]
fn bar(share: f64) -> String {
    "█".repeat((share * BAR).round() as usize)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Failure;
    use crate::model::OpenLoop;

    /// 900 requests of 1 ms, 90 of 4 ms, 10 of 100 ms, in two seconds.
    fn tally() -> Tally {
        let mut tally = Tally::empty(Duration::from_secs(2));
        for (nanoseconds, count) in [(1_000_000, 900), (4_000_000, 90), (100_000_000, 10)] {
            tally.latency.saturating_record_n(nanoseconds, count);
        }
        tally.started = 1000;
        tally.succeeded = 990;
        tally.succeeded_in_window = 990;
        tally.errors.insert(Failure::Timeout, 10);
        tally.status.insert(200, 990);
        tally.thread_rate.saturating_record_n(250, 40);
        tally.bytes = 4096;
        tally.generator_cpu = Duration::from_millis(20);
        tally
    }

    fn load(tally: &Tally) -> Load<'_> {
        Load {
            url: "http://127.0.0.1:8000/",
            threads: 2,
            connections: 8,
            rate: None,
            tally,
            joined: None,
        }
    }

    #[test]
    fn the_table_says_it_all() {
        insta::assert_snapshot!(load(&tally()).terminal());
    }

    #[test]
    fn the_bars_hold_every_request_up_to_the_last_thousandth() {
        let tally = tally();
        let bars = load(&tally).bars();
        assert_eq!(bars.lines().count(), 9, "{bars}");
        assert!(bars.contains("90 %") && bars.contains("9 %"), "{bars}");
    }

    #[test]
    fn json_has_rates_and_percentiles() {
        let tally = tally();
        let json = load(&tally).json();
        assert_eq!(json["throughput"], 495.0);
        assert_eq!(json["errors"], serde_json::json!({"timeout": 10}));
        assert!((json["latency_us"]["p50"].as_f64().expect("a time") - 1000.0).abs() < 1.0);
        assert!(
            (json["generator"]["cpu_us_per_request"]
                .as_f64()
                .expect("a time")
                - 20.0)
                .abs()
                < 1e-9
        );
    }

    #[test]
    fn an_open_loop_shows_what_was_offered_and_what_was_late() {
        let mut tally = tally();
        let mut open = OpenLoop::empty();
        (open.offered, open.sent) = (1000, 900);
        open.service.saturating_record_n(900_000, 900);
        open.send_lag.saturating_record_n(20_000, 900);
        tally.open = Some(open);
        let rate = Rate {
            from: 500.0,
            to: 500.0,
        };
        let load = Load {
            rate: Some(rate),
            ..load(&tally)
        };
        insta::assert_snapshot!(load.terminal());
        let json = load.json();
        assert_eq!(json["open"]["achieved_per_second"], 450.0);
        assert_eq!(json["valid"], false);
        assert_eq!(json["doubts"], json!(["short_of_rate"]));
    }

    #[test]
    fn a_ramp_shows_how_latency_follows_the_rate() {
        let mut tally = tally();
        let mut open = OpenLoop::empty();
        for tenth in 0..10_u32 {
            open.record_step(f64::from(tenth) / 10.0, 1_000_000 * u64::from(tenth + 1));
        }
        open.record_step(1.5, 1);
        tally.open = Some(open);
        let rate = Rate {
            from: 100.0,
            to: 1100.0,
        };
        let load = Load {
            rate: Some(rate),
            ..load(&tally)
        };
        let json = load.json();
        assert_eq!(json["ramp"][0]["rate"], 150.0);
        assert_eq!(
            json["ramp"][9]["requests"], 2,
            "the last holds what lies behind it"
        );
        let text = load.terminal();
        assert!(text.contains("1050/s"), "{text}");
    }

    #[test]
    fn a_busy_generator_makes_the_load_invalid() {
        let mut tally = tally();
        assert_eq!(load(&tally).json()["valid"], true);
        tally.generator_cpu = Duration::from_millis(3900);
        assert_eq!(load(&tally).json()["generator"]["bottleneck"], true);
    }

    #[test]
    fn a_load_without_requests_has_no_values() {
        let empty = Tally::empty(Duration::from_secs(1));
        let text = load(&empty).terminal();
        assert!(text.contains("0 requests: 0 succeeded"), "{text}");
        assert!(
            !text.contains("0.00 µs") && !text.contains("0.00/s"),
            "{text}"
        );
        let json = load(&empty).json();
        for value in ["throughput", "latency_us", "connect_us"] {
            assert!(json[value].is_null(), "{value}: {}", json[value]);
        }
    }
}
