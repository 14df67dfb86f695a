//! Ranking → bytes, one function per format: the same sheets in each.

use comfy_table::{CellAlignment, Table, presets};

use super::markdown::escape;
use super::text::{self, bytes, failure_name, incident, micros, rate};
use crate::model::{Competitor, Footprint, Ranking, Standing, Table as RankedTable};

/// A table with words in its first columns and numbers in the others.
pub(super) struct Sheet {
    pub(super) title: String,
    pub(super) columns: Vec<&'static str>,
    /// Columns of words.
    pub(super) words: usize,
    pub(super) rows: Vec<Vec<Entry>>,
}

/// What stands in one place of a table.
pub(super) struct Entry {
    pub(super) text: String,
    /// What it is sorted by; nothing for words.
    pub(super) key: Option<f64>,
}

pub(super) const HOW_TO_READ: &str = "Servers whose 95 % intervals of the median overlap may share a rank. \
    Latencies are those of all requests; one that had no response in time counts as long as the \
    time-out. A connection closed by the server after a complete response is no error.";
pub(super) const MEMORY: &str = "The working set is the memory of all processes without reclaimable cache; \
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

pub fn json(ranking: &Ranking) -> String {
    let mut text = serde_json::to_string_pretty(ranking).expect("a ranking has a JSON form");
    text.push('\n');
    text
}

impl Sheet {
    pub(super) fn aligned(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(self.columns.iter().copied());
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| text::printable(&cell.text)));
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
            let cells: Vec<_> = row.iter().map(|cell| escape(&cell.text)).collect();
            format!("| {} |", cells.join(" | "))
        }));
        lines.join("\n")
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
    let endpoints = ranking.tables.iter().map(of_endpoint);
    let footprints = of_footprints(&ranking.footprints);
    endpoints.chain([footprints]).collect()
}

pub(super) fn of_endpoint(table: &RankedTable) -> Sheet {
    Sheet {
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
    }
}

pub(super) fn of_footprints(footprints: &[Footprint]) -> Sheet {
    Sheet {
        title: "memory and start-up".into(),
        columns: vec![
            "server",
            "interface",
            "working set, peak",
            "sum of resident sets",
            "start-up",
        ],
        words: 2,
        rows: footprints.iter().map(footprint).collect(),
    }
}

fn standing(it: &Standing) -> Vec<Entry> {
    let interval = it
        .interval
        .map(|[low, high]| format!("{}–{}", number(low), number(high)));
    let failed = it.errors.values().sum::<u64>() + it.unfinished;
    let rank = it.rank.map(|rank| rank as f64);
    let [server, interface] = names(&it.competitor).map(Entry::word);
    vec![
        Entry::from_value(rank, |rank| format!("{rank}")),
        server,
        interface,
        Entry::from_value(it.throughput, number),
        Entry {
            text: interval.unwrap_or_else(dash),
            key: it.interval.map(|[low, _]| low),
        },
        Entry::from_value(it.latency_p50, micros),
        Entry::from_value(it.latency_p99, micros),
        Entry::from_value(it.latency_max, micros),
        Entry::from_value(it.cpu_per_request, micros),
        Entry::from_value(Some(failed as f64), |_| errors(it)),
        Entry::from_value(Some(it.closed_by_server as f64), |count| format!("{count}")),
    ]
}

fn footprint(it: &Footprint) -> Vec<Entry> {
    let [server, interface] = names(&it.competitor).map(Entry::word);
    vec![
        server,
        interface,
        Entry::from_value(it.memory_peak, bytes),
        Entry::from_value(it.memory_rss, bytes),
        Entry::from_value(it.startup_time, |seconds| micros(seconds * 1e6)),
    ]
}

impl Entry {
    fn word(text: String) -> Self {
        Self { text, key: None }
    }

    fn from_value(value: Option<f64>, say: impl Fn(f64) -> String) -> Self {
        Self {
            text: value.map_or_else(dash, say),
            key: value,
        }
    }
}

pub(super) fn names(it: &Competitor) -> [String; 2] {
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
        .map(|(kind, count)| format!("{count} {}", failure_name(*kind)));
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

pub(super) fn provenance(ranking: &Ranking) -> String {
    let it = &ranking.provenance;
    let mut facts = vec![format!("perfgate {}", it.perfgate)];
    let machine = it.fingerprint.as_ref().map(|it| &it.runner);
    facts.extend(machine.map(|it| format!("{}, {} cores", it.cpu_model, it.cores)));
    facts.push(it.path.clone());
    facts.extend(it.seed.map(|seed| format!("seed {seed}")));
    facts.push(format!("{:.0} s", it.seconds));
    facts.join(", ")
}
