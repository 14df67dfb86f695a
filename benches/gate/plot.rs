//! The changes that checks showed, beside those that two blocks of rounds show on the same builds.

use std::path::Path;

use plotters::prelude::{
    ChartBuilder, Circle, Color, IntoDrawingArea, IntoFont, PathElement, RGBColor, SVGBackend,
    ShapeStyle, TRANSPARENT, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Failure;
use crate::case::Case;
use crate::record::{Record, Records};
use crate::stand::{Subject, Verdict};

const FLAGGED: RGBColor = RGBColor(0xB3, 0x26, 0x1E);
const OPEN: RGBColor = RGBColor(0x85, 0x58, 0x00);
const PASSED: RGBColor = RGBColor(0x0B, 0x5F, 0xD0);
const PEER: RGBColor = RGBColor(0x8A, 0x93, 0x9E);
const WORDS: RGBColor = RGBColor(0x3A, 0x42, 0x4C);
const GRID: RGBColor = RGBColor(0xE2, 0xE5, 0xE9);

/// Those whose change has a known size.
const ROWS: [Case; 4] = [Case::Unchanged, Case::Cpu2, Case::Cpu4, Case::Cpu10];
/// Percent.
const ENDS: [f64; 2] = [-15.0, 20.0];
const WIDTH: u32 = 900;
const ROW: u32 = 90;
/// Above the rows, in rows.
const LEGEND: f64 = 0.3;

/// Draws what is recorded of a service.
pub(crate) fn draw(records: &Records, subject: Subject, path: &Path) -> Result<(), Failure> {
    let rows = u32::try_from(ROWS.len())?;
    let area = SVGBackend::new(path, (WIDTH, ROW * rows + 110)).into_drawing_area();
    area.fill(&WHITE)?;
    let letters = |ink: RGBColor| ("sans-serif", 18).into_font().color(&ink);
    let title = format!(
        "{}: CPU time per request, head against base",
        subject.name()
    );
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .margin_right(40)
        .caption(title, letters(WORDS))
        .x_label_area_size(50)
        .y_label_area_size(110)
        .build_cartesian_2d(ENDS[0]..ENDS[1], 0.0..f64::from(rows) + LEGEND)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .bold_line_style(ShapeStyle::from(GRID))
        .light_line_style(TRANSPARENT)
        .axis_style(TRANSPARENT)
        .label_style(letters(WORDS))
        .x_label_formatter(&|percent| match percent.round() {
            0.0 => "0 %".into(),
            percent => format!("{percent:+.0} %"),
        })
        .draw()?;
    for (row, case) in ROWS.into_iter().enumerate() {
        let top = f64::from(rows) - row as f64;
        let truth = 100.0 * case.burns();
        let upright = vec![(truth, top - 0.9), (truth, top - 0.1)];
        let line = PathElement::new(upright, ShapeStyle::from(WORDS).stroke_width(1));
        chart.draw_series([line])?;
        let side = Pos::new(HPos::Right, VPos::Center);
        let name = Text::new(
            case.name(),
            (ENDS[0] - 1.0, top - 0.5),
            letters(WORDS).pos(side),
        );
        chart.draw_series([name])?;
        for (number, record) in records.of(subject, case).enumerate() {
            // Spread over a band, so that dots of one value do not hide each other.
            let down = |from: f64| top - from - 0.3 * (number % 10) as f64 / 10.0;
            let clamped = |change: f64| (100.0 * change).clamp(ENDS[0], ENDS[1]);
            if let Some(change) = record.judged.change {
                let dot = Circle::new((clamped(change), down(0.12)), 5, ink(record).filled());
                chart.draw_series([dot])?;
            }
            if let Some(peers) = &record.peers {
                let at = (clamped(peers.head / peers.base - 1.0), down(0.55));
                let ring = Circle::new(at, 4, ShapeStyle::from(PEER).stroke_width(2));
                chart.draw_series([ring])?;
            }
        }
    }
    let legend = [
        ("flagged", FLAGGED, -13.0),
        ("inconclusive", OPEN, -7.0),
        ("passed", PASSED, 0.0),
        ("a block of each build", PEER, 5.0),
    ];
    for (words, ink, place) in legend {
        let start = Pos::new(HPos::Left, VPos::Center);
        let at = (place, f64::from(rows) + 0.6 * LEGEND);
        chart.draw_series([Circle::new(at, 5, ink.filled())])?;
        let words = Text::new(words, (place + 0.6, at.1), letters(WORDS).pos(start));
        chart.draw_series([words])?;
    }
    drop(chart);
    area.present()?;
    Ok(())
}

fn ink(record: &Record) -> RGBColor {
    match record.judged.verdict {
        Verdict::Flagged => FLAGGED,
        Verdict::Inconclusive => OPEN,
        Verdict::Passed => PASSED,
    }
}
