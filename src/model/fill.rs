//! Values that requests are filled with before they are sent: what logins captured, rows of data.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Login, Placeholder, Ready, Request, Workload};

/// Values by name.
pub type Values = BTreeMap<String, String>;

/// What stays as it is in a path, RFC 3986, section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Placeholder {
    /// What `{login.NAME}` begins with, a captured value.
    pub const LOGIN: &str = "login";
    /// What `{data.COLUMN}` begins with, a value of a row.
    pub const DATA: &str = "data";
    /// A number that no other request has.
    pub const COUNTER: &str = "{counter}";
    /// A UUID that no other request has.
    pub const UUID: &str = "{uuid}";
}

/// A text with values in place of `{SPACE.NAME}`.
pub fn filled(text: &str, space: &str, values: &Values) -> String {
    let fill = |text: String, (name, value): (&String, &String)| {
        text.replace(&format!("{{{space}.{name}}}"), value)
    };
    values.iter().fold(text.to_owned(), fill)
}

/// The same of a path, in which values are percent-encoded.
pub fn path_filled(path: &str, space: &str, values: &Values) -> String {
    let encode = |value: &String| utf8_percent_encode(value, UNRESERVED).to_string();
    let encoded = values
        .iter()
        .map(|(name, value)| (name.clone(), encode(value)));
    filled(path, space, &encoded.collect())
}

/// The same of a body, where that is text.
pub fn body_filled(body: &[u8], space: &str, values: &Values) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(text) => filled(text, space, values).into_bytes(),
        Err(_) => body.to_owned(),
    }
}

impl Workload {
    /// The same with values in its requests.
    #[must_use]
    pub fn filled(mut self, space: &str, values: &Values) -> Self {
        if !values.is_empty() {
            let filled = self.requests.iter().map(|it| it.filled(space, values));
            self.requests = filled.collect();
        }
        self
    }
}

impl Request {
    /// The same with values in path, header fields and body.
    #[must_use]
    pub fn filled(&self, space: &str, values: &Values) -> Self {
        Self {
            path: path_filled(&self.path, space, values),
            ..self.with_texts(|text| filled(text, space, values))
        }
    }

    /// The same with other texts in path, header fields and, where that is text, body.
    #[must_use]
    pub fn with_texts(&self, mut of: impl FnMut(&str) -> String) -> Self {
        Self {
            path: of(&self.path),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), of(value)))
                .collect(),
            body: match std::str::from_utf8(&self.body) {
                Ok(text) => of(text).into_bytes(),
                Err(_) => self.body.clone(),
            },
            ..self.clone()
        }
    }

    /// Path, values of header fields and, where that is text, body.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        texts(&self.path, &self.headers, &self.body)
    }

    /// Names of the values that it takes.
    pub fn takes(&self, space: &str) -> Vec<&str> {
        taken(self.texts(), space)
    }
}

impl Login {
    /// Names of the values that its request takes.
    pub fn takes(&self, space: &str) -> Vec<&str> {
        let Ready {
            path,
            headers,
            body,
            ..
        } = &self.request;
        taken(texts(path, headers, body), space)
    }
}

fn texts<'a>(
    path: &'a str,
    headers: &'a [(String, String)],
    body: &'a [u8],
) -> impl Iterator<Item = &'a str> {
    let headers = headers.iter().map(|(_, value)| value.as_str());
    let body = std::str::from_utf8(body).ok();
    headers.chain(body).chain([path])
}

fn taken<'a>(texts: impl Iterator<Item = &'a str>, space: &str) -> Vec<&'a str> {
    let fields = texts.flat_map(Placeholder::fields_in);
    let fields = fields.filter(|(own, _)| *own == space);
    fields.map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_every_part_of_a_request() {
        let request = Request {
            path: "/users/{login.id}?q={login.token}".into(),
            headers: vec![("Authorization".into(), "Bearer {login.token}".into())],
            body: b"{\"id\": {login.id}, \"a\": {login.other}, \"b\": {data.id}}".to_vec(),
            ..Request::get("/")
        };
        assert_eq!(
            request.takes("login"),
            ["token", "id", "other", "id", "token"]
        );
        assert_eq!(request.takes("data"), ["id"]);
        let values = [("id", "7"), ("token", "t/1 ü")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let filled = request.filled("login", &Values::from(values));
        assert_eq!(filled.path, "/users/7?q=t%2F1%20%C3%BC");
        assert_eq!(filled.headers[0].1, "Bearer t/1 ü");
        assert_eq!(
            filled.body,
            b"{\"id\": 7, \"a\": {login.other}, \"b\": {data.id}}"
        );
    }
}
