//! Servers that cargo builds: each side is its own build, whatever folder and compiler the caller has
//! set for all of them.

use crate::support::{Run, Sandbox, finding};

/// A server without dependencies that sleeps before it answers.
pub(crate) const SERVER: &str = r#"
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const SLEEP: Duration = Duration::from_millis(20);

fn main() {
    let address = std::env::args().nth(1).expect("an address");
    for stream in TcpListener::bind(address).expect("a port").incoming() {
        std::thread::spawn(move || answer(stream.expect("a connection")));
    }
}

fn answer(mut stream: TcpStream) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
        std::thread::sleep(SLEEP);
        let sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        if sent.is_err() {
            break;
        }
    }
}
"#;

pub(crate) const MANIFEST: &str =
    "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";

pub(crate) const CONFIGURATION: &str = r#"
prepare = [["cargo", "build", "--release", "--offline"]]

[server.app]
run = ["target/release/app", "{host}:{port}"]

[endpoint.home]
path = "/"

[load]
connections = 16
round       = "200ms"
warmup      = "200ms"
budget      = "5m"

[thresholds]
throughput      = { max_decrease = "90%" }
latency_p50     = { max_increase = "+50%", floor = "2ms" }
latency_p99     = { floor = "200ms" }
cpu_per_request = { max_increase = "+900%" }
memory_peak     = { floor = "64MiB" }
"#;

/// A repository whose only commit holds the server.
fn repository(configuration: &str) -> Sandbox {
    let sandbox = Sandbox::new()
        .config(configuration)
        .file("Cargo.toml", MANIFEST)
        .file("src/main.rs", SERVER)
        .file(".gitignore", "target\nshared\nout.json\n")
        .without_docker();
    sandbox.committed()
}

/// The same, with a server that is slower than that of the commit.
fn slower(configuration: &str) -> Sandbox {
    let server = SERVER.replace("from_millis(20)", "from_millis(60)");
    repository(configuration).file("src/main.rs", &server)
}

/// The configuration with a program that perfgate has cargo build.
pub(crate) fn built_by_cargo(how: &str) -> String {
    let prepare = "prepare = [[\"cargo\", \"build\", \"--release\", \"--offline\"]]";
    let run = "run = [\"target/release/app\", ";
    assert!(CONFIGURATION.contains(prepare) && CONFIGURATION.contains(run));
    CONFIGURATION
        .replace(prepare, "")
        .replace(run, &format!("cargo = {how}\nrun = [\"{{program}}\", "))
}

/// A repository whose server sleeps less with a feature.
fn with_feature(configuration: &str) -> Sandbox {
    let features = format!("{MANIFEST}\n[features]\nfast = []\n");
    let server = SERVER.replace(
        "from_millis(20)",
        "from_millis(if cfg!(feature = \"fast\") { 20 } else { 60 })",
    );
    repository(configuration)
        .file("Cargo.toml", &features)
        .file("src/main.rs", &server)
        .committed_again()
}

fn check(sandbox: &Sandbox) -> Run {
    sandbox.run([
        "check",
        "--quiet",
        "--no-profile",
        "--against",
        "HEAD",
        "--json",
        "out.json",
    ])
}

fn is_found(sandbox: &Sandbox) {
    check(sandbox).exits(1);
    let report = sandbox.json("out.json");
    let latency = finding(&report, "app", "home", "latency_p50");
    assert_eq!(latency["verdict"], "regression", "{latency}");
}

#[test]
fn a_target_directory_for_all_is_not_used() {
    let names = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];
    let mut sandbox = slower(CONFIGURATION);
    for name in names {
        let shared = sandbox.path("shared").join(name).display().to_string();
        sandbox = sandbox.env(name, &shared);
    }
    is_found(&sandbox);
    for name in names {
        assert!(!sandbox.path("shared").join(name).exists(), "{name}");
    }
}

#[test]
fn a_target_directory_for_all_in_the_configuration_of_cargo_is_not_used() {
    let home = tempfile::tempdir().expect("a folder");
    let shared = home.path().join("shared");
    let text = format!("[build]\ntarget-dir = {shared:?}\n");
    std::fs::write(home.path().join("config.toml"), text).expect("written");
    let home = home.path().display().to_string();
    is_found(&slower(CONFIGURATION).env("CARGO_HOME", &home));
    assert!(!shared.exists());
}

#[test]
fn a_program_in_a_directory_for_all_is_refused_with_the_remedy() {
    let configuration = CONFIGURATION.replace(
        "\"target/release/app\"",
        "\"{env.CARGO_TARGET_DIR}/release/app\"",
    );
    let sandbox = slower(&configuration);
    let shared = sandbox.path("shared").display().to_string();
    let sandbox = sandbox.env("CARGO_TARGET_DIR", &shared);
    check(&sandbox)
        .exits(4)
        .complains("of `app`: it lies in `")
        .complains("`prepare` builds into the target directory of each tree")
        .complains("run = [\"target/release/app\"]");
}

#[test]
fn one_program_on_both_sides_is_no_comparison() {
    let sandbox = Sandbox::new();
    let shared = sandbox.path("shared").display().to_string();
    let configuration = CONFIGURATION
        .replace(
            "\"target/release/app\"",
            &format!("\"{shared}/release/app\""),
        )
        .replace(
            "\"--offline\"]",
            &format!("\"--offline\", \"--target-dir\", \"{shared}\"]"),
        );
    let sandbox = slower(&configuration);
    let run = check(&sandbox).exits(0);
    run.prints("cannot be compared: the program of `app` is the same file on both sides")
        .prints("NO BASELINE");
    let report = sandbox.json("out.json");
    assert_ne!(report["outcome"], "pass");
}

#[test]
fn equal_programs_of_different_files_do_not_pass() {
    let sandbox = repository(CONFIGURATION).file("README.md", "New words.\n");
    check(&sandbox)
        .exits(0)
        .prints("INCONCLUSIVE")
        .prints("the same build on both sides, although files differ: app")
        .prints("both sides are built by rustc 1.");
    let report = sandbox.json("out.json");
    assert_eq!(report["outcome"], "inconclusive");
    assert_eq!(report["coverage"]["same_build"], serde_json::json!(["app"]));
    // What the base was built into is there for the next one; its files are not.
    assert_eq!(sandbox.cached("target/release/app").len(), 1);
    assert_eq!(sandbox.cached("tree").len(), 0);
}

#[test]
fn cargo_builds_both_sides_as_the_file_says() {
    let configuration = built_by_cargo("{ features = [\"fast\"] }");
    let sandbox = with_feature(&configuration);
    sandbox
        .run(["check", "--dry-run"])
        .exits(0)
        .prints("cargo build --profile release --features fast; runs {program}");
    let sandbox =
        sandbox.config(&configuration.replace("features = [\"fast\"]", "profile = \"release\""));
    let run = check(&sandbox).exits(1);
    run.prints("`app` is built by other words of cargo than its base");
    let report = sandbox.json("out.json");
    let latency = finding(&report, "app", "home", "latency_p50");
    assert_eq!(latency["verdict"], "regression", "{latency}");
    let size = finding(&report, "app", "home", "binary_size");
    assert!(size["head"].as_f64().is_some_and(|it| it > 1e5), "{size}");
}

#[test]
fn options_of_cargo_stand_in_place_of_the_file() {
    let sandbox = repository(&built_by_cargo(
        "{ features = [\"fast\"], package = \"app\" }",
    ));
    let dry = |options: &[&str]| sandbox.run([&["check", "--dry-run"], options].concat());
    dry(&["-p", "other", "-F", "slow,loud", "--cargo-profile", "dev"])
        .exits(0)
        .prints("cargo build --profile dev --package other --features slow,loud; runs {program}");
    dry(&["--bin", "app", "--no-default-features", "--target", "x"])
        .exits(0)
        .prints(
            "cargo build --profile release --package app --bin app --target x --features fast \
             --no-default-features; runs {program}",
        );
    dry(&["--manifest-path", "./src/../Cargo.toml"])
        .exits(0)
        .prints("--manifest-path Cargo.toml --features fast");
    dry(&["--manifest-path", "/etc/hosts"])
        .exits(2)
        .complains("--manifest-path /etc/hosts")
        .complains("the base has no such file: name one below ");
}

#[test]
fn options_of_cargo_hold_for_the_base_too() {
    let sandbox = with_feature(&built_by_cargo("{}")).file("README.md", "New words.\n");
    let check = ["check", "--quiet", "--no-profile", "--against", "HEAD"];
    let options = ["-F", "fast", "--manifest-path", "Cargo.toml"];
    let words = [&check[..], &options, &["--json", "out.json"]].concat();
    sandbox.run(words).exits(0);
    let report = sandbox.json("out.json");
    let latency = finding(&report, "app", "home", "latency_p50");
    for side in ["base", "head"] {
        let time = latency[side].as_f64().expect("a time");
        assert!((20e3..50e3).contains(&time), "{side}: {latency}");
    }
}

#[test]
fn options_of_cargo_need_a_server_that_cargo_builds() {
    repository(CONFIGURATION)
        .run(["check", "--dry-run", "--features", "loud"])
        .exits(2)
        .complains("cargo builds none of the servers: write `cargo = {}` in perfgate.toml");
    let two = built_by_cargo("{}") + "\n[server.second]\ncargo = {}\n";
    let sandbox = repository(&two);
    let of = |more: &[&str]| sandbox.run([&["check", "--dry-run", "--bin", "app"], more].concat());
    of(&[])
        .exits(2)
        .complains("cargo builds several servers: choose one by --server");
    of(&["--server", "app"]).exits(0).prints("--bin app");
}

#[test]
fn a_package_with_two_binaries_says_which() {
    let configuration = built_by_cargo("{}");
    let sandbox = repository(&configuration).file("src/bin/other.rs", "fn main() {}\n");
    sandbox
        .run(["check", "--quiet", "--strategy", "stored"])
        .exits(4)
        .complains("cannot find the program of `app` that cargo built: there are several: ")
        .complains("cargo = { package = \"PACKAGE\", bin = \"BINARY\" }");
}

#[test]
fn the_compiler_of_the_caller_is_not_that_of_both_sides() {
    let look = "prepare = [[\"sh\", \"-c\", \"env > seen\"], ";
    let configuration = CONFIGURATION.replacen("prepare = [", look, 1);
    let inherits = |source: &str| {
        let sandbox = repository(&configuration)
            .env("RUSTUP_TOOLCHAIN", "another")
            .env("RUST_RECURSION_COUNT", "1")
            .env("RUSTUP_TOOLCHAIN_SOURCE", source);
        let _run = sandbox.run(["check", "--quiet", "--strategy", "stored"]);
        sandbox.read("seen").contains("RUSTUP_TOOLCHAIN=another")
    };
    assert!(!inherits("toolchain-file"));
    assert!(inherits("cli"));
}

#[test]
fn a_budget_for_fewer_starts_than_a_verdict_needs_is_refused() {
    let longer = CONFIGURATION.replacen("\"200ms\"", "\"600ms\"", 1);
    let configuration = longer.replacen("budget      = \"5m\"", "budget = \"5s\"", 1);
    check(&repository(&configuration))
        .exits(2)
        .complains("cannot judge an endpoint in 5s: head and base are started 4 times")
        .complains("`budget` in `[load]`");
}

#[test]
fn variables_of_the_build_are_given_to_cargo_and_checked() {
    let how = "{ env = { PACE = \"{env.PACE_OF_TESTS}\" } }";
    let server = SERVER.replace(
        "from_millis(20)",
        "from_millis(if option_env!(\"PACE\").is_some() { 60 } else { 20 })",
    );
    let sandbox = repository(&built_by_cargo("{}"))
        .file("src/main.rs", &server)
        .committed_again()
        .config(&built_by_cargo(how))
        .env("PACE_OF_TESTS", "slow");
    let run = check(&sandbox).exits(1);
    run.prints("`app` is built by other words of cargo than its base");
    let too_early = built_by_cargo("{ env = { DATABASE_URL = \"{postgres.url}\" } }");
    repository(&too_early)
        .run(["check", "--dry-run"])
        .exits(2)
        .complains("`{postgres.url}` has no value yet when cargo builds")
        .complains("cargo sqlx prepare");
}
