//! A ranking as a page: for each endpoint a table and bars with intervals.

use maud::{Markup, html};

use super::figure::Figure;
use super::page::{self, Page};
use super::plain;
use super::standings::{self, Bar};
use crate::model::{Competitor, Ranking, Standing, Table, Unit};
use crate::report::ranking::{self as sheets, Sheet};

/// The ranking as a self-contained page.
pub fn ranking(ranking: &Ranking) -> String {
    let provenance = &ranking.provenance;
    let headline = format!("{} servers side by side", ranking.footprints.len());
    let page = Page {
        headline: &headline,
        tone: "neutral",
        about: vec![
            ranking.load.clone(),
            page::moment(provenance.started),
            format!("{:.0} s", provenance.seconds),
        ],
        notes: &provenance.notes,
        next: None,
        facts: vec![("measured by", sheets::provenance(ranking))],
    };
    page.around(&html! {
        p.key { (sheets::HOW_TO_READ) }
        @for table in &ranking.tables { (endpoint(table)) }
        (footprints(ranking))
        @if !ranking.incidents.is_empty() {
            section {
                h2 { "What befell the servers" }
                @for it in &ranking.incidents { (page::incident(it)) }
            }
        }
    })
}

fn endpoint(table: &Table) -> Markup {
    let rates = table.standings.iter().filter_map(|it| {
        Some(Bar {
            name: name(&it.competitor),
            value: it.throughput?,
            interval: it.interval,
        })
    });
    let times = |of: fn(&Standing) -> Option<f64>| {
        let bars = table
            .standings
            .iter()
            .filter_map(|it| bar(&it.competitor, of(it)));
        bars.collect::<Vec<_>>()
    };
    let figures = [
        standings::figure(
            "Requests per second",
            Unit::PerSecond,
            &rates.collect::<Vec<_>>(),
        ),
        standings::figure(
            "Latency, 99 % within",
            Unit::Microseconds,
            &times(|it| it.latency_p99),
        ),
        standings::figure(
            "CPU time per request",
            Unit::Microseconds,
            &times(|it| it.cpu_per_request),
        ),
    ];
    section(&sheets::of_endpoint(table), figures)
}

fn footprints(ranking: &Ranking) -> Markup {
    let memory = ranking.footprints.iter();
    let memory = memory.filter_map(|it| bar(&it.competitor, it.memory_peak));
    let startup = ranking.footprints.iter();
    let startup = startup.filter_map(|it| bar(&it.competitor, it.startup_time));
    let figures = [
        standings::figure(
            "Memory, peak of the working set",
            Unit::Bytes,
            &memory.collect::<Vec<_>>(),
        ),
        standings::figure("Start-up", Unit::Seconds, &startup.collect::<Vec<_>>()),
    ];
    html! {
        (section(&sheets::of_footprints(&ranking.footprints), figures))
        p.key { (sheets::MEMORY) }
    }
}

fn section(sheet: &Sheet, figures: impl IntoIterator<Item = Option<Figure>>) -> Markup {
    html! {
        section {
            h2 { (plain(&sheet.title)) }
            (table(sheet))
            div.figures { @for figure in figures.into_iter().flatten() { (figure) } }
        }
    }
}

/// A table that can be sorted by its columns.
pub(super) fn table(sheet: &Sheet) -> Markup {
    let number = |column: usize| (column >= sheet.words).then_some("number");
    html! {
        div.sheet tabindex="0" role="region" aria-label={ "Table of " (plain(&sheet.title)) } {
            table.sortable {
                thead { tr {
                    @for (column, name) in sheet.columns.iter().enumerate() {
                        th scope="col" class=[number(column)] { (name) }
                    }
                } }
                tbody {
                    @for row in &sheet.rows { tr {
                        @for (column, cell) in row.iter().enumerate() {
                            td class=[number(column)] data-v=[cell.key] { (plain(&cell.text)) }
                        }
                    } }
                }
            }
        }
    }
}

fn bar(competitor: &Competitor, value: Option<f64>) -> Option<Bar> {
    Some(Bar {
        name: name(competitor),
        value: value?,
        interval: None,
    })
}

fn name(it: &Competitor) -> String {
    let [server, _] = sheets::names(it);
    plain(&server)
}
