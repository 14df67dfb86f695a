//! The parameters of an operation → a request target, with the values that its document gives as examples.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::document::Document;

/// What stays as it is in a value, RFC 3986, section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What a path cannot have as it is.
const OF_PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');
/// Header fields that a document describes elsewhere (OpenAPI 3.0.3, "Parameter Object").
const DESCRIBED_ELSEWHERE: [&str; 2] = ["accept", "content-type"];

struct Parameter<'a> {
    name: &'a str,
    /// `path`, `query`, `header` or `cookie`.
    candidate: &'a str,
    is_required: bool,
    value: Option<String>,
}

/// What a GET asks for; `None` if a value is required that has no example.
pub(super) fn target(
    document: &Document,
    path: &str,
    item: &Value,
    operation: &Value,
) -> Option<String> {
    let parameters = parameters(document, item, operation)?;
    let path = document.prefix(item, operation) + path;
    let mut target = filled(&path, &parameters)?;
    for parameter in parameters.iter().filter(|it| it.is_required) {
        match parameter.candidate {
            "path" => {}
            "query" => {
                let joint = if target.contains('?') { '&' } else { '?' };
                let name = encoded(parameter.name);
                let value = encoded(parameter.value.as_ref()?);
                target.push_str(&format!("{joint}{name}={value}"));
            }
            "header" if is_described_elsewhere(parameter.name) => {}
            _ => return None,
        }
    }
    let is_target = target.starts_with('/') && target.bytes().all(|it| it.is_ascii_graphic());
    (is_target && !target.contains(['#', '{', '}'])).then_some(target)
}

fn is_described_elsewhere(name: &str) -> bool {
    DESCRIBED_ELSEWHERE
        .iter()
        .any(|it| name.eq_ignore_ascii_case(it))
}

/// Those of the operation, and those of its path that it does not have itself; `None` if one is
/// described elsewhere.
fn parameters<'a>(
    document: &'a Document,
    item: &'a Value,
    operation: &'a Value,
) -> Option<Vec<Parameter<'a>>> {
    let mut parameters: Vec<Parameter<'a>> = Vec::new();
    for holder in [operation, item] {
        let own = holder.get("parameters").and_then(Value::as_array);
        for parameter in own.into_iter().flatten() {
            let parameter = parameter_of(document, document.resolved(parameter)?)?;
            let is_same = |it: &Parameter<'_>| {
                it.name == parameter.name && it.candidate == parameter.candidate
            };
            if !parameters.iter().any(is_same) {
                parameters.push(parameter);
            }
        }
    }
    Some(parameters)
}

fn parameter_of<'a>(document: &'a Document, parameter: &'a Value) -> Option<Parameter<'a>> {
    let candidate = parameter.get("in")?.as_str()?;
    Some(Parameter {
        name: parameter.get("name")?.as_str()?,
        candidate,
        is_required: candidate == "path" || parameter["required"] == true,
        value: value(document, parameter),
    })
}

/// A value that the document says a parameter can have, its examples before defaults and choices.
fn value(document: &Document, parameter: &Value) -> Option<String> {
    let schema = parameter.get("schema").and_then(|it| document.resolved(it));
    let mut candidates = [Some(parameter), schema].into_iter().flatten();
    candidates.find_map(|candidate| {
        let mut examples = examples(document, candidate.get("examples"));
        let direct = |name: &str| text(candidate.get(name)?);
        ["example", "x-example"]
            .into_iter()
            .find_map(direct)
            .or_else(|| examples.find_map(text))
            .or_else(|| ["default", "const"].into_iter().find_map(direct))
            .or_else(|| text(candidate.get("enum")?.get(0)?))
    })
}

/// Of a parameter they have names, of a schema they are a list.
fn examples<'a>(
    document: &'a Document,
    examples: Option<&'a Value>,
) -> impl Iterator<Item = &'a Value> {
    let listed = examples.and_then(Value::as_array);
    let named = examples.and_then(Value::as_object);
    let named = named.into_iter().flat_map(serde_json::Map::values);
    let named = named.filter_map(|it| document.resolved(it)?.get("value"));
    listed.into_iter().flatten().chain(named)
}

/// A value as it stands in a URL. A list of one is written alike in every style.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(it) => Some(it.to_string()),
        Value::Array(values) => values.first().filter(|it| !it.is_array()).and_then(text),
        Value::Null | Value::Object(_) => None,
    }
}

/// A path with values in place of `{NAME}`.
fn filled(path: &str, parameters: &[Parameter<'_>]) -> Option<String> {
    let mut filled = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let mut own = parameters.iter().filter(|it| it.candidate == "path");
        let value = own.find(|it| it.name == name)?.value.as_ref()?;
        if value.is_empty() {
            return None;
        }
        filled.push_str(&utf8_percent_encode(before, OF_PATH).to_string());
        filled.push_str(&encoded(value));
        rest = after;
    }
    filled.push_str(&utf8_percent_encode(rest, OF_PATH).to_string());
    Some(filled)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    const DOCUMENT: &str = r##"{
        "openapi": "3.1.0",
        "components": {
            "parameters": { "Page": { "name": "page", "in": "query", "required": true, "schema": { "$ref": "#/components/schemas/Page" } } },
            "schemas": { "Page": { "type": "integer", "default": 1 } },
            "examples": { "one": { "value": "from afar" } }
        }
    }"##;

    fn target_of(path: &str, parameters: &Value) -> Option<String> {
        let document = Document::parse(Path::new("x.json"), DOCUMENT);
        let document = document.expect("read").expect("OpenAPI");
        let operation = json!({ "parameters": parameters });
        target(&document, path, &Value::Null, &operation)
    }

    #[test]
    fn examples_fill_what_is_required() {
        let required = |more: Value| {
            let mut parameter = json!({ "name": "q", "in": "query", "required": true });
            let all = parameter.as_object_mut().expect("an object");
            all.extend(more.as_object().expect("an object").clone());
            target_of("/a", &json!([parameter]))
        };
        for (more, value) in [
            (json!({ "example": "x y&z" }), "x%20y%26z"),
            (json!({ "example": null, "schema": { "default": 7 } }), "7"),
            (json!({ "examples": { "a": { "value": true } } }), "true"),
            (
                json!({ "examples": { "a": { "$ref": "#/components/examples/one" } } }),
                "from%20afar",
            ),
            (
                json!({ "schema": { "examples": [2, 3], "enum": [1] } }),
                "2",
            ),
            (json!({ "schema": { "example": ["a", "b"] } }), "a"),
            (json!({ "schema": { "enum": ["é"] } }), "%C3%A9"),
            (json!({ "type": "integer", "default": 0 }), "0"),
        ] {
            let expected = format!("/a?q={value}");
            assert_eq!(
                required(more.clone()).as_deref(),
                Some(&*expected),
                "{more}"
            );
        }
        for more in [json!({}), json!({ "example": { "a": 1 } })] {
            assert_eq!(required(more), None);
        }
    }

    #[test]
    fn paths_are_filled_and_what_may_be_left_out_is() {
        let id = json!({ "name": "id", "in": "path", "example": "a/b" });
        let optional = json!({ "name": "x", "in": "query", "example": 1 });
        let page = json!({ "$ref": "#/components/parameters/Page" });
        let accept = json!({ "name": "Accept", "in": "header", "required": true });
        let all = json!([id, optional, page, accept]);
        let found = target_of("/a/{id}/ü", &all);
        assert_eq!(found.as_deref(), Some("/a/a%2Fb/%C3%BC?page=1"));
        let own_query = target_of("/a?b=c", &json!([page]));
        assert_eq!(own_query.as_deref(), Some("/a?b=c&page=1"));
        for (path, parameters) in [
            ("/a/{other}", json!([id])),
            ("/a/{id", json!([id])),
            ("/a#b", json!([])),
            (
                "/a",
                json!([{ "name": "X-Key", "in": "header", "required": true, "example": 1 }]),
            ),
            ("/a", json!([{ "$ref": "other.yaml" }])),
            (
                "/a/{id}",
                json!([{ "name": "id", "in": "path", "example": "" }]),
            ),
        ] {
            assert_eq!(target_of(path, &parameters), None, "{path}");
        }
    }
}
