//! What a plan passes on that may be secret, and documents without any of it: what was measured never
//! shows it, whatever a server says.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bounded;
use crate::model::{Measurement, Plan, Report, SecretSource};
use crate::secrets;

/// Fields that hold what servers and programs said. Names and keywords stay, whatever a variable
/// holds.
const SAID: [&str; 10] = [
    "body",
    "expected",
    "found",
    "log",
    "notes",
    "output",
    "reason",
    "status_line",
    "text",
    "what",
];
/// Bytes of the largest file that is a secret of a build.
const LARGEST_SECRET: u64 = 64 << 10;

/// Keeps the secrets of a plan in mind: what `{env.NAME}` stands for, what its variables are named for,
/// and the secrets of its builds.
pub(super) fn know(plan: &Plan) {
    for name in plan.environment() {
        if let Ok(value) = std::env::var(name) {
            secrets::know(name, &value);
        }
    }
    for target in plan.targets.iter().chain(&plan.reference) {
        know_named(&target.env);
        target.workers.iter().for_each(|it| know_named(&it.env));
    }
    plan.services.iter().for_each(|it| know_named(&it.env));
    plan.proxies.iter().for_each(|it| know_named(&it.env));
    for (_, source) in plan.builds().flat_map(|it| &it.buildkit.secrets) {
        know_source(source, &plan.root);
    }
    secrets::inherit(plan.inherit.iter().map(String::as_str));
}

/// Values that are written in the configuration and called secrets by their names.
fn know_named(variables: &[(String, String)]) {
    for (name, value) in variables {
        secrets::know_named(name, value);
    }
}

fn know_source(source: &SecretSource, root: &Path) {
    match source {
        SecretSource::Variable(name) => {
            if let Ok(value) = std::env::var(name) {
                secrets::know_secret(&value);
            }
        }
        SecretSource::File(path) => {
            // What cannot be read is said by the build.
            if let Ok(text) = bounded::read_text(&root.join(path), LARGEST_SECRET) {
                secrets::know_secret(&text);
            }
        }
    }
}

/// What a server or program said, without the secrets of this process and of the plans that were read.
pub fn without_secrets(text: &str) -> String {
    secrets::masked_output(text)
}

/// The same report without secrets.
pub fn report_without_secrets(report: Report) -> Report {
    without(report)
}

/// The same measurement without secrets.
pub(super) fn masked(measurement: Measurement) -> Measurement {
    without(measurement)
}

/// One event of a run as JSON, without secrets: texts alone are masked, so that it stays JSON, and not the
/// keywords by which a program knows what kind of event it is.
pub fn event_without_secrets(event: &impl Serialize) -> Value {
    let before = serde_json::to_value(event).expect("events have a JSON form");
    let mut value = before.clone();
    replace(&mut value, true, Field::Other);
    for keyword in ["reason", "step"] {
        if let Some(written) = before.get(keyword) {
            value[keyword] = written.clone();
        }
    }
    value
}

fn without<D: Serialize + DeserializeOwned>(document: D) -> D {
    let value = serde_json::to_value(&document).expect("our documents have a JSON form");
    for is_wide in [true, false] {
        let mut masked = value.clone();
        replace(&mut masked, is_wide, Field::Other);
        if masked == value {
            return document;
        }
        // A field whose form matters was masked: what was said is masked alone.
        if let Ok(masked) = serde_json::from_value(masked) {
            return masked;
        }
    }
    unreachable!("free texts alone were changed")
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Output,
    Other,
}

fn replace(value: &mut Value, is_wide: bool, field: Field) {
    match value {
        Value::String(text) if field == Field::Output => *text = secrets::masked_output(text),
        Value::String(text) if is_wide => *text = secrets::masked(text),
        Value::Array(items) => items.iter_mut().for_each(|it| replace(it, is_wide, field)),
        Value::Object(fields) => {
            for (name, it) in fields {
                let is_said = SAID.contains(&name.as_str());
                let field = if is_said { Field::Output } else { Field::Other };
                replace(it, is_wide, field);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Incident;

    #[test]
    fn no_text_of_a_measurement_has_a_secret_value() {
        let text = include_str!("../../fixtures/measurements/hostile/unread.json");
        let mut measurement: Measurement = serde_json::from_str(text).expect("a measurement");
        let text = |it: &Measurement| serde_json::to_string(it).expect("a document");
        assert_eq!(text(&masked(measurement.clone())), text(&measurement));
        secrets::know_secret("correct horse");
        measurement.incidents.push(Incident {
            server: "app".into(),
            during: "start".into(),
            what: "cannot start `app`".into(),
            output: "no login with correct horse at postgres://a:b@c/d".into(),
            fatal: true,
        });
        let without = masked(measurement.clone());
        let last = without.incidents.last().expect("one");
        let expected = "no login with (hidden) at postgres://a:(hidden)@c/d";
        assert_eq!(last.output, expected);
        // A value that is a name or a keyword too breaks nothing.
        for word in ["interleaved", "duet", "app"] {
            secrets::know_secret(word);
        }
        let same = masked(measurement.clone());
        assert_eq!(same.pairs.len(), measurement.pairs.len());
        assert_eq!(same.incidents[0].server, measurement.incidents[0].server);
    }
}
