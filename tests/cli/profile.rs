//! Where the CPU time of what regressed went: by perf, on a server of native code.

use crate::cargo::{CONFIGURATION, MANIFEST};
use crate::support::{Run, Sandbox, require};

/// A server that parses, and renders what it answers.
const SERVER: &str = r#"
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const RENDERING: u64 = 60_000;

fn main() {
    let address = std::env::args().nth(1).expect("an address");
    for stream in TcpListener::bind(address).expect("a port").incoming() {
        std::thread::spawn(move || answer(stream.expect("a connection")));
    }
}

#[inline(never)]
fn answer(mut stream: TcpStream) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
        let sum = parse(black_box(120_000)) + render(black_box(RENDERING));
        let body = format!("{sum:020}");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).is_err() {
            break;
        }
    }
}

#[inline(never)]
fn parse(rounds: u64) -> u64 {
    (0..rounds).fold(1, |sum, it| black_box(sum ^ it).wrapping_mul(31))
}

#[inline(never)]
fn render(rounds: u64) -> u64 {
    (0..rounds).fold(2, |sum, it| black_box(sum ^ it).wrapping_mul(37))
}
"#;

/// Fails where the CPU time grows, whatever it does to latency.
fn configuration() -> String {
    let latency = r#"{ max_increase = "+50%", floor = "2ms" }"#;
    CONFIGURATION
        .replace(latency, r#"{ max_increase = "+900%" }"#)
        .replace(
            r#"cpu_per_request = { max_increase = "+900%" }"#,
            r#"cpu_per_request = { max_increase = "+15%" }"#,
        )
}

/// A repository whose only commit holds the server, and one that renders twice as much in its folder.
fn slower() -> Sandbox {
    let server = SERVER.replace("60_000", "120_000");
    Sandbox::new()
        .config(&configuration())
        .file("Cargo.toml", MANIFEST)
        .file("src/main.rs", SERVER)
        .file(".gitignore", "target\nout.*\nm.json\n")
        .without_docker()
        .committed()
        .file("src/main.rs", &server)
}

/// With another program that is called perf.
fn with_perf(sandbox: Sandbox, script: &str) -> Sandbox {
    let sandbox = sandbox.program("bin/perf", script);
    let others = std::env::var("PATH").expect("a path");
    let path = format!("{}:{others}", sandbox.path("bin").display());
    sandbox.env("PATH", &path)
}

fn check(sandbox: &Sandbox, more: &[&str]) -> Run {
    let check = ["check", "--quiet", "--against", "HEAD"];
    let files = ["--json", "out.json", "--save", "m.json"];
    let words = [check.as_slice(), &files, more].concat();
    sandbox.run(words).exits(1)
}

#[test]
fn the_function_that_takes_more_time_is_named() {
    require(&["perf"]);
    let sandbox = slower();
    let files = [
        "--html",
        "out.html",
        "--markdown",
        "out.md",
        "--profile",
        "out",
    ];
    check(&sandbox, &files)
        .prints("CPU time of app home")
        .prints("app::render (app): +");
    let report = sandbox.json("out.json");
    let profile = &report["profiles"][0];
    let first = &profile["functions"][0];
    assert_eq!(first["name"], "app::render", "{profile}");
    let own = |side: &str| first["own"][side].as_f64().expect("a cost");
    assert!(own("head") > 1.5 * own("base"), "{first}");
    let interval = first["own"]["interval"].as_array().expect("an interval");
    assert!(interval[0].as_f64().is_some_and(|low| low > 0.0), "{first}");
    // What did not change is not named.
    let functions = profile["functions"].as_array().expect("functions");
    assert!(functions.iter().all(|it| it["name"] != "app::parse"));
    assert!(sandbox.read("out.md").contains("**app::render**"));
    let page = sandbox.read("out.html");
    assert!(page.contains("Flame graph of all calls") && page.contains("app::parse"));
    for side in ["head", "base"] {
        let stacks = sandbox.read(&format!("out.{side}.folded"));
        let rendering = stacks.lines().find(|it| it.contains(";app::render"));
        let rendering = rendering.unwrap_or_else(|| panic!("{stacks}"));
        assert!(rendering.starts_with("app home;"), "{rendering}");
    }
    // None of its rounds is among those that were judged.
    let measurement = sandbox.json("m.json");
    let starts = measurement["pairs"][0]["starts"].as_array().map(Vec::len);
    assert!(matches!(starts, Some(4 | 6 | 8 | 12)), "{starts:?}");
    assert_eq!(measurement["profiles"], report["profiles"]);
}

#[test]
fn without_perf_the_report_says_so_and_nothing_else_changes() {
    let said = "echo 'No permission to enable cpu-clock event.' >&2; exit 1";
    let sandbox = with_perf(slower(), said);
    let note = "functions of `app` are not profiled: perf says: No permission to enable cpu-clock";
    check(&sandbox, &[])
        .prints("app home cpu_per_request")
        .prints(note);
    assert!(sandbox.json("out.json").get("profiles").is_none());
}

#[test]
fn nothing_is_sampled_where_that_is_not_wanted() {
    let sandbox = with_perf(slower(), "touch \"$PERF_WAS_CALLED\"");
    let called = sandbox.path("called").display().to_string();
    let sandbox = sandbox.env("PERF_WAS_CALLED", &called);
    check(&sandbox, &["--no-profile"]).prints("app home cpu_per_request");
    assert!(!sandbox.path("called").exists());
}
