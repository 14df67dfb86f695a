//! Drawing on two axes, in few bytes. The colours are those of the light page; the style sheet
//! names each of them and puts the dark page's in its place.

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::{
    ChartBuilder, ChartContext, Circle, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement,
    RGBColor, Rectangle, SVGBackend, ShapeStyle, TRANSPARENT, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;

pub(super) const HEAD: RGBColor = RGBColor(0x0B, 0x5F, 0xD0);
pub(super) const BASE: RGBColor = RGBColor(0x6B, 0x74, 0x80);
pub(super) const BAD: RGBColor = RGBColor(0xB3, 0x26, 0x1E);
pub(super) const ODD: RGBColor = RGBColor(0x85, 0x58, 0x00);
pub(super) const GRID: RGBColor = RGBColor(0xE2, 0xE5, 0xE9);
pub(super) const WORDS: RGBColor = RGBColor(0x59, 0x63, 0x6E);

/// Size of a picture, two units to the pixel of a narrow screen.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 400;
const TOP: u32 = 20;
const RIGHT: u32 = 44;
const BOTTOM: u32 = 70;
/// Room for the words of an axis of values.
const LEFT: u32 = 110;
/// Height of letters, and what the library makes of it in the end.
const LETTERS: f64 = 22.0 * LIBRARY_FACTOR;
const LIBRARY_FACTOR: f64 = 1.24;

/// Two axes to draw on.
pub(super) struct Chart {
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// What the horizontal axis counts.
    pub(super) title: &'static str,
    left: u32,
    height: u32,
}

/// An area that is being drawn on.
pub(super) struct Canvas<'a, 'b> {
    context: ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>,
    ends: [f64; 2],
}

impl Chart {
    pub(super) const fn new(x: Axis, y: Axis, title: &'static str) -> Self {
        Self {
            x,
            y,
            title,
            left: LEFT,
            height: HEIGHT,
        }
    }

    /// A row for each of so many names at the left.
    pub(super) const fn of_rows(x: Axis, names: Axis, title: &'static str, count: u32) -> Self {
        Self {
            x,
            y: names,
            title,
            left: 2 * LEFT,
            height: TOP + BOTTOM + 52 * count,
        }
    }

    /// How far across the whole picture a value stands, in percent.
    pub(super) fn across(&self, value: f64) -> f64 {
        let inside = f64::from(WIDTH - self.left - RIGHT);
        let position = f64::from(self.left) + self.x.along(value) * inside;
        (1000.0 * position / f64::from(WIDTH)).round() / 10.0
    }

    /// The picture as SVG.
    pub(super) fn drawn(&self, draw: impl FnOnce(&mut Canvas<'_, '_>)) -> String {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, self.height)).into_drawing_area();
            let mut canvas = self.canvas(&area);
            draw(&mut canvas);
            area.present().expect(INFALLIBLE);
        }
        compact(&svg)
    }

    fn canvas<'a, 'b>(&self, area: &'a DrawingArea<SVGBackend<'b>, Shift>) -> Canvas<'a, 'b> {
        let mut context = ChartBuilder::on(area)
            .margin_top(TOP)
            .margin_right(RIGHT)
            .x_label_area_size(BOTTOM)
            .y_label_area_size(self.left)
            .build_cartesian_2d(self.x.clone(), self.y.clone())
            .expect(INFALLIBLE);
        let mut mesh = context.configure_mesh();
        if self.left == LEFT {
            mesh.disable_x_mesh();
        } else {
            mesh.disable_y_mesh();
        }
        mesh.bold_line_style(ShapeStyle::from(GRID).stroke_width(2))
            .light_line_style(TRANSPARENT)
            .axis_style(TRANSPARENT)
            .label_style(letters(WORDS))
            .x_desc(self.title)
            .draw()
            .expect(INFALLIBLE);
        Canvas {
            context,
            ends: [self.y.low(), self.y.high()],
        }
    }
}

impl Canvas<'_, '_> {
    pub(super) fn line(&mut self, points: Vec<(f64, f64)>, ink: RGBColor) {
        let style = ShapeStyle::from(ink).stroke_width(4);
        self.context
            .draw_series([PathElement::new(points, style)])
            .expect(INFALLIBLE);
    }

    /// With a dot at every point, which the style sheet adds to lines without a width.
    pub(super) fn dotted_line(&mut self, mut points: Vec<(f64, f64)>, ink: RGBColor) {
        if let [point] = *points {
            points.push(point);
        }
        let style = ShapeStyle::from(ink).stroke_width(3);
        self.context
            .draw_series([PathElement::new(points, style)])
            .expect(INFALLIBLE);
    }

    /// From the bottom to the top.
    pub(super) fn upright(&mut self, x: f64, ink: RGBColor) {
        let [low, high] = self.ends;
        let style = ShapeStyle::from(ink).stroke_width(2);
        self.context
            .draw_series([PathElement::new(vec![(x, low), (x, high)], style)])
            .expect(INFALLIBLE);
    }

    pub(super) fn dot(&mut self, at: (f64, f64), ink: RGBColor) {
        self.context
            .draw_series([Circle::new(at, 5, ink.filled())])
            .expect(INFALLIBLE);
    }

    pub(super) fn ring(&mut self, at: (f64, f64), ink: RGBColor) {
        let style = ShapeStyle::from(ink).stroke_width(3);
        self.context
            .draw_series([Circle::new(at, 11, style)])
            .expect(INFALLIBLE);
    }

    pub(super) fn area(&mut self, corners: [(f64, f64); 2], ink: RGBColor) {
        self.context
            .draw_series([Rectangle::new(corners, ink.mix(0.16).filled())])
            .expect(INFALLIBLE);
    }

    /// From the bottom to the top between two places.
    pub(super) fn band(&mut self, [from, to]: [f64; 2], ink: RGBColor) {
        let [low, high] = self.ends;
        self.area([(from, low), (to, high)], ink);
    }

    /// Words beside the top of an upright.
    pub(super) fn words(&mut self, x: f64, words: &str, ink: RGBColor) {
        let style = letters(ink).pos(Pos::new(HPos::Center, VPos::Bottom));
        let position = (x, self.ends[1]);
        self.context
            .draw_series([Text::new(words.to_owned(), position, style)])
            .expect(INFALLIBLE);
    }
}

const INFALLIBLE: &str = "drawing into text cannot fail";

fn letters(ink: RGBColor) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", LETTERS).into_font());
    style.color = ink.to_backend_color();
    style
}

const GRID_LINE: &str = "stroke=\"#E2E5E9\"";

/// The same picture without what the style sheet says, or what goes without saying.
fn compact(svg: &str) -> String {
    let size = format!(" font-size=\"{}\"", LETTERS / LIBRARY_FACTOR);
    let said = [
        " opacity=\"1\"",
        " font-family=\"sans-serif\"",
        " fill=\"none\"",
        " stroke=\"none\"",
        " stroke-width=\"1\"",
        " text-anchor=\"middle\"",
        " fill=\"#59636E\"",
        " xmlns=\"http://www.w3.org/2000/svg\"",
        " width=\"720\"",
        &size,
        "\n",
    ];
    let short = said
        .iter()
        .fold(svg.to_owned(), |svg, it| svg.replace(it, ""));
    short
        .replace(" stroke-width=\"3\" points", " points")
        .replace(&format!("{GRID_LINE} stroke-width=\"2\""), GRID_LINE)
        .replace(" \"/>", "\"/>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unit;

    fn drawn() -> String {
        let rates = || [800.0, 820.0].into_iter();
        let y = Axis::around(rates(), Unit::PerSecond);
        Chart::new(Axis::numbered(2), y, "round <of> two").drawn(|canvas| {
            canvas.line(vec![(1.0, 800.0), (2.0, 820.0)], HEAD);
            canvas.upright(1.5, BAD);
            canvas.band([1.2, 1.8], BASE);
            canvas.ring((1.0, 800.0), ODD);
            canvas.words(1.5, "step", BAD);
        })
    }

    #[test]
    fn text_stays_text_and_is_escaped() {
        let svg = drawn();
        assert!(svg.contains(">round &lt;of&gt; two</text>"), "{svg}");
        assert!(!svg.contains("font-"), "{svg}");
        assert!(svg.len() < 2000, "{} bytes\n{svg}", svg.len());
    }

    #[test]
    fn the_style_sheet_knows_every_colour() {
        let style = include_str!("style.css");
        let svg = drawn();
        for attribute in ["stroke=\"#", "fill=\"#"] {
            for (at, _) in svg.match_indices(attribute) {
                let rule = format!("[{}\"]", &svg[at..at + attribute.len() + 6]);
                assert!(style.contains(&rule), "{rule}");
            }
        }
    }
}
