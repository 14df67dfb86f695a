//! What one load came to: a table in wrk's spirit, and JSON.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};

use super::text::{bytes, micros, percent, rate};
use crate::model::{Tally, histogram};

/// A load and its tally.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    pub url: &'a str,
    pub threads: usize,
    pub connections: usize,
    pub tally: &'a Tally,
}

/// Share of its threads' time at which the generator, not the server, sets the pace.
const BOTTLENECK: f64 = 0.9;
/// Rows of the text histogram.
const ROWS: u32 = 8;
/// Length of its longest bar.
const BAR: f64 = 40.0;
const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
];

impl Load<'_> {
    /// The load as a table for people.
    pub fn terminal(self) -> String {
        let mut parts = vec![self.headline(), self.latency(), self.quantiles()];
        parts.extend(Some(self.bars()).filter(|bars| !bars.is_empty()));
        parts.push(self.counts());
        parts.push(self.rates());
        if self.is_bottleneck() {
            parts.push("note: the generator was the bottleneck; give it more threads (-t)".into());
        }
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
        json!({
            "requests": tally.started,
            "succeeded": tally.succeeded,
            "unfinished": tally.unfinished,
            "errors": failures.collect::<Map<_, _>>(),
            "status": status.collect::<Map<_, _>>(),
            "seconds": tally.window.as_secs_f64(),
            "throughput": self.per_second(tally.succeeded_in_window),
            "bytes": tally.bytes,
            "reconnects": tally.reconnects,
            "latency_us": {
                "mean": tally.latency.mean() / 1e3,
                "stdev": tally.latency.stdev() / 1e3,
                "p50": self.quantile(0.5),
                "p75": self.quantile(0.75),
                "p90": self.quantile(0.9),
                "p99": self.quantile(0.99),
                "p999": self.quantile(0.999),
                "max": tally.latency.max() as f64 / 1e3,
            },
            "generator": {
                "cpu_seconds": tally.generator_cpu.as_secs_f64(),
                "cpu_us_per_request": self.generator_cost(),
                "bottleneck": self.is_bottleneck(),
            },
            "histogram": histogram::encode(&tally.latency),
        })
    }

    fn headline(self) -> String {
        format!(
            "{} for {:.1} s: {} threads, {} connections",
            self.url,
            self.tally.window.as_secs_f64(),
            self.threads,
            self.connections
        )
    }

    fn latency(self) -> String {
        let latency = &self.tally.latency;
        let (mean, deviation) = (latency.mean(), latency.stdev());
        let mut table = right_aligned(["", "mean", "stdev", "max", "within one stdev"]);
        table.add_row([
            "latency".to_owned(),
            micros(mean / 1e3),
            micros(deviation / 1e3),
            micros(latency.max() as f64 / 1e3),
            percent(self.share(mean - deviation, mean + deviation)),
        ]);
        table.trim_fmt()
    }

    fn quantiles(self) -> String {
        let mut table = right_aligned(QUANTILES.map(|(name, _)| name));
        table.add_row(QUANTILES.map(|(_, quantile)| micros(self.quantile(quantile))));
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
        let rows = (0..ROWS).map(|row| (edge(row), self.share(edge(row), edge(row + 1) - 1.0)));
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

    fn rates(self) -> String {
        let throughput = self.per_second(self.tally.succeeded_in_window);
        let cost = self.generator_cost().map_or_else(|| "–".into(), micros);
        format!(
            "{} requests, {} per thread; {} received per second; {cost} CPU per request in the generator",
            rate(throughput),
            rate(throughput / self.threads as f64),
            bytes(self.per_second(self.tally.bytes)),
        )
    }

    /// In microseconds.
    fn quantile(self, quantile: f64) -> f64 {
        self.tally.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    /// Share of the requests whose latency lies between two times in nanoseconds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "latencies are positive and fit"
    )]
    fn share(self, from: f64, to: f64) -> f64 {
        let latency = &self.tally.latency;
        let between =
            latency.count_between(from.max(0.0).round() as u64, to.max(0.0).round() as u64);
        between as f64 / (latency.len().max(1)) as f64
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

    fn is_bottleneck(self) -> bool {
        let available = self.tally.window.as_secs_f64() * self.threads as f64;
        self.tally.generator_cpu.as_secs_f64() > BOTTLENECK * available
    }
}

/// Failures by the names they have in JSON.
fn failures(tally: &Tally) -> impl Iterator<Item = (String, u64)> {
    tally.errors.iter().map(|(kind, count)| {
        let name = serde_json::to_value(kind).expect("kinds have a name");
        (name.as_str().unwrap_or_default().to_owned(), *count)
    })
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
        tally.bytes = 4096;
        tally.generator_cpu = Duration::from_millis(20);
        tally
    }

    fn load(tally: &Tally) -> Load<'_> {
        Load {
            url: "http://127.0.0.1:8000/",
            threads: 2,
            connections: 8,
            tally,
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
    fn a_generator_that_is_always_busy_is_the_bottleneck() {
        let mut tally = tally();
        assert!(!load(&tally).is_bottleneck());
        tally.generator_cpu = Duration::from_millis(3900);
        assert!(load(&tally).is_bottleneck());
    }

    #[test]
    fn a_load_without_requests_has_no_bars() {
        let empty = Tally::empty(Duration::from_secs(1));
        let text = load(&empty).terminal();
        assert!(text.contains("0 requests: 0 succeeded"), "{text}");
    }
}
