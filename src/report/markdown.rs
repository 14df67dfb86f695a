use super::summary::Column;
use super::{summary, text};
use crate::model::{Finding, Report, Verdict};

/// The report as Markdown for a comment or a job summary.
pub fn markdown(report: &Report) -> String {
    let mut lines = vec![
        format!("## perfgate: {}", escape(&summary::headline(report))),
        String::new(),
    ];
    for note in &report.provenance.notes {
        lines.extend([format!("> {}", escape(note)), String::new()]);
    }
    for verdict in [Verdict::Regression, Verdict::Inconclusive] {
        for finding in report.with_verdict(verdict) {
            lines.push(format!(
                "- **{}** {}",
                text::verdict(verdict),
                escape(&text::sentence(finding))
            ));
            let statements = finding.statements.iter();
            lines.extend(statements.map(|it| format!("  - {}", escape(&text::statement(it)))));
        }
    }
    for incident in &report.incidents {
        lines.push(format!("- {}", escape(&text::incident(incident))));
        let output = incident.output.lines();
        lines.extend(output.map(|line| format!("  > {}<br>", escape(line))));
    }
    lines.extend([String::new(), cells(report), String::new()]);
    lines.extend(summary::next_step(report).map(|step| format!("{step}\n")));
    lines.extend([
        "<details><summary>All findings</summary>".into(),
        String::new(),
        findings(report),
        String::new(),
        "</details>".into(),
        String::new(),
    ]);
    lines.join("\n")
}

fn cells(report: &Report) -> String {
    let titles: Vec<_> = summary::COLUMNS.iter().map(|(_, title)| *title).collect();
    let mut rows = vec![
        format!("| server | endpoint | {} | verdict |", titles.join(" | ")),
        format!("|---|---|{}---|", "---:|".repeat(titles.len())),
    ];
    for cell in summary::cells(report) {
        let columns = summary::COLUMNS.map(|(metric, _)| beside(cell.column(metric)));
        rows.push(format!(
            "| {} | {} | {} | {} |",
            escape(cell.server),
            escape(cell.endpoint),
            columns.join(" | "),
            text::verdict(cell.verdict())
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
    rows.extend(report.findings.iter().map(row));
    rows.join("\n")
}

fn row(finding: &Finding) -> String {
    let shown = |number: Option<f64>| {
        number.map_or_else(String::new, |number| text::value(number, finding.unit))
    };
    let reason = text::reason(finding);
    let verdict = match reason.as_str() {
        "" => text::verdict(finding.verdict).to_owned(),
        reason => format!("{}: {reason}", text::verdict(finding.verdict)),
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |",
        escape(&finding.server),
        escape(&finding.endpoint),
        finding.metric.name(),
        shown(finding.base),
        shown(finding.head),
        finding.change.map_or_else(String::new, text::change),
        escape(finding.rule.as_deref().unwrap_or_default()),
        escape(&verdict),
    )
}

/// Text that perfgate did not write, as text: nothing in it is markup, a mention or a new line.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A zero-width space keeps names from being mentions.
            '@' => escaped.push_str("@\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            _ if letter.is_control() => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_breaks_out_of_a_table_cell(text in "\\PC*|[|\n\r<>@`\\\\]*") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['\n', '\r', '<', '>']));
            let bare = escaped.replace("\\\\", "").replace("\\|", "").replace("\\`", "");
            prop_assert!(!bare.contains('|') && !bare.contains('`'), "{escaped}");
        }
    }
}
