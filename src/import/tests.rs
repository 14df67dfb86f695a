use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Error, Fault, Generator, Name, text};
use crate::model::{Measurement, chain};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/imports")
}

fn imported(name: &str, text: &str, named: Option<&Name>) -> Result<Measurement, Error> {
    let path = Path::new(name);
    let generator = Generator::of(text, path)?.ok_or(Error::Unknown { path: path.into() })?;
    generator.measurement(text, path, named, Timestamp::UNIX_EPOCH)
}

fn stored() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).expect("stored results");
    let paths = entries.map(|entry| entry.expect("a file").path());
    let mut results: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it != "md"))
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, text(&path).expect("readable"))
        })
        .collect();
    results.sort();
    results
}

#[test]
fn every_stored_result() {
    for (name, text) in stored() {
        let shown = match imported(&name, &text, None) {
            Err(error) => format!("{}\n{}", chain(&error), error.hint().unwrap_or_default()),
            Ok(measurement) => {
                let sample = &measurement.samples[0];
                format!(
                    "{} {}\n{:#?}\n{:#?}\n{} s\n{}",
                    sample.key.server,
                    sample.key.endpoint,
                    sample.key.load,
                    sample.summary,
                    measurement.provenance.seconds,
                    measurement.provenance.notes.join("\n"),
                )
            }
        };
        insta::assert_snapshot!(name.replace('.', "_"), shown);
    }
}

#[test]
fn a_result_is_called_what_it_is_named() {
    let named = Name {
        server: "gunicorn".into(),
        endpoint: "movies".into(),
    };
    let (name, text) = &stored().pop().expect("stored");
    let measurement = imported(name, text, Some(&named)).expect("a measurement");
    let key = &measurement.samples[0].key;
    assert_eq!(
        (key.server.as_str(), key.endpoint.as_str()),
        ("gunicorn", "movies")
    );
}

#[test]
fn results_cut_short_are_refused_or_lack_what_was_cut() {
    for (name, text) in stored() {
        let Ok(whole) = imported(&name, &text, None) else {
            continue;
        };
        let whole = whole.samples[0].summary.clone().expect("told");
        for (end, _) in text.char_indices().step_by(37) {
            let part = &text[..end];
            let Ok(Some(generator)) = Generator::of(part, Path::new(&name)) else {
                continue;
            };
            let read = generator.measurement(part, Path::new(&name), None, Timestamp::UNIX_EPOCH);
            if let Ok(read) = read {
                let told = read.samples[0].summary.clone().expect("told");
                assert!(
                    told.values.len() <= whole.values.len(),
                    "{name} until {end}"
                );
            }
        }
    }
}

#[test]
fn numbers_out_of_all_proportion_do_no_harm() {
    for (name, text) in stored() {
        for number in ["18446744073709551615", "1e308", "0", "-1", "nan"] {
            let digits = |letter: char| letter.is_ascii_digit();
            let parts = text.split(digits).filter(|part| !part.is_empty());
            let hostile: Vec<_> = parts.collect();
            let Ok(measurement) = imported(&name, &hostile.join(number), None) else {
                continue;
            };
            let summary = measurement.samples[0].summary.clone().expect("told");
            for (metric, value) in summary.values {
                assert!(
                    value.is_finite() && value >= 0.0,
                    "{name} {metric:?}: {value}"
                );
            }
        }
    }
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    let wrk = text(&folder().join("wrk.txt")).expect("readable");
    let broken = wrk.replace("requests in 2.00s,", "requests in soon,");
    let at = wrk.lines().position(|line| line.contains("requests in"));
    let error = imported("wrk.txt", &broken, None).expect_err("refused");
    let Error::Fault { fault, .. } = error else {
        panic!("{error}");
    };
    let Fault::Line { line, found, .. } = fault else {
        panic!("{fault}");
    };
    assert_eq!(Some(line), at.map(|at| at + 1));
    assert!(found.contains("soon"), "{found}");
}

#[test]
fn other_text_is_refused_and_documents_of_perfgate_are_left_to_it() {
    let path = Path::new("a.txt");
    let error = Generator::of("hello", path).expect_err("nobody's");
    assert!(matches!(error, Error::Unknown { .. }));
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("wrk --latency"))
    );
    assert_eq!(Generator::of("{\"schema\": 1}", path).expect("fine"), None);
}
