use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::{Sandbox, sample};

/// A server that counts its responses.
pub(super) fn server() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answered = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&answered);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                let mut request = [0; 1024];
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    count.fetch_add(1, Ordering::SeqCst);
                    if stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    (address, answered)
}

#[test]
fn load_counts_what_the_server_counts() {
    let (address, answered) = server();
    let url = format!("http://{address}/");
    let run = Sandbox::new()
        .run(["load", &url, "-c", "4", "-d", "500ms", "--json", "-"])
        .exits(0);
    let result: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(result["requests"], answered.load(Ordering::SeqCst));
    assert_eq!(result["succeeded"], result["status"]["200"]);
    assert_eq!(result["errors"], serde_json::json!({}));
    assert!(result["latency_us"]["p50"].as_f64().expect("a time") > 0.0);
    perfgate::model::histogram::decode(result["histogram"].as_str().expect("text"))
        .expect("a histogram");
}

#[test]
fn load_prints_a_table() {
    let (address, _) = server();
    let run = Sandbox::new()
        .run([
            "load",
            &format!("http://{address}/"),
            "-c",
            "2",
            "-d",
            "300ms",
        ])
        .exits(0);
    run.prints("within one stdev")
        .prints("p99.9")
        .prints("0 failed, 0 unfinished")
        .prints("received per second");
}

#[test]
fn a_dead_port_fails_every_request_by_kind() {
    let dead = TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("a port");
    let run = Sandbox::new()
        .run([
            "load",
            &format!("http://{dead}/"),
            "-c",
            "2",
            "-d",
            "200ms",
            "--json",
            "-",
        ])
        .exits(0);
    let result: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(result["requests"], result["errors"]["connect_refused"]);
    assert_eq!(result["throughput"], 0.0);
}

#[test]
fn an_interrupt_prints_what_was_measured_so_far() {
    let (address, answered) = server();
    let sandbox = Sandbox::new();
    let running = sandbox.start([
        "load",
        &format!("http://{address}/"),
        "-c",
        "2",
        "-d",
        "60s",
    ]);
    crate::support::eventually("load begins", std::time::Duration::from_secs(20), || {
        answered.load(Ordering::SeqCst) > 100
    });
    running.signal("INT");
    running.end().exits(0).prints("within one stdev");
}

#[test]
fn urls_that_cannot_be_loaded_are_refused() {
    for (url, reason) in [
        ("ftp://x/", "write http://HOST:PORT/PATH"),
        ("no url", "https://… or unix:/SOCKET:/PATH"),
    ] {
        Sandbox::new().run(["load", url]).exits(2).complains(reason);
    }
}

fn result(run: &crate::support::Run) -> Value {
    serde_json::from_str(&run.stdout).expect("JSON")
}

#[test]
fn ten_thousand_connections_are_open_at_once() {
    let service = sample::Service::start(&[]);
    let url = format!("{}/api/django-starter/monitoring/health", service.url());
    let options = ["-c", "10000", "-d", "3s", "--timeout", "60s", "--json", "-"];
    let run = Sandbox::new()
        .run(["load", &url].into_iter().chain(options))
        .exits(0);
    let result = result(&run);
    assert_eq!(result["connections_opened"], 10_000);
    assert!(result["succeeded"].as_u64() > Some(0), "{result}");
    assert_eq!(result["errors"], serde_json::json!({}));
    assert_eq!(result["reconnects"], 0);
}

#[test]
fn too_few_files_are_reported_before_the_load_begins() {
    let (address, answered) = server();
    let url = format!("http://{address}/");
    let limited = |limit: u32, connections: &str| {
        let perfgate = env!("CARGO_BIN_EXE_perfgate");
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let output = Command::new("sh")
            .args([
                "-c",
                &script,
                "sh",
                perfgate,
                "load",
                &url,
                "-c",
                connections,
            ])
            .output()
            .expect("a shell");
        assert_eq!(output.status.code(), Some(4));
        String::from_utf8(output.stderr).expect("text")
    };
    let files = limited(256, "1000");
    assert!(files.contains("the open-file limit is 256"), "{files}");
    assert!(files.contains("hint: raise it with `ulimit -n"), "{files}");
    assert_eq!(answered.load(Ordering::SeqCst), 0);
}

#[test]
fn a_rate_is_kept_and_shown() {
    let (address, answered) = server();
    let url = format!("http://{address}/");
    let options = [
        "-c",
        "8",
        "-d",
        "500ms",
        "--rate",
        "200..600/s",
        "--json",
        "-",
    ];
    let run = Sandbox::new()
        .run(["load", &url].into_iter().chain(options))
        .exits(0);
    let result = result(&run);
    assert_eq!(result["open"]["offered"], 200);
    assert_eq!(result["requests"], 200);
    assert_eq!(answered.load(Ordering::SeqCst), 200);
    let ramp = result["ramp"].as_array().expect("a rate that changes");
    let requests = ramp.iter().map(|step| step["requests"].as_u64());
    assert_eq!(requests.sum::<Option<u64>>(), Some(200));
    assert!(ramp[0]["requests"].as_u64() < ramp[9]["requests"].as_u64());
    for times in ["latency_us", "service_us", "send_lag_us"] {
        assert!(result[times]["p50"].as_f64() > Some(0.0), "{times}");
    }
}

#[test]
fn a_server_that_cannot_keep_the_rate_makes_the_load_invalid() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    let options = ["-c", "2", "-d", "200ms", "--rate", "100"];
    Sandbox::new()
        .run(["load", &url].into_iter().chain(options))
        .exits(0)
        .prints("2 failed, 18 unfinished")
        .prints("invalid: the server did not keep up with the rate; offer less");
}

#[test]
fn options_that_make_no_load_are_refused() {
    for (options, reason) in [
        (["--rate", "0"], "`0` is not a rate"),
        (["--rate", "1..x"], "`1..x` is not a rate"),
        (
            ["--body-file", "/no/such/file"],
            "cannot read `/no/such/file`",
        ),
    ] {
        let words = ["load", "http://127.0.0.1:1/"].into_iter().chain(options);
        Sandbox::new().run(words).exits(2).complains(reason);
    }
}

#[test]
fn an_error_on_a_url_says_what_it_lacks() {
    for (url, lacks) in [
        ("unix://run/app.sock:/", "a slash is missing"),
        ("http://127.0.0.1:1/page#part", "leave out `#`"),
        ("unix:/run/app.sock:/page#part", "leave out `#`"),
        ("http://me:secret@127.0.0.1:1/", "`Authorization`"),
    ] {
        let run = Sandbox::new().run(["load", url, "-d", "100ms"]);
        run.exits(2).complains(lacks);
    }
}

/// A server that answers everything with the same bytes.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut request = [0; 1024];
                while stream.read(&mut request).is_ok_and(|read| read > 0)
                    && stream.write_all(answer.as_bytes()).is_ok()
                {}
            });
        }
    });
    address
}

#[test]
fn the_first_response_that_failed_is_shown() {
    let refused = "HTTP/1.1 400 Bad Request\r\ncontent-length: 18\r\n\r\nInvalid HTTP_HOST\n";
    let url = format!("http://{}/a", answering(refused));
    let sandbox = Sandbox::new();
    let run = sandbox.run(["load", &url, "-c", "2", "-d", "200ms", "--json", "out.json"]);
    run.exits(0)
        .prints("into its window: GET /a: unexpected_status; HTTP/1.1 400 Bad Request")
        .prints("expected: status 200; found: status 400")
        .prints("its body: Invalid HTTP_HOST\\n");
    let first = &sandbox.json("out.json")["first_failure"];
    assert_eq!(first["status_line"], "HTTP/1.1 400 Bad Request");
    assert_eq!(first["body"], "Invalid HTTP_HOST\\n");
}

#[test]
fn what_is_read_although_it_is_no_http_is_noted_once() {
    let folded = "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok";
    let url = format!("http://{}/", answering(folded));
    let sandbox = Sandbox::new();
    let run = sandbox.run(["load", &url, "-c", "2", "-d", "200ms", "--json", "out.json"]);
    let run = run.exits(0).prints("0 failed, 0 unfinished");
    assert_eq!(
        run.stdout.matches("note: header fields that go on").count(),
        1
    );
    assert_eq!(
        sandbox.json("out.json")["leniences"],
        serde_json::json!(["folded_line"])
    );
}

/// The words that start one of some workers, which meet at an address.
pub(super) fn worker<'a>(
    url: &'a str,
    number: &'a str,
    meeting: &'a str,
    out: &'a str,
) -> Vec<&'a str> {
    let words = ["load", url, "--rate", "400/s", "-d", "500ms", "-c", "8"];
    let own = ["--worker", number, "--coordinator", meeting, "--out", out];
    words.into_iter().chain(own).collect()
}

/// An address at which nobody listens yet.
pub(super) fn meeting() -> String {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    free.expect("a port").to_string()
}

#[test]
fn four_workers_send_one_load() {
    let (address, answered) = server();
    let (url, meeting, sandbox) = (format!("http://{address}/"), meeting(), Sandbox::new());
    let start = |index: usize| {
        let (number, out) = (format!("{index}/4"), format!("{index}/load.json"));
        sandbox.start(worker(&url, &number, &meeting, &out))
    };
    // The first is the one that the others look for.
    let running = [3, 2, 1, 4].map(start);
    for worker in running {
        worker.end().exits(0).prints("50 requests: 50 succeeded");
    }
    let run = sandbox.run(["merge", ".", "--json", "all.json"]);
    run.exits(0)
        .prints("4 workers, 4 threads, 32 connections")
        .prints("200 requests: 200 succeeded")
        .prints("windows opened at most");
    let result = sandbox.json("all.json");
    assert_eq!(result["requests"], 200);
    assert_eq!(answered.load(Ordering::SeqCst), 200);
    assert_eq!(result["open"]["offered_per_second"], 400.0);
    assert_eq!(result["workers"].as_array().expect("four").len(), 4);
    let errors = result["workers"].as_array().expect("four").iter();
    let known = errors.filter(|it| it["clock_error_us"].as_f64() > Some(0.0));
    assert_eq!(known.count(), 3, "the first has the clock that they go by");
}

#[test]
fn a_worker_that_is_killed_leaves_no_load() {
    let (address, answered) = server();
    let (url, sandbox) = (format!("http://{address}/"), Sandbox::new());
    for killed in [1, 3] {
        let (meeting, before) = (meeting(), answered.load(Ordering::SeqCst));
        let start = |index: usize| {
            let (number, out) = (format!("{index}/3"), format!("{killed}/{index}/load.json"));
            let mut words = worker(&url, &number, &meeting, &out);
            words[5] = "5s";
            sandbox.start(words)
        };
        let mut running: Vec<_> = (1..=3).map(start).collect();
        crate::support::eventually("load begins", std::time::Duration::from_secs(60), || {
            answered.load(Ordering::SeqCst) > before
        });
        let gone = running.remove(killed - 1);
        gone.signal("KILL");
        assert_eq!(gone.end().code, None);
        for worker in running {
            worker.end().exits(0);
        }
        let folder = killed.to_string();
        let merged = sandbox.run(["merge", &folder]).exits(4);
        merged.prints(&format!("invalid: worker {killed}/3 is missing"));
    }
}

#[test]
fn a_start_that_is_over_is_missed() {
    let (address, answered) = server();
    let url = format!("http://{address}/");
    let words = ["load", &url, "--worker", "1/2", "--out", "load.json"];
    let sandbox = Sandbox::new();
    let start = ["--start-at", "2020-01-01T00:00:00Z", "--clock-error", "1ms"];
    let run = sandbox.run(words.into_iter().chain(start));
    run.exits(4).complains("cannot begin the load on time");
    assert_eq!(answered.load(Ordering::SeqCst), 0);
    assert!(!sandbox.path("load.json").exists());
    let run = sandbox.run(words);
    run.exits(2).complains("`--coordinator` or `--start-at`");
}

#[test]
fn a_worker_that_is_missing_is_named() {
    let (address, _) = server();
    let (url, meeting, sandbox) = (format!("http://{address}/"), meeting(), Sandbox::new());
    sandbox
        .run(worker(&url, "1/1", &meeting, "1/load.json"))
        .exits(0);
    let text = sandbox.read("1/load.json");
    let of_three = text.replace("\"total\": 1", "\"total\": 3");
    assert_ne!(text, of_three);
    std::fs::write(sandbox.path("1/load.json"), of_three).expect("written");
    let run = sandbox.run(["merge", "1/load.json", "--json", "all.json"]);
    run.exits(4)
        .prints("invalid: worker 2/3 is missing")
        .prints("invalid: worker 3/3 is missing");
    let result = sandbox.json("all.json");
    assert_eq!(result["valid"], false);
    assert!(result["throughput"].is_null(), "not smaller: none");
    let mut words = worker(&url, "1/3", &meeting, "1/load.json");
    words.extend(["--wait", "200ms"]);
    let run = sandbox.run(words);
    run.exits(4)
        .complains("these workers are missing: 2/3, 3/3");
}
