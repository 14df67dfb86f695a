use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Error, Fault, Generator, Name, text};
use crate::model::{Measurement, Metric, chain};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/imports")
}

fn imported(name: &str, text: &str, named: Option<&Name>) -> Result<Measurement, Error> {
    let path = Path::new(name);
    let generator =
        Generator::recognize(text, path)?.ok_or(Error::Unknown { path: path.into() })?;
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
        let whole = whole.samples[0].summary.clone().expect("imported");
        for (end, _) in text.char_indices().step_by(37) {
            let part = &text[..end];
            let Ok(Some(generator)) = Generator::recognize(part, Path::new(&name)) else {
                continue;
            };
            let read = generator.measurement(part, Path::new(&name), None, Timestamp::UNIX_EPOCH);
            if let Ok(read) = read {
                let imported = read.samples[0].summary.clone().expect("imported");
                assert!(
                    imported.values.len() <= whole.values.len(),
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
            let summary = measurement.samples[0].summary.clone().expect("imported");
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

fn fixture(name: &str) -> String {
    text(&folder().join(name)).expect("readable")
}

fn values(name: &str, text: &str) -> BTreeMap<Metric, f64> {
    let measurement = imported(name, text, None).expect("a measurement");
    let summary = measurement.samples[0].summary.clone();
    summary.expect("what was imported").values
}

/// The values of a stored result, in the order of the metrics.
fn valued<const N: usize>(name: &str, metrics: [Metric; N]) -> [Option<f64>; N] {
    let values = values(name, &fixture(name));
    metrics.map(|metric| values.get(&metric).copied())
}

#[test]
fn the_recorded_table_of_wrk2_counts_and_not_the_uncorrected_one() {
    let quantiles = [Metric::LatencyP50, Metric::LatencyP99, Metric::LatencyP999];
    let behind = valued("wrk2-behind.txt", quantiles);
    assert_eq!(behind, [Some(1.1e6), Some(3.05e6), Some(3.09e6)]);
    // A run whose head of the recorded table is cut off has no table at all.
    let text = fixture("wrk2-behind.txt").replace("Latency Distribution (HdrHistogram - Rec", "");
    assert!(!values("cut.txt", &text).contains_key(&Metric::LatencyP50));
}

#[test]
fn wrk2_is_not_wrk() {
    for (name, generator) in [
        ("wrk2-u.txt", Generator::Wrk2),
        ("wrk2-script.txt", Generator::Wrk2),
        ("wrk-script.txt", Generator::Wrk),
        ("wrk.txt", Generator::Wrk),
    ] {
        let made = Generator::recognize(&fixture(name), Path::new(name)).expect("known");
        assert_eq!(made, Some(generator), "{name}");
    }
}

#[test]
fn lines_of_a_lua_script_change_nothing() {
    for name in ["wrk-script.txt", "wrk2-script.txt"] {
        let text = fixture(name);
        let lines: Vec<_> = text.lines().collect();
        let at = |start: &str| lines.iter().position(|line| line.starts_with(start));
        let (run, head) = (
            at("Running ").expect("a start"),
            at("  Thread Stats").expect("a head"),
        );
        let end = at("Transfer/sec:").expect("an end");
        assert!(
            run > 0 && head > run + 2 && end + 1 < lines.len(),
            "{name} has such lines"
        );
        let own = [&lines[run..run + 2], &lines[head..=end]]
            .concat()
            .join("\n");
        assert_eq!(values(name, &text), values(name, &own), "{name}");
    }
    let [p50, p99] = valued("wrk-script.txt", [Metric::LatencyP50, Metric::LatencyP99]);
    assert_eq!((p50, p99), (Some(178.0), Some(16_680.0)));
}

#[test]
fn several_results_in_one_file_are_refused() {
    for name in ["wrk.txt", "wrk2-u.txt", "hey.txt"] {
        let twice = fixture(name).repeat(2);
        let error = imported(name, &twice, None).expect_err("refused");
        let Error::Fault { fault, .. } = &error else {
            panic!("{error}");
        };
        assert!(matches!(fault, Fault::Several), "{name}: {fault}");
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("a file of its own"))
        );
    }
}

#[test]
fn several_documents_in_one_file_are_refused() {
    for name in ["oha.json", "vegeta.json", "k6-export.json"] {
        for between in ["", "\n"] {
            let twice = [fixture(name), fixture(name)].join(between);
            let error = imported(name, &twice, None).expect_err("refused");
            let is_several = |error: &Error| {
                matches!(
                    error,
                    Error::Fault {
                        fault: Fault::Several,
                        ..
                    }
                )
            };
            assert!(is_several(&error), "{name}: {error}");
        }
    }
}

#[test]
fn results_of_two_generators_in_one_file_are_refused() {
    for (first, second) in [("wrk.txt", "hey.txt"), ("hey.txt", "wrk2-u.txt")] {
        let both = [fixture(first), fixture(second)].concat();
        let error = imported("both.txt", &both, None).expect_err("refused");
        let error = chain(&error);
        assert!(error.contains("it holds several results"), "{error}");
    }
}

/// As PowerShell 5 redirects, with its ends of lines.
#[test]
fn a_byte_order_mark_says_how_a_text_is_written() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let written = |bytes: Vec<u8>| {
        fs::write(file.path(), bytes).expect("written");
        text(file.path())
    };
    for name in ["hey.txt", "wrk.txt", "vegeta.json"] {
        let known = fixture(name);
        let lines = format!("\u{feff}{}", known.replace('\n', "\r\n"));
        let units: Vec<_> = lines.encode_utf16().collect();
        let little = units.iter().flat_map(|it| it.to_le_bytes()).collect();
        let big = units.iter().flat_map(|it| it.to_be_bytes()).collect();
        for bytes in [lines.clone().into_bytes(), little, big] {
            let read = written(bytes).expect("text");
            assert_eq!(values(name, &read), values(name, &known), "{name}");
        }
    }
    // Half a letter, and half of a pair.
    for bytes in [vec![0xff, 0xfe, 0x20], vec![0xff, 0xfe, 0x00, 0xd8]] {
        assert!(matches!(written(bytes), Err(Error::NotText { .. })));
    }
}

/// hey lists at most a million statuses.
#[test]
fn the_throughput_of_hey_is_its_rate() {
    for rate in [139_688.193, 104_021.5] {
        let text = million(rate, "  [200]\t1000000 responses\n");
        let values = values("hey.txt", &text);
        let throughput = values[&Metric::Throughput];
        assert!((throughput - rate).abs() < 1e-6, "{throughput}");
        assert_eq!(values.get(&Metric::ErrorRate), Some(&0.0));
        // It divides the sum of all times by a million.
        assert!(!values.contains_key(&Metric::LatencyMean));
        assert!(values.contains_key(&Metric::LatencyP50));
    }
}

#[test]
fn failures_beyond_the_first_million_responses_of_hey_are_as_many() {
    let statuses = "  [200]\t900000 responses\n  [500]\t100000 responses\n";
    let errors = "\nError distribution:\n  [200000]\ttimeout\n";
    let values = values(
        "hey.txt",
        &million(220_000.0, &format!("{statuses}{errors}")),
    );
    // Of 2.2 million requests 2 million were answered, nine of ten well.
    let share = 400_000.0 / 2.2e6;
    assert!(
        (values[&Metric::ErrorRate] - share).abs() < 1e-9,
        "{values:?}"
    );
    assert!(
        (values[&Metric::Throughput] - 180_000.0).abs() < 1e-6,
        "{values:?}"
    );
}

/// A result of hey that ran for ten seconds.
fn million(rate: f64, statuses: &str) -> String {
    let text = fixture("hey.txt").replace("2.0438 secs", "10.0000 secs");
    let text = text.replace("23931.7949", &rate.to_string());
    let text = text.replace("  [200]\t48911 responses\n", statuses);
    assert!(text.contains(statuses) && text.contains("10.0000"));
    text
}

#[test]
fn the_first_version_of_hey_counts_answers_alone() {
    let [throughput] = valued("hey-0.1.0.txt", [Metric::Throughput]);
    assert_eq!(throughput, Some(16_211.353));
    let times = "response-time\n0.0010\n0.0030\n";
    let read = values("hey.csv", times);
    assert_eq!(read.get(&Metric::LatencyMean), Some(&2000.0));
    for untold in [Metric::Throughput, Metric::ErrorRate] {
        assert!(!read.contains_key(&untold), "{untold:?}");
    }
    let measurement = imported("hey.csv", times, None).expect("a measurement");
    assert_eq!(measurement.provenance.length(), None);
}

#[test]
fn what_no_reader_takes_is_refused_by_its_name() {
    for (name, what, remedy) in [
        (
            "oha-0.5.0-text.txt",
            "the text of oha",
            "oha --output-format json",
        ),
        (
            "oha-1.15.0-text.txt",
            "the text of oha",
            "oha --output-format json",
        ),
        (
            "oha-1.15.0.csv",
            "the CSV of oha",
            "oha --output-format json",
        ),
        (
            "k6-0.45-text.txt",
            "the text of k6",
            "k6 run --summary-export",
        ),
        (
            "k6-1.5-samples.json",
            "every sample of k6",
            "k6 run --summary-export",
        ),
        (
            "vegeta-12.13.0-text.txt",
            "the text of vegeta",
            "vegeta report -type=json",
        ),
        (
            "vegeta-12.13.0-requests.json",
            "every request of vegeta",
            "vegeta report -type=json",
        ),
    ] {
        let error = imported(name, &fixture(name), None).expect_err("refused");
        assert!(matches!(error, Error::Foreign { .. }), "{name}: {error}");
        assert!(error.to_string().contains(what), "{error}");
        assert!(
            error.hint().is_some_and(|hint| hint.contains(remedy)),
            "{error}"
        );
    }
    for (text, what) in [
        (
            "This is ApacheBench, Version 2.3 <$Revision$>\n",
            "ApacheBench",
        ),
        (
            "Running 10s test @ http://a\n10 connections\n\n┌──┐\n│ Stat │\n",
            "autocannon",
        ),
        (
            "Bombarding http://a:80 for 10s using 125 connection(s)\n",
            "bombardier",
        ),
        (
            "\nSummary:\n  Count:\t20000\n  Total:\t371.59 ms\n  Slowest:\t3.25 ms\n  Fastest:\t0.11 ms\n  \
             Average:\t0.74 ms\n  Requests/sec:\t53822.06\n\nResponse time histogram:\n  0.1 [1] |\n\n\
             Status code distribution:\n  [OK]   20000 responses\n",
            "ghz",
        ),
        (
            "Beginning round 1...\nBenchmarking 256 connections @ http://a for 15 seconds\n",
            "rewrk",
        ),
        (
            "All VUs finished\n\nSummary report @ 10:21:40(-0700)\n",
            "Artillery",
        ),
        (
            "{\"spec\": {\"url\": \"a\"}, \"result\": {\"bytesRead\": 1}}",
            "bombardier",
        ),
    ] {
        let error = imported("a.txt", text, None).expect_err("refused");
        assert!(error.to_string().contains(what), "{error}");
        assert!(
            error.to_string().ends_with("which perfgate does not read"),
            "{error}"
        );
    }
}

/// Words of a generator within the text of another prove nothing.
#[test]
fn a_generator_is_known_by_what_it_alone_writes() {
    let path = Path::new("a.json");
    for text in [
        "{\"metrics\": {\"cpu\": 1}, \"note\": \"http_req\"}",
        "{\"latencies\": [1], \"note\": \"\\\"status_codes\\\"\"}",
        "{\"note\": \"\\\"latencyPercentiles\\\"\"}",
        "{\"a\": 1}",
    ] {
        let error = Generator::recognize(text, path).expect_err("nobody's");
        assert!(matches!(error, Error::Unknown { .. }), "{text}: {error}");
    }
    let own = "{\"schema\": 1, \"metrics\": {\"http_reqs\": 1}, \"root_group\": 1}";
    assert_eq!(Generator::recognize(own, path).expect("fine"), None);
}

#[test]
fn a_metric_without_numbers_does_not_spoil_the_others() {
    let imported = [
        Metric::Throughput,
        Metric::ErrorRate,
        Metric::LatencyP50,
        Metric::LatencyP90,
    ];
    for name in [
        "k6-0.45-export.json",
        "k6-1.5-machine-readable.json",
        "k6-2.2-machine-readable.json",
    ] {
        let [throughput, errors, p50, p90] = valued(name, imported);
        assert!(throughput.is_some_and(|it| it > 1900.0), "{name}");
        assert_eq!(
            (errors, p50, p90),
            (Some(0.005), Some(4e3), Some(8e3)),
            "{name}"
        );
    }
    let text = fixture("k6-handle-summary.json");
    let nothing =
        "\"metrics\": { \"mine\": { \"type\": \"trend\", \"values\": { \"avg\": null } },";
    let broken = text.replacen("\"metrics\": {", nothing, 1);
    assert_eq!(values("k6.json", &broken), values("k6.json", &text));
}

#[test]
fn what_k6_does_not_tell_is_absent() {
    let absent = [Metric::Throughput, Metric::ErrorRate, Metric::LatencyP99];
    assert_eq!(valued("k6-0.27-export.json", absent), [None; 3]);
}

#[test]
fn vegeta_is_read_before_it_printed_its_throughput() {
    let imported = [Metric::Throughput, Metric::LatencyP90];
    let [throughput, p90] = valued("vegeta-6.3.0.json", imported);
    assert!(
        throughput.is_some_and(|it| (it - 4995.0 / 10.001).abs() < 1e-6),
        "{throughput:?}"
    );
    assert_eq!(p90, None);
    // Of one request it gives a count for a rate.
    assert_eq!(
        valued("vegeta-12.13.0-single.json", imported),
        [None, Some(4e3)]
    );
}

#[test]
fn without_a_response_there_is_nothing_to_judge() {
    for name in [
        "vegeta-12.13.0-refused.json",
        "hey-refused.txt",
        "hey-0.1.0-refused.txt",
        "oha-refused.json",
    ] {
        let error = imported(name, &fixture(name), None).expect_err("refused");
        let Error::Fault { fault, .. } = error else {
            panic!("{error}");
        };
        assert!(matches!(fault, Fault::Empty), "{name}: {fault}");
    }
}

#[test]
fn times_of_failures_are_no_times_of_answers() {
    let failed = BTreeMap::from([(Metric::ErrorRate, 1.0)]);
    assert_eq!(values("wrk.txt", &fixture("wrk-not-found.txt")), failed);
    let oha = fixture("oha-with-errors.json").replace("\"200\": 19980", "\"404\": 19980");
    assert_eq!(values("oha.json", &oha), failed);
    let hey = fixture("hey.txt").replace("[200]", "[404]");
    assert_eq!(values("hey.txt", &hey), failed);
    let k6 = fixture("k6-export.json").replace("\"value\": 0.005", "\"value\": 1");
    assert_eq!(values("k6.json", &k6), failed);
    let vegeta = fixture("vegeta.json").replace("\"success\": 0.999", "\"success\": 0");
    assert_eq!(values("vegeta.json", &vegeta), failed);
}

/// A name that is given covers requests whose query alone differs; a path is another request.
#[test]
fn the_query_of_a_url_is_part_of_a_name_that_was_not_given() {
    let path = "/api/django-starter/monitoring/health";
    let key = |target: &str, name: Option<&Name>| {
        let text = fixture("wrk.txt").replace(path, target);
        let measurement = imported("wrk.txt", &text, name).expect("a measurement");
        (
            measurement.samples[0].key.clone(),
            measurement.provenance.notes[0].clone(),
        )
    };
    let home = Name {
        server: "app".into(),
        endpoint: "home".into(),
    };
    let (first, note) = key("/movies?page=1", Some(&home));
    assert_eq!(first, key("/movies?page=2", Some(&home)).0);
    assert_ne!(first, key("/actors?page=1", Some(&home)).0);
    assert!(note.contains("query of its URL"), "{note}");
    let (unnamed, note) = key("/movies?page=1", None);
    assert_eq!(unnamed.endpoint, "/movies?page=1");
    assert!(!note.contains("query"), "{note}");
}

#[test]
fn other_text_is_refused_and_documents_of_perfgate_are_left_to_it() {
    let path = Path::new("a.txt");
    let error = Generator::recognize("hello", path).expect_err("nobody's");
    assert!(matches!(error, Error::Unknown { .. }));
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("wrk --latency"))
    );
    assert_eq!(
        Generator::recognize("{\"schema\": 1}", path).expect("fine"),
        None
    );
}
