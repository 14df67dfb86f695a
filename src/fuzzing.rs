//! What bytes of others go through: one function for each way in, which takes any bytes and panics
//! where a promise breaks. The targets in `fuzz/` call them with what a fuzzer makes up, and
//! `tests/corpora.rs` with what was once found.

use std::path::Path;

use crate::model::{Baseline, Measurement, Report};
use crate::publish::workflow::{self, Level};
use crate::{baseline, config, document, load, report};

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every way in by the name of its target and corpus. Importers of other formats stand here too
/// once there are any.
pub const TARGETS: [(&str, Target); 7] = [
    ("response", response),
    ("configuration", configuration),
    ("baseline", stored_baseline),
    ("measurement", stored_measurement),
    ("report", stored_report),
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

/// A document of a store of baselines.
pub fn stored_baseline(bytes: &[u8]) {
    let path = Path::new("baseline.json");
    drop(document::parse::<Baseline>(
        bytes,
        path,
        Baseline::KIND,
        Baseline::SCHEMA,
    ));
}

/// A measurement, whose histograms are packed.
pub fn stored_measurement(bytes: &[u8]) {
    let path = Path::new("measurement.json");
    let read = document::parse::<Measurement>(bytes, path, "measurement", Measurement::SCHEMA);
    if let Ok(measurement) = read {
        let text = document::text(&measurement);
        let again = document::parse::<Measurement>(
            text.as_bytes(),
            path,
            "measurement",
            Measurement::SCHEMA,
        );
        assert_eq!(document::text(&again.expect("our own document")), text);
    }
}

/// A report, as every format shows it.
pub fn stored_report(bytes: &[u8]) {
    let path = Path::new("report.json");
    if let Ok(read) = document::parse::<Report>(bytes, path, "report", Report::SCHEMA) {
        is_harmless(&report::terminal(&read));
        drop((report::markdown(&read), report::json(&read)));
        for line in workflow::annotations(&read) {
            assert!(!line.contains(['\n', '\r']), "{line:?}");
        }
    }
}

/// A text of somebody else, on its way to the terminal, to Markdown and to the runner of a workflow.
pub fn escapers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    is_harmless(&report::clean(&text));
    let line = report::printable(&text);
    assert!(!line.contains(char::is_control), "{line:?}");
    for line in report::quoted(&text).lines() {
        assert!(line.starts_with("| "), "{line:?}");
    }
    let escaped = report::escaped(&text);
    assert!(!escaped.contains(['\n', '\r', '<', '>']), "{escaped:?}");
    let command = workflow::annotation(Level::Error, &text, &text);
    assert!(!command.contains(['\n', '\r']), "{command:?}");
}

/// What git answers about a branch of baselines.
pub fn git(bytes: &[u8]) {
    baseline::read_answers(bytes);
}

/// Of everything that a terminal obeys, only colours are left.
fn is_harmless(text: &str) {
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
