use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::Sandbox;

/// A server that counts its responses.
fn server() -> (SocketAddr, Arc<AtomicU64>) {
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
        ("no url", "not a URL"),
    ] {
        Sandbox::new().run(["load", url]).exits(2).complains(reason);
    }
}
