use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::support::repository;

#[test]
#[ignore = "builds another package"]
fn cargo_perfgate_checks_the_rust_example() {
    let beside = Path::new(env!("CARGO_BIN_EXE_cargo-perfgate")).parent();
    let beside = beside.expect("a folder").to_path_buf();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([beside].into_iter().chain(env::split_paths(&path)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = folder.path().join("out.json");
    let output = Command::new("cargo")
        .args([
            "perfgate",
            "check",
            "--quiet",
            "--strategy",
            "stored",
            "--endpoint",
            "health",
            "--json",
        ])
        .arg(&json)
        .arg("--baseline")
        .arg(folder.path())
        .current_dir(repository().join("examples/axum"))
        .env("PATH", path.expect("a list of folders"))
        .output()
        .expect("cargo runs");
    let shown = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let report = fs::read_to_string(json).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let throughput = crate::support::finding(&report, "axum", "health", "throughput");
    assert!(throughput["head"].as_f64().is_some_and(|value| value > 0.0));
}
