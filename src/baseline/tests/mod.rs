mod branch;
mod faulty;
mod packed;

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;

use crate::baseline::{Directory, Error};
use crate::document;
use crate::model::{Baseline, Key, LoadShape, Metric, Outcome, Pin, Runner};

/// So many runs that none of a test is one too many.
const KEEP: usize = 1000;

fn baseline(server: &str, endpoint: &str, second: i64) -> Baseline {
    Baseline {
        schema: Baseline::SCHEMA,
        took: None,
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
        dirty: false,
        time: Timestamp::from_second(second).expect("a time"),
        verdict: Outcome::Pass,
        anchor: None,
        configuration: None,
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

fn pin(second: i64, until: Option<i64>) -> Pin {
    let time = |second| Timestamp::from_second(second).expect("a time");
    Pin {
        schema: Pin::SCHEMA,
        time: time(second),
        commit: Some("abc".into()),
        until: until.map(time),
        reason: None,
    }
}

#[test]
fn the_newest_pin_holds_until_it_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Directory::new(folder.path());
    assert_eq!(store.pin().expect("an empty store"), None);
    for it in [pin(30, Some(20)), pin(10, Some(5))] {
        store.add_pin(&it).expect("added");
    }
    assert_eq!(store.pin().expect("read"), Some(pin(30, Some(20))));
    store.add_pin(&pin(40, None)).expect("given up");
    assert_eq!(store.pin().expect("read"), None);
    let pins = fs::read_dir(folder.path().join("pins")).expect("listed");
    assert_eq!(pins.count(), 3, "none is replaced");
}

#[test]
fn a_server_may_be_called_pins() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Directory::new(folder.path());
    store.add(&baseline("pins", "x.json", 1)).expect("added");
    store.add_pin(&pin(2, Some(1))).expect("pinned");
    assert_eq!(times(&store.all().expect("read")), [1]);
    assert_eq!(store.pin().expect("read"), Some(pin(2, Some(1))));
}

#[test]
fn a_damaged_pin_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("pins")).expect("made");
    fs::write(folder.path().join("pins/x.json"), "{\"schema\": 1}").expect("written");
    let error = Directory::new(folder.path()).pin().expect_err("damaged");
    assert!(error.to_string().contains("pins/x.json"), "{error}");
}

#[test]
fn pruning_leaves_what_the_pin_is_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Directory::new(folder.path());
    for second in 1..=50 {
        let mut run = baseline("app", "home", second);
        // Good ones are the even ones, 20 of them up to the pin.
        if second % 2 == 1 {
            run.verdict = Outcome::Regression;
        }
        store.add(&run).expect("added");
    }
    store.add_pin(&pin(60, Some(41))).expect("pinned");
    assert_eq!(store.prune(3, &|_| true).expect("pruned"), 26);
    let even = (1..=20).map(|half| 2 * half);
    // The newest up to the pin, for what is counted, and the newest of all.
    let expected: Vec<i64> = even.chain([41, 48, 49, 50]).collect();
    assert_eq!(times(&store.all().expect("read")), expected);
    store.add_pin(&pin(70, None)).expect("given up");
    assert_eq!(store.prune(3, &|_| true).expect("pruned"), 21);
}
