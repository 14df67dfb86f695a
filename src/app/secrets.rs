//! Variables of this process that a configuration passes on: what was measured never shows their
//! values, whatever a server says.

use std::env;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::model::{Measurement, Plan};

/// Letters of a masked value: shorter ones are in every text.
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

/// Those of every plan that was read, so that an error which ends the program is printed without them.
static KNOWN: Mutex<Secrets> = Mutex::new(Secrets(Vec::new()));

/// The values of `{env.NAME}`.
struct Secrets(Vec<String>);

/// Keeps the secrets of a plan in mind.
pub(super) fn know(plan: &Plan) {
    known().0.extend(Secrets::of(plan).0);
}

/// What a server or program said, without the secrets of the plans that were read.
pub fn without_secrets(text: &str) -> String {
    known().masked(text)
}

fn known() -> MutexGuard<'static, Secrets> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Secrets {
    /// Those of a plan.
    fn of(plan: &Plan) -> Self {
        let names = plan.environment().into_iter();
        let values = names.filter_map(|name| env::var(name).ok());
        Self(values.filter(|it| it.len() >= SHORTEST).collect())
    }

    /// A text without them.
    fn masked(&self, text: &str) -> String {
        let without = |text: String, secret: &String| text.replace(secret.as_str(), INSTEAD);
        self.0.iter().fold(text.to_owned(), without)
    }
}

/// The same measurement without the values of `{env.NAME}`.
pub(super) fn masked(plan: &Plan, measurement: Measurement) -> Measurement {
    without(&Secrets::of(plan), measurement)
}

fn without(secrets: &Secrets, measurement: Measurement) -> Measurement {
    if secrets.0.is_empty() {
        return measurement;
    }
    let mut document = serde_json::to_value(measurement).expect("a measurement has a JSON form");
    replace(&mut document, secrets, Field::Other);
    serde_json::from_value(document).expect("free texts alone were changed")
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Said,
    Other,
}

fn replace(value: &mut Value, secrets: &Secrets, field: Field) {
    match value {
        Value::String(text) if field == Field::Said => *text = secrets.masked(text),
        Value::Array(items) => items.iter_mut().for_each(|it| replace(it, secrets, field)),
        Value::Object(fields) => {
            for (name, it) in fields {
                let is_said = SAID.contains(&name.as_str());
                let field = if is_said { Field::Said } else { Field::Other };
                replace(it, secrets, field);
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
        let secret = "correct horse".to_owned();
        measurement.incidents.push(Incident {
            server: "app".into(),
            during: "start".into(),
            what: "cannot start `app`".into(),
            output: format!("no login with {secret}, {secret}"),
            fatal: true,
        });
        let without = without(&Secrets(vec![secret.clone()]), measurement.clone());
        let last = without.incidents.last().expect("one");
        assert_eq!(last.output, "no login with (withheld), (withheld)");
        // A value that is a name or a keyword too breaks nothing.
        let words = ["interleaved", "duet", "app"].map(str::to_owned);
        let same = super::without(&Secrets(words.into()), measurement.clone());
        assert_eq!(same.pairs.len(), measurement.pairs.len());
        assert_eq!(same.incidents[0].server, measurement.incidents[0].server);
        measurement.incidents.pop();
        let same = super::without(&Secrets(vec![secret]), measurement.clone());
        let text = |it: &Measurement| serde_json::to_string(it).expect("a document");
        assert_eq!(text(&same), text(&measurement));
    }
}
