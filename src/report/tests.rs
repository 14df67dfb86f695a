use std::fs;
use std::path::Path;

use super::{json, markdown, terminal};
use crate::model::Report;

fn stored() -> Vec<(String, Report)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reports");
    let paths = fs::read_dir(folder)
        .expect("stored reports")
        .map(|entry| entry.expect("a file").path());
    let mut reports: Vec<_> = paths
        .map(|path| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = fs::read(&path).expect("readable");
            (name, serde_json::from_slice(&text).expect("a report"))
        })
        .collect();
    reports.sort_by(|(a, _), (b, _)| a.cmp(b));
    reports
}

#[test]
fn every_format_of_every_stored_report() {
    for (name, report) in stored() {
        insta::assert_snapshot!(format!("terminal@{name}"), terminal(&report));
        insta::assert_snapshot!(format!("markdown@{name}"), markdown(&report));
    }
}

#[test]
fn json_reads_back_as_the_same_report() {
    for (name, report) in stored() {
        let again: Report = serde_json::from_str(&json(&report)).expect("our own JSON");
        assert_eq!(again, report, "{name}");
    }
}

#[test]
fn the_terminal_gets_no_control_characters() {
    for (name, report) in stored() {
        let text = terminal(&report);
        assert!(
            text.chars()
                .all(|letter| letter == '\n' || !letter.is_control()),
            "{name}"
        );
    }
}

#[test]
fn the_table_fits_a_hundred_columns() {
    for (name, report) in stored()
        .into_iter()
        .filter(|(name, _)| name != "hostile_names")
    {
        let text = terminal(&report);
        let table = text
            .lines()
            .filter(|line| line.contains("server  ") || line.contains("gunicorn  "));
        for line in table {
            assert!(
                line.chars().count() <= 100,
                "{name}: {} columns\n{line}",
                line.chars().count()
            );
        }
    }
}
