//! A measurement that code wrote which nobody has looked at.

use std::path::Path;

use serde_json::Value;

use crate::document;
use crate::error::Error;
use crate::model::{FirstFailure, Measurement, PairedSample, exit_code};

/// Why a report on such a measurement says nothing of the gate. What an untrusted configuration says
/// is not read by a job that holds a token.
pub(super) const GATE: &str = "the rules and endpoints are those of this branch; what the pull \
    request changes of them is in the report of its own check";
/// Rounds that a measurement may hold: six servers with four endpoints have some hundred pairs.
const MOST_ROUNDS: usize = 5_000;
/// Letters of a name or a note.
const LONGEST_TEXT: usize = 4_000;
/// Names, notes and incidents of one kind.
const MOST_TEXTS: usize = 500;

/// The measurement, where it could be one of ours. Its notes are left out: whoever wrote them
/// would speak in our name.
pub(super) fn measurement(text: &[u8]) -> Result<Measurement, Error> {
    let path = Path::new("the artifact's measurement");
    let refuse = |reason: &str| Error::Argument {
        argument: path.display().to_string(),
        reason: reason.to_owned(),
    };
    let value: Value = serde_json::from_slice(text).map_err(|it| refuse(&it.to_string()))?;
    if rounds(&value) > MOST_ROUNDS {
        return Err(refuse("it holds more rounds than a run of ours"));
    }
    let mut measurement: Measurement =
        document::parse(text, path, "measurement", Measurement::SCHEMA)?;
    measurement.provenance.notes.clear();
    // Whether builds are identical cannot be checked here; what was not measured is missing.
    measurement.identical.clear();
    measurement.same_build.clear();
    if let Some(partial) = &mut measurement.provenance.partial {
        partial.reason = "the measuring run ended early".into();
        partial.exit_code = exit_code::ENVIRONMENT;
    }
    if let Some(why) = excess(&measurement) {
        return Err(refuse(why));
    }
    Ok(measurement)
}

/// What there is more of than a run of ours has.
fn excess(measurement: &Measurement) -> Option<&'static str> {
    let (samples, pairs) = (&measurement.samples, &measurement.pairs);
    let incidents = &measurement.incidents;
    if samples.len() + pairs.len() > MOST_TEXTS
        || incidents.len() > MOST_TEXTS
        || unfinished(measurement) > MOST_TEXTS
    {
        return Some("it speaks of more servers than a run of ours");
    }
    let names = samples.iter().map(|it| [&it.key.server, &it.key.endpoint]);
    let names = names.chain(pairs.iter().map(|it| [&it.server, &it.endpoint]));
    let of_incident = incidents.iter().map(|it| [&it.what, &it.output]);
    let texts = names.chain(of_incident).flatten();
    let alone = samples.iter().flat_map(|it| &it.rounds);
    let rounds = alone.chain(pairs.iter().flat_map(PairedSample::rounds));
    let failures = rounds.filter_map(|it| it.tally.first_failure.as_ref());
    let mut texts = texts.chain(failures.flat_map(FirstFailure::texts));
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
    use super::*;

    #[test]
    fn more_rounds_than_ours_are_not_decoded() {
        let round = r#"{"tally":{}}"#;
        let text = format!("[{}]", vec![round; MOST_ROUNDS + 1].join(","));
        let error = measurement(text.as_bytes()).expect_err("too many");
        assert!(error.to_string().contains("more rounds"), "{error}");
        assert!(measurement(b"{").is_err());
        assert!(measurement(b"{\"schema\": 99}").is_err());
    }
}
