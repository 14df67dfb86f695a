mod branch;

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;

use crate::baseline::{Directory, Error};
use crate::document;
use crate::model::{Baseline, Key, LoadShape, Metric, Outcome, Runner};

fn baseline(server: &str, endpoint: &str, second: i64) -> Baseline {
    Baseline {
        schema: Baseline::SCHEMA,
        key: Key {
            server: server.into(),
            endpoint: endpoint.into(),
            load: LoadShape {
                request: String::new(),
                connections: 1,
                threads: 1,
                rate: None,
                timeout_ms: 1,
                round_ms: 1,
            },
            settings: String::new(),
            runner: Runner {
                architecture: String::new(),
                cpu_model: String::new(),
                cores: 1,
                kernel_major: String::new(),
                engine_major: None,
            },
        },
        commit: Some("abc".into()),
        time: Timestamp::from_second(second).expect("a time"),
        verdict: Outcome::Pass,
        anchor: None,
        values: BTreeMap::from([(Metric::Throughput, 12.5)]),
        rounds: BTreeMap::new(),
        statements: Vec::new(),
    }
}

fn times(baselines: &[Baseline]) -> Vec<i64> {
    baselines
        .iter()
        .map(|baseline| baseline.time.as_second())
        .collect()
}

#[test]
fn what_is_added_is_found_again_oldest_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Directory::new(folder.path().join("not/there/yet"));
    assert!(store.all().expect("an empty store").is_empty());
    for second in [30, 10, 20] {
        store.add(&baseline("app", "home", second)).expect("added");
    }
    store.add(&baseline("app", "other", 5)).expect("added");
    let found = store.all().expect("read");
    assert_eq!(times(&found), [10, 20, 30, 5]);
    assert_eq!(
        found[0].values[&Metric::Throughput].to_bits(),
        12.5_f64.to_bits()
    );
}

#[test]
fn two_runs_of_one_commit_and_time_are_two_documents() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Directory::new(folder.path());
    store.add(&baseline("app", "home", 1)).expect("added");
    store.add(&baseline("app", "home", 1)).expect("added");
    assert_eq!(store.all().expect("read").len(), 2);
}

#[test]
fn names_cannot_leave_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Directory::new(folder.path().join("store"));
    store.add(&baseline("../../evil", "a/b", 1)).expect("added");
    assert_eq!(store.all().expect("read").len(), 1);
    let above: Vec<_> = fs::read_dir(folder.path()).expect("listed").collect();
    assert_eq!(above.len(), 1, "only the store itself");
}

#[test]
fn a_damaged_document_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let cell = folder.path().join("app/home");
    fs::create_dir_all(&cell).expect("made");
    fs::write(cell.join("x.json"), "{\"schema\": 1, \"key\"").expect("written");
    let error = Directory::new(folder.path()).all().expect_err("damaged");
    assert!(error.to_string().contains("app/home/x.json"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_document_of_a_later_version_is_not_guessed_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let cell = folder.path().join("app/home");
    fs::create_dir_all(&cell).expect("made");
    fs::write(cell.join("x.json"), "{\"schema\": 99, \"new\": true}").expect("written");
    let error = Directory::new(folder.path()).all().expect_err("too new");
    assert!(
        matches!(
            error,
            Error::Document(document::Error::Schema { found: 99, .. })
        ),
        "{error}"
    );
}
