//! Whether an unchanged build is ever blamed. Makes a repository of each of ten kinds of services, none
//! like the fixture, runs `perfgate check --against HEAD` in it, prints its outcome, and promises to
//! end with an error where one was called a regression or was not measured at all.
#![expect(clippy::print_stdout, reason = "a bench prints its figures as it goes")]

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use serde_json::Value;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Options {
    /// Kinds to check; all without one.
    kinds: Vec<String>,
    /// Times that each is checked.
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Given by `cargo bench` alone.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Each kind with its endpoint, and what else its configuration needs.
const KINDS: [(&str, &str, &str); 10] = [
    ("failing", "path = \"/\"", ""),
    ("slow", "path = \"/\"", ""),
    ("redirecting", "path = \"/\"\nexpect = { status = 302 }", ""),
    ("gzip", "path = \"/\"\nexpect = { contains = \"fine\" }", ""),
    (
        "login",
        "path = \"/\"\nheaders = { Authorization = \"Bearer {login.token}\" }",
        "[login.user]\npath = \"/login\"\nmethod = \"POST\"\ncapture = { token = { json = \"/token\" } }",
    ),
    (
        "post",
        "path = \"/\"\nmethod = \"POST\"\nbody = '{\"number\": {counter}}'\nexpect = { status = 201 }",
        "",
    ),
    ("closing", "path = \"/\"", ""),
    ("big", "path = \"/\"", ""),
    ("streaming", "path = \"/\"", ""),
    ("http10", "path = \"/\"", ""),
];

fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    if !options.bench {
        println!("run this by `cargo bench --bench services`");
        return Ok(ExitCode::SUCCESS);
    }
    for kind in &options.kinds {
        if !KINDS.iter().any(|(known, ..)| known == kind) {
            return Err(format!("`{kind}` is none of the kinds").into());
        }
    }
    println!("| service | outcome | exit code | inconclusive | seconds |");
    println!("|---|---|---:|---|---:|");
    let mut blamed = 0;
    for (kind, endpoint, rest) in KINDS {
        if !options.kinds.is_empty() && !options.kinds.iter().any(|it| it == kind) {
            continue;
        }
        let folder = repository(kind, endpoint, rest)?;
        for _ in 0..options.times {
            blamed += usize::from(!check(kind, folder.path())?);
        }
    }
    Ok(if blamed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A repository with one commit of a service.
fn repository(kind: &str, endpoint: &str, rest: &str) -> Result<tempfile::TempDir, Failure> {
    let folder = tempfile::tempdir()?;
    let service = include_str!("service.py");
    fs::write(folder.path().join("service.py"), service)?;
    let config = format!(
        "[server.app]\nrun = [\"python3\", \"service.py\", \"{kind}\", \"{{host}}\", \"{{port}}\"]\n\n\
         {rest}\n\n[endpoint.home]\n{endpoint}\n"
    );
    fs::write(folder.path().join("perfgate.toml"), config)?;
    for words in [
        &["init", "--quiet"][..],
        &["add", "."],
        &[
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@localhost",
            "commit",
            "--quiet",
            "--message",
            kind,
        ],
    ] {
        let git = Command::new("git")
            .args(words)
            .current_dir(folder.path())
            .status()?;
        if !git.success() {
            return Err(format!("git {} failed", words.join(" ")).into());
        }
    }
    Ok(folder)
}

/// Whether nothing was blamed, and something was measured.
fn check(kind: &str, folder: &Path) -> Result<bool, Failure> {
    let begun = Instant::now();
    let checked = Command::new(env!("CARGO_BIN_EXE_perfgate"))
        .args([
            "check",
            "--against",
            "HEAD",
            "--quiet",
            "--json",
            "out.json",
        ])
        .env("GITHUB_ACTIONS", "")
        .current_dir(folder)
        .output()?;
    let seconds = begun.elapsed().as_secs();
    let code = checked.status.code().unwrap_or(-1);
    let report = fs::read(folder.join("out.json")).unwrap_or_default();
    let report: Value = serde_json::from_slice(&report).unwrap_or_default();
    let findings = report["findings"].as_array();
    let open = findings.into_iter().flatten();
    let open = open.filter(|it| it["verdict"] == "inconclusive");
    let open = open.map(|it| {
        let name = it["metric"].as_str().unwrap_or_default();
        format!(
            "{name} ({})",
            it["reason"]["kind"].as_str().unwrap_or_default()
        )
    });
    let open: Vec<_> = open.collect();
    let outcome = report["outcome"].as_str().unwrap_or("none");
    println!(
        "| {kind} | {outcome} | {code} | {} | {seconds} |",
        open.join(", ")
    );
    if code != 0 {
        print!("{}", String::from_utf8_lossy(&checked.stderr));
    }
    Ok(code == 0 && report["outcome"].is_string())
}
