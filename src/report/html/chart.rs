//! Drawing on two axes. Every mark has a class for its colour; the style sheet says how it looks, on
//! the light page and on the dark one.

use maud::{Markup, html};

use super::axis::Axis;

/// The class of a colour.
pub(super) type Ink = &'static str;

pub(super) const HEAD: Ink = "head";
pub(super) const BASE: Ink = "base";
pub(super) const BAD: Ink = "bad";
pub(super) const ODD: Ink = "odd";
pub(super) const GRID: Ink = "grid";
pub(super) const WORDS: Ink = "words";

/// Size of a picture, two units to the pixel of a narrow screen.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 400;
const TOP: u32 = 20;
const RIGHT: u32 = WIDTH - 44;
/// Room for the words of the horizontal axis and its title.
const BOTTOM: u32 = 70;
/// Room for the words of an axis of values.
const LEFT: u32 = 110;
/// Height of the row of a named thing.
const ROW: u32 = 52;
/// Between an axis and its words.
const GAP: u32 = 10;

/// Two axes to draw on.
pub(super) struct Chart {
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// What the horizontal axis counts.
    title: &'static str,
    left: u32,
    bottom: u32,
    /// Across the direction in which values are read.
    grid: Grid,
}

#[derive(Clone, Copy)]
enum Grid {
    Horizontal,
    Upright,
}

/// What has been drawn so far.
pub(super) struct Canvas<'a> {
    chart: &'a Chart,
    marks: Vec<Markup>,
}

impl Chart {
    pub(super) const fn new(x: Axis, y: Axis, title: &'static str) -> Self {
        Self {
            x,
            y,
            title,
            left: LEFT,
            bottom: HEIGHT - BOTTOM,
            grid: Grid::Horizontal,
        }
    }

    /// A row for each of so many names at the left.
    pub(super) const fn of_rows(x: Axis, names: Axis, count: u32) -> Self {
        Self {
            x,
            y: names,
            title: "",
            left: 2 * LEFT,
            bottom: TOP + ROW * count,
            grid: Grid::Upright,
        }
    }

    /// How far across the whole picture a value stands, in percent.
    pub(super) fn across(&self, value: f64) -> f64 {
        (1000.0 * self.x_at(value) / f64::from(WIDTH)).round() / 10.0
    }

    /// The picture as SVG.
    pub(super) fn drawn(&self, draw: impl FnOnce(&mut Canvas<'_>)) -> Markup {
        let mut canvas = Canvas {
            chart: self,
            marks: Vec::new(),
        };
        draw(&mut canvas);
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (self.bottom + BOTTOM) } {
                path.grid d=(self.grid()) {}
                g.x {
                    @for (at, words) in self.x.ticks() { text x=(self.x_at(*at)) y=(self.bottom + GAP) { (words) } }
                    @if !self.title.is_empty() {
                        text x=(u32::midpoint(self.left, RIGHT)) y=(self.bottom + BOTTOM / 2 + GAP) { (self.title) }
                    }
                }
                g.y { @for (at, words) in self.y.ticks() { text x=(self.left - GAP) y=(self.y_at(*at)) { (words) } } }
                @for mark in &canvas.marks { (mark) }
            }
        }
    }

    fn grid(&self) -> String {
        let (left, bottom) = (self.left, self.bottom);
        match self.grid {
            Grid::Horizontal => {
                let line = |(at, _): &(f64, String)| format!("M{left} {}H{RIGHT}", self.y_at(*at));
                self.y.ticks().iter().map(line).collect()
            }
            Grid::Upright => {
                let line = |(at, _): &(f64, String)| format!("M{} {TOP}V{bottom}", self.x_at(*at));
                self.x.ticks().iter().map(line).collect()
            }
        }
    }

    /// In whole units, which are fine enough, and short.
    fn x_at(&self, value: f64) -> f64 {
        let room = f64::from(RIGHT - self.left);
        (f64::from(self.left) + self.x.along(value) * room).round()
    }

    fn y_at(&self, value: f64) -> f64 {
        let room = f64::from(self.bottom - TOP);
        (f64::from(self.bottom) - self.y.along(value) * room).round()
    }
}

impl Canvas<'_> {
    pub(super) fn line(&mut self, points: &[(f64, f64)], ink: Ink) {
        let points = self.points(points);
        self.marks
            .push(html! { polyline class=(ink) points=(points) {} });
    }

    /// With a dot at every point.
    pub(super) fn dotted_line(&mut self, points: &[(f64, f64)], ink: Ink) {
        let points = self.points(points);
        self.marks
            .push(html! { polyline class={ "dots " (ink) } points=(points) {} });
    }

    fn points(&self, points: &[(f64, f64)]) -> String {
        let chart = self.chart;
        let points = points
            .iter()
            .map(|(x, y)| format!("{},{}", chart.x_at(*x), chart.y_at(*y)));
        points.collect::<Vec<_>>().join(" ")
    }

    /// From the bottom to the top.
    pub(super) fn upright(&mut self, x: f64, ink: Ink) {
        let (x, bottom) = (self.chart.x_at(x), self.chart.bottom);
        self.marks
            .push(html! { path class=(ink) d={ "M" (x) " " (bottom) "V" (TOP) } {} });
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), ink: Ink) {
        let (x, y) = (self.chart.x_at(x), self.chart.y_at(y));
        self.marks
            .push(html! { circle class=(ink) cx=(x) cy=(y) r="5" {} });
    }

    pub(super) fn ring(&mut self, (x, y): (f64, f64), ink: Ink) {
        let (x, y) = (self.chart.x_at(x), self.chart.y_at(y));
        self.marks
            .push(html! { circle class={ "ring " (ink) } cx=(x) cy=(y) r="11" {} });
    }

    pub(super) fn area(&mut self, [(x1, y1), (x2, y2)]: [(f64, f64); 2], ink: Ink) {
        let chart = self.chart;
        let [x1, x2] = [x1, x2].map(|it| chart.x_at(it));
        let [y1, y2] = [y1, y2].map(|it| chart.y_at(it));
        self.marks.push(html! {
            rect class=(ink) x=(x1.min(x2)) y=(y1.min(y2)) width=((x2 - x1).abs()) height=((y2 - y1).abs()) {}
        });
    }

    /// From the bottom to the top between two places.
    pub(super) fn band(&mut self, [from, to]: [f64; 2], ink: Ink) {
        let y = &self.chart.y;
        self.area([(from, y.low()), (to, y.high())], ink);
    }

    /// Words above the top of an upright.
    pub(super) fn label(&mut self, x: f64, words: &str, ink: Ink) {
        let x = self.chart.x_at(x);
        self.marks
            .push(html! { text class=(ink) x=(x) y=(TOP - 6) { (words) } });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unit;

    fn drawn() -> String {
        let rates = || [800.0, 820.0].into_iter();
        let y = Axis::around(rates(), Unit::PerSecond);
        let chart = Chart::new(Axis::numbered(2), y, "round <of> two");
        let picture = chart.drawn(|canvas| {
            canvas.line(&[(1.0, 800.0), (2.0, 820.0)], HEAD);
            canvas.upright(1.5, BAD);
            canvas.band([1.2, 1.8], BASE);
            canvas.ring((1.0, 800.0), ODD);
            canvas.label(1.5, "step", BAD);
        });
        picture.into_string()
    }

    #[test]
    fn text_stays_text_and_is_escaped() {
        let svg = drawn();
        assert!(svg.contains(">round &lt;of&gt; two</text>"), "{svg}");
        assert!(svg.len() < 1500, "{} bytes\n{svg}", svg.len());
    }

    #[test]
    fn values_stand_where_their_ticks_are() {
        let svg = drawn();
        // 800/s is the third of six ticks, and 1 a quarter along.
        assert!(
            svg.contains("<text x=\"100\" y=\"206\">800/s</text>"),
            "{svg}"
        );
        assert!(svg.contains("<text x=\"252\" y=\"340\">1</text>"), "{svg}");
        assert!(svg.contains("cx=\"252\" cy=\"206\" r=\"11\""), "{svg}");
    }

    #[test]
    fn the_style_sheet_knows_every_colour() {
        let style = include_str!("style.css");
        for ink in [HEAD, BASE, BAD, ODD, GRID, WORDS] {
            let rule = format!(".plot .{ink} {{ color: var(");
            assert!(style.contains(&rule), "{rule}");
        }
    }
}
