//! `[[accept]]`: regressions that are let pass until a day.

use indexmap::IndexMap;
use jiff::civil::Date;

use super::error::nearest;
use super::spanned::Spanned;
use super::spans::Spans;
use super::{Error, file};
use crate::model::{Acceptance, Target};

pub(super) fn resolve(
    written: &[file::Accept],
    endpoints: &IndexMap<String, Spanned<file::Endpoint>>,
    targets: &[Target],
    spans: &Spans<'_>,
) -> Result<Vec<Acceptance>, Error> {
    let servers: Vec<_> = targets.iter().map(|it| it.name.as_str()).collect();
    let endpoints: Vec<_> = endpoints.keys().map(String::as_str).collect();
    let acceptance = |it: &file::Accept| {
        Ok(Acceptance {
            server: known(&it.server, "server", &servers, spans)?,
            endpoint: known(&it.endpoint, "endpoint", &endpoints, spans)?,
            metric: it.metric,
            reason: reason(&it.reason, spans)?,
            until: date(&it.until, spans)?,
        })
    };
    written.iter().map(acceptance).collect()
}

fn known(
    name: &Spanned<String>,
    what: &str,
    known: &[&str],
    spans: &Spans<'_>,
) -> Result<String, Error> {
    let found = name.get_ref();
    if known.contains(&found.as_str()) {
        return Ok(found.clone());
    }
    let hint = match nearest(found, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", known.join(", ")),
    };
    let message = format!("there is no {what} `{found}`");
    Err(spans.invalid(&name.span(), message, Some(hint)))
}

fn reason(text: &Spanned<String>, spans: &Spans<'_>) -> Result<String, Error> {
    if text.get_ref().trim().is_empty() {
        let hint = "say why, for those who read the reports".to_owned();
        return Err(spans.invalid(&text.span(), "`reason` is empty", Some(hint)));
    }
    Ok(text.get_ref().clone())
}

fn date(value: &Spanned<toml::Value>, spans: &Spans<'_>) -> Result<Date, Error> {
    let text = match value.get_ref() {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse().map_err(|_| {
        let hint = "write the last day it holds, such as 2027-01-31".to_owned();
        spans.invalid(&value.span(), format!("`{text}` is not a day"), Some(hint))
    })
}
