//! Requests between the start of a server and the load, and what later requests take of their answers.

use std::sync::LazyLock;

use crate::picky::{OK, Picky, ROUNDS};
use crate::support::Sandbox;

/// A form with a token, a login that wants it and its cookie, and a page for those who are logged in.
const LOGIN: &str = r#"
[login.form]
path    = "/login"
capture = { csrf = { regex = 'value="([^"]+)"' } }

[login.user]
path    = "/login"
method  = "POST"
headers = { X-CSRF = "{login.csrf}" }
body    = "token={login.csrf}"
expect  = { status = 302 }
capture = { session = { cookie = "sid" }, id = { header = "X-Id" } }
"#;

const PAGE: &str = "path = \"/users/{login.id}\"\nheaders = { Cookie = \"sid={login.session}\" }\n";

fn server() -> Picky {
    Picky::start(|asked| {
        let is_user = asked.has("cookie: sid=s.1");
        match &*asked.line {
            "GET /login HTTP/1.1" => {
                "HTTP/1.1 200 OK\r\nset-cookie: csrf=c; Path=/\r\ncontent-length: 17\r\n\r\n\
                 <i value=\"t.1\" />"
            }
            "POST /login HTTP/1.1"
                if asked.has("cookie: csrf=c")
                    && asked.has("x-csrf: t.1")
                    && asked.body == "token=t.1" =>
            {
                "HTTP/1.1 302 Found\r\nset-cookie: sid=s.1; HttpOnly\r\nx-id: 7\r\n\
                 location: /\r\ncontent-length: 0\r\n\r\n"
            }
            "GET /users/7 HTTP/1.1" if is_user => OK,
            _ => "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
        }
    })
}

#[test]
fn requests_take_what_a_login_captured() {
    server().is_measured(LOGIN, PAGE);
}

/// Behind a first token that is as long as those of some identity providers.
static TOKENS: LazyLock<String> = LazyLock::new(|| {
    let body = format!(r#"{{"id": "{}", "access": "t.1"}}"#, "x".repeat(20_000));
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
});

#[test]
fn what_is_captured_may_stand_far_down_in_an_answer() {
    let server = Picky::start(|asked| match &*asked.line {
        "POST /token HTTP/1.1" => &TOKENS,
        _ if asked.has("authorization: bearer t.1") => OK,
        _ => "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
    });
    server.is_measured(
        "[login.token]\npath = \"/token\"\nmethod = \"POST\"\n\
         capture = { access = { json = \"/access\" } }",
        "path = \"/\"\nheaders = { Authorization = \"Bearer {login.access}\" }",
    );
}

#[test]
fn a_login_that_fails_is_named() {
    let server = server();
    let sandbox = |login: &str| server.sandbox(login, PAGE);
    sandbox(&LOGIN.replace("\"token={login.csrf}\"", "\"token=other\""))
        .run(["check", "--quiet"])
        .exits(4)
        .complains("cannot log in to `app` by [login.user], POST /login: status 403")
        .complains("instead of 302");
    sandbox(&LOGIN.replace("\"sid\" }", "\"session\" }"))
        .run(["check", "--quiet"])
        .exits(4)
        .complains("its answer has no `session` (cookie `session`)");
}

#[test]
fn a_dry_run_logs_in_to_nothing() {
    let text = format!(
        "[server.app]\nurl = \"http://127.0.0.1:9\"\n{LOGIN}\n[endpoint.first]\n{PAGE}\n{ROUNDS}"
    );
    let sandbox = Sandbox::new().without_docker().config(&text);
    let run = sandbox.run(["check", "--dry-run"]).exits(0);
    run.prints("/users/{login.id}");
}
