//! Reports of checks beside the stored runs: a page that lists them, a page of each, and what they found
//! of a server and endpoint.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::page::{self, Page};
use super::site_page::{INDEX, SitePage, commit_link, unused_name};
use super::{html as report_page, plain, tone, verdict_tone};
use crate::model::{CellSeries, Evidence, Finding, Metric, Report, Verdict};
use crate::report::{outputs, summary, text};

pub(super) const LIST: &str = "checks.html";
/// Newest checks of a server and endpoint that its page shows.
const MOST_OF_CELL: usize = 30;
/// Bytes of a page that loads at once.
const LARGEST: usize = 500_000;

/// A report with the name of its page.
pub(super) struct Check<'a> {
    file: String,
    report: &'a Report,
}

/// A page's name for each report.
pub(super) fn named<'a>(reports: &'a [Report], taken: &mut BTreeSet<String>) -> Vec<Check<'a>> {
    let named = reports.iter().map(|report| {
        let commit = report.provenance.head.as_deref().unwrap_or("no commit");
        let time = report.provenance.started.strftime("%Y%m%d-%H%M%S");
        let stem = format!("check-{time}-{}", text::commit(commit));
        let file = unused_name(taken, &stem);
        Check { file, report }
    });
    named.collect()
}

/// The list, and the page of each check; nothing if there are no checks.
pub(super) fn pages(checks: &[Check<'_>], repository: Option<&str>) -> Vec<SitePage> {
    if checks.is_empty() {
        return Vec::new();
    }
    let list = SitePage {
        file: LIST.into(),
        text: list(checks, repository),
    };
    let each = checks.iter().map(|check| SitePage {
        file: check.file.clone(),
        text: small_page(check.report),
    });
    std::iter::once(list).chain(each).collect()
}

/// The page of a report. Where it is too large, without the pictures of endpoints that passed; where that is not
/// enough, also without metrics that have no verdict; and else without any pictures.
fn small_page(report: &Report) -> String {
    let whole = report_page(report);
    if whole.len() <= LARGEST {
        return whole;
    }
    let news = summary::news(report);
    let has_news = |it: &&Evidence| {
        let mut findings = news.iter();
        findings.any(|found| found.server == it.server && found.endpoint == it.endpoint)
    };
    let with_news: Vec<_> = report.evidence.iter().filter(has_news).cloned().collect();
    let judged = report.findings.iter();
    let judged = judged.filter(|it| it.verdict != Verdict::NotJudged);
    let judged: Vec<_> = judged.cloned().collect();
    let pages = [
        (
            with_news.clone(),
            report.findings.clone(),
            "pictures of endpoints without news are left out",
        ),
        (
            with_news,
            judged.clone(),
            "pictures of endpoints without news, and metrics without a verdict, are left out",
        ),
        (
            Vec::new(),
            judged,
            "pictures, and metrics without a verdict, are left out",
        ),
    ];
    let mut pages = pages.into_iter().map(|(evidence, findings, note)| {
        let mut report = report.clone();
        (report.evidence, report.findings) = (evidence, findings);
        let note = format!("{note}: `perfgate report` shows them");
        report.provenance.notes.push(note);
        report_page(&report)
    });
    let fits = |it: &String| it.len() <= LARGEST;
    let last = pages.next_back();
    pages.find(fits).or(last).unwrap_or(whole)
}

fn list(checks: &[Check<'_>], repository: Option<&str>) -> String {
    let failed = |it: &&Check<'_>| it.report.exit_code != 0;
    let headline = format!(
        "checks: {}, failed: {}",
        checks.len(),
        checks.iter().filter(failed).count()
    );
    let page = Page {
        headline: &headline,
        tone: "quiet",
        about: vec![format!(
            "newest {}",
            page::moment(checks[0].report.provenance.started)
        )],
        notes: &[],
        next: None,
        facts: Vec::new(),
    };
    page.around(&html! {
        p { a href=(INDEX) { "All servers and endpoints" } }
        section {
            p.search hidden { label { "Find " input type="search" data-filter="checks" placeholder="commit, server or outcome"; } " " output {} }
            div.sheet tabindex="0" role="region" aria-label="All checks" {
                table #checks .sortable {
                    thead { tr { @for head in ["when", "head", "base", "outcome", "worst finding", "change", "seconds"] { th scope="col" { (head) } } } }
                    tbody { @for check in checks { (line(check, repository)) } }
                }
            }
        }
    })
}

fn line(check: &Check<'_>, repository: Option<&str>) -> Markup {
    let Check { file, report } = check;
    let provenance = &report.provenance;
    let worst = outputs::worst_finding(report);
    html! {
        tr {
            td { a href=(file) { (page::moment(provenance.started)) } }
            td { (commit_link(provenance.head.as_deref(), repository)) }
            td { (commit_link(provenance.base.as_deref(), repository)) }
            td { span class={ "badge " (tone(report.outcome)) } { (summary::headline(report)) } }
            td { @if let Some(it) = worst { (plain(&it.server)) " " b { (plain(&it.endpoint)) } " " (it.metric.name()) } }
            td.number data-v=[worst.and_then(|it| it.change)] { (worst.and_then(|it| it.change).map(text::change).unwrap_or_default()) }
            td.number data-v=[provenance.length()] { @if let Some(seconds) = provenance.length() { (format!("{seconds:.0}")) } }
        }
    }
}

/// The changes that checks found in the metrics of a cell, newest first.
pub(super) fn of_cell(
    checks: &[Check<'_>],
    (server, endpoint): (&str, &str),
    keys: &[&CellSeries],
    repository: Option<&str>,
) -> Markup {
    let series = keys.iter().flat_map(|key| &key.series);
    let metrics: BTreeSet<Metric> = series.map(|it| it.metric).collect();
    let is_of_cell = |it: &Finding| {
        it.server == server && it.endpoint == endpoint && metrics.contains(&it.metric)
    };
    let judged = |check: &&Check<'_>| {
        let findings = &check.report.findings;
        findings
            .iter()
            .any(|it| is_of_cell(it) && it.change.is_some())
    };
    let of_cell: Vec<_> = checks.iter().filter(judged).take(MOST_OF_CELL).collect();
    html! {
        @if !of_cell.is_empty() {
            section {
                h2 { "Checks" }
                div.sheet tabindex="0" role="region" aria-label="Checks" {
                    table.sortable {
                        thead { tr {
                            @for head in ["when", "head", "base"] { th scope="col" { (head) } }
                            @for metric in &metrics { th.number scope="col" { (metric.name()) } }
                        } }
                        tbody { @for check in of_cell { tr {
                            td { a href=(check.file) { (page::moment(check.report.provenance.started)) } }
                            td { (commit_link(check.report.provenance.head.as_deref(), repository)) }
                            td { (commit_link(check.report.provenance.base.as_deref(), repository)) }
                            @for metric in &metrics {
                                (change(check.report.findings.iter().find(|it| is_of_cell(it) && it.metric == *metric)))
                            }
                        } } }
                    }
                }
                p.key { "Change from base to head; those that were not judged stand without a mark." }
            }
        }
    }
}

fn change(finding: Option<&Finding>) -> Markup {
    let shown = finding.and_then(|it| Some((it, it.change?)));
    html! {
        @match shown {
            None => td.number {},
            Some((it, value)) if it.verdict == Verdict::NotJudged => td.number data-v=(value) { (text::change(value)) },
            Some((it, value)) => td.number data-v=(value) {
                span class={ "badge " (verdict_tone(it.verdict)) } { (text::change(value)) }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A check of as many servers as one, each with what was measured of the first.
    fn fleet(servers: usize) -> Report {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/reports/slower.json");
        let text = std::fs::read_to_string(path).expect("a report");
        let one: Report = serde_json::from_str(&text).expect("JSON");
        let mut all = one.clone();
        for number in 1..servers {
            let server = format!("shop-{number}");
            all.evidence.extend(one.evidence.iter().cloned().map(|it| {
                let server = server.clone();
                Evidence { server, ..it }
            }));
            all.findings.extend(one.findings.iter().cloned().map(|it| {
                let server = server.clone();
                // What has no verdict has none in any cell.
                let verdict = match it.verdict {
                    Verdict::NotJudged => Verdict::NotJudged,
                    _ => Verdict::Pass,
                };
                Finding {
                    server,
                    verdict,
                    reason: None,
                    ..it
                }
            }));
        }
        all
    }

    #[test]
    fn pages_of_large_checks_keep_the_pictures_of_what_is_news() {
        let note = "pictures of endpoints without news";
        assert!(!small_page(&fleet(2)).contains(note));
        let large = fleet(16);
        assert!(report_page(&large).len() > LARGEST);
        let page = small_page(&large);
        assert!(page.len() <= LARGEST, "{}", page.len());
        assert!(page.contains(note) && page.contains("<svg"), "{page}");
    }
}
