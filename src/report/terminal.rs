use comfy_table::{CellAlignment, Table, presets};

use super::summary::Column;
use super::{summary, text};
use crate::model::{Report, Verdict};

/// The report for a terminal: headline, a row per cell, the findings that need a look.
pub fn terminal(report: &Report) -> String {
    let mut lines = vec![summary::headline(report)];
    lines.extend(
        report
            .provenance
            .notes
            .iter()
            .map(|note| format!("note: {}", text::printable(note))),
    );
    lines.push(String::new());
    lines.push(table(report));
    for (verdict, title) in [
        (Verdict::Regression, "Regressed"),
        (Verdict::Inconclusive, "Inconclusive"),
    ] {
        let findings: Vec<_> = report.with_verdict(verdict).collect();
        if !findings.is_empty() {
            lines.push(format!("\n{title}:"));
        }
        for finding in findings {
            lines.push(format!("  {}", text::sentence(finding)));
            let statements = finding.statements.iter();
            lines.extend(statements.map(|it| format!("    {}", text::statement(it))));
        }
    }
    lines.extend(
        report
            .incidents
            .iter()
            .map(|it| format!("\n{}", text::incident_at_length(it))),
    );
    lines.push(format!("\n{}", provenance(report)));
    lines.extend(summary::next_step(report).map(|step| format!("next: {step}")));
    lines.push(String::new());
    lines.join("\n")
}

fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let titles = summary::COLUMNS.iter().map(|(_, title)| *title);
    table.set_header(
        ["server", "endpoint"]
            .into_iter()
            .chain(titles)
            .chain(["verdict"]),
    );
    for cell in summary::cells(report) {
        let names = [cell.server, cell.endpoint].map(text::printable);
        let columns = summary::COLUMNS.map(|(metric, _)| stacked(cell.column(metric)));
        let verdict = text::verdict(cell.verdict()).to_owned();
        table.add_row(names.into_iter().chain(columns).chain([verdict]));
    }
    for column in table.column_iter_mut().skip(2).take(summary::COLUMNS.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// The change below its value keeps the table narrow.
fn stacked(column: Column) -> String {
    match column.change {
        Some(change) => format!("{}\n{change}", column.value),
        None => column.value,
    }
}

fn provenance(report: &Report) -> String {
    let provenance = &report.provenance;
    format!(
        "{}, {}, {}, seed {}, {:.0} s",
        summary::head(report),
        summary::strategy(report),
        text::printable(&provenance.path),
        provenance.seed,
        provenance.seconds
    )
}
