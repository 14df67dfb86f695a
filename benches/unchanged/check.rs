//! One check, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::Failure;

pub(crate) struct Checked {
    /// Whether nothing was blamed, and something was measured.
    pub(crate) is_innocent: bool,
    pub(crate) cells: BTreeMap<String, CellChanges>,
}

/// What was shown of an endpoint of a server.
#[derive(Debug, Default)]
pub(crate) struct CellChanges {
    pub(crate) is_open: bool,
    pub(crate) cpu_per_request: f64,
    pub(crate) throughput: f64,
}

/// Checks a repository, and prints a row of what came of it.
pub(crate) fn check(
    name: &str,
    beside: usize,
    folder: &Path,
    options: &[String],
) -> Result<Checked, Failure> {
    let begun = Instant::now();
    let report_file = folder.join("out.json");
    let checked = Command::new(env!("CARGO_BIN_EXE_perfgate"))
        .args(["check", "--against", "HEAD", "--no-profile", "--quiet"])
        .arg("--json")
        .arg(&report_file)
        .args(options)
        .env("GITHUB_ACTIONS", "")
        .current_dir(folder)
        .output()?;
    let seconds = begun.elapsed().as_secs();
    let code = checked.status.code().unwrap_or(-1);
    let report = fs::read(&report_file).unwrap_or_default();
    // The next check is of a tree without it.
    let _ = fs::remove_file(&report_file);
    let report: Value = serde_json::from_slice(&report).unwrap_or_default();
    let findings: Vec<&Value> = report["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let open = findings.iter().filter(|it| it["verdict"] == "inconclusive");
    let open = open.map(|it| {
        format!(
            "{} {} ({})",
            cell(it),
            text(&it["metric"]),
            text(&it["reason"]["kind"])
        )
    });
    let open: Vec<_> = open.collect();
    let judged = findings.iter().filter(|it| it["verdict"] != "not_judged");
    println!(
        "| {name} | {} | {} | {code} | {} | {} | {seconds} |",
        match beside {
            0 => "nothing".to_owned(),
            processes => format!("stress-ng --cpu {processes}"),
        },
        report["outcome"].as_str().unwrap_or("none"),
        judged.count(),
        open.join(", ")
    );
    if code != 0 {
        print!("{}", String::from_utf8_lossy(&checked.stderr));
    }
    let mut cells: BTreeMap<String, CellChanges> = BTreeMap::new();
    for finding in findings {
        let changes = cells.entry(cell(finding)).or_default();
        changes.is_open |= finding["verdict"] == "inconclusive";
        let change = finding["change"].as_f64().unwrap_or_default();
        match text(&finding["metric"]) {
            "cpu_per_request" => changes.cpu_per_request = change,
            "throughput" => changes.throughput = change,
            _ => {}
        }
    }
    Ok(Checked {
        is_innocent: code == 0 && report["outcome"].is_string(),
        cells,
    })
}

fn cell(finding: &Value) -> String {
    format!(
        "{} {}",
        text(&finding["server"]),
        text(&finding["endpoint"])
    )
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
