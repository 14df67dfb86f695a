//! Allocations of a server that has perfgate's allocator: one more is seen at once.

use serde_json::Value;

use crate::cargo::CONFIGURATION;
use crate::support::{Sandbox, finding, repository};

/// A server whose every answer is in a block of its own.
const SERVER: &str = r#"
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: perfgate_alloc::Counting = perfgate_alloc::Counting::new();

const BLOCKS: usize = 2;

fn main() {
    perfgate_alloc::init();
    let address = std::env::args().nth(1).expect("an address");
    for stream in TcpListener::bind(address).expect("a port").incoming() {
        let mut stream = stream.expect("a connection");
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
                for _ in 0..BLOCKS {
                    black_box(Vec::<u8>::with_capacity(1000));
                }
                std::thread::sleep(Duration::from_millis(5));
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                if stream.write_all(answer).is_err() {
                    break;
                }
            }
        });
    }
}
"#;

#[test]
fn one_allocation_more_is_a_regression() {
    let alloc = repository().join("alloc");
    let manifest = format!(
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n\n\
         [dependencies]\nperfgate-alloc = {{ path = {alloc:?} }}\n"
    );
    let sandbox = Sandbox::new()
        .config(CONFIGURATION)
        .file("Cargo.toml", &manifest)
        .file("src/main.rs", SERVER)
        .file(".gitignore", "target\nout.json\n")
        .without_docker()
        .committed()
        .file(
            "src/main.rs",
            &SERVER.replace("BLOCKS: usize = 2", "BLOCKS: usize = 3"),
        );
    let check = ["check", "--quiet", "--no-profile", "--against", "HEAD"];
    let run = sandbox.run(check.into_iter().chain(["--json", "out.json"]));
    run.exits(1).prints("app home allocations_per_request");
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "app", "home", metric);
    let more = |metric| {
        let value = |side: &str| of(metric)[side].as_f64().expect("a number");
        value("head") - value("base")
    };
    // A connection allocates too, in each batch the same.
    let (allocations, bytes) = (
        more("allocations_per_request"),
        more("allocated_bytes_per_request"),
    );
    assert!((allocations - 1.0).abs() < 0.25, "{allocations}");
    assert!((bytes - 1000.0).abs() < 100.0, "{bytes}");
    let verdict = |metric| of(metric)["verdict"].clone();
    assert_eq!(
        verdict("allocations_per_request"),
        Value::from("regression")
    );
    assert_eq!(
        verdict("allocated_bytes_per_request"),
        Value::from("regression")
    );
}
