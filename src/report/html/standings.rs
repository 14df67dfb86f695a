//! Servers beside each other: a bar for each value, with its interval where there is one.

use super::axis::Axis;
use super::chart::{Chart, HEAD, WORDS};
use super::figure::{Figure, Numbers};
use crate::model::Unit;
use crate::report::text;

/// Letters of a name that have room.
const LONGEST_NAME: usize = 17;

/// A server's value.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) interval: Option<[f64; 2]>,
}

/// `None` if there is nothing to compare.
pub(super) fn figure(title: &str, unit: Unit, bars: &[Bar]) -> Option<Figure> {
    let count = u32::try_from(bars.len()).ok().filter(|count| *count > 0)?;
    let ends = bars
        .iter()
        .flat_map(|bar| bar.interval.into_iter().flatten());
    let x = Axis::from_zero(bars.iter().map(|bar| bar.value).chain(ends), unit);
    let names = Axis::named(bars.iter().map(|bar| shortened(&bar.name)));
    let chart = Chart::of_rows(x, names, count);
    let svg = chart.drawn(|canvas| {
        for (bar, at) in bars.iter().zip(1..) {
            let at = f64::from(at);
            canvas.area([(0.0, at - 0.3), (bar.value, at + 0.3)], HEAD);
            canvas.dot((bar.value, at), HEAD);
            if let Some([low, high]) = bar.interval {
                canvas.line(&[(low, at), (high, at)], WORDS);
            }
        }
    });
    Some(Figure {
        title: title.into(),
        aria_label: aria_label(title, unit, bars),
        svg: Some(svg),
        numbers: Numbers::Nowhere,
    })
}

fn shown(bar: &Bar, unit: Unit) -> String {
    let value = text::value(bar.value, unit);
    match bar.interval {
        None => value,
        Some([low, high]) => {
            let [low, high] = [low, high].map(|end| text::value(end, unit));
            format!("{value} ({low} to {high})")
        }
    }
}

fn aria_label(title: &str, unit: Unit, bars: &[Bar]) -> String {
    let bars: Vec<_> = bars
        .iter()
        .map(|bar| format!("{} {}", bar.name, shown(bar, unit)))
        .collect();
    format!("{title}: {}.", bars.join("; "))
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST_NAME - 1).collect();
    format!("{start}…")
}
