//! The text of an OpenAPI document → its parts, with references within it.

use std::path::Path;

use indexmap::IndexMap;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

/// References that lead to references; more of them may be a circle.
const DEEPEST: usize = 8;

/// OpenAPI 3, or Swagger 2.0, as far as it says what can be called. What is of another form than expected
/// counts as not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    openapi: Value,
    swagger: Value,
    servers: Value,
    #[serde(rename = "basePath")]
    base_path: Value,
    pub(super) security: Value,
    paths: Option<IndexMap<String, Value>>,
    components: Value,
    /// Of Swagger, which has no components.
    parameters: Value,
    responses: Value,
}

impl Document {
    /// Reads JSON or YAML, by the file's name; `None` if it is a document of something else.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Option<Self>, String> {
        let is_json = path.extension().is_some_and(|it| it == "json");
        let document: Self = if is_json {
            serde_json::from_str(text).map_err(|error| error.to_string())?
        } else {
            serde_saphyr::from_str(text).map_err(|error| error.to_string())?
        };
        // Without quotes it is a number.
        let version = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        match (version(&document.openapi), version(&document.swagger)) {
            (Some(version), _) if version.starts_with('3') => Ok(Some(document)),
            (None, Some(version)) if version.starts_with('2') => Ok(Some(document)),
            (Some(version), _) | (None, Some(version)) => Err(format!(
                "it is of version {version}; OpenAPI 3 and Swagger 2.0 are read"
            )),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, &Value)> {
        let paths = self.paths.iter().flatten();
        paths.map(|(path, item)| (path.as_str(), item))
    }

    /// What a value is where it is a reference; `None` if that leads out of the document or nowhere.
    pub(super) fn resolved<'a>(&'a self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        for _ in 0..DEEPEST {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Some(value);
            };
            value = self.target(reference)?;
        }
        None
    }

    /// Where a JSON pointer in a fragment leads (RFC 6901, section 6).
    fn target(&self, reference: &str) -> Option<&Value> {
        let pointer = reference.strip_prefix("#/")?;
        let pointer = percent_decode_str(pointer).decode_utf8().ok()?;
        let (part, rest) = pointer.split_once('/')?;
        let below = format!("/{rest}");
        match part {
            "components" => self.components.pointer(&below),
            "parameters" => self.parameters.pointer(&below),
            "responses" => self.responses.pointer(&below),
            "paths" => {
                let (path, rest) = rest.split_once('/').unwrap_or((rest, ""));
                let path = path.replace("~1", "/").replace("~0", "~");
                let item = self.paths.as_ref()?.get(&path)?;
                if rest.is_empty() {
                    return Some(item);
                }
                item.pointer(&format!("/{rest}"))
            }
            _ => None,
        }
    }

    /// The path that those of an operation start at, without a slash at its end: that of its first server.
    pub(super) fn prefix(&self, item: &Value, operation: &Value) -> String {
        let own = [operation, item]
            .into_iter()
            .find_map(|it| it.get("servers"));
        let server = own.unwrap_or(&self.servers).get(0);
        let path = match server {
            Some(server) => server_path(server),
            None => self.base_path.as_str().unwrap_or_default().to_owned(),
        };
        let path = path.trim_end_matches('/');
        if path.is_empty() || path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        }
    }
}

/// The path of a server's URL, its variables by their defaults.
fn server_path(server: &Value) -> String {
    let mut url = server["url"].as_str().unwrap_or_default().to_owned();
    let variables = server.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        if let Some(default) = variable["default"].as_str() {
            url = url.replace(&format!("{{{name}}}"), default);
        }
    }
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let after_scheme = url
        .split_once("://")
        .map(|(_, rest)| rest)
        .or_else(|| url.strip_prefix("//"));
    let path = match after_scheme {
        Some(rest) => rest.find('/').map_or("", |start| &rest[start..]),
        // Another URL is relative to that of the document, which nobody knows here.
        None if url.starts_with('/') => url,
        None => "",
    };
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(text: &str) -> Document {
        let parsed = Document::parse(Path::new("openapi.yaml"), text);
        parsed.expect("it is read").expect("it is OpenAPI")
    }

    #[test]
    fn the_path_of_a_server_comes_before_all() {
        let none = Value::Null;
        for (servers, prefix) in [
            ("[]", ""),
            ("[{url: /}]", ""),
            ("[{url: /api/v1/}]", "/api/v1"),
            ("[{url: 'https://a.test'}]", ""),
            ("[{url: 'https://a.test/v2'}, {url: /other}]", "/v2"),
            ("[{url: '//a.test/v2?x'}]", "/v2"),
            ("[{url: './'}]", ""),
            (
                "[{url: 'https://{host}/{base}', variables: {host: {default: a.test}, base: {default: v3}}}]",
                "/v3",
            ),
            ("[{url: 'https://a.test/{base}'}]", "/{base}"),
        ] {
            let document = document(&format!("openapi: 3.1.0\nservers: {servers}\n"));
            assert_eq!(document.prefix(&none, &none), prefix, "{servers}");
            let item = json!({ "servers": [{ "url": "/own" }] });
            assert_eq!(document.prefix(&item, &none), "/own");
        }
        let swagger = document("swagger: 2.0\nbasePath: api/\n");
        assert_eq!(swagger.prefix(&none, &none), "/api");
    }

    #[test]
    fn references_lead_to_what_they_name_within_the_document() {
        let document = document(
            "openapi: 3.0.3\npaths:\n  /a/{b}:\n    get: {parameters: [{name: b}]}\ncomponents:\n  parameters:\n    one: {$ref: '#/components/parameters/two'}\n    two: {name: x}\n    circle: {$ref: '#/components/parameters/circle'}\n",
        );
        let name = |reference: &str| {
            let reference = json!({ "$ref": reference });
            let value = document.resolved(&reference)?;
            Some(value["name"].as_str()?.to_owned())
        };
        assert_eq!(name("#/components/parameters/one").as_deref(), Some("x"));
        let of_path = name("#/paths/~1a~1%7Bb%7D/get/parameters/0");
        assert_eq!(of_path.as_deref(), Some("b"));
        for nowhere in [
            "#/components/parameters/circle",
            "#/components/parameters/three",
            "other.yaml#/components/parameters/two",
            "https://a.test/x.yaml",
            "#",
        ] {
            assert_eq!(name(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn other_documents_and_versions_are_known() {
        let parsed = |name: &str, text: &str| Document::parse(Path::new(name), text);
        assert!(matches!(parsed("schema.yml", "type: object\n"), Ok(None)));
        assert!(matches!(parsed("schema.json", "{}"), Ok(None)));
        let old = parsed("swagger.json", r#"{ "swagger": "1.2" }"#).expect_err("too old");
        assert!(old.contains("version 1.2"), "{old}");
        assert!(parsed("swagger.json", "{").is_err());
        assert!(parsed("openapi.yaml", "openapi: [3\n").is_err());
    }
}
