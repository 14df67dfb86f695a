//! The findings that are news: a row each, and below them what the verdicts rest on.

use comfy_table::{CellAlignment, Table, presets};

use super::ink::{self, QUIET, in_ink};
use super::{bar, filled};
use crate::model::{Finding, Report, Verdict};
use crate::report::margin_bar::MarginBar;
use crate::report::{summary, text};

/// Columns that a finding's name may take.
const LONGEST_NAME: usize = 31;

/// `None` if there is no news.
pub(super) fn news(report: &Report) -> Option<String> {
    let news = summary::news(report);
    if news.is_empty() {
        return None;
    }
    let grounds = news.iter().filter(|it| it.verdict != Verdict::NotJudged);
    let grounds: Vec<_> = grounds.map(|it| grounds_of(it)).collect();
    let legend = in_ink(QUIET, bar::LEGEND);
    Some(format!(
        "\n{}\n{legend}\n\n{}",
        table(&news),
        grounds.join("\n")
    ))
}

fn table(findings: &[&Finding]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["verdict", "finding", "base", "head", "change", bar::TITLE]);
    for finding in findings {
        table.add_row(row(finding));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in table.column_iter_mut().skip(2).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn row(finding: &Finding) -> [String; 6] {
    let ink = ink::of_finding(finding);
    let value = |value: Option<f64>| {
        let shown = value.map(|value| text::value(value, finding.unit));
        shown.unwrap_or_else(|| "–".into())
    };
    let change = finding.change.map(text::change).unwrap_or_default();
    let bar = MarginBar::from_finding(finding)
        .map(bar::bar)
        .unwrap_or_default();
    [
        in_ink(ink, text::word(finding)),
        shortened(&text::name(finding)),
        value(finding.base),
        value(finding.head),
        change,
        in_ink(ink, &bar),
    ]
}

/// The start and the end of a name that is too long.
fn shortened(name: &str) -> String {
    let letters: Vec<_> = name.chars().collect();
    if letters.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let start: String = letters[..LONGEST_NAME / 2].iter().collect();
    let end = &letters[letters.len() - LONGEST_NAME / 2..];
    format!("{start}…{}", end.iter().collect::<String>())
}

/// The whole name, the rule, and what else stands behind the verdict.
fn grounds_of(finding: &Finding) -> String {
    let grounds = text::grounds(finding);
    let text = format!("{}: {}", text::name(finding), grounds.join("; "));
    let statements = finding.statements.iter().flat_map(|it| {
        let statement = text::statement(it, finding.metric);
        let plan = it.plan.iter().map(text::plan_change);
        let plan = plan.map(|change| format!("    {change}"));
        std::iter::once(format!("  {statement}")).chain(plan)
    });
    let lines: Vec<_> = std::iter::once(text)
        .chain(statements)
        .map(|line| filled(&line, 4))
        .collect();
    lines.join("\n")
}
