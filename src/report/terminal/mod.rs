//! The report for a terminal of a hundred columns, with the colours' control sequences: whoever
//! prints it takes them out where they are not wanted.

mod bar;
mod findings;
mod ink;

use comfy_table::{CellAlignment, Table, presets};
use textwrap::{Options, wrap};

use super::summary::{Cell, Column};
use super::{advice, gate, summary, text};
use crate::model::{CpuProfile, Failures, Report, Verdict};
use ink::{BOLD, QUIET, in_ink};

/// Columns of a line, output of servers excepted.
const WIDTH: usize = 100;

/// Headline, what is news from the worst on, what is not in a line, what to do next.
pub fn terminal(report: &Report) -> String {
    let headline = filled(&summary::headline(report), 0);
    let mut parts = vec![in_ink(ink::of_outcome(report.outcome), &headline)];
    parts.extend(gate::notices(report).iter().map(notice));
    let notes = &report.provenance.notes;
    parts.extend(notes.iter().map(|note| filled(&format!("note: {note}"), 2)));
    parts.extend(findings::news(report));
    parts.extend(report.profiles.iter().filter_map(profile));
    parts.extend(lonely(report));
    let incidents = report.incidents.iter();
    parts.extend(incidents.map(|it| format!("\n{}", text::incident_at_length(it))));
    parts.extend(report.failures.iter().map(failures));
    let provenance = in_ink(QUIET, &filled(&provenance(report), 0));
    let unchanged = summary::unchanged(report).map(|it| filled(&it, 2));
    parts.push(String::new());
    parts.extend(unchanged);
    parts.push(provenance);
    let next = advice::next_step(report).map(|step| filled(&format!("next: {step}"), 2));
    parts.extend(next.map(|it| in_ink(BOLD, &it)));
    parts.push(String::new());
    parts.join("\n")
}

fn notice(notice: &gate::Notice) -> String {
    let lines = notice.lines.iter();
    let lines = lines.map(|line| filled(&format!("  {line}"), 4));
    let title = in_ink(BOLD, &format!("{}:", notice.title));
    let all: Vec<_> = std::iter::once(title).chain(lines).collect();
    all.join("\n")
}

/// Why requests of a build failed, with what its server said.
fn failures(it: &Failures) -> String {
    let mut lines = vec![format!("\n{}", filled(&text::failures(it), 2))];
    if let Some(first) = &it.first {
        let details = [Some(text::first_failure(first)), text::failed_body(first)];
        let details = details.into_iter().flatten();
        lines.extend(details.map(|line| filled(&format!("  {line}"), 4)));
        let log = first.log.lines();
        lines.extend(log.map(|line| format!("  | {}", text::printable(line))));
    }
    lines.join("\n")
}

/// The functions that take more CPU time; `None` if none is known to.
fn profile(it: &CpuProfile) -> Option<String> {
    let functions = it.named().take(text::MOST_NAMED).map(|function| {
        let [name, location, change] = text::function(function);
        filled(&format!("  {name} ({location}): {change}"), 4)
    });
    let functions: Vec<_> = functions.collect();
    let title = filled(&format!("{}:", text::profile(it)), 4);
    (!functions.is_empty()).then(|| format!("\n{title}\n{}", functions.join("\n")))
}

/// The values of cells that had nothing to be compared with, a row each.
fn lonely(report: &Report) -> Option<String> {
    let mut cells = summary::cells(report);
    cells.retain(|cell| cell.verdict() == Verdict::NotJudged);
    (!cells.is_empty()).then(|| format!("\n{}", table(&cells)))
}

fn table(cells: &[Cell<'_>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let titles = summary::COLUMNS.iter().map(|(_, title)| *title);
    let names = ["server", "endpoint"].into_iter();
    table.set_header(names.chain(titles).chain(["verdict"]));
    for cell in cells {
        let names = [cell.server, cell.endpoint].map(text::printable);
        let columns = summary::COLUMNS.map(|(metric, _)| stacked(cell.column(metric)));
        let verdict = cell.word().to_owned();
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

/// Text in lines that fit, all but the first further in.
pub(super) fn filled(text: &str, further: usize) -> String {
    let indent = " ".repeat(further);
    let options = Options::new(WIDTH).subsequent_indent(&indent);
    wrap(&text::printable(text), options).join("\n")
}

fn provenance(report: &Report) -> String {
    let provenance = &report.provenance;
    let mut facts = vec![summary::head(report), summary::strategy(report)];
    facts.push(provenance.path.clone());
    facts.extend(provenance.seed.map(|seed| format!("seed {seed}")));
    facts.extend(provenance.length().map(|seconds| format!("{seconds:.0} s")));
    facts.join(", ")
}
