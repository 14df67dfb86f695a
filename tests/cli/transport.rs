//! What load is carried over: TCP and Unix sockets, IPv4 and IPv6, TLS, HTTP/1 and HTTP/2.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::thread;

use hyper::Version;
use serde_json::{Value, json};

use crate::support::{Run, Sandbox, finding};
use crate::web::{BIG, Seen, Site, Web};

/// The result of a short load.
fn load(url: &str, options: &[&str]) -> Value {
    load_in(&Sandbox::new(), url, options)
}

fn load_in(sandbox: &Sandbox, url: &str, options: &[&str]) -> Value {
    let run = attempt(sandbox, url, options).exits(0);
    serde_json::from_str(&run.stdout).expect("JSON")
}

/// A short load that may be refused. A busy machine must not make a request overdue.
fn attempt(sandbox: &Sandbox, url: &str, options: &[&str]) -> Run {
    let words = ["load", url, "-c", "2", "-d", "300ms", "--timeout", "30s"];
    let words = words.into_iter().chain(["--json", "-"]);
    sandbox.run(words.chain(options.iter().copied()))
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a count: {value}"))
}

/// Requests that came to an end.
fn ended(result: &Value) -> u64 {
    count(&result["requests"]) - count(&result["unfinished"])
}

#[track_caller]
fn all_succeed(result: &Value) {
    assert_eq!(result["errors"], json!({}), "{result:#}");
    assert_eq!(result["succeeded"], ended(result), "{result:#}");
    assert!(count(&result["succeeded"]) > 0, "{result:#}");
}

#[track_caller]
fn all_fail(result: &Value, kind: &str) {
    assert_eq!(
        result["errors"],
        json!({ kind: ended(result) }),
        "{result:#}"
    );
    assert_eq!(result["succeeded"], 0, "{result:#}");
    assert!(ended(result) > 0, "{result:#}");
}

/// Asserts that every request that the server saw, and there are some, is as it should be.
#[track_caller]
fn each(web: &Web, holds: impl Fn(&Seen) -> bool) {
    let seen = web.seen();
    assert!(!seen.is_empty(), "the server saw no request");
    if let Some(other) = seen.iter().find(|seen| !holds(seen)) {
        panic!("{other:?}");
    }
}

/// The most requests that came on one connection.
fn most_on_one_connection(web: &Web) -> usize {
    let mut counts = BTreeMap::new();
    for seen in web.seen() {
        *counts.entry(seen.connection).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

// TLS

#[test]
fn https_succeeds_with_the_right_authority() {
    let web = Site::new().certified_for("127.0.0.1").start();
    let result = load(&web.url("/"), &["--cacert", &web.ca_file()]);
    all_succeed(&result);
    assert!(count(&result["bytes"]) > 0);
    assert!(result["latency_us"]["p50"].as_f64().expect("a time") > 0.0);
    assert!(result["connect_us"]["max"].as_f64().expect("a time") > 0.0);
    let authority = format!("127.0.0.1:{}", web.port());
    each(&web, |it| it.version == Version::HTTP_11);
    each(&web, |it| it.authority == authority);
    assert!(most_on_one_connection(&web) > 1);
}

#[test]
fn https_knows_the_server_by_its_name() {
    let web = Site::new().certified_for("localhost").start();
    all_succeed(&load(
        &web.url_by_name("localhost"),
        &["--cacert", &web.ca_file()],
    ));
    let authority = format!("localhost:{}", web.port());
    each(&web, |it| it.authority == authority);
}

#[test]
fn https_keeps_the_name_of_the_url_whatever_the_host_field_says() {
    let web = Site::new().certified_for("localhost").start();
    let options = ["--cacert", &web.ca_file(), "-H", "Host: app.test"];
    all_succeed(&load(&web.url_by_name("localhost"), &options));
    each(&web, |it| it.authority == "app.test");
}

#[test]
fn https_to_a_server_of_another_name_fails() {
    let web = Site::new().certified_for("app.test").start();
    for options in [vec![], vec!["--http2"]] {
        let ca = web.ca_file();
        let options = [vec!["--cacert", &ca], options].concat();
        all_fail(&load(&web.url("/"), &options), "tls");
    }
    assert!(web.seen().is_empty());
}

#[test]
fn https_with_a_stranger_fails_unless_anyone_is_trusted() {
    let web = Site::new().certified_for("127.0.0.1").start();
    let other = Site::new().certified_for("127.0.0.1").start();
    let options = ["--cacert", &other.ca_file()];
    all_fail(&load(&web.url("/"), &options), "tls");
    assert!(web.seen().is_empty());
    all_succeed(&load(&web.url("/"), &["--insecure"]));
    all_succeed(&load(&web.url("/"), &["-k", "--http2"]));
}

#[test]
fn https_trusts_the_machine_when_nothing_else_is_said() {
    let web = Site::new().certified_for("127.0.0.1").start();
    let other = Site::new().certified_for("127.0.0.1").start();
    all_succeed(&load_in(&machine_trusting(&web.ca()), &web.url("/"), &[]));
    all_fail(
        &load_in(&machine_trusting(&other.ca()), &web.url("/"), &[]),
        "tls",
    );
}

#[test]
fn a_machine_without_authorities_is_reported() {
    let web = Site::new().certified_for("127.0.0.1").start();
    attempt(&machine_trusting(""), &web.url("/"), &[])
        .exits(4)
        .complains("cannot find the certificate authorities of this machine")
        .complains("ca-certificates");
}

/// A sandbox on whose machine these are all certificates there are.
fn machine_trusting(certificates: &str) -> Sandbox {
    let sandbox = Sandbox::new()
        .file("machine/all.pem", certificates)
        .file("empty/note.txt", "");
    let path = |name: &str| sandbox.path(name).display().to_string();
    let (file, folder) = (path("machine/all.pem"), path("empty"));
    sandbox
        .env("SSL_CERT_FILE", &file)
        .env("SSL_CERT_DIR", &folder)
}

#[test]
fn a_certificate_that_signs_itself_is_trusted_where_it_is_named() {
    // With its name, and without one: `openssl req -x509 -subj /CN=localhost` names no host.
    for name in ["127.0.0.1", ""] {
        let web = Site::new().self_signed_for(name).start();
        let ca = web.ca_file();
        for options in [vec!["--cacert", &ca], vec!["--cacert", &ca, "--http2"]] {
            all_succeed(&load(&web.url("/"), &options));
        }
        // So is one that the machine trusts.
        all_succeed(&load_in(&machine_trusting(&web.ca()), &web.url("/"), &[]));
    }
    let web = Site::new()
        .self_signed_for("127.0.0.1")
        .with_tls12_only()
        .start();
    all_succeed(&load(&web.url("/"), &["--cacert", &web.ca_file()]));
}

#[test]
fn a_certificate_that_signs_itself_is_not_trusted_for_others() {
    let web = Site::new().self_signed_for("127.0.0.1").start();
    let other = Site::new().self_signed_for("127.0.0.1").start();
    all_fail(&load(&web.url("/"), &["--cacert", &other.ca_file()]), "tls");
    let named = Site::new().self_signed_for("app.test").start();
    all_fail(
        &load(&named.url("/"), &["--cacert", &named.ca_file()]),
        "tls",
    );
    assert!(web.seen().is_empty() && named.seen().is_empty());
}

#[test]
fn a_refused_session_says_why() {
    let web = Site::new().certified_for("app.test").start();
    let other = Site::new().start();
    let plain = Site::new().start();
    let alone = Site::new().self_signed_for("127.0.0.1").start();
    for (url, ca, reason, remedy) in [
        (
            alone.url("/"),
            web.ca_file(),
            "invalid peer certificate",
            "trust it, or who issued it",
        ),
        (
            web.url("/"),
            other.ca_file(),
            "invalid peer certificate: BadSignature",
            "trust it, or who issued it: `tls.ca`, of `load` --cacert",
        ),
        (
            web.url("/"),
            web.ca_file(),
            "certificate not valid for name",
            "`tls.name`",
        ),
        (
            plain.url_by_name("127.0.0.1"),
            web.ca_file(),
            "no TLS session",
            "does the server speak TLS",
        ),
    ] {
        attempt(&Sandbox::new(), &url, &["--cacert", &ca])
            .exits(0)
            .complains("note: no TLS session")
            .complains(reason)
            .complains(remedy);
    }
    attempt(&Sandbox::new(), "unix:/nowhere/web.sock:/", &[])
        .exits(0)
        .complains("note: no connection: No such file or directory");
}

#[test]
fn https_speaks_tls_1_2_as_well() {
    let web = Site::new()
        .certified_for("127.0.0.1")
        .with_tls12_only()
        .start();
    all_succeed(&load(&web.url("/"), &["--cacert", &web.ca_file()]));
    all_succeed(&load(&web.url("/"), &["--insecure", "--http2"]));
}

#[test]
fn https_needs_no_agreement_on_http_1() {
    let web = Site::new().certified_for("127.0.0.1").offering(&[]).start();
    all_succeed(&load(&web.url("/"), &["--insecure"]));
    each(&web, |it| it.version == Version::HTTP_11);
}

#[test]
fn https_fails_where_http_1_is_not_agreed_on() {
    let web = Site::new()
        .certified_for("127.0.0.1")
        .offering(&["h2"])
        .start();
    all_fail(&load(&web.url("/"), &["--insecure"]), "tls");
    assert!(web.seen().is_empty());
}

#[test]
fn https_to_a_server_of_plain_text_fails() {
    let web = Site::new().start();
    all_fail(&load(&web.url_by_name("127.0.0.1"), &["--insecure"]), "tls");
    assert!(web.seen().is_empty());
}

#[test]
fn a_file_without_certificates_is_refused_by_name() {
    let web = Site::new().certified_for("127.0.0.1").start();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let sandbox = Sandbox::new()
        .file("empty.pem", "")
        .file("broken.pem", broken);
    for (file, complaint) in [
        ("missing.pem", "cannot read certificates from `missing.pem`"),
        ("broken.pem", "cannot read certificates from `broken.pem`"),
        (
            "empty.pem",
            "cannot trust `empty.pem`: it holds no certificate",
        ),
    ] {
        attempt(&sandbox, &web.url("/"), &["--cacert", file])
            .exits(2)
            .complains(complaint)
            .complains("hint: name a PEM file");
    }
    let both = ["--cacert", "empty.pem", "--insecure"];
    attempt(&sandbox, &web.url("/"), &both).exits(2);
    assert!(web.seen().is_empty());
}

/// As many servers do that end a body by the connection.
#[test]
fn a_session_that_ends_without_a_word_ends_a_body() {
    let web = Site::new()
        .certified_for("127.0.0.1")
        .that_hangs_up()
        .start();
    let result = load(&web.url("/"), &["--cacert", &web.ca_file()]);
    all_succeed(&result);
    assert!(count(&result["reconnects"]) > 0, "{result:#}");
}

// HTTP/2

#[test]
fn http2_is_negotiated_within_tls() {
    let web = Site::new().certified_for("127.0.0.1").start();
    let result = load(&web.url("/"), &["--http2", "--cacert", &web.ca_file()]);
    all_succeed(&result);
    assert_eq!(result["reconnects"], 0);
    assert!(count(&result["bytes"]) > 0);
    let authority = format!("127.0.0.1:{}", web.port());
    each(&web, |it| it.version == Version::HTTP_2);
    each(&web, |it| it.authority == authority);
    assert!(most_on_one_connection(&web) > 1);
}

#[test]
fn http2_fails_where_it_is_not_agreed_on() {
    for alpn in [&["http/1.1"][..], &[]] {
        let web = Site::new()
            .certified_for("127.0.0.1")
            .offering(alpn)
            .start();
        all_fail(&load(&web.url("/"), &["--http2", "--insecure"]), "tls");
        assert!(web.seen().is_empty());
    }
}

#[test]
fn http2_needs_no_tls_when_it_is_known_to_be_spoken() {
    let web = Site::new().start();
    let result = load(&web.url("/?a=b"), &["--http2"]);
    all_succeed(&result);
    assert_eq!(result["reconnects"], 0);
    each(&web, |it| it.version == Version::HTTP_2);
    each(&web, |it| it.method == "GET" && it.target == "/?a=b");
    assert!(most_on_one_connection(&web) > 1);
}

#[test]
fn http2_calls_the_host_field_authority() {
    let web = Site::new().start();
    all_succeed(&load(&web.url("/"), &["--http2", "-H", "Host: app.test"]));
    each(&web, |it| it.authority == "app.test");
}

#[test]
fn http2_to_a_server_of_http1_fails() {
    let web = Site::new().with_http1_only().start();
    none_succeed(&load(&web.url("/"), &["--http2"]));
    assert!(web.seen().is_empty());
    none_succeed(&load(&format!("http://{}/", bad_request()), &["--http2"]));
}

#[track_caller]
fn none_succeed(result: &Value) {
    let kinds = result["errors"].as_object().expect("an object").values();
    assert_eq!(kinds.map(count).sum::<u64>(), ended(result), "{result:#}");
    assert_eq!(result["succeeded"], 0, "{result:#}");
    assert!(ended(result) > 0, "{result:#}");
}

/// A server that understands nothing, says so in HTTP/1, and hears the client out.
fn bad_request() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut heard = [0; 1024];
                let _ = stream.read(&mut heard);
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.shutdown(Shutdown::Write);
                while stream.read(&mut heard).is_ok_and(|count| count > 0) {}
            });
        }
    });
    address
}

// What is sent and what comes back, in every way

/// A server for each way to speak HTTP with it over TCP, and the options that choose the way.
fn ways() -> [(Web, Vec<&'static str>); 4] {
    let plain = || Site::new().start();
    let secure = || Site::new().certified_for("127.0.0.1").start();
    [
        (plain(), vec![]),
        (plain(), vec!["--http2"]),
        (secure(), vec!["--insecure"]),
        (secure(), vec!["--insecure", "--http2"]),
    ]
}

#[test]
fn a_body_arrives_whole() {
    for (web, options) in ways() {
        let options = [options, vec!["--body", "twelve bytes"]].concat();
        all_succeed(&load(&web.url("/echo-length"), &options));
        each(&web, |it| it.method == "POST" && it.body == "twelve bytes");
    }
}

#[test]
fn a_body_larger_than_a_window_arrives_whole() {
    let lines: Vec<_> = (0..400_000).map(|it| format!("{it:06}")).collect();
    let text = lines.join("\n");
    let sandbox = Sandbox::new().file("large.txt", &text);
    for (web, options) in ways() {
        let own = vec!["-X", "PUT", "--body-file", "large.txt", "--rate", "20/s"];
        let options = [options, own].concat();
        all_succeed(&load_in(&sandbox, &web.url("/echo-length"), &options));
        each(&web, |it| it.method == "PUT" && it.body == text);
    }
}

#[test]
fn an_answer_before_the_end_of_the_body_counts() {
    let sandbox = Sandbox::new().file("large.txt", &"x".repeat(8_000_000));
    let web = Site::new().start();
    let options = ["--http2", "--body-file", "large.txt", "--rate", "20/s"];
    let result = load_in(&sandbox, &web.url("/early"), &options);
    all_succeed(&result);
    assert_eq!(result["reconnects"], 0);
}

#[test]
fn another_status_than_expected_is_a_failure() {
    for (web, options) in ways() {
        let result = load(&web.url("/missing"), &options);
        all_fail(&result, "unexpected_status");
        assert_eq!(result["status"], json!({"404": ended(&result)}));
        assert_eq!(result["reconnects"], 0);
        let options = [options, vec!["--expect-status", "404"]].concat();
        all_succeed(&load(&web.url("/missing"), &options));
    }
}

#[test]
fn a_long_body_is_received_whole() {
    for (web, options) in ways() {
        let result = load(&web.url("/big"), &options);
        all_succeed(&result);
        let (succeeded, bytes) = (count(&result["succeeded"]), count(&result["bytes"]));
        // Beside the bodies there are heads and frames.
        assert!(bytes > succeeded * BIG, "{result:#}");
        let unfinished = count(&result["unfinished"]);
        assert!(
            bytes < (succeeded + unfinished) * (BIG + 4096) + 4096,
            "{result:#}"
        );
    }
}

#[test]
fn a_response_without_a_body_is_one() {
    for (web, options) in ways() {
        let options = [options, vec!["-X", "HEAD"]].concat();
        let result = load(&web.url("/big"), &options);
        all_succeed(&result);
        assert!(count(&result["bytes"]) < count(&result["requests"]) * 4096);
        each(&web, |it| it.method == "HEAD");
    }
}

#[test]
fn connections_closed_in_order_are_replaced_without_errors() {
    for (web, options) in ways() {
        let result = load(&web.url("/goaway"), &options);
        all_succeed(&result);
        assert!(count(&result["reconnects"]) > 0, "{result:#}");
        assert!(result["connect_us"]["max"].as_f64().expect("a time") > 0.0);
    }
}

#[test]
fn connections_closed_while_idle_are_replaced_before_a_request_is_written() {
    for (web, options) in ways() {
        let url = web.url("/idle");
        let words = [
            "load", &url, "-X", "POST", "-c", "1", "--rate", "4/s", "-d", "1s",
        ];
        let words = words.into_iter().chain(["--timeout", "30s", "--json", "-"]);
        let run = Sandbox::new().run(words.chain(options)).exits(0);
        let result: Value = serde_json::from_str(&run.stdout).expect("JSON");
        all_succeed(&result);
        assert_eq!(result["requests"], 4, "{result:#}");
        assert_eq!(result["reconnects"], 3, "{result:#}");
        assert_eq!(result["closed_by_server"], 3, "{result:#}");
        assert_eq!(web.seen().len(), 4, "nothing is sent twice");
    }
}

#[test]
fn a_request_without_a_response_fails_by_the_way_it_ended() {
    let web = Site::new().start();
    all_fail(&load(&web.url("/reset"), &[]), "closed");
    all_fail(&load(&web.url("/reset"), &["--http2"]), "reset");
    all_fail(&load(&web.url("/refused"), &["--http2"]), "closed");
}

#[test]
fn a_body_that_breaks_off_is_a_failure() {
    for (web, options) in ways() {
        all_fail(&load(&web.url("/cut"), &options), "closed_in_body");
    }
}

#[test]
fn every_request_of_a_rate_is_offered() {
    let web = Site::new().certified_for("127.0.0.1").start();
    for options in [vec![], vec!["--http2"]] {
        let options = [options, vec!["--insecure", "--rate", "100/s"]].concat();
        let result = load(&web.url("/"), &options);
        all_succeed(&result);
        assert_eq!(result["open"]["offered"], 30);
        assert_eq!(result["requests"], 30);
    }
    let plain = Site::new().start();
    let result = load(&plain.url("/"), &["--http2", "--rate", "100/s"]);
    all_succeed(&result);
    assert_eq!(result["open"]["offered"], result["requests"]);
}

// IPv6 and Unix sockets

#[test]
fn ipv6_works_with_and_without_tls() {
    let web = Site::new().on_ipv6().start();
    all_succeed(&load(&web.url("/"), &[]));
    all_succeed(&load(&web.url("/"), &["--http2"]));
    let authority = format!("[::1]:{}", web.port());
    each(&web, |it| it.authority == authority);

    let web = Site::new().on_ipv6().certified_for("::1").start();
    all_succeed(&load(&web.url("/"), &["--cacert", &web.ca_file()]));
    let authority = format!("[::1]:{}", web.port());
    each(&web, |it| it.authority == authority);
}

#[test]
fn a_unix_socket_is_asked_for_the_target_behind_it() {
    for options in [vec![], vec!["--http2"]] {
        let web = Site::new().on_socket().start();
        all_succeed(&load(&web.url("/?a=b"), &options));
        each(&web, |it| {
            it.target == "/?a=b" && it.authority == "localhost"
        });
        all_fail(&load(&web.url("/missing"), &options), "unexpected_status");
    }
}

#[test]
fn a_unix_socket_may_be_given_a_host() {
    for options in [vec![], vec!["--http2"]] {
        let web = Site::new().on_socket().start();
        let options = [options, vec!["-H", "Host: app.test"]].concat();
        all_succeed(&load(&web.url("/"), &options));
        each(&web, |it| it.authority == "app.test");
    }
}

#[test]
fn a_unix_socket_that_is_not_there_fails_every_request() {
    all_fail(&load("unix:/nowhere/web.sock:/", &[]), "connect");
}

// As the configuration says

const CHECK: [&str; 5] = [
    "check",
    "--config",
    "sub/perfgate.toml",
    "--json",
    "out.json",
];

/// A sandbox in which a server is configured, and the certificate of its authority lies beside
/// the configuration.
fn configured(web: &Web, server: &str) -> Sandbox {
    let rest = r#"
ready = { path = "/", within = "1s" }
[endpoint.home]
path = "/"
[load]
connections = 2
round       = "200ms"
rounds      = 3
warmup      = "200ms"
timeout     = "30s"
"#;
    Sandbox::new()
        .without_docker()
        .file("sub/ca.pem", &web.ca())
        .file(
            "sub/perfgate.toml",
            &format!("[server.app]\n{server}{rest}"),
        )
}

/// Asserts that a check of the server takes place and meets with no error.
fn is_measured(web: &Web, server: &str) {
    let sandbox = configured(web, server);
    sandbox.run(CHECK).exits(0);
    let report = sandbox.json("out.json");
    let errors = finding(&report, "app", "home", "error_rate");
    assert_eq!(
        (&errors["head"], &errors["verdict"]),
        (&json!(0.0), &json!("pass"))
    );
    let throughput = finding(&report, "app", "home", "throughput");
    assert!(throughput["head"].as_f64().expect("a rate") > 0.0);
}

#[test]
fn a_server_with_tls_is_measured() {
    let web = Site::new().certified_for("localhost").start();
    let url = format!("url = \"https://localhost:{}\"", web.port());
    is_measured(&web, &format!("{url}\ntls = {{ ca = \"ca.pem\" }}"));
    each(&web, |it| it.version == Version::HTTP_11);
}

#[test]
fn a_server_that_signs_its_certificate_itself_is_measured() {
    let web = Site::new().self_signed_for("localhost").start();
    let url = format!("url = \"https://localhost:{}\"", web.port());
    is_measured(&web, &format!("{url}\ntls = {{ ca = \"ca.pem\" }}"));
}

#[test]
fn a_server_with_http2_is_measured() {
    let plain = Site::new().start();
    let url = format!("url = \"http://127.0.0.1:{}\"", plain.port());
    is_measured(&plain, &format!("{url}\nhttp2 = true"));
    each(&plain, |it| it.version == Version::HTTP_2);

    let web = Site::new().certified_for("app.test").start();
    let url = format!("url = \"https://127.0.0.1:{}\"", web.port());
    let tls = "tls = { ca = \"ca.pem\", name = \"app.test\" }";
    is_measured(&web, &format!("{url}\n{tls}\nhttp2 = true"));
    each(&web, |it| it.version == Version::HTTP_2);
}

#[test]
fn a_server_at_a_unix_socket_is_measured() {
    let web = Site::new().on_socket().start();
    is_measured(&web, &format!("url = \"{}\"", web.url("/")));
    each(&web, |it| it.authority == "localhost");
}

#[test]
fn a_server_that_is_not_trusted_is_never_ready() {
    let web = Site::new().certified_for("127.0.0.1").start();
    let other = Site::new().start();
    let url = format!("url = \"https://127.0.0.1:{}\"", web.port());
    let sandbox = configured(&other, &format!("{url}\ntls = {{ ca = \"ca.pem\" }}"));
    sandbox
        .run(CHECK)
        .exits(4)
        .complains(&format!("for https://127.0.0.1:{}/", web.port()))
        .complains("invalid peer certificate");
    assert!(web.seen().is_empty());
}

#[test]
fn a_configured_authority_that_is_missing_is_reported() {
    let web = Site::new().certified_for("127.0.0.1").start();
    let url = format!("url = \"https://127.0.0.1:{}\"", web.port());
    configured(&web, &format!("{url}\ntls = {{ ca = \"gone.pem\" }}"))
        .run(CHECK)
        .exits(2)
        .complains("cannot read certificates from `sub/gone.pem`");
}

#[test]
fn http2_repeats_what_the_server_has_not_begun_with() {
    let web = Site::new().start();
    let result = load(&web.url("/goaway"), &["--http2", "-X", "POST"]);
    all_succeed(&result);
    assert!(count(&result["reconnects"]) > 0);
    let done = count(&result["succeeded"]) + count(&result["unfinished"]);
    assert!(
        web.seen().len() as u64 <= done,
        "nothing is carried out twice"
    );
}
