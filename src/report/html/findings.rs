//! The findings in tables: news first, and what is none folded below.

use maud::{Markup, html};

use super::margin_bar::bar;
use super::{plain, verdict_tone};
use crate::model::{Finding, Report, Verdict};
use crate::report::margin_bar::MarginBar;
use crate::report::{summary, text};

pub(super) fn tables(report: &Report) -> Markup {
    let news = summary::news(report);
    let findings = report.findings.iter();
    let mut rest: Vec<_> = findings.filter(|it| !summary::is_news(it)).collect();
    rest.sort_by(|a, b| summary::by_weight(a, b));
    let anchor = |finding: &Finding| anchor(report, finding);
    html! {
        section aria-label="Findings" {
            @if !news.is_empty() {
                h2 { "Findings" }
                (table("Findings that are news, the worst first", &news, anchor))
                (statements(&news))
            }
            @if !rest.is_empty() {
                details open[news.is_empty()] {
                    summary { (folded(&rest)) }
                    (table("Findings that are no news", &rest, anchor))
                }
            }
            (how_to_read())
        }
    }
}

fn folded(rest: &[&Finding]) -> String {
    let count = |verdict| rest.iter().filter(|it| it.verdict == verdict).count();
    let (passed, silent) = (count(Verdict::Pass), count(Verdict::NotJudged));
    match (passed, silent) {
        (0, silent) => format!("{silent} not judged"),
        (passed, 0) => format!("{passed} unchanged"),
        (passed, silent) => format!("{passed} unchanged, {silent} not judged"),
    }
}

fn table(caption: &str, findings: &[&Finding], anchor: impl Fn(&Finding) -> String) -> Markup {
    html! {
        div.sheet tabindex="0" role="region" aria-label=(caption) {
            table.sortable.findings {
                caption.hidden { (caption) }
                thead { tr {
                    @for name in ["Verdict", "Server and endpoint", "Metric"] { th scope="col" { (name) } }
                    th.number scope="col" { "Change" }
                    th scope="col" { "Against its margin" }
                    @for name in ["Base", "Head"] { th.number scope="col" { (name) } }
                    th scope="col" { "Rule" }
                } }
                tbody { @for finding in findings { (row(finding, &anchor(finding))) } }
            }
        }
    }
}

fn row(finding: &Finding, anchor: &str) -> Markup {
    let grounds = [text::rule(finding), text::why(finding)];
    let grounds: Vec<_> = grounds.iter().filter(|it| !it.is_empty()).collect();
    let tone = verdict_tone(finding.verdict);
    html! {
        tr {
            td data-v=(finding.verdict as u8) { span class={ "badge " (tone) } { (text::word(finding)) } }
            td { a href={ "#" (anchor) } { (plain(&finding.server)) " " b { (plain(&finding.endpoint)) } } }
            td { (finding.metric.name()) }
            td data-v=[key(finding.change)] { (finding.change.map(text::change).unwrap_or_default()) }
            td data-v=[key(weight(finding))] { (bar(finding, tone)) }
            (value(finding.base, finding))
            (value(finding.head, finding))
            td { @for it in grounds { span { (it) } } }
        }
    }
}

fn value(value: Option<f64>, finding: &Finding) -> Markup {
    let shown = value.map_or_else(|| "–".into(), |value| text::value(value, finding.unit));
    html! { td data-v=[key(value)] { (shown) } }
}

/// The statements behind findings, which are too long for their rows.
fn statements(findings: &[&Finding]) -> Markup {
    let with_statements = findings.iter().filter(|it| !it.statements.is_empty());
    html! {
        @for finding in with_statements {
            p.statements { (text::name(finding)) }
            pre tabindex="0" {
                @for it in &finding.statements {
                    (text::statement(it, finding.metric)) "\n"
                    @for change in &it.plan { "  " (text::plan_change(change)) "\n" }
                }
            }
        }
    }
}

/// What a value is sorted by, in as many digits as that takes.
fn key(value: Option<f64>) -> Option<String> {
    value.map(|value| format!("{value:.6e}"))
}

fn weight(finding: &Finding) -> Option<f64> {
    Some(MarginBar::from_finding(finding)?.point)
}

/// The name of the place on the page where a finding's pictures are.
fn anchor(report: &Report, finding: &Finding) -> String {
    let cells = summary::cells(report);
    let same = |cell: &summary::Cell<'_>| {
        cell.server == finding.server && cell.endpoint == finding.endpoint
    };
    let position = cells.iter().position(same).unwrap_or_default();
    super::cell::anchor(position)
}

fn how_to_read() -> Markup {
    html! {
        p.key {
            "In each row the dot is the change and the bar its interval; the outer ticks are the margin, and right is \
             worse. A change is a regression when it is beyond the margin and its whole interval on the worse side."
        }
    }
}
