//! Variables of this process that a configuration passes on: what was measured never shows their
//! values, whatever a server says.

use std::env;

use serde_json::Value;

use crate::model::{Measurement, Plan};

/// Letters of a value that is withheld: shorter ones are in every text.
const SHORTEST: usize = 6;
const INSTEAD: &str = "(withheld)";
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

/// The same measurement without the values of `{env.NAME}`.
pub(super) fn withheld(plan: &Plan, measurement: Measurement) -> Measurement {
    let values = plan
        .environment()
        .into_iter()
        .filter_map(|name| env::var(name).ok());
    let values: Vec<_> = values.filter(|it| it.len() >= SHORTEST).collect();
    without(&values, measurement)
}

fn without(values: &[String], measurement: Measurement) -> Measurement {
    if values.is_empty() {
        return measurement;
    }
    let mut document = serde_json::to_value(measurement).expect("a measurement has a JSON form");
    replace(&mut document, values, Field::Other);
    serde_json::from_value(document).expect("free texts alone were changed")
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Said,
    Other,
}

fn replace(value: &mut Value, values: &[String], field: Field) {
    match value {
        Value::String(text) if field == Field::Said => {
            for secret in values {
                *text = text.replace(secret.as_str(), INSTEAD);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| replace(it, values, field)),
        Value::Object(fields) => {
            for (name, it) in fields {
                let is_said = SAID.contains(&name.as_str());
                let field = if is_said { Field::Said } else { Field::Other };
                replace(it, values, field);
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
    fn no_text_of_a_measurement_has_a_withheld_value() {
        let text = include_str!("../../fixtures/measurements/hostile/unread.json");
        let mut measurement: Measurement = serde_json::from_str(text).expect("a measurement");
        let secret = "correct horse".to_owned();
        measurement.incidents.push(Incident {
            server: "app".into(),
            during: "start".into(),
            what: "cannot start `app`".into(),
            output: format!("no login with {secret}, {secret}"),
            fatal: true,
        });
        let without = without(std::slice::from_ref(&secret), measurement.clone());
        let last = without.incidents.last().expect("one");
        assert_eq!(last.output, "no login with (withheld), (withheld)");
        // A value that is a name or a keyword too breaks nothing.
        let words = ["interleaved", "duet", "app"].map(str::to_owned);
        let same = super::without(&words, measurement.clone());
        assert_eq!(same.pairs.len(), measurement.pairs.len());
        assert_eq!(same.incidents[0].server, measurement.incidents[0].server);
        measurement.incidents.pop();
        let same = super::without(&[secret], measurement.clone());
        let text = |it: &Measurement| serde_json::to_string(it).expect("a document");
        assert_eq!(text(&same), text(&measurement));
    }
}
