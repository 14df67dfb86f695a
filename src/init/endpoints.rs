//! The endpoints of perfgate.toml: those of a document, or a guess.

use super::login::Login;
use super::requests::{Endpoint, Form, LeftOut, Requests};
use super::syntax::{pairs, quoted};
use crate::report::printable;

/// Columns of a comment.
const WIDTH: usize = 100;

const GUESS: &str = r#"
# Measured on every server. Choose the few requests that matter: one that reads the database, one
# that writes to it. `expect` is what makes a response a success (status 200 without it).
[endpoint.NAME]
path = PATH
HEADERS
# [endpoint.search]
# path   = "/api/search?q=a"
# expect = { status = 200, contains = "\"items\"" }
"#;

/// The endpoints with what there is to say about them.
pub(super) fn text(
    requests: Option<&Requests>,
    health: Option<&str>,
    headers: &[(String, String)],
    login: Option<&Login>,
) -> String {
    let Some(requests) = requests else {
        let (name, path) = guess(health);
        let headers = match headers {
            [] => String::new(),
            some => format!("headers = {}\n", pairs(some)),
        };
        let text = GUESS.replace("NAME", name).replace("PATH", &quoted(path));
        return text.replace("HEADERS", &headers);
    };
    let mut text = format!("\n{}", comment(&head(requests)));
    if !requests.left_out.is_empty() {
        let left_out = LeftOut::list(&requests.left_out);
        text.push_str(&comment(&format!("Left out of it: {left_out}.")));
    }
    let table_of = |endpoint: &Endpoint| {
        let mut endpoint = endpoint.clone();
        endpoint.headers.extend_from_slice(headers);
        table_of(&endpoint)
    };
    let tables = |endpoints: &[Endpoint]| endpoints.iter().map(table_of).collect::<Vec<_>>();
    let mut endpoints = tables(&requests.endpoints);
    let has_login = login.and_then(Login::variable).is_some();
    if endpoints.is_empty() && !has_login {
        let (name, path) = guess(health);
        let is_taken = requests.with_login.iter().any(|it| it.name == name);
        let name = if is_taken { "start" } else { name };
        endpoints.push(table_of(&Endpoint::get(name, path)));
    }
    text.push_str(&endpoints.join("\n"));
    if !requests.with_login.is_empty() {
        if !endpoints.is_empty() {
            text.push('\n');
        }
        text.push_str(&behind_login(&requests.with_login, headers, login));
    }
    text
}

/// Endpoints that need a login: with one where it is known, as comments otherwise.
fn behind_login(
    endpoints: &[Endpoint],
    headers: &[(String, String)],
    login: Option<&Login>,
) -> String {
    let with_token = |endpoint: &Endpoint| {
        let mut endpoint = endpoint.clone();
        endpoint.headers.extend_from_slice(headers);
        endpoint.headers.extend(login.map(Login::header));
        table_of(&endpoint)
    };
    let tables = endpoints
        .iter()
        .map(with_token)
        .collect::<Vec<_>>()
        .join("\n");
    let table = login.map(|it| it.table(headers) + "\n").unwrap_or_default();
    if let Some(variable) = login.and_then(Login::variable) {
        let head = comment(&format!(
            "These need a login: a token is asked for before the load, as the user that `{variable}` names."
        ));
        return format!("{head}{table}{tables}");
    }
    let head = if login.is_some() {
        comment(
            "These need a login. Put the name and the password of a user that is there once the server starts \
             into [login.token], and take the marks of comments away.",
        )
    } else {
        comment(
            "These need a login. Describe it as [login.NAME], add what it captures to their `headers` as \
             {login.CAPTURED}, and take the marks of comments away.",
        )
    };
    let commented = format!("{table}{tables}");
    let lines = commented.lines().map(|line| match line {
        "" => "#\n".to_owned(),
        line => format!("# {line}\n"),
    });
    head + &lines.collect::<String>()
}

/// Where the endpoints come from, for people.
pub(super) fn origin(
    requests: Option<&Requests>,
    health: Option<&str>,
    login: Option<&Login>,
) -> String {
    let guess = match health {
        Some(path) => printable(&format!("{path} of the health check")),
        None => "/ alone".into(),
    };
    let Some(requests) = requests else {
        return format!(
            "{guess}, with no OpenAPI document, HAR file or route in the source to take others from"
        );
    };
    let file = printable(&requests.file.display().to_string());
    // The health check is the first of them.
    let taken = requests.endpoints.len() - usize::from(health.is_some());
    let mut origin = match (taken, health) {
        (0, None) if login.and_then(Login::variable).is_some() => {
            format!("none of `{file}` without a login")
        }
        (0, _) => format!("{guess}, as all that `{file}` names need a login"),
        (taken, Some(_)) => format!("{guess}, {taken} of `{file}`"),
        (taken, None) => format!("{taken} of `{file}`"),
    };
    if !requests.with_login.is_empty() {
        let count = requests.with_login.len();
        let how = match login.and_then(Login::variable) {
            Some(variable) => format!("with the user that `{variable}` names"),
            None => "as comments".to_owned(),
        };
        origin.push_str(&format!("; {count} behind a login, {how}"));
    }
    if !requests.left_out.is_empty() {
        origin.push_str(&format!(
            "; left out: {}",
            LeftOut::list(&requests.left_out)
        ));
    }
    origin
}

/// What is measured where nothing names a request.
fn guess(health: Option<&str>) -> (&'static str, &str) {
    match health {
        Some(path) => ("health", path),
        None => ("home", "/"),
    }
}

fn head(requests: &Requests) -> String {
    let file = printable(&requests.file.display().to_string());
    let origin = match &requests.form {
        Form::OpenApi => format!(
            "Measured on every server: GET operations of `{file}` that can be called as they are, required \
             parameters by its examples and defaults. Choose the few that matter, one that reads the \
             database, and add one that writes to it: other methods are not taken from it."
        ),
        Form::Har { origin } => format!(
            "Measured on every server: requests to {origin} as recorded in `{file}`, without cookies, \
             logins and header fields of their own kind. Choose the few that matter: one that reads the \
             database, one that writes to it. A body is sent again and again; {{counter}} or {{uuid}} in it \
             makes each another."
        ),
        Form::Source => format!(
            "Measured on every server: GET routes without parameters that the source spells out, from `{file}` \
             on. Choose the few that matter, one that reads the database, and add one that writes to it."
        ),
    };
    format!("{origin} `expect` is what makes a response a success (status 200 without it).")
}

fn table_of(endpoint: &Endpoint) -> String {
    let mut lines = vec![("path", quoted(&endpoint.path))];
    if endpoint.method != "GET" {
        lines.push(("method", quoted(endpoint.method)));
    }
    if !endpoint.headers.is_empty() {
        lines.push(("headers", pairs(&endpoint.headers)));
    }
    if let Some(body) = &endpoint.body {
        lines.push(("body", quoted(body)));
    }
    if endpoint.status != 200 {
        lines.push(("expect", format!("{{ status = {} }}", endpoint.status)));
    }
    let width = lines
        .iter()
        .map(|(key, _)| key.len())
        .max()
        .unwrap_or_default();
    let line = |(key, value): (&str, String)| format!("{key:width$} = {value}\n");
    let lines: String = lines.into_iter().map(line).collect();
    format!("[endpoint.{}]\n{lines}", endpoint.name)
}

fn comment(text: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent("# ")
        .subsequent_indent("# ")
        .break_words(false);
    textwrap::fill(text, options) + "\n"
}
