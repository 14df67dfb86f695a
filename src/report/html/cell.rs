//! The pictures of one server and endpoint, folded where nothing is news.

use maud::{Markup, html};

use super::figure::{Figure, Sheet};
use super::{changes, history, latency, plain, rounds, verdict_tone};
use crate::model::{Finding, Metric, Report, Verdict};
use crate::report::summary::{self, Cell};

/// Findings of a cell that have pictures of their own.
const MOST_PICTURED: usize = 3;
/// What is shown of a cell without news.
const USUAL: [Metric; 2] = [Metric::Throughput, Metric::LatencyP50];

/// The name of a cell's place on the page.
pub(super) fn anchor(position: usize) -> String {
    format!("cell-{}", position + 1)
}

/// What there is to see of a cell.
struct Album<'a> {
    cell: Cell<'a>,
    /// In the order of the report.
    position: usize,
    figures: Vec<Figure>,
    /// The numbers behind several of the pictures.
    rounds: Option<Sheet>,
}

/// The worst cells first; those with news, or else the first, are unfolded.
pub(super) fn sections(report: &Report) -> Markup {
    let cells = summary::cells(report).into_iter().enumerate();
    let mut albums: Vec<_> = cells
        .map(|(position, cell)| Album::from_cell(cell, position, report))
        .filter(|album| !album.figures.is_empty())
        .collect();
    albums.sort_by(|a, b| a.cell.by_weight(&b.cell));
    let none = !albums.iter().any(Album::has_news);
    html! {
        @if !albums.is_empty() {
            section {
                h2 { "Pictures" }
                (legend())
                @for (rank, album) in albums.iter().enumerate() {
                    (album.section(album.has_news() || (none && rank == 0)))
                }
            }
        }
    }
}

impl<'a> Album<'a> {
    fn from_cell(cell: Cell<'a>, position: usize, report: &Report) -> Self {
        let evidence = report.evidence(cell.server, cell.endpoint);
        let pictured = pictured(&cell);
        let mut figures: Vec<_> = evidence.and_then(latency::figure).into_iter().collect();
        figures.extend(
            pictured
                .iter()
                .filter_map(|it| changes::figure(it, evidence)),
        );
        figures.extend(pictured.iter().filter_map(|it| history::figure(it)));
        let (over_the_run, rounds) = evidence.map(rounds::figures).unzip();
        figures.extend(over_the_run.into_iter().flatten());
        Self {
            cell,
            position,
            figures,
            rounds,
        }
    }

    fn section(&self, open: bool) -> Markup {
        let cell = &self.cell;
        html! {
            details.cell id=(anchor(self.position)) open[open] {
                summary {
                    h3 { (plain(cell.server)) " " b { (plain(cell.endpoint)) } }
                    span class={ "badge " (verdict_tone(cell.verdict())) } { (cell.word()) }
                    @for (metric, name) in [(Metric::Throughput, ""), (Metric::LatencyP50, "p50 ")] {
                        span.fact { (name) (cell.column(metric).value) }
                    }
                }
                div.figures { @for figure in &self.figures { (figure) } }
                @if let Some(sheet) = &self.rounds { div.common { (sheet.folded("Numbers of all rounds")) } }
            }
        }
    }

    fn has_news(&self) -> bool {
        self.cell.worst().is_some()
    }
}

/// The findings that a reader wants to look into.
fn pictured<'a>(cell: &Cell<'a>) -> Vec<&'a Finding> {
    let findings = cell.findings.iter().copied();
    let mut worst: Vec<_> = findings.clone().filter(|it| wants_a_look(it)).collect();
    if worst.is_empty() {
        worst = findings.filter(|it| USUAL.contains(&it.metric)).collect();
    }
    worst.sort_by(|a, b| summary::by_weight(a, b));
    worst.truncate(MOST_PICTURED);
    worst
}

fn wants_a_look(finding: &Finding) -> bool {
    let spread = finding.interval.is_some() || !finding.history.is_empty();
    spread && finding.verdict != Verdict::NotJudged && summary::is_news(finding)
}

fn legend() -> Markup {
    html! {
        p.key {
            span.line.head { "head" } " " span.line.base { "base, or stored runs" } " "
            span.line.bound { "margin" } " " span.band { "interval" } " " span.ring { "disturbed round, regressed run" }
        }
    }
}
