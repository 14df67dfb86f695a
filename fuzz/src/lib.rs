//! What bytes of others go through: one function for each way in, which takes any bytes and panics
//! where a promise breaks. The programs in `fuzz_targets` call them with what a fuzzer makes up, and
//! `tests/corpora.rs` with what was once found.
//!
//! `usable` has what must hold of everything that was read, `page` what must hold of a page of
//! Markdown, `example` a run to hold texts.

mod example;
mod judging;
mod page;
mod usable;

use std::path::Path;

use jiff::Timestamp;

use perfgate::config;
use perfgate::document;
use perfgate::import::Generator;
use perfgate::model::{Baseline, Measurement, Report, chain, histogram};
use perfgate::publish::workflow::{self, Level};
use perfgate::{baseline, load, report};

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every way in by the name of its target and corpus.
pub const TARGETS: [(&str, Target); 9] = [
    ("response", response),
    ("configuration", configuration),
    ("baseline", stored_baselines),
    ("measurement", stored_measurement),
    ("histogram", packed_histogram),
    ("report", stored_report),
    ("importers", importers),
    ("escapers", escapers),
    ("git", git),
];

/// The bytes of a server, read by the load engine.
pub fn response(bytes: &[u8]) {
    load::read_response(bytes);
}

/// A perfgate.toml. Nothing that it names is there.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = config::parse(Path::new("/nowhere/perfgate.toml"), &text);
    if let Err(error) = read {
        assert!(error.to_string().contains("perfgate.toml:"), "{error}");
    }
}

/// Documents of a store of baselines, a NUL between two.
pub fn stored_baselines(bytes: &[u8]) {
    let path = Path::new("baseline.json");
    let parts = bytes.split(|byte| *byte == 0);
    let read =
        parts.filter_map(|it| document::parse(it, path, Baseline::KIND, Baseline::SCHEMA).ok());
    usable::baselines(&read.collect::<Vec<_>>());
}

/// A measurement, whose histograms are packed.
pub fn stored_measurement(bytes: &[u8]) {
    let path = Path::new("measurement.json");
    let read = document::parse(bytes, path, "measurement", Measurement::SCHEMA);
    if let Ok(measurement) = read {
        usable::measurement(&measurement);
    }
}

/// What is packed in a measurement, unpacked.
pub fn packed_histogram(bytes: &[u8]) {
    if let Ok(read) = histogram::of_plain(bytes) {
        let again = histogram::decode(&histogram::encode(&read));
        assert_eq!(again.expect("our own text"), read);
        assert_eq!(read.value_at_quantile(1.0), read.max());
    }
}

/// A report, as every format shows it.
pub fn stored_report(bytes: &[u8]) {
    let path = Path::new("report.json");
    if let Ok(read) = document::parse(bytes, path, "report", Report::SCHEMA) {
        usable::report(&read);
    }
}

/// A result of another load generator.
pub fn importers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let path = Path::new("result.txt");
    let generator = match Generator::recognize(&text, path) {
        Ok(Some(generator)) => generator,
        // A document of perfgate itself is JSON.
        Ok(None) => return assert!(text.trim_start().starts_with('{')),
        Err(error) => return assert!(error.to_string().contains("result.txt"), "{error}"),
    };
    match generator.measurement(&text, path, None, Timestamp::UNIX_EPOCH) {
        Ok(measurement) => {
            usable::import(generator, &measurement);
            usable::measurement(&measurement);
        }
        Err(error) => {
            let error = chain(&error);
            let names = error.contains("result.txt") && error.contains(generator.name());
            assert!(names, "{error}");
        }
    }
}

/// A text of somebody else, on its way to the terminal, to Markdown, to a shell and to the runner of
/// a workflow.
pub fn escapers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    usable::is_harmless(&report::clean(&text));
    let line = report::printable(&text);
    assert!(!line.contains(char::is_control), "{line:?}");
    for line in report::quoted(&text).lines() {
        assert!(line.starts_with("| "), "{line:?}");
    }
    let command = workflow::annotation(Level::Error, &text, &text);
    assert!(!command.contains(['\n', '\r']), "{command:?}");
    page::is_text(&report::escaped(&text));
    usable::names_are_text(&text);
}

/// What git answers about a branch of baselines.
pub fn git(bytes: &[u8]) {
    baseline::read_answers(bytes);
}
