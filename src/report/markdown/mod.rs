//! The report as Markdown: a comment on a pull request, a job summary, a file. The verdict and the
//! worst row come first, what moved next, everything else is folded.

mod escaping;
mod page;
mod suggestions;

pub use self::escaping::escape;

use self::page::Page;
use self::suggestions::suggestions;
use super::sparkline::sparkline;
use super::summary::Column;
use super::{advice, gate, summary, text};
use crate::model::{Finding, Report, Verdict};

/// Rows of a folded table, and lines of a server's output.
const FOLDED_ROWS: usize = 400;

/// What stands around a report where it is published.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Whether the headline stands somewhere else.
    pub is_headless: bool,
    /// Where the whole report can be read.
    pub link: Option<String>,
    /// Said below the headline.
    pub notes: Vec<String>,
    /// Largest size in bytes; nothing for no limit.
    pub budget: Option<usize>,
}

/// The whole report.
pub fn markdown(report: &Report) -> String {
    framed(report, &Frame::default())
}

/// The report within its frame; what does not fit is counted, the least important first.
pub fn framed(report: &Report, frame: &Frame) -> String {
    let mut page = Page::new(frame.budget.unwrap_or(usize::MAX), frame.link.as_deref());
    if !frame.is_headless {
        let icon = text::outcome_icon(report.outcome);
        page.must(&format!("## {icon} perfgate: {}\n\n", headline(report)));
    }
    for notice in gate::notices(report) {
        let lines = notice.lines.iter();
        let lines: Vec<_> = lines.map(|it| format!("- {}\n", escape(it))).collect();
        page.table(&format!("**{}**:\n\n", escape(&notice.title)), &lines);
    }
    for note in frame.notes.iter().chain(&report.provenance.notes) {
        page.may(&format!("> {}\n\n", escape(note)));
    }
    moved(report, &mut page);
    statements(report, &mut page);
    functions(report, &mut page);
    incidents(report, &mut page);
    failures(report, &mut page);
    if let Some(step) = advice::next_step(report) {
        page.may(&format!("{}\n\n", escape(&step)));
    }
    suggestions(report, &summary::news(report), &mut page);
    page.folded(&cells_title(report), &cells(report));
    page.folded("All findings", &findings(report));
    page.folded("How this was measured", &provenance(report));
    page.end()
}

/// What the first line says: the verdict and the worst row.
pub fn headline(report: &Report) -> String {
    let worst = summary::news(report).into_iter().next();
    let worst = worst.filter(|it| it.verdict != Verdict::Pass).map(|it| {
        let names = format!("{} {} {}", it.server, it.endpoint, it.metric.name());
        let change = it
            .change
            .map_or_else(String::new, |it| format!(" {}", text::change(it)));
        format!(" – worst: {}{change}", escape(&names))
    });
    let headline = escape(&summary::headline(report));
    format!("{headline}{}", worst.unwrap_or_default())
}

/// Whether anything moved, for the worse or the better, the gate itself included.
pub fn has_news(report: &Report) -> bool {
    !summary::news(report).is_empty()
        || !report.incidents.is_empty()
        || !report.coverage.is_whole()
        || report.has_weaker_gate()
}

/// Of a run that has no report: why.
pub fn failure(message: &str) -> String {
    format!("## 💥 perfgate: could not measure\n\n{}\n", escape(message))
}

/// Of a refresh of the baseline: what became of each cell.
pub fn baseline_lines(lines: &[String]) -> String {
    let lines: String = lines
        .iter()
        .map(|it| format!("- {}\n", escape(it)))
        .collect();
    format!("## perfgate: baseline\n\n{lines}")
}

fn moved(report: &Report, page: &mut Page<'_>) {
    let findings = summary::news(report);
    let with_history = findings.iter().any(|it| !it.history.is_empty());
    let mut head = [
        "| | server | endpoint | metric | base → head | change | margin | rule |",
        "|---|---|---|---|---:|---:|---:|---|",
    ]
    .map(str::to_owned);
    if with_history {
        head[0].push_str(" history |");
        head[1].push_str("---|");
    }
    let rows: Vec<_> = findings
        .into_iter()
        .map(|finding| {
            let history = if with_history {
                let values = finding.history.iter().copied();
                format!(
                    " {} |",
                    sparkline(values.chain(text::newest(finding)).map(Some))
                )
            } else {
                String::new()
            };
            format!("{}{history}\n", moved_row(finding))
        })
        .collect();
    page.table(&format!("{}\n{}\n", head[0], head[1]), &rows);
}

/// What became of a finding, and why.
fn verdict_text(finding: &Finding) -> String {
    let why = text::why(finding);
    match text::word(finding) {
        word if why.is_empty() => word.to_owned(),
        // Of what is accepted or improved the reason begins with the word.
        word if why.starts_with(word) => why,
        word => format!("{word}: {why}"),
    }
}

fn moved_row(finding: &Finding) -> String {
    let shown = |number: Option<f64>| {
        number.map_or_else(|| "–".into(), |number| text::value(number, finding.unit))
    };
    let mut change = finding.change.map_or_else(String::new, text::change);
    if let Some([low, high]) = finding.interval {
        change.push_str(&format!(
            " ({} … {})",
            text::change(low),
            text::change(high)
        ));
    }
    let verdict = format!("{} {}", text::icon(finding), escape(&verdict_text(finding)));
    format!(
        "| {verdict} | {} | {} | {} | {} → {} | {change} | {} | {} |",
        escape(&finding.server),
        escape(&finding.endpoint),
        escape(finding.metric.name()),
        shown(finding.base),
        shown(finding.head),
        finding.margin.map_or_else(String::new, text::percent),
        escape(&text::rule(finding)),
    )
}

fn statements(report: &Report, page: &mut Page<'_>) {
    for finding in report.with_verdict(Verdict::Regression) {
        let lines: Vec<_> = finding
            .statements
            .iter()
            .map(|it| {
                let statement = escape(&text::statement(it, finding.metric));
                let plan = it.plan.iter().map(text::plan_change);
                let plan: String = plan
                    .map(|change| format!("  > {}<br>\n", escape(&change)))
                    .collect();
                format!("- {statement}\n{plan}")
            })
            .collect();
        let names = escape(&format!("{} {}", finding.server, finding.endpoint));
        let kind = finding.metric.counter_kind();
        let more = kind.and_then(|it| it.of_statement.as_ref()?.more);
        let head = match more {
            Some(more) => format!("SQL that {more} for {names}:"),
            None => format!("SQL that {names} asks more often:"),
        };
        page.table(&format!("{head}\n\n"), &lines);
    }
}

/// The functions that take more CPU time.
fn functions(report: &Report, page: &mut Page<'_>) {
    for profile in &report.profiles {
        let named = profile.named().take(text::MOST_NAMED);
        let lines: Vec<_> = named
            .map(|it| {
                let [name, location, change] = text::function(it).map(|it| escape(&it));
                format!("- **{name}** ({location}): {change}\n")
            })
            .collect();
        page.table(&format!("{}:\n\n", escape(&text::profile(profile))), &lines);
    }
}

fn incidents(report: &Report, page: &mut Page<'_>) {
    for incident in &report.incidents {
        let output = incident.output.lines().take(FOLDED_ROWS);
        let output: String = output
            .map(|line| format!("  > {}<br>\n", escape(line)))
            .collect();
        page.may(&format!(
            "- {}\n{output}\n",
            escape(&text::incident(incident))
        ));
    }
}

/// Why requests failed, a point for each build.
fn failures(report: &Report, page: &mut Page<'_>) {
    for it in &report.failures {
        let first = it.first.as_ref();
        let details = first.map(|it| [Some(text::first_failure(it)), text::failed_body(it)]);
        let details = details.into_iter().flatten().flatten();
        let log = first.map_or("", |it| &it.log).lines().take(FOLDED_ROWS);
        let lines = details.chain(log.map(str::to_owned));
        let lines: String = lines
            .map(|line| format!("  > {}<br>\n", escape(&line)))
            .collect();
        page.may(&format!("- {}\n{lines}\n", escape(&text::failures(it))));
    }
}

fn cells_title(report: &Report) -> String {
    let unchanged = report
        .with_verdict(Verdict::Pass)
        .filter(|it| !summary::is_news(it));
    format!(
        "Unchanged: {}; servers and endpoints at a glance",
        unchanged.count()
    )
}

fn cells(report: &Report) -> String {
    let titles: Vec<_> = summary::COLUMNS.iter().map(|(_, title)| *title).collect();
    let mut rows = vec![
        format!("| server | endpoint | {} | verdict |", titles.join(" | ")),
        format!("|---|---|{}---|", "---:|".repeat(titles.len())),
    ];
    for cell in summary::cells(report).into_iter().take(FOLDED_ROWS) {
        let columns = summary::COLUMNS.map(|(metric, _)| beside(cell.column(metric)));
        rows.push(format!(
            "| {} | {} | {} | {} |",
            escape(cell.server),
            escape(cell.endpoint),
            columns.join(" | "),
            cell.word()
        ));
    }
    rows.join("\n")
}

fn beside(column: Column) -> String {
    match column.change {
        Some(change) => format!("{} ({change})", column.value),
        None => column.value,
    }
}

fn findings(report: &Report) -> String {
    let mut rows = vec![
        "| server | endpoint | metric | base | head | change | rule | verdict |".to_owned(),
        "|---|---|---|---:|---:|---:|---|---|".to_owned(),
    ];
    rows.extend(report.findings.iter().take(FOLDED_ROWS).map(row));
    rows.join("\n")
}

fn row(finding: &Finding) -> String {
    let shown = |number: Option<f64>| {
        number.map_or_else(String::new, |number| text::value(number, finding.unit))
    };
    let verdict = verdict_text(finding);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |",
        escape(&finding.server),
        escape(&finding.endpoint),
        finding.metric.name(),
        shown(finding.base),
        shown(finding.head),
        finding.change.map_or_else(String::new, text::change),
        escape(&text::rule(finding)),
        escape(&verdict),
    )
}

fn provenance(report: &Report) -> String {
    let facts = summary::facts(report).into_iter();
    let lines: Vec<_> = facts
        .map(|(name, fact)| format!("- {name}: {}", escape(&fact)))
        .collect();
    lines.join("\n")
}
