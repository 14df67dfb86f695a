use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{Frame, framed, json, markdown, terminal};
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

/// Text that would like to be markup, a mention, a command or a new line.
const HOSTILE: &str =
    "(\\PC|[|\n\r\t<>@`#:%*_~$&\\[\\]\\\\]|@team|<!--|::error::|```|\\|\n\\|){0,40}";
/// The columns of a row are what stands between pipes that nothing escapes.
fn columns(line: &str) -> usize {
    let bare = line.replace("\\\\", "").replace("\\|", "");
    bare.matches('|').count()
}

/// The lines of a page outside of its blocks of code.
fn prose(page: &str) -> Vec<&str> {
    let mut fence = None;
    let mut lines = Vec::new();
    for line in page.lines() {
        let ticks = line.chars().take_while(|it| *it == '`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            None => lines.push(line),
            Some(open) if ticks >= open && line.len() == ticks => fence = None,
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "a block of code is never closed");
    lines
}

/// A regression whose every text is a stranger's.
fn written_by(stranger: &str) -> Report {
    let (_, mut report) = stored()
        .into_iter()
        .find(|(name, _)| name == "counted")
        .expect("a stored report with statements and incidents");
    let text = stranger.to_owned();
    for finding in &mut report.findings {
        (finding.server, finding.endpoint) = (text.clone(), text.clone());
        finding.rule = Some(text.clone());
        for statement in &mut finding.statements {
            statement.text.clone_from(&text);
        }
    }
    for incident in &mut report.incidents {
        (incident.server, incident.what, incident.output) =
            (text.clone(), text.clone(), text.clone());
        incident.during.clone_from(&text);
    }
    report.provenance.notes = vec![text.clone()];
    report.provenance.base = Some(text);
    report
}

proptest! {
    #[test]
    fn no_text_of_a_stranger_is_markup_or_a_mention(stranger in HOSTILE) {
        let page = markdown(&written_by(&stranger));
        let ours = ["<details>", "</details>", "<summary>", "</summary>", "<br>"];
        let mut table = None;
        for line in prose(&page) {
            let bare = ours.iter().fold(line.to_owned(), |line, tag| line.replace(tag, ""));
            prop_assert!(!bare.contains('<'), "{}", line);
            let mentions = bare.split('@').skip(1).any(|after| !after.starts_with('\u{200b}'));
            prop_assert!(!mentions, "{}", line);
            if line.starts_with('|') {
                let first = *table.get_or_insert(columns(line));
                prop_assert_eq!(columns(line), first, "{}", line);
            } else {
                table = None;
            }
        }
    }

    #[test]
    fn a_page_keeps_its_budget(stranger in HOSTILE, times in 1..400_usize, budget in 1_000..60_000_usize) {
        let frame = Frame {
            marker: Some("<!-- perfgate abc run 1.1 -->".into()),
            link: Some("https://github.test/octo/app/actions/runs/5".into()),
            notes: vec![stranger.clone()],
            budget: Some(budget),
        };
        let page = framed(&written_by(&stranger.repeat(times)), &frame);
        prop_assert!(page.len() <= budget, "{} of {}", page.len(), budget);
        prop_assert!(page.starts_with("<!-- perfgate abc run 1.1 -->\n## "));
    }
}
