use std::fs;
use std::path::Path;

use super::{bencher, github_action_benchmark, json, junit, markdown, openmetrics, terminal};
use crate::model::{Direction, Report, Verdict};
use crate::publish::workflow::annotations;

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
        insta::assert_snapshot!(format!("junit@{name}"), junit(&report));
        insta::assert_snapshot!(format!("openmetrics@{name}"), openmetrics(&report));
        insta::assert_snapshot!(format!("bencher@{name}"), bencher(&report));
        let lines = annotations(&report).join("\n");
        insta::assert_snapshot!(format!("github_annotations@{name}"), lines);
        for (tool, direction) in [
            ("smaller", Direction::LowerIsBetter),
            ("bigger", Direction::HigherIsBetter),
        ] {
            let text = github_action_benchmark(&report, direction);
            insta::assert_snapshot!(format!("github_action_benchmark_{tool}@{name}"), text);
        }
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

#[test]
fn no_name_leaves_its_place_in_open_metrics() {
    for (name, report) in stored() {
        for line in openmetrics(&report).lines() {
            let outside: String = line
                .replace("\\\\", "")
                .replace("\\\"", "")
                .split('"')
                .step_by(2)
                .collect();
            let plain = |letter: char| letter.is_ascii_graphic() || letter == ' ' || letter == '%';
            assert!(outside.chars().all(plain), "{name}: {line}");
        }
        assert!(openmetrics(&report).ends_with("# EOF\n"));
    }
}

#[test]
fn junit_counts_a_failure_for_every_regression() {
    for (name, report) in stored() {
        let regressed = report.with_verdict(Verdict::Regression).count();
        let text = junit(&report);
        assert_eq!(text.matches("<failure ").count(), regressed, "{name}");
        let tests = format!("failures=\"{regressed}\"");
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|line| line.contains(&tests)),
            "{name}"
        );
    }
}
