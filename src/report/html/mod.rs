//! Report or ranking → one self-contained page: nothing is fetched, and it can be read
//! without its script. Tables come first, then the pictures of each server and endpoint.

mod axis;
mod calibration;
mod cell;
mod changes;
mod chart;
mod checks;
mod figure;
mod findings;
mod history;
mod latency;
mod margin_bar;
mod page;
mod profile;
mod ranking;
mod rounds;
mod site;
mod site_page;
mod standings;

use maud::{Markup, html};

use self::page::Page;
use super::{advice, gate, summary};
// Names from outside, without what a terminal or a reader would stumble over.
use super::text::printable as plain;
use crate::model::{Outcome, Report, Verdict};

pub use calibration::calibration;
pub use ranking::ranking;
pub use site::{SiteContext, site};
pub use site_page::SitePage;

/// The report as a page.
pub fn html(report: &Report) -> String {
    let headline = summary::headline(report);
    let page = Page {
        headline: &headline,
        tone: tone(report.outcome),
        about: about(report),
        notes: &report.provenance.notes,
        next: advice::next_step(report),
        facts: summary::facts(report),
    };
    page.around(&html! {
        (notices(report))
        (findings::tables(report))
        (profile::sections(report))
        (incidents(report))
        (failures(report))
        (cell::sections(report))
    })
}

const fn tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "good",
        Outcome::NoBaseline => "quiet",
        Outcome::Inconclusive => "unsure",
        Outcome::Regression => "bad",
    }
}

/// What was measured, beside what, when.
fn about(report: &Report) -> Vec<String> {
    let provenance = &report.provenance;
    let mut facts = vec![
        format!("head {}", summary::head(report)),
        summary::strategy(report),
        page::moment(provenance.started),
    ];
    facts.extend(provenance.length().map(|seconds| format!("{seconds:.0} s")));
    facts
}

/// What became of the gate, and what is missing, before any finding.
fn notices(report: &Report) -> Markup {
    html! {
        @for notice in gate::notices(report) {
            section {
                h2 { (plain(&notice.title)) }
                ul { @for line in &notice.lines { li { (plain(line)) } } }
            }
        }
    }
}

fn incidents(report: &Report) -> Markup {
    html! {
        @if !report.incidents.is_empty() {
            section {
                h2 { "What befell the servers" }
                @for it in &report.incidents { (page::incident(it)) }
            }
        }
    }
}

fn failures(report: &Report) -> Markup {
    html! {
        @if !report.failures.is_empty() {
            section {
                h2 { "Requests that failed" }
                @for it in &report.failures { (page::failures(it)) }
            }
        }
    }
}

/// The class of a verdict's colour.
const fn verdict_tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regression => "bad",
        Verdict::Inconclusive => "unsure",
        Verdict::NotJudged => "quiet",
        Verdict::Pass => "good",
    }
}
