//! Ranking → bytes, one function per format: the same sheets in each.

use comfy_table::{CellAlignment, Table, presets};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::load::failure;
use super::markdown::escape;
use super::text::{self, bytes, incident, micros, rate};
use crate::model::{Competitor, Footprint, Ranking, Standing};

/// A table with words in its first columns and numbers in the others.
struct Sheet {
    title: String,
    columns: Vec<&'static str>,
    /// Columns of words.
    words: usize,
    rows: Vec<Vec<String>>,
}

const HOW_TO_READ: &str = "Servers whose 95 % intervals of the median overlap may share a rank. \
    Latencies are those of all requests; one that had no response in time counts as long as the \
    time-out. A connection closed by the server after a complete response is no error.";
const MEMORY: &str = "The working set is the memory of all processes without reclaimable cache; \
    the sum of the resident sets, which `ps` and `top` suggest, counts what processes share once \
    for each.";

pub fn terminal(ranking: &Ranking) -> String {
    let mut parts = vec![headline(ranking)];
    parts.extend(notes(ranking).map(|note| format!("note: {note}")));
    for sheet in sheets(ranking) {
        parts.push(format!(
            "\n{}\n{}",
            text::printable(&sheet.title),
            sheet.aligned()
        ));
    }
    parts.extend(
        ranking
            .incidents
            .iter()
            .map(|it| format!("\n{}", text::incident_at_length(it))),
    );
    parts.push(format!("\n{}\n", provenance(ranking)));
    parts.join("\n")
}

pub fn markdown(ranking: &Ranking) -> String {
    let mut parts = vec![format!("## perfgate: {}", escape(&headline(ranking)))];
    parts.extend(notes(ranking).map(|note| format!("> {}", escape(&note))));
    for sheet in sheets(ranking) {
        parts.push(format!("### {}\n\n{}", escape(&sheet.title), sheet.piped()));
    }
    parts.extend(
        ranking
            .incidents
            .iter()
            .map(|it| format!("- {}", escape(&incident(it)))),
    );
    parts.extend([HOW_TO_READ, MEMORY, &provenance(ranking)].map(escape));
    parts.join("\n\n") + "\n"
}

/// A page without scripts and without anything to be fetched.
pub fn html(ranking: &Ranking) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (headline(ranking)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (headline(ranking)) }
                @for note in notes(ranking) { p.note { (note) } }
                @for sheet in sheets(ranking) { (sheet.markup()) }
                @for it in &ranking.incidents {
                    p.note { (incident(it)) }
                    @if !it.output.is_empty() { pre { (it.output) } }
                }
                p { (HOW_TO_READ) }
                p { (MEMORY) }
                footer { (provenance(ranking)) }
            }
        }
    };
    page.into_string()
}

pub fn json(ranking: &Ranking) -> String {
    let mut text = serde_json::to_string_pretty(ranking).expect("a ranking has a JSON form");
    text.push('\n');
    text
}

const STYLE: &str = "
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.sheet { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .8rem; text-align: left; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
.number { text-align: right }
.note { border-left: 3px solid #b60; padding-left: .8rem }
footer { margin-top: 2rem; opacity: .7 }
";

impl Sheet {
    fn aligned(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(self.columns.iter().copied());
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| text::printable(cell)));
        }
        for column in table.column_iter_mut().skip(self.words) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }

    fn piped(&self) -> String {
        let numbers = self.columns.len() - self.words;
        let mut lines = vec![
            format!("| {} |", self.columns.join(" | ")),
            format!("|{}{}", "---|".repeat(self.words), "---:|".repeat(numbers)),
        ];
        lines.extend(self.rows.iter().map(|row| {
            let cells: Vec<_> = row.iter().map(|cell| escape(cell)).collect();
            format!("| {} |", cells.join(" | "))
        }));
        lines.join("\n")
    }

    fn markup(&self) -> Markup {
        let number = |column: usize| (column >= self.words).then_some("number");
        html! {
            h2 { (self.title) }
            div.sheet {
                table {
                    thead { tr {
                        @for (column, name) in self.columns.iter().enumerate() {
                            th class=[number(column)] { (name) }
                        }
                    } }
                    tbody {
                        @for row in &self.rows { tr {
                            @for (column, cell) in row.iter().enumerate() {
                                td class=[number(column)] { (cell) }
                            }
                        } }
                    }
                }
            }
        }
    }
}

fn headline(ranking: &Ranking) -> String {
    let servers = ranking.footprints.len();
    format!("{servers} servers side by side: {}", ranking.load)
}

fn notes(ranking: &Ranking) -> impl Iterator<Item = String> {
    ranking
        .provenance
        .notes
        .iter()
        .map(|note| text::printable(note))
}

fn sheets(ranking: &Ranking) -> Vec<Sheet> {
    let mut sheets: Vec<_> = ranking
        .tables
        .iter()
        .map(|table| Sheet {
            title: table.endpoint.clone(),
            columns: vec![
                "rank",
                "server",
                "interface",
                "requests/s",
                "95 % interval",
                "p50",
                "p99",
                "max",
                "CPU/request",
                "errors",
                "closed by server",
            ],
            words: 3,
            rows: table.standings.iter().map(standing).collect(),
        })
        .collect();
    sheets.push(Sheet {
        title: "memory and start-up".into(),
        columns: vec![
            "server",
            "interface",
            "working set, peak",
            "sum of resident sets",
            "start-up",
        ],
        words: 2,
        rows: ranking.footprints.iter().map(footprint).collect(),
    });
    sheets
}

fn standing(it: &Standing) -> Vec<String> {
    let interval = it
        .interval
        .map(|[low, high]| format!("{}–{}", number(low), number(high)));
    let time = |value: Option<f64>| value.map_or_else(dash, micros);
    let mut row = vec![it.rank.map_or_else(dash, |rank| rank.to_string())];
    row.extend(names(&it.competitor));
    row.extend([
        number(it.throughput),
        interval.unwrap_or_else(dash),
        time(it.latency_p50),
        time(it.latency_p99),
        time(it.latency_max),
        time(it.cpu_per_request),
        errors(it),
        it.closed_by_server.to_string(),
    ]);
    row
}

fn footprint(it: &Footprint) -> Vec<String> {
    let amount = |value: Option<f64>| value.map_or_else(dash, bytes);
    let startup = it.startup_time.map(|seconds| micros(seconds * 1e6));
    let mut row = names(&it.competitor).to_vec();
    row.extend([
        amount(it.memory_peak),
        amount(it.memory_rss),
        startup.unwrap_or_else(dash),
    ]);
    row
}

fn names(it: &Competitor) -> [String; 2] {
    let server = match &it.behind {
        Some(proxy) => format!("{} behind {proxy}", it.server),
        None => it.server.clone(),
    };
    [server, it.interface.clone().unwrap_or_else(dash)]
}

/// Requests that failed or had no end, by kind.
fn errors(it: &Standing) -> String {
    let kinds = it
        .errors
        .iter()
        .map(|(kind, count)| format!("{count} {}", failure(*kind)));
    let unfinished = (it.unfinished > 0).then(|| format!("{} unfinished", it.unfinished));
    let all: Vec<_> = kinds.chain(unfinished).collect();
    if all.is_empty() {
        "none".into()
    } else {
        all.join(", ")
    }
}

fn number(per_second: f64) -> String {
    rate(per_second).trim_end_matches("/s").to_owned()
}

fn dash() -> String {
    "–".into()
}

fn provenance(ranking: &Ranking) -> String {
    let it = &ranking.provenance;
    let runner = &it.fingerprint.runner;
    format!(
        "perfgate {}, {}, {} cores, {}, seed {}, {:.0} s",
        it.perfgate, runner.cpu_model, runner.cores, it.path, it.seed, it.seconds
    )
}
