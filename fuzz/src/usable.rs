//! What must hold of everything that was read and not refused: it is written and read again as it
//! was, judged, and shown by every format.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::judging::judged;
use super::{example, page};
use perfgate::gate;
use perfgate::import::Generator;
use perfgate::model::{
    Baseline, Direction, Measurement, Metric, Outcome, Report, Trend, Unit, chain,
};
use perfgate::publish::workflow;
use perfgate::{document, report};

/// A measurement is kept, stored as baselines, judged by them, and shown.
pub(super) fn measurement(measurement: &Measurement) {
    is_kept(measurement, "measurement", Measurement::SCHEMA);
    assert!(report::hlog(measurement).starts_with('#'));
    let started = measurement.provenance.started;
    let samples = measurement.samples.iter();
    let kept = samples.map(|it| Baseline::of_sample(it, None, started, Outcome::Pass));
    let kept: Vec<_> = kept.collect();
    for baseline in &kept {
        is_kept(baseline, Baseline::KIND, Baseline::SCHEMA);
    }
    report(&judged(measurement, kept));
}

/// Stored runs are kept, shown over time, and the last is judged by all.
pub(super) fn baselines(runs: &[Baseline]) {
    for run in runs {
        is_kept(run, Baseline::KIND, Baseline::SCHEMA);
    }
    let trend = gate::trend(runs, &Metric::ALL, &|_, _| None);
    is_harmless(&report::trend(&trend));
    is_kept(&trend, "trend", Trend::SCHEMA);
    if let Some(newest) = runs.last() {
        report(&judged(&of_run(newest), runs.to_vec()));
    }
}

/// A run as if another generator had reported it.
fn of_run(run: &Baseline) -> Measurement {
    let mut measurement = example::measurement("", 1.0);
    for sample in &mut measurement.samples {
        sample.key = run.key.clone();
        sample.counters = Some(run.counters());
        if let Some(summary) = &mut sample.summary {
            summary.values.clone_from(&run.values);
        }
    }
    measurement
}

/// A report is kept, and no format lets a text in it be more than text.
pub(super) fn report(read: &Report) {
    is_kept(read, "report", Report::SCHEMA);
    is_harmless(&report::terminal(read));
    page::is_harmless(read, &report::markdown(read));
    for line in workflow::annotations(read) {
        assert!(!line.contains(['\n', '\r']), "{line:?}");
    }
    let html = report::html(read);
    assert!(html.trim_end().ends_with("</html>"), "{html}");
    assert_eq!(html.matches("</html>").count(), 1, "{html}");
    let xml = report::junit(read);
    // XML 1.0 has no way to write them.
    let forbidden =
        |it: char| (it < ' ' && !"\n\r\t".contains(it)) || "\u{fffe}\u{ffff}".contains(it);
    assert!(!xml.contains(forbidden), "{xml:?}");
    let metrics = report::openmetrics(read);
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    for line in metrics.lines() {
        let known = line.starts_with("perfgate_") || line.starts_with("# ");
        assert!(known, "{line:?}");
    }
    for text in [
        report::bencher(read),
        report::github_action_benchmark(read, Direction::LowerIsBetter),
        report::github_action_benchmark(read, Direction::HigherIsBetter),
    ] {
        let value = serde_json::from_str::<serde_json::Value>(&text);
        assert!(value.is_ok(), "{text}");
    }
}

/// A page on which every text is a stranger's has the lines of one on which they are plain.
pub(super) fn names_are_text(text: &str) {
    let read = example::report(text);
    self::report(&read);
    let page = report::markdown(&read);
    assert!(page.contains("\nperfgate check --server"), "{page}");
    let plain = "name\n".repeat(text.lines().count());
    let plain = report::markdown(&example::report(&plain));
    assert_eq!(page.lines().count(), plain.lines().count(), "{page}");
}

/// A result says whose it is, and holds numbers that can be judged.
pub(super) fn import(generator: Generator, measurement: &Measurement) {
    let [sample] = measurement.samples.as_slice() else {
        panic!("{} samples", measurement.samples.len());
    };
    let summary = sample.summary.as_ref().expect("imported values");
    assert_eq!(summary.generator, generator.name());
    assert!(summary.requests > 0);
    let [note] = measurement.provenance.notes.as_slice() else {
        panic!("{:?}", measurement.provenance.notes);
    };
    assert!(note.contains(generator.name()), "{note}");
    for (metric, value) in &summary.values {
        let most = match metric.unit() {
            Unit::Share => 1.0,
            _ => f64::MAX,
        };
        assert!((0.0..=most).contains(value), "{metric:?}: {value}");
    }
}

/// Our own text is read again as it was.
fn is_kept<T: Serialize + DeserializeOwned>(document: &T, what: &'static str, highest: u32) {
    let text = document::text(document);
    let again = document::parse::<T>(text.as_bytes(), Path::new("kept.json"), what, highest);
    match again {
        Ok(again) => assert_eq!(document::text(&again), text),
        Err(error) => panic!("{}\n{text}", chain(&error)),
    }
}

/// Of everything that a terminal obeys, only colours are left.
pub(super) fn is_harmless(text: &str) {
    let parts = text.split('\u{1b}').skip(1);
    for part in parts {
        let end = part.find(|it: char| !it.is_ascii_digit() && !"[;".contains(it));
        assert!(
            end.is_some_and(|end| part[end..].starts_with('m')),
            "{part:?}"
        );
    }
    let obeyed = |letter: char| letter.is_control() && !"\n\t\u{1b}".contains(letter);
    assert!(!text.contains(obeyed), "{text:?}");
}
