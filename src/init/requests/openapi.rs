//! An OpenAPI document → its GET operations that can be called as they are.

use serde_json::{Map, Value};

use super::document::Document;
use super::endpoint::{Endpoint, Found, LeftOut, name_of};
use super::parameters;

/// Operations that change something: nobody knows what calling them again and again does.
const OTHER_METHODS: [&str; 4] = ["post", "put", "patch", "delete"];
/// Types of answers that never end, and of the document itself, which is made anew for each request.
const ENDLESS: [&str; 2] = ["text/event-stream", "application/vnd.oai.openapi"];

pub(super) fn found(document: &Document) -> Found {
    let mut found = Found::default();
    for (path, item) in document.paths() {
        let Some(item) = document.resolved(item) else {
            found.leave_out(LeftOut::NoValue);
            continue;
        };
        for method in OTHER_METHODS {
            if item[method].is_object() {
                found.leave_out(LeftOut::Method);
            }
        }
        let Some(operation) = item.get("get").filter(|it| it.is_object()) else {
            continue;
        };
        match endpoint(document, path, item, operation) {
            Ok(endpoint) if needs_login(document, operation) => found.with_login.push(endpoint),
            Ok(endpoint) => found.endpoints.push(endpoint),
            Err(why) => found.leave_out(why),
        }
    }
    found
}

fn endpoint(
    document: &Document,
    path: &str,
    item: &Value,
    operation: &Value,
) -> Result<Endpoint, LeftOut> {
    if operation["deprecated"] == true {
        return Err(LeftOut::Deprecated);
    }
    let (status, response) = response(document, operation);
    if types(operation, response).any(|it| ENDLESS.iter().any(|endless| it.starts_with(endless))) {
        return Err(LeftOut::Endless);
    }
    let target = parameters::target(document, path, item, operation);
    let target = target.ok_or(LeftOut::NoValue)?;
    let tag = operation["tags"][0].as_str();
    Ok(Endpoint {
        status,
        group: tag.unwrap_or_default().to_owned(),
        ..Endpoint::get(&name_of(path), &target)
    })
}

/// Whether every way to call it has a login: requirements are alternatives, an empty one asks for nothing.
fn needs_login(document: &Document, operation: &Value) -> bool {
    let required = operation.get("security").unwrap_or(&document.security);
    let is_nothing = |it: &Value| it.as_object().is_some_and(Map::is_empty);
    let some = required.as_array().filter(|it| !it.is_empty());
    some.is_some_and(|it| !it.iter().any(is_nothing))
}

/// The lowest status of a success that is declared, with what is said of it.
fn response<'a>(document: &'a Document, operation: &'a Value) -> (u16, Option<&'a Value>) {
    let responses = operation.get("responses").and_then(Value::as_object);
    let success = |(status, response): (&String, &'a Value)| {
        let status = match status.as_str() {
            "2XX" | "2xx" => 200,
            status => status.parse().ok()?,
        };
        (200..300).contains(&status).then_some((status, response))
    };
    let successes = responses.into_iter().flatten().filter_map(success);
    match successes.min_by_key(|(status, _)| *status) {
        Some((status, response)) => (status, document.resolved(response)),
        None => (200, None),
    }
}

/// Media types of what a success answers: of OpenAPI in the response, of Swagger in the operation.
fn types<'a>(operation: &'a Value, response: Option<&'a Value>) -> impl Iterator<Item = &'a str> {
    let content = response.and_then(|it| it.get("content")?.as_object());
    let content = content.into_iter().flat_map(Map::keys);
    let produced = operation.get("produces").and_then(Value::as_array);
    let produced = produced.into_iter().flatten().filter_map(Value::as_str);
    content.map(String::as_str).chain(produced)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn found_in(text: &str) -> Found {
        let document = Document::parse(Path::new("openapi.yaml"), text);
        found(&document.expect("it is read").expect("it is OpenAPI"))
    }

    fn paths(endpoints: &[Endpoint]) -> Vec<(&str, u16)> {
        let pairs = endpoints.iter().map(|it| (it.path.as_str(), it.status));
        pairs.collect()
    }

    #[test]
    fn what_can_be_called_is_taken_in_the_order_of_the_document() {
        let found = found_in(
            r"
openapi: 3.0.3
servers: [{url: https://a.test/api}]
security: [{token: []}]
paths:
  /movies:
    get: {security: [], responses: {404: {}, 204: {}, 200: {}}}
    post: {responses: {'201': {}}}
  /created: {get: {security: [{token: []}, {}], responses: {'201': {}}}}
  /any: {get: {security: [{}], responses: {2XX: {}, default: {}}}}
  /mine: {get: {responses: {}}}
  /old: {get: {deprecated: true}}
  /events: {get: {security: [], responses: {'200': {$ref: '#/components/responses/Events'}}}}
  /schema: {get: {responses: {'200': {content: {application/vnd.oai.openapi+json: {}}}}}}
  /movies/{id}: {get: {parameters: [{name: id, in: path, required: true}]}}
  /elsewhere: {$ref: './elsewhere.yaml'}
components: {responses: {Events: {content: {text/event-stream; charset=utf-8: {}}}}}
",
        );
        let expected = [
            ("/api/movies", 200),
            ("/api/created", 201),
            ("/api/any", 200),
        ];
        assert_eq!(paths(&found.endpoints), expected);
        assert_eq!(paths(&found.with_login), [("/api/mine", 200)]);
        assert_eq!(
            LeftOut::list(&found.left_out),
            "2 without an example of a required value, 1 deprecated, \
             2 of streams or of the document itself, 1 of other methods"
        );
    }

    #[test]
    fn swagger_has_its_values_beside_the_name() {
        let found = found_in(
            r"
swagger: '2.0'
basePath: /v2
paths:
  /pets:
    parameters: [{$ref: '#/parameters/Limit'}]
    get:
      parameters: [{name: status, in: query, required: true, type: string, enum: [sold]}]
  /events: {get: {produces: [text/event-stream]}}
parameters:
  Limit: {name: limit, in: query, required: true, type: integer, default: 20}
",
        );
        let expected = [("/v2/pets?status=sold&limit=20", 200)];
        assert_eq!(paths(&found.endpoints), expected);
    }

    #[test]
    fn what_is_of_another_form_counts_as_not_there() {
        for paths in [
            "null",
            "{}",
            "{/a: null}",
            "{/a: [1]}",
            "{/a: {get: null}}",
            "{/a: {get: 1, post: 2}}",
            "{/a: {get: {parameters: {}, responses: [], tags: 1, security: 5}}}",
            "{/a: {get: {parameters: [null]}}}",
            "{a b: {get: {}}}",
        ] {
            let found = found_in(&format!("openapi: 3.0.0\npaths: {paths}\n"));
            assert!(found.with_login.is_empty(), "{paths}");
        }
    }
}
