use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{
    Frame, bencher, framed, github_action_benchmark, html, json, junit, markdown, openmetrics,
    terminal,
};
use crate::model::{
    CellName, Direction, GateChange, GateChangeKind, GateComparison, GateValue, PlanChange, Report,
    Verdict,
};
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
        insta::assert_snapshot!(format!("terminal@{name}"), without_colours(&report));
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

/// What is printed where colours are not wanted.
fn without_colours(report: &Report) -> String {
    anstream::adapter::strip_str(&terminal(report)).to_string()
}

fn named(name: &str) -> Report {
    let mut all = stored().into_iter();
    let found = all.find(|(of, _)| of == name);
    found.expect("a stored report").1
}

#[test]
fn verdicts_have_colours() {
    let shown = terminal(&named("regressed")).replace('\u{1b}', "␛");
    insta::assert_snapshot!("terminal_in_colour@regressed", shown);
}

#[test]
fn the_terminal_gets_no_control_characters_but_ours() {
    let ours = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m"].map(str::to_owned);
    let colours = (31..=36).map(|number| format!("\u{1b}[{number}m"));
    let ours: Vec<_> = ours.into_iter().chain(colours).collect();
    for (name, report) in stored() {
        let text = terminal(&report);
        let text = ours.iter().fold(text, |text, it| text.replace(it, ""));
        let left = text.chars().find(|it| *it != '\n' && it.is_control());
        assert_eq!(left, None, "{name}");
    }
}

#[test]
fn everything_but_the_output_of_servers_fits_a_hundred_columns() {
    for (name, mut report) in stored() {
        report.incidents.clear();
        for first in report
            .failures
            .iter_mut()
            .filter_map(|it| it.first.as_mut())
        {
            first.log.clear();
        }
        for line in without_colours(&report).lines() {
            let columns = line.chars().count();
            assert!(columns <= 100, "{name}: {columns} columns\n{line}");
        }
    }
}

#[test]
fn a_page_fetches_nothing_and_runs_its_own_script_only() {
    for (name, report) in stored() {
        let page = html(&report);
        assert_eq!(page.matches("<script").count(), 1, "{name}");
        assert!(!page.contains("src="), "{name}");
        assert!(!page.replace("url(#", "").contains("url("), "{name}");
        assert!(page.contains("default-src 'none'"), "{name}");
        let links = page
            .match_indices("href=\"")
            .map(|(at, it)| &page[at + it.len()..]);
        for link in links {
            assert!(
                link.starts_with('#') || link.starts_with("data:,"),
                "{name}: {link:.40}"
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
fn a_page_shows_every_finding_by_name() {
    for (name, report) in stored() {
        let page = html(&report);
        let mut metrics: Vec<_> = report.findings.iter().map(|it| it.metric.name()).collect();
        metrics.sort_unstable();
        for of_one in metrics.chunk_by(|a, b| a == b) {
            let cell = format!("<td>{}</td>", of_one[0]);
            assert_eq!(page.matches(&cell).count(), of_one.len(), "{name}: {cell}");
        }
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

#[test]
fn every_format_shows_the_gate_and_what_is_missing() {
    let said = |report: &Report| {
        [
            without_colours(report),
            markdown(report),
            html(report),
            junit(report),
            annotations(report).join("\n"),
        ]
    };
    for text in said(&named("gate_changed")) {
        for words in ["no longer measured", "99.99%", "the new serializer"] {
            assert!(text.contains(words), "{words}\n{text}");
        }
    }
    for text in said(&named("missing")) {
        assert!(text.contains("planned and not measured"), "{text}");
        assert!(!text.contains("PASSED"), "{text}");
    }
    for text in said(&named("not_started")) {
        let text = text.to_lowercase();
        assert!(text.contains("it ended with exit status: 7"), "{text}");
        for words in ["no baseline", "perfgate baseline", "passed"] {
            assert!(
                !text.contains(words),
                "{words}
{text}"
            );
        }
    }
}

#[test]
fn a_server_that_did_not_start_is_the_headline() {
    let headline = crate::report::title(&named("not_started"));
    assert_eq!(headline, "NOT MEASURED: app did not start");
}

#[test]
fn junit_fails_for_the_gate_where_the_run_did() {
    let failures = |name: &str, exit_code| {
        let report = Report {
            exit_code,
            ..named(name)
        };
        junit(&report).matches("<failure ").count()
    };
    assert_eq!(failures("gate_changed", 0), 0);
    assert_eq!(failures("gate_changed", 6), 1);
    assert_eq!(failures("missing", 0), 0);
    assert_eq!(failures("missing", 5), 2, "of both that are missing");
}

#[test]
fn what_was_not_measured_has_no_value_in_any_format() {
    let mut report = named("passed");
    for finding in &mut report.findings {
        (finding.head, finding.change, finding.interval) = (None, None, None);
        finding.verdict = Verdict::NotJudged;
    }
    for direction in [Direction::LowerIsBetter, Direction::HigherIsBetter] {
        assert_eq!(github_action_benchmark(&report, direction).trim(), "[]");
    }
    assert_eq!(bencher(&report).trim(), "{}");
    assert!(!openmetrics(&report).contains("side=\"head\""));
    let json = json(&report);
    assert!(!json.contains("\"head\": 0"), "{json}");
}

#[test]
fn a_page_shows_statements_and_the_output_of_servers_escaped() {
    let page = html(&named("counted"));
    assert!(page.contains("1 → 1.50 per request: SELECT COUNT(*) FROM demo_movie"));
    assert!(page.contains("FROM &quot;demo_director&quot;"));
    assert!(
        page.contains(" | &lt;script&gt;\n"),
        "the last line of uvicorn"
    );
    assert!(!page.contains('\u{1b}'));
}

#[test]
fn every_format_for_readers_shows_what_became_of_a_plan() {
    let report = named("plans");
    let unwrapped = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = |text: String| unwrapped(text.replace("<br>", "").replace('\\', ""));
    for (format, text) in [
        ("terminal", plain(without_colours(&report))),
        ("markdown", plain(markdown(&report))),
        ("page", plain(html(&report))),
        ("junit", plain(junit(&report))),
    ] {
        for part in [
            "4 → 97 blocks per request (12 temporary): SELECT",
            "plan: Index Scan using movie_title on movie → Seq Scan on movie",
            "plan: new Sort",
            "plan: no longer Memoize",
            "0.00 B → 180 B of WAL per request: UPDATE",
        ] {
            assert!(text.contains(part), "{format} lacks {part:?}:\n{text}");
        }
    }
}

#[test]
fn every_format_for_readers_says_why_requests_failed() {
    let report = named("failing");
    let plain = |text: String| text.replace("<br>\n", " ").replace('\n', " ");
    let unwrapped = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let unescaped = |text: String| text.replace('\\', "");
    for (format, text) in [
        ("terminal", unwrapped(plain(without_colours(&report)))),
        ("markdown", unwrapped(unescaped(plain(markdown(&report))))),
        ("page", plain(html(&report))),
        ("junit", plain(junit(&report))),
    ] {
        for part in [
            "gunicorn movies, head: 3720 of 12000 requests failed",
            "timeout 20, unexpected_status 3700",
            "by status 200: 8280, 500: 3700",
            "gunicorn movies, base: 2 of 12100 requests failed (closed 2)",
            "first, 12.4 ms into its window: GET /api/movies?page=2: unexpected_status",
            "HTTP/1.1 500 Internal Server Error; expected: status 200; found: status 500",
            "OperationalError at /api/movies",
            "ERROR django.request: Internal Server Error",
        ] {
            assert!(text.contains(part), "{format} lacks {part:?}:\n{text}");
        }
    }
    let read: serde_json::Value = serde_json::from_str(&json(&report)).expect("our own JSON");
    assert_eq!(read["failures"][0]["kinds"]["unexpected_status"], 3700);
    assert_eq!(read["failures"][0]["first"]["expected"], "status 200");
}

#[test]
fn a_picture_is_drawn_of_everything_there_is_evidence_of() {
    let page = html(&named("slower"));
    for title in [
        "Latency by percentile",
        "change in each round",
        "Requests per second",
        "Median latency",
        "CPU time per request",
        "Memory",
        "Errors",
    ] {
        assert!(page.contains(&format!("{title}</figcaption>")), "{title}");
    }
}

#[test]
fn a_history_names_the_commit_where_it_stepped() {
    let page = html(&named("history"));
    let step = "−27 % at 3f2c1ab4d2e1 2026-10-02";
    let caption = format!("throughput: history, step {step}</figcaption>");
    assert!(page.contains(&caption), "{caption}");
    assert!(page.contains(">step</text>"));
    let words = "throughput of 10 stored runs, 5 of which regressed, base 160/s; the head has 115/s; \
                 the margin is at 152/s; a step after run 5: ";
    assert!(page.contains(&format!("{words}{step}.")), "{words}");
    assert!(page.contains("<td>6, regressed<td>120/s"));
    assert!(page.contains("<td>head<td>115/s"));
    assert!(page.contains(&format!("stored runs changed {step}")));
}

#[test]
fn beside_its_base_a_head_has_no_place_among_stored_runs() {
    let page = html(&named("paired"));
    let step = "−6.7 % at 3f2c1ab4d2e1 2026-10-02";
    let words = format!("throughput of 12 stored runs; a step after run 6: {step}.");
    assert!(page.contains(&words), "{words}");
    assert!(!page.contains("<td>head<td>"));
    assert!(!page.contains("stored runs changed"));
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

/// A regression whose every text is untrusted.
fn written_by(untrusted: &str) -> Report {
    let (_, mut report) = stored()
        .into_iter()
        .find(|(name, _)| name == "counted")
        .expect("a stored report with statements and incidents");
    let text = untrusted.to_owned();
    for finding in &mut report.findings {
        (finding.server, finding.endpoint) = (text.clone(), text.clone());
        finding.rule = Some(text.clone());
        for statement in &mut finding.statements {
            statement.text.clone_from(&text);
            statement.plan = vec![PlanChange {
                base: Some(text.clone()),
                head: Some(text.clone()),
            }];
        }
    }
    for incident in &mut report.incidents {
        (incident.server, incident.what, incident.output) =
            (text.clone(), text.clone(), text.clone());
        incident.during.clone_from(&text);
    }
    let cell = CellName::new(untrusted, untrusted);
    report.coverage.missing = vec![cell.clone()];
    report.coverage.unknown = vec![cell.clone()];
    report.gate = Some(GateComparison {
        base: Some(text.clone()),
        unknown: Some(text.clone()),
        changes: vec![GateChange {
            kind: GateChangeKind::RequestChanged,
            cells: vec![cell],
            metric: None,
            base: Some(GateValue::text(untrusted)),
            head: Some(GateValue::text(untrusted)),
        }],
    });
    report.failures = named("failing").failures;
    for failures in &mut report.failures {
        (failures.server, failures.endpoint) = (text.clone(), text.clone());
        if let Some(first) = &mut failures.first {
            (first.request, first.body, first.log) = (text.clone(), text.clone(), text.clone());
            first.status_line = Some(text.clone());
            (first.expected, first.found) = (Some(text.clone()), Some(text.clone()));
        }
    }
    report.provenance.notes = vec![text.clone()];
    report.provenance.base = Some(text);
    report
}

proptest! {
    #[test]
    fn no_untrusted_text_is_markup_or_a_mention(untrusted in HOSTILE) {
        let page = markdown(&written_by(&untrusted));
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
    fn a_page_keeps_its_budget(untrusted in HOSTILE, times in 1..400_usize, budget in 1_000..60_000_usize) {
        let frame = Frame {
            is_headless: false,
            link: Some("https://github.test/octo/app/actions/runs/5".into()),
            notes: vec![untrusted.clone()],
            budget: Some(budget),
        };
        let page = framed(&written_by(&untrusted.repeat(times)), &frame);
        prop_assert!(page.len() <= budget, "{} of {}", page.len(), budget);
        prop_assert!(page.starts_with("## "));
        let headless = framed(&written_by(&untrusted), &Frame { is_headless: true, ..frame });
        prop_assert!(headless.len() <= budget && !headless.starts_with("## "));
    }
}
