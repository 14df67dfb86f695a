//! The report as Markdown: a comment on a pull request, a job summary, a file. The verdict and the
//! worst row come first, what moved next, everything else is folded.

use super::sparkline::sparkline;
use super::summary::Column;
use super::{advice, gate, summary, text};
use crate::model::{Finding, Provenance, Reason, Report, Verdict};

/// Days that a suggested acceptance holds.
const ACCEPTED_FOR: i64 = 90;
/// Rows of a folded table, and lines of a server's output.
const FOLDED_ROWS: usize = 400;
/// Cells that the commands for looking further are given for.
const SUGGESTIONS: usize = 3;

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
    suggestions(report, &mut page);
    page.folded(&cells_title(report), &cells(report));
    page.folded("All findings", &findings(report));
    page.folded("How this was measured", &provenance(report));
    page.end()
}

/// What the first line says: the verdict and the worst row.
pub fn headline(report: &Report) -> String {
    let worst = ordered(report).into_iter().next();
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
    !ordered(report).is_empty()
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

/// A text that grows up to a size.
struct Page<'a> {
    text: String,
    budget: usize,
    link: Option<&'a str>,
    left_out: usize,
}

impl<'a> Page<'a> {
    /// Room for the line that says what was left out.
    const RESERVE: usize = 400;

    fn new(budget: usize, link: Option<&'a str>) -> Self {
        Self {
            text: String::new(),
            budget: budget.saturating_sub(Self::RESERVE),
            link,
            left_out: 0,
        }
    }

    /// Adds what must be there; names are cut to what is left.
    fn must(&mut self, text: &str) {
        let mut end = text.len().min(self.budget.saturating_sub(self.text.len()));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&text[..end]);
    }

    /// Adds a part where it fits whole; whether it did.
    fn may(&mut self, part: &str) -> bool {
        let fits = self.text.len() + part.len() <= self.budget;
        if fits {
            self.text.push_str(part);
        } else {
            self.left_out += 1;
        }
        fits
    }

    /// Adds rows under a head; the first ones where not all of them fit.
    fn table(&mut self, head: &str, rows: &[String]) {
        if rows.is_empty() || !self.may(head) {
            return;
        }
        for row in rows {
            self.may(row);
        }
        self.may("\n");
    }

    /// Adds what is shown on demand.
    fn folded(&mut self, title: &str, contents: &str) {
        if !contents.is_empty() {
            let title = escape(title);
            self.may(&format!(
                "<details><summary>{title}</summary>\n\n{contents}\n\n</details>\n\n"
            ));
        }
    }

    fn end(self) -> String {
        let mut text = self.text.trim_end().to_owned() + "\n";
        if self.left_out > 0 {
            let parts = self.left_out;
            text.push_str(&format!("\n{parts} rows or parts did not fit here"));
        }
        match self.link {
            Some(link) => text.push_str(&format!("\n[The whole report]({link})\n")),
            None if self.left_out > 0 => text.push('\n'),
            None => {}
        }
        text
    }
}

/// What deserves a row: worst first, regressions before what is undecided, accepted or improved.
fn ordered(report: &Report) -> Vec<&Finding> {
    let mut findings: Vec<_> = report.findings.iter().filter(|it| has_moved(it)).collect();
    findings.sort_by(|a, b| summary::by_weight(a, b));
    findings
}

fn has_moved(finding: &Finding) -> bool {
    match finding.verdict {
        Verdict::Regression | Verdict::Inconclusive => true,
        Verdict::Pass => is_improved(finding) || is_accepted(finding),
        Verdict::NotJudged => false,
    }
}

fn is_improved(finding: &Finding) -> bool {
    finding.reason == Some(Reason::Improved)
}

const fn is_accepted(finding: &Finding) -> bool {
    matches!(finding.reason, Some(Reason::Accepted { .. }))
}

fn moved(report: &Report, page: &mut Page<'_>) {
    let findings = ordered(report);
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

/// How to see a regression again, and how to live with it.
fn suggestions(report: &Report, page: &mut Page<'_>) {
    let regressed = ordered(report).into_iter();
    let regressed = regressed.filter(|it| it.verdict == Verdict::Regression);
    let regressed: Vec<_> = regressed.collect();
    let commands = regressed.iter().filter_map(|it| command(it, report));
    let mut commands: Vec<_> = commands.collect();
    commands.dedup();
    commands.truncate(SUGGESTIONS);
    if !commands.is_empty() {
        let commands = commands.join("\n");
        page.may(&format!("See it again:\n\n{}\n", fenced("sh", &commands)));
    }
    let accepted: Vec<_> = regressed.iter().take(SUGGESTIONS).collect();
    if !accepted.is_empty() {
        let text: Vec<_> = accepted
            .iter()
            .map(|it| acceptance(it, &report.provenance))
            .collect();
        let text = fenced("toml", &text.join("\n"));
        page.folded(
            "If it is worth it: accept it in perfgate.toml",
            text.trim_end(),
        );
    }
}

/// Nothing for what another load generator measured.
fn command(finding: &Finding, report: &Report) -> Option<String> {
    let provenance = &report.provenance;
    let seed = provenance.seed?;
    let against = match provenance.base.as_deref() {
        Some(base) if text::is_commit(base) => format!(" --against {base}"),
        _ => String::new(),
    };
    Some(format!(
        "perfgate check {} {} --seed {seed}{against}",
        option("server", &finding.server),
        option("endpoint", &finding.endpoint),
    ))
}

/// A name as the value of an option, also where it looks like an option itself.
fn option(option: &str, name: &str) -> String {
    let word = shell_word(name);
    let is_option = word.trim_start_matches('\'').starts_with('-');
    let separator = if is_option { '=' } else { ' ' };
    format!("--{option}{separator}{word}")
}

/// A name as one word of a shell.
fn shell_word(name: &str) -> String {
    let name = text::printable(name);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if !name.is_empty() && name.chars().all(plain) {
        name
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

fn acceptance(finding: &Finding, provenance: &Provenance) -> String {
    let quoted = |name: &str| toml::Value::String(text::printable(name)).to_string();
    let zone = jiff::tz::TimeZone::UTC;
    let day = zone.to_datetime(provenance.started).date();
    let until = day.saturating_add(jiff::Span::new().days(ACCEPTED_FOR));
    format!(
        "[[accept]]\nserver   = {}\nendpoint = {}\nmetric   = \"{}\"\nreason   = \"why it is worth it\"\nuntil    = {until}\n",
        quoted(&finding.server),
        quoted(&finding.endpoint),
        finding.metric.name(),
    )
}

/// A block of code whose fence nothing in it can close.
fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|letter| letter != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", code.trim_end())
}

fn cells_title(report: &Report) -> String {
    let unchanged = report
        .with_verdict(Verdict::Pass)
        .filter(|it| !has_moved(it));
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

/// Text that perfgate did not write, as text: nothing in it is markup, a mention, a reference to
/// an issue or a new line.
pub fn escape(text: &str) -> String {
    // A zero-width space keeps GitHub from making links, mentions and references.
    let text = text
        .replace("://", ":\u{200b}//")
        .replace("www.", "www\u{200b}.");
    let text = without_issues(&text);
    let (mut escaped, text) = line_start(&text);
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("@\u{200b}"),
            '#' => escaped.push_str("\\#\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            _ if letter.is_control() => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// A text without references to issues such as `GH-12`.
fn without_issues(text: &str) -> String {
    let mut parts = text.split_inclusive('-').peekable();
    let mut kept = String::new();
    while let Some(part) = parts.next() {
        kept.push_str(part);
        let letters = part.as_bytes();
        let names = letters.len() >= 3 && letters[letters.len() - 3..].eq_ignore_ascii_case(b"gh-");
        let counts = |next: &&str| next.starts_with(|it: char| it.is_ascii_digit());
        if names && parts.peek().is_some_and(counts) {
            kept.push('\u{200b}');
        }
    }
    kept
}

/// What a text begins with that would be an item or indented code at the start of a line, escaped,
/// and the rest of the text.
fn line_start(text: &str) -> (String, &str) {
    let is_blank = |letter: char| letter == ' ' || letter.is_control();
    let bare = text.trim_start_matches(is_blank);
    let indent = text[..text.len() - bare.len()].chars().count();
    let mut escaped = "\u{a0}".repeat(indent);
    let number = bare.trim_start_matches(|it: char| it.is_ascii_digit());
    let digits = &bare[..bare.len() - number.len()];
    let marker = match digits {
        "" => number.starts_with(['-', '+']),
        _ => number
            .strip_prefix(['.', ')'])
            .is_some_and(|it| it.is_empty() || it.starts_with(is_blank)),
    };
    if !marker {
        return (escaped, bare);
    }
    escaped.push_str(digits);
    escaped.push('\\');
    escaped.push_str(&number[..1]);
    (escaped, &number[1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_line_begins_with_is_no_markup() {
        for (text, escaped) in [
            ("- an item", "\\- an item"),
            ("+1", "\\+1"),
            ("1. first", "1\\. first"),
            ("12) twelfth", "12\\) twelfth"),
            ("3 of 4", "3 of 4"),
            ("  File \"a.py\"", "\u{a0}\u{a0}File \"a.py\""),
            ("a - b", "a - b"),
            ("see gh-12 and GH-x", "see gh-\u{200b}12 and GH-x"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    #[test]
    fn a_name_like_an_option_is_the_value_of_one() {
        assert_eq!(option("endpoint", "home"), "--endpoint home");
        assert_eq!(option("endpoint", "--help me"), "--endpoint='--help me'");
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_a_table_cell(text in "\\PC*|[|\n\r<>@`\\\\]*") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['\n', '\r', '<', '>']));
            let bare = escaped.replace("\\\\", "").replace("\\|", "").replace("\\`", "");
            prop_assert!(!bare.contains('|') && !bare.contains('`'), "{escaped}");
        }

        #[test]
        fn no_name_leaves_its_shell_word_or_its_fence(name in "\\PC*|[`'\n$(); ]*") {
            let word = shell_word(&name);
            let inside = word.replace("'\\''", "");
            let quotes = inside.matches('\'').count();
            prop_assert!(quotes == 0 || (quotes == 2 && inside.starts_with('\'') && inside.ends_with('\'')));
            let block = fenced("sh", &word);
            let fence = block.split("sh\n").next().expect("a fence").to_owned();
            prop_assert_eq!(block.matches(&fence).count(), 2, "{}", block);
        }
    }
}
