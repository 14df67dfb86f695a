//! Variables of this process that a configuration passes on: what was measured never shows their
//! values, whatever a server says.

use std::env;

use serde_json::Value;

use crate::model::{Measurement, Plan};

/// Letters of a value that is withheld: shorter ones are in every text.
const SHORTEST: usize = 6;
const INSTEAD: &str = "(withheld)";

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
    replace(&mut document, values);
    serde_json::from_value(document).expect("texts alone were changed")
}

fn replace(value: &mut Value, values: &[String]) {
    match value {
        Value::String(text) => {
            for secret in values.iter().filter(|it| !it.is_empty()) {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), INSTEAD);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| replace(it, values)),
        Value::Object(fields) => fields.values_mut().for_each(|it| replace(it, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
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
        measurement.incidents.pop();
        let same = super::without(&[secret], measurement.clone());
        let text = |it: &Measurement| serde_json::to_string(it).expect("a document");
        assert_eq!(text(&same), text(&measurement));
    }
}
