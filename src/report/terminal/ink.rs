use anstyle::{AnsiColor, Style};

use crate::model::{Finding, Outcome, Reason, Verdict};

/// The sixteen colours that every terminal has set to be read on its own background.
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const QUIET: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();
const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const KNOWN: Style = AnsiColor::Cyan.on_default();

/// Each line in a style.
pub(super) fn in_ink(style: Style, text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|line| format!("{style}{line}{style:#}"))
        .collect();
    lines.join("\n")
}

pub(super) const fn of_finding(finding: &Finding) -> Style {
    match (finding.verdict, &finding.reason) {
        (Verdict::Regression, _) => BAD,
        (Verdict::Inconclusive, _) => UNSURE,
        (Verdict::NotJudged, _) => QUIET,
        (Verdict::Pass, Some(Reason::Accepted { .. })) => KNOWN,
        (Verdict::Pass, _) => GOOD,
    }
}

pub(super) const fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => GOOD.bold(),
        Outcome::NoBaseline => BOLD,
        Outcome::Inconclusive => UNSURE,
        Outcome::Regression => BAD,
    }
}
