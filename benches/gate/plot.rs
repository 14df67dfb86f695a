//! The changes that checks showed, beside those that two blocks of rounds show on the same builds.

use std::path::Path;

use maud::{Markup, html};

use crate::Failure;
use crate::case::Case;
use crate::record::{Record, Records};
use crate::testbed::{Subject, Verdict};

const FLAGGED: &str = "#B3261E";
const OPEN: &str = "#855800";
const PASSED: &str = "#0B5FD0";
const PEER: &str = "#8A939E";
const WORDS: &str = "#3A424C";
const GRID: &str = "#E2E5E9";

/// Those whose change has a known size.
const ROWS: [Case; 4] = [Case::Unchanged, Case::Cpu2, Case::Cpu4, Case::Cpu10];
/// Percent.
const ENDS: [i32; 2] = [-15, 20];
const WIDTH: u32 = 900;
const LEFT: f64 = 122.0;
const RIGHT: f64 = 859.0;
/// Where the rows begin, below the title and the legend.
const TOP: f64 = 64.0;
const ROW: f64 = 90.0;

/// Draws what is recorded of a service.
pub(crate) fn draw(records: &Records, subject: Subject, path: &Path) -> Result<(), Failure> {
    let title = format!(
        "{}: CPU time per request, head against base",
        subject.name()
    );
    let bottom = TOP + ROW * ROWS.len() as f64;
    let height = bottom + 46.0;
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(height) font-family="sans-serif" font-size="14.5" fill=(WORDS) {
            rect width="100%" height="100%" fill="white" {}
            text x="436" y="28" text-anchor="middle" { (title) }
            @for percent in (ENDS[0]..=ENDS[1]).step_by(5) {
                @let at = across(f64::from(percent));
                path d={ "M" (at) " 37V" (bottom) } stroke=(GRID) {}
                @let sign = match percent.signum() { -1 => "−", 0 => "", _ => "+" };
                text x=(at) y=(bottom + 24.0) text-anchor="middle" { (sign) (percent.abs()) " %" }
            }
            @for (words, ink, percent) in [
                ("flagged", FLAGGED, -13.0),
                ("inconclusive", OPEN, -7.0),
                ("passed", PASSED, 0.0),
                ("a block of each build", PEER, 5.0),
            ] {
                circle cx=(across(percent)) cy="48" r="5" fill=(ink) {}
                text x=(across(percent + 0.6)) y="53" { (words) }
            }
            @for (row, case) in ROWS.into_iter().enumerate() {
                (checks(records, subject, case, TOP + ROW * row as f64))
            }
        }
    };
    Ok(std::fs::write(path, picture.into_string())?)
}

/// A row: the true change as an upright, each check as a dot, its peers as a ring.
fn checks(records: &Records, subject: Subject, case: Case, top: f64) -> Markup {
    // Spread over a band, so that dots of one value do not hide each other.
    let down =
        |from: f64, number: usize| (top + ROW * (from + 0.03 * (number % 10) as f64)).round();
    html! {
        path d={ "M" (across(100.0 * case.burns())) " " (top + 0.1 * ROW) "v" (0.8 * ROW) } stroke=(WORDS) {}
        text x=(LEFT - 20.0) y=(top + 0.5 * ROW + 5.0) text-anchor="end" { (case.name()) }
        @for (number, record) in records.select(subject, case).enumerate() {
            @if let Some(change) = record.judged.change {
                circle cx=(across(100.0 * change)) cy=(down(0.12, number)) r="5" fill=(ink(record)) {}
            }
            @if let Some(peers) = &record.peers {
                @let change = 100.0 * (peers.head / peers.base - 1.0);
                circle cx=(across(change)) cy=(down(0.55, number)) r="4" fill="none" stroke=(PEER) stroke-width="2" {}
            }
        }
    }
}

/// Where a change of so many percent stands; the nearest end for one beyond.
fn across(percent: f64) -> f64 {
    let [low, high] = ENDS.map(f64::from);
    let share = (percent.clamp(low, high) - low) / (high - low);
    (LEFT + share * (RIGHT - LEFT)).round()
}

fn ink(record: &Record) -> &'static str {
    match record.judged.verdict {
        Verdict::Flagged => FLAGGED,
        Verdict::Inconclusive => OPEN,
        Verdict::Passed => PASSED,
    }
}
