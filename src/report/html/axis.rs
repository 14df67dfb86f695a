//! One direction of a picture: its ends, its scale, and ticks at numbers that people like.

use std::ops::Range;

use crate::model::Unit;
use crate::report::text;

/// Ticks with their words between two ends.
pub(super) struct Axis {
    ends: Range<f64>,
    ticks: Vec<(f64, String)>,
    scale: fn(f64) -> f64,
}

/// Shares of requests that have a tick, with their words.
const SHARES: [(f64, &str); 6] = [
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
];
/// Where the ticks of a decade stand, from few to many.
const DECADES: [&[f64]; 4] = [
    &[1.0],
    &[1.0, 3.0],
    &[1.0, 2.0, 5.0],
    &[1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0],
];
/// Fewest ticks that show a scale.
const FEWEST_TICKS: usize = 3;
/// Least span of an axis as a share of its middle, so that noise does not look like news.
const LEAST_SPAN: f64 = 0.1;

impl Axis {
    /// Around all values, however little they differ.
    pub(super) fn around(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let (low, high) = ends(values);
        let missing = (f64::midpoint(low, high).abs() * LEAST_SPAN - (high - low)).max(0.0) / 2.0;
        Self::linear(low - missing, high + missing, unit)
    }

    /// From zero to the highest value.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let (_, high) = ends(values);
        Self::linear(0.0, high, unit)
    }

    fn linear(low: f64, high: f64, unit: Unit) -> Self {
        let step = step((high - low).max(f64::MIN_POSITIVE), unit);
        let (first, last) = ((low / step).floor(), (high / step).ceil().max(1.0));
        let ticks = multiples(first, last, step);
        let ticks = ticks.map(|value| (value, tick_label(value, unit)));
        Self {
            ends: first * step..last * step,
            ticks: ticks.collect(),
            scale: |value| value,
        }
    }

    /// Around all values, which are positive; equal distances are equal ratios.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let (low, high) = ends(values);
        let (low, high) = (low / 1.1, high * 1.1);
        let enough = |ticks: &Vec<f64>| ticks.len() >= FEWEST_TICKS;
        let mut sets = DECADES.iter().map(|within| decades(within, low, high));
        let step = step(high - low, unit);
        let even = || multiples((low / step).ceil(), (high / step).floor(), step).collect();
        let ticks = sets.find(enough).unwrap_or_else(even);
        let ticks = ticks
            .into_iter()
            .map(|value| (value, tick_label(value, unit)));
        Self {
            ends: low..high,
            ticks: ticks.collect(),
            scale: f64::log10,
        }
    }

    /// Shares of so many requests, drawn out towards the slowest as `HdrHistogram` does.
    pub(super) fn shares(requests: u64) -> Self {
        let high = 1.0 - 1.0 / (requests as f64).max(10.0);
        let ticks = SHARES.into_iter().filter(|(share, _)| *share <= high);
        Self {
            ends: 0.0..high,
            ticks: ticks.map(|(share, words)| (share, words.into())).collect(),
            scale: |share| -(1.0 - share).log10(),
        }
    }

    /// Shares of few things, from none to all.
    pub(super) fn parts() -> Self {
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
        Self {
            ends: 0.0..1.0,
            ticks: ticks.map(|share| (share, text::percent(share))).into(),
            scale: |share| share,
        }
    }

    /// Changes, nothing included.
    pub(super) fn changes(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values.chain([0.0]));
        let reach = (high - low).max(0.02) / 20.0;
        let axis = Self::linear(low - reach, high + reach, Unit::Share);
        let say = |(value, _): (f64, String)| (value, percent(value));
        Self {
            ticks: axis.ticks.into_iter().map(say).collect(),
            ends: low - reach..high + reach,
            ..axis
        }
        .with_ticks_inside()
    }

    /// Things counted from 1, with room at both ends.
    pub(super) fn numbered(count: usize) -> Self {
        let step = (count / 6 + 1) as f64;
        let ticks = multiples(1.0, (count as f64 / step).floor(), step);
        Self {
            ends: 0.5..count as f64 + 0.5,
            ticks: ticks.map(|at| (at, format!("{at}"))).collect(),
            scale: |at| at,
        }
    }

    /// Things with a name, counted from 1 downwards.
    pub(super) fn named(names: impl Iterator<Item = String>) -> Self {
        let ticks: Vec<_> = names
            .zip(1..)
            .map(|(name, at)| (f64::from(at), name))
            .collect();
        Self {
            ends: ticks.len() as f64 + 0.5..0.5,
            ticks,
            scale: |at| at,
        }
    }

    fn with_ticks_inside(mut self) -> Self {
        let ends = self.ends.clone();
        self.ticks.retain(|(at, _)| ends.contains(at));
        self
    }

    /// Places with their words.
    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    pub(super) fn low(&self) -> f64 {
        self.ends.start
    }

    pub(super) fn high(&self) -> f64 {
        self.ends.end
    }

    /// How far along a value lies, from 0 to 1.
    pub(super) fn along(&self, value: f64) -> f64 {
        let [low, high, value] = [self.ends.start, self.ends.end, value].map(self.scale);
        (value - low) / (high - low)
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

fn multiples(first: f64, last: f64, step: f64) -> impl Iterator<Item = f64> {
    let numbers = std::iter::successors(Some(first), |number| Some(number + 1.0));
    let numbers = numbers.take_while(move |number| *number <= last + 1e-9);
    numbers.map(move |number| number * step)
}

/// A fifth to a half of a span: 1, 2 or 5 in some decade of the unit.
fn step(span: f64, unit: Unit) -> f64 {
    let base = match unit {
        Unit::Bytes if span >= 1024.0 => 1024_f64.powf((span.ln() / 1024_f64.ln()).floor()),
        _ => 1.0,
    };
    let rough = span / base / 4.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].map(|it| it * decade);
    let step = nice.into_iter().find(|it| *it >= rough * 0.8);
    step.unwrap_or(rough) * base
}

fn decades(within: &[f64], low: f64, high: f64) -> Vec<f64> {
    let decades = multiples(low.log10().floor(), high.log10().ceil(), 1.0);
    decades
        .flat_map(|power| {
            within
                .iter()
                .map(move |multiple| multiple * 10_f64.powf(power))
        })
        .filter(|tick| (low..=high).contains(tick))
        .collect()
}

/// A value in its unit, without decimals that say nothing.
fn tick_label(value: f64, unit: Unit) -> String {
    let text = text::value(value, unit);
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number = match number.split_once('.') {
        Some(_) => number.trim_end_matches('0').trim_end_matches('.'),
        None => number,
    };
    format!("{number}{unit}")
}

fn percent(change: f64) -> String {
    let words = tick_label(change.abs(), Unit::Share);
    match change {
        change if change > 1e-9 => format!("+{words}"),
        change if change < -1e-9 => format!("−{words}"),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, words)| words.as_str()).collect()
    }

    #[test]
    fn ticks_stand_at_numbers_that_people_like() {
        let memory = [61e6, 74e6].into_iter();
        let axis = Axis::from_zero(memory, Unit::Bytes);
        assert_eq!(
            labels(&axis),
            ["0 B", "20 MiB", "40 MiB", "60 MiB", "80 MiB"]
        );
        let rates = [803.0, 812.0].into_iter();
        let axis = Axis::around(rates, Unit::PerSecond);
        assert_eq!(
            labels(&axis),
            ["760/s", "780/s", "800/s", "820/s", "840/s", "860/s"]
        );
    }

    #[test]
    fn a_logarithmic_axis_has_ticks_however_narrow() {
        let axis = |low, high| Axis::logarithmic([low, high].into_iter(), Unit::Microseconds);
        assert_eq!(
            labels(&axis(400.0, 2e6)),
            ["1 ms", "10 ms", "100 ms", "1 s"]
        );
        assert!(labels(&axis(4000.0, 4100.0)).len() >= FEWEST_TICKS);
        assert!(labels(&axis(4000.0, 9000.0)).len() >= FEWEST_TICKS);
    }

    #[test]
    fn equal_values_have_an_axis_too() {
        let axis = Axis::around([5.0, 5.0].into_iter(), Unit::Count);
        assert!(axis.low() < 5.0 && axis.high() > 5.0);
        let axis = Axis::from_zero([0.0].into_iter(), Unit::Share);
        assert!(axis.along(0.0).is_finite());
    }

    #[test]
    fn shares_are_drawn_out_towards_the_slowest() {
        let axis = Axis::shares(10_000);
        let between = |a, b| axis.along(b) - axis.along(a);
        assert!((between(0.9, 0.99) - between(0.99, 0.999)).abs() < 1e-9);
        assert_eq!(labels(&axis), ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
    }
}
