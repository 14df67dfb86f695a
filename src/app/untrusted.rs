//! A measurement that code wrote which nobody has looked at.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::document;
use crate::error::Error;
use crate::model::{Measurement, NoBase, Plan, Provenance, Runner, exit_code};

/// Why a report on such a measurement says nothing of the gate. What an untrusted configuration says
/// is not read by a job that holds a token.
pub(super) const GATE: &str = "the rules and endpoints are those of this branch; what the pull \
    request changes of them is in the report of its own check";
/// Rounds that a measurement may hold of an endpoint: starts of both sides to look, to confirm and to compare with,
/// each with two pairs of rounds of two kinds.
const MOST_ROUNDS: usize = 256;
/// Endpoints of a plan that are few.
const FEW: usize = 20;
/// Letters of a name or a note.
const LONGEST_TEXT: usize = 4_000;
/// Names, notes and incidents of one kind.
const MOST_TEXTS: usize = 500;
/// The same for each endpoint of a plan that has many.
const TEXTS: usize = 4;

/// Letters of the name of a machine's processor.
const LONGEST_MACHINE: usize = 80;

/// The measurement, where it could be one of ours. What it holds beside numbers and names of the plan is
/// left out: whoever wrote it would speak in our name.
pub(super) fn measurement(text: &[u8], plan: &Plan) -> Result<Measurement, Error> {
    let path = Path::new("the artifact's measurement");
    let refuse = |reason: &str| Error::Argument {
        argument: path.display().to_string(),
        reason: reason.to_owned(),
    };
    let mut value: Value = serde_json::from_slice(text).map_err(|it| refuse(&it.to_string()))?;
    let cells = plan.targets.iter().map(|it| it.cells.len()).sum::<usize>();
    if rounds(&value) > MOST_ROUNDS * cells.max(FEW) {
        return Err(refuse("it holds more rounds than a run of ours"));
    }
    without_texts(&mut value, plan);
    let text = value.to_string();
    let mut measurement: Measurement =
        document::parse(text.as_bytes(), path, "measurement", Measurement::SCHEMA)?;
    if let Some(why) = excess(&measurement, MOST_TEXTS.max(TEXTS * cells)) {
        return Err(refuse(why));
    }
    keep_known(&mut measurement, plan);
    neutral(&mut measurement.provenance);
    // What came of several jobs was put together by the code that nobody has looked at.
    measurement.provenance.shard = None;
    // Whether builds are identical cannot be checked here; what was not measured is missing.
    measurement.identical.clear();
    measurement.same_build.clear();
    if let Some(partial) = &mut measurement.provenance.partial {
        partial.reason = "the measuring run ended early".into();
        partial.exit_code = exit_code::ENVIRONMENT;
    }
    Ok(measurement)
}

/// Leaves out what servers said, what databases were asked, and names of functions, of programs beside the
/// measuring, and of workers that the plan does not name.
fn without_texts(value: &mut Value, plan: &Plan) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|it| without_texts(it, plan)),
        Value::Object(fields) => {
            fields.remove("first_failure");
            fields.remove("profiles");
            fields.remove("most");
            let workers = fields.get_mut("workers");
            let usage = workers.and_then(|it| it.get_mut("usage"));
            if let Some(usage) = usage.and_then(Value::as_object_mut) {
                let known = plan.targets.iter().flat_map(|it| &it.workers);
                let known: BTreeSet<_> = known.map(|it| it.name.as_str()).collect();
                usage.retain(|name, _| known.contains(name.as_str()));
            }
            if let Some(statements) = fields.get_mut("statements") {
                *statements = Value::Array(Vec::new());
            }
            fields.values_mut().for_each(|it| without_texts(it, plan));
        }
        _ => {}
    }
}

/// Leaves out what the plan does not name, and what befell servers in words that are not ours.
fn keep_known(measurement: &mut Measurement, plan: &Plan) {
    let is_server = |name: &str| plan.targets.iter().any(|it| it.name == name);
    let is_cell = |server: &str, endpoint: &str| {
        let mut targets = plan.targets.iter().filter(|it| it.name == server);
        targets.any(|it| it.cells.iter().any(|cell| cell.endpoint == endpoint))
    };
    let samples = &mut measurement.samples;
    samples.retain(|it| is_cell(&it.key.server, &it.key.endpoint) && is_machine(&it.key.runner));
    measurement
        .pairs
        .retain(|it| is_cell(&it.server, &it.endpoint));
    for sample in &mut measurement.samples {
        // What this branch's plan names is not new, whatever the measurement says of its base.
        sample.base = sample.base.filter(|it| *it != NoBase::New);
    }
    measurement.incidents.retain(|it| is_server(&it.server));
    for incident in &mut measurement.incidents {
        if incident.is_of_start() {
            incident.during = "start".into();
            incident.what = format!("cannot start `{}`", incident.server);
        } else {
            incident.during = "the measuring run".into();
            incident.what = format!("cannot measure `{}`", incident.server);
        }
        incident.output.clear();
    }
    if let Some(partial) = &mut measurement.provenance.partial {
        let unfinished = &mut partial.unfinished;
        unfinished.retain(|it| is_cell(&it.server, &it.endpoint));
    }
}

/// Leaves commits, versions and the names of machines, where they look like these.
fn neutral(provenance: &mut Provenance) {
    let is_commit = |it: &String| {
        matches!(it.len(), 40 | 64) && it.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    provenance.head = provenance.head.take().filter(is_commit);
    provenance.base = provenance.base.take().filter(is_commit);
    provenance.notes.clear();
    provenance.images.clear();
    provenance.path = "as the measuring run chose".into();
    let is_version = |it: char| it.is_ascii_digit() || it == '.';
    if !provenance.perfgate.chars().all(is_version) {
        provenance.perfgate = "unknown".into();
    }
    let fingerprint = provenance.fingerprint.take();
    provenance.fingerprint = fingerprint.filter(|it| is_machine(&it.runner));
}

/// Whether a machine is named as machines are.
fn is_machine(runner: &Runner) -> bool {
    let fine = |it: char| it.is_ascii_alphanumeric() || " ()@.,/_+-".contains(it);
    let names = [&runner.cpu_model, &runner.architecture];
    let is_name = |it: &&String| it.len() <= LONGEST_MACHINE && it.chars().all(fine);
    names.iter().all(is_name)
}

/// What there is more of than a run of ours has.
fn excess(measurement: &Measurement, most: usize) -> Option<&'static str> {
    let (samples, pairs) = (&measurement.samples, &measurement.pairs);
    let incidents = &measurement.incidents;
    if samples.len() + pairs.len() > most
        || incidents.len() > most
        || unfinished(measurement) > most
    {
        return Some("it speaks of more servers than a run of ours");
    }
    let names = samples.iter().map(|it| [&it.key.server, &it.key.endpoint]);
    let names = names.chain(pairs.iter().map(|it| [&it.server, &it.endpoint]));
    let of_incident = incidents.iter().map(|it| [&it.what, &it.output]);
    let mut texts = names.chain(of_incident).flatten();
    texts
        .any(|text| text.len() > LONGEST_TEXT)
        .then_some("a text in it is longer than any of ours")
}

fn unfinished(measurement: &Measurement) -> usize {
    let partial = measurement.provenance.partial.as_ref();
    partial.map_or(0, |it| it.unfinished.len())
}

/// How many rounds a document holds, wherever in it: each has one tally.
fn rounds(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(rounds).sum(),
        Value::Object(fields) => {
            let own = usize::from(fields.contains_key("tally"));
            own + fields.values().map(rounds).sum::<usize>()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config;

    fn plan() -> Plan {
        let text = "[server.app]\nimage = \"app\"\n[server.app.worker.mail]\ncommand = [\"mail\"]\n[endpoint.home]\npath = \"/\"\n";
        config::parse(Path::new("perfgate.toml"), text).expect("a plan")
    }

    #[test]
    fn more_rounds_than_ours_are_not_decoded() {
        let round = r#"{"tally":{}}"#;
        let text = format!("[{}]", vec![round; MOST_ROUNDS * FEW + 1].join(","));
        let error = measurement(text.as_bytes(), &plan()).expect_err("too many");
        assert!(error.to_string().contains("more rounds"), "{error}");
        assert!(measurement(b"{", &plan()).is_err());
        assert!(measurement(b"{\"schema\": 99}", &plan()).is_err());
    }

    #[test]
    fn numbers_and_known_names_are_left_and_nothing_else() {
        let text = include_str!("../../fixtures/measurements/hostile/unread.json");
        let mut value: Value = serde_json::from_str(text).expect("JSON");
        let said = "$(approved)";
        let incident = |server: &str| {
            json!({ "server": server, "during": said, "what": said,
            "output": said, "fatal": true })
        };
        value["incidents"] = json!([incident("app"), incident(said)]);
        let provenance = &mut value["provenance"];
        for field in ["head", "base", "path", "perfgate"] {
            provenance[field] = said.into();
        }
        provenance["notes"] = json!([said]);
        provenance["images"] = json!({ (said): said });
        provenance["partial"] = json!({ "reason": said, "exit_code": 0,
            "unfinished": [{ "server": said, "endpoint": said }] });
        let read = measurement(value.to_string().as_bytes(), &plan()).expect("a measurement");
        let shown = serde_json::to_string(&read).expect("a document");
        assert!(!shown.contains("approved"), "{shown}");
        assert_eq!(read.incidents.len(), 1);
        assert_eq!(read.incidents[0].what, "cannot measure `app`");
    }

    #[test]
    fn what_this_branch_plans_is_not_new() {
        let text = include_str!("../../fixtures/measurements/2/two_starts.json");
        let mut value: Value = serde_json::from_str(text).expect("JSON");
        let sample = &mut value["samples"][0];
        sample["key"]["server"] = "app".into();
        sample["key"]["endpoint"] = "home".into();
        let base = |value: &Value| {
            let read = measurement(value.to_string().as_bytes(), &plan());
            read.expect("a measurement").samples[0].base
        };
        for (claimed, believed) in [("new", None), ("failed", Some(NoBase::Failed))] {
            value["samples"][0]["base"] = claimed.into();
            assert_eq!(base(&value), believed, "{claimed}");
        }
    }

    #[test]
    fn what_servers_said_is_left_out_wherever_it_stands() {
        let mut value = json!({ "a": [{ "tally": { "first_failure": { "body": "x" }, "n": 1 } }],
            "profiles": [{ "functions": [{ "name": "x" }] }],
            "counters": { "statements": [{ "text": "x" }], "requests": 3 },
            "machine": { "others": { "mean": 1.0, "most": { "name": "x", "cpus": 3.0 } } },
            "workers": { "usage": { "mail": {}, "x": {} }, "jobs_left": 1 } });
        without_texts(&mut value, &plan());
        let left = json!({ "a": [{ "tally": { "n": 1 } }],
            "counters": { "statements": [], "requests": 3 },
            "machine": { "others": { "mean": 1.0 } },
            "workers": { "usage": { "mail": {} }, "jobs_left": 1 } });
        assert_eq!(value, left);
    }
}
