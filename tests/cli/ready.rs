//! When a server counts as started: by the first endpoint as it is configured, or by what `ready`
//! says; and what is said of one that answers otherwise.

use hyper::Version;

use crate::picky::{OK, Picky, ROUNDS, Rule};
use crate::support::Sandbox;
use crate::web::Site;

#[test]
fn the_first_endpoint_is_asked_as_it_is_configured() {
    let server = Picky::start(|asked| {
        let is_right = asked.line == "POST /rpc?a=b HTTP/1.1"
            && asked.has("host: app.test")
            && asked.has("authorization: bearer x")
            && asked.body == "{}";
        if is_right {
            "HTTP/1.1 201 Created\r\ncontent-length: 13\r\n\r\n{\"done\":true}"
        } else {
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
        }
    });
    server.is_measured(
        "",
        "path = \"/rpc?a=b\"\nmethod = \"POST\"\nbody = \"{}\"\n\
         headers = { Host = \"app.test\", Authorization = \"Bearer x\" }\n\
         expect = { status = 201, contains = \"done\", json = { \"/done\" = true } }",
    );
    assert_eq!(server.first().line, "POST /rpc?a=b HTTP/1.1");
}

#[test]
fn ready_takes_the_form_of_a_request() {
    let server = Picky::start(|asked| {
        let is_right = asked.line == "PUT /up HTTP/1.1"
            && asked.has("host: app.test")
            && asked.has("x-who: me")
            && !asked.has("x-who: all")
            && asked.body == "wake";
        match (is_right, asked.line.as_str()) {
            (true, _) => "HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nIt is",
            (_, "GET / HTTP/1.1") => OK,
            _ => "HTTP/1.1 202 Accepted\r\ncontent-length: 8\r\n\r\nnot yet.",
        }
    });
    server.is_measured(
        "ready = { path = \"/up\", method = \"PUT\", headers = { x-who = \"me\" }, body = \"wake\", \
         status = 202, contains = \"It is\", within = \"20s\" }",
        "path = \"/\"\nheaders = { Host = \"app.test\", X-Who = \"all\" }",
    );
    assert_eq!(server.first().line, "PUT /up HTTP/1.1");
}

#[test]
fn a_path_of_its_own_is_read_and_any_status_below_400_will_do() {
    let server = Picky::start(|asked| match asked.line.as_str() {
        "GET /up HTTP/1.1" if asked.has("host: app.test") && asked.body.is_empty() => {
            "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n"
        }
        "POST /rpc HTTP/1.1" => OK,
        _ => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
    });
    server.is_measured(
        "ready = { path = \"/up\" }",
        "path = \"/rpc\"\nmethod = \"POST\"\nbody = \"{}\"\nheaders = { Host = \"app.test\" }",
    );
    assert_eq!(server.first().line, "GET /up HTTP/1.1");
}

#[test]
fn a_body_in_another_coding_is_left_to_the_load() {
    // `plain` does not stand in the compressed text, and is not looked for there.
    let server = Picky::start(
        |_| "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 5\r\n\r\nX\u{1}Y\u{2}Z",
    );
    let sandbox = server.sandbox(
        "",
        "path = \"/\"\nexpect = { contains = \"plain\" }\nheaders = { Accept-Encoding = \"br\" }",
    );
    let run = sandbox.run(["check"]);
    assert!(!run.stderr.contains("cannot start"), "{}", run.stderr);
}

#[test]
fn an_answer_that_stays_wrong_ends_the_wait_and_is_said() {
    let cases: [(Rule, &str, &str); 6] = [
        (
            |_| "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            "still answers with status 400 Bad Request instead of 200",
            "ALLOWED_HOSTS",
        ),
        (
            |_| {
                "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n\
                 {\"detail\":\n\u{7}\"login\"}"
            },
            "status 401 Unauthorized instead of 200: {\"detail\": \"login\"}",
            "wants a login: set its `headers`, or `ready.headers`",
        ),
        (
            |_| "HTTP/1.1 405 No\r\nallow: POST\r\ncontent-length: 0\r\n\r\n",
            "status 405 Method Not Allowed instead of 200, the methods being `POST`",
            "`ready.method`",
        ),
        (
            |_| "HTTP/1.1 301 Moved\r\nlocation: https://app.test/\r\ncontent-length: 0\r\n\r\n",
            "status 301 Moved Permanently instead of 200, which redirects to `https://app.test/`",
            "name the path that it leads to",
        ),
        (
            |_| {
                "HTTP/1.0 400 Bad Request\r\ncontent-length: 48\r\n\r\n\
                 Client sent an HTTP request to an HTTPS server.\n"
            },
            "status 400 Bad Request instead of 200",
            "the server speaks TLS",
        ),
        (
            |_| "HTTP/1.1 422 No\r\ncontent-length: 0\r\n\r\n",
            "status 422 Unprocessable Entity instead of 200",
            "`method` and `body` may be at fault",
        ),
    ];
    let started = cases.map(|(rule, said, hint)| {
        let sandbox = Picky::start(rule).sandbox("", "path = \"/\"");
        let running = sandbox.start(["check"]);
        (sandbox, running, said, hint)
    });
    for (_sandbox, running, said, hint) in started {
        let run = running.end().exits(4);
        run.complains("cannot start `app`: after ")
            .complains(said)
            .complains(hint);
    }
}

#[test]
fn an_answer_of_a_starting_server_is_waited_out_and_said_at_the_end() {
    for (rule, said, hint) in [
        (
            (|_| "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n") as Rule,
            "answers with status 404 Not Found instead of 200",
            "no such path",
        ),
        (
            |_| "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
            "answers with status 503 Service Unavailable instead of 200",
            "`ready.within`",
        ),
        (
            |_| OK,
            "answers with status 200 OK without `up` in its body",
            "what `ready` expects",
        ),
    ] {
        let server = Picky::start(rule);
        let ready = "ready = { contains = \"up\", within = \"300ms\" }";
        let run = server.sandbox(ready, "path = \"/\"").run(["check"]);
        run.exits(4).complains(said).complains(hint);
    }
}

#[test]
fn a_server_that_recovers_is_measured() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let server = Picky::start(|_| match ASKED.fetch_add(1, Ordering::Relaxed) {
        0..30 => "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
        30..60 => "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        _ => OK,
    });
    server.is_measured("", "path = \"/\"");
}

#[test]
fn http2_and_sockets_are_asked_with_the_fields_of_the_first_endpoint() {
    let secure = Site::new().certified_for("127.0.0.1").start();
    let socket = Site::new().on_socket().start();
    for (web, server) in [
        (
            &secure,
            format!(
                "url = \"https://127.0.0.1:{}\"\nhttp2 = true\ntls = {{ insecure = true }}",
                secure.port()
            ),
        ),
        (&socket, format!("url = \"{}\"", socket.url("/"))),
    ] {
        let endpoint = "path = \"/echo-length\"\nmethod = \"POST\"\nbody = \"four\"\n\
                        headers = { Host = \"app.test\" }\nexpect = { contains = \"4\" }";
        let config = format!("[server.app]\n{server}\n[endpoint.first]\n{endpoint}\n{ROUNDS}");
        let sandbox = Sandbox::new().without_docker().config(&config);
        sandbox.run(["check"]).exits(0);
        let seen = web.seen();
        let first = seen.first().expect("the server was asked");
        assert_eq!(
            (&*first.method, &*first.target, &*first.authority),
            ("POST", "/echo-length", "app.test")
        );
        assert_eq!(first.body, "four");
    }
    assert!(secure.seen().iter().all(|it| it.version == Version::HTTP_2));
}
