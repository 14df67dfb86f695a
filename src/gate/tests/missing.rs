use super::over_time::measurement;
use super::*;
use crate::gate::{measured, missing};
use crate::model::{CellName, Incident, Partial, Summary, Unfinished};

fn home() -> CellName {
    CellName::new("app", "home")
}

fn movies() -> CellName {
    CellName::new("app", "movies")
}

#[test]
fn what_was_planned_and_has_no_round_is_missing() {
    let mut measured_one = measurement(&[sample(1000, Duration::from_millis(1))]);
    assert_eq!(missing([home(), movies()], &measured_one), [movies()]);
    assert_eq!(measured(&measured_one).collect::<Vec<_>>(), [home()]);
    measured_one.samples[0].starts[0].rounds.clear();
    assert_eq!(missing([home()], &measured_one), [home()]);
    measured_one.samples[0].summary = Some(Summary {
        generator: "wrk".into(),
        requests: 1,
        values: BTreeMap::from([(Metric::Throughput, 1.0)]),
    });
    assert_eq!(missing([home()], &measured_one), []);
}

#[test]
fn pairs_count_where_there_are_some() {
    let round = sample(1000, Duration::from_millis(1)).starts[0]
        .rounds
        .remove(0);
    let mut paired = measurement(&[]);
    paired.pairs = vec![unchanged(round)];
    assert_eq!(missing([home()], &paired), []);
    for start in &mut paired.pairs[0].starts {
        start.pairs.clear();
    }
    assert_eq!(missing([home()], &paired), [home()]);
}

#[test]
fn a_server_that_failed_and_a_run_that_was_cut_say_why() {
    let mut none = measurement(&[]);
    none.incidents.push(Incident {
        server: "app".into(),
        during: "start".into(),
        what: "out of memory".into(),
        output: String::new(),
        fatal: true,
    });
    assert_eq!(missing([home()], &none), []);
    none.incidents[0].fatal = false;
    assert_eq!(missing([home()], &none), [home()]);
    none.provenance.partial = Some(Partial {
        reason: "interrupted".into(),
        exit_code: 130,
        unfinished: vec![Unfinished {
            server: "app".into(),
            endpoint: "home".into(),
        }],
    });
    assert_eq!(missing([home(), movies()], &none), [movies()]);
}

#[test]
fn nothing_judged_is_no_pass() {
    let slow = sample(1000, Duration::from_millis(1));
    let without_rules = judge(&[slow], &history(&[1000.0; 5]), |_| None);
    assert!(!without_rules.is_empty());
    assert_eq!(outcome(&without_rules), Outcome::Inconclusive);
    assert_eq!(outcome(&[]), Outcome::NoBaseline);
}
