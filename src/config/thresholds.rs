//! Thresholds: defaults → `[thresholds]` → server → server and endpoint, value by value.

use std::ops::Range;

use super::spanned::Spanned;
use super::spans::Spans;
use super::units::{self, Change, Quantity};
use super::{Error, file};
use crate::model::{
    COUNTERS, CounterRule, Direction, Metric, Rule, RuleOrigin, Threshold, Thresholds, Unit,
};

/// The rules that hold where the file sets nothing.
pub fn defaults() -> Thresholds {
    let margin = |text: &str, value| Threshold {
        margin: Some(rule(text, value, RuleOrigin::Default)),
        ..Threshold::default()
    };
    let ceiling = |text: &str, value| Threshold {
        ceiling: Some(rule(text, value, RuleOrigin::Default)),
        ..Threshold::default()
    };
    let floor = |threshold, floor| Threshold {
        floor: Some(floor),
        ..threshold
    };
    let counters = COUNTERS.iter().filter_map(|kind| {
        let CounterRule {
            margin: share,
            text,
            floor,
        } = kind.rule?;
        let threshold = Threshold {
            floor,
            ..margin(text, share)
        };
        Some((kind.metric, threshold))
    });
    let measured = [
        (Metric::Throughput, margin("max_decrease 5%", 0.05)),
        (
            Metric::LatencyP50,
            floor(margin("max_increase 5%", 0.05), 50.0),
        ),
        (Metric::LatencyP99, margin("max_increase 20%", 0.2)),
        (Metric::CpuPerRequest, margin("max_increase 5%", 0.05)),
        (
            Metric::MemoryPeak,
            floor(margin("max_increase 10%", 0.1), 262_144.0),
        ),
        (Metric::MemoryGrowth, ceiling("max 1KiB", 1024.0)),
        (Metric::ErrorRate, ceiling("max 0.1%", 0.001)),
    ];
    measured.into_iter().chain(counters).collect()
}

/// Lays the rules of one level over the inherited ones.
pub(super) fn inherit(
    inherited: &Thresholds,
    level: &file::Thresholds,
    spans: &Spans<'_>,
) -> Result<Thresholds, Error> {
    let mut thresholds = inherited.clone();
    for (metric, written) in level {
        let threshold = thresholds.entry(*metric.get_ref()).or_default();
        let level = Level {
            metric: *metric.get_ref(),
            at: metric.span(),
            spans,
        };
        level.overlay(threshold, written)?;
    }
    Ok(thresholds)
}

/// The rules for one metric on one level of the file.
struct Level<'a> {
    metric: Metric,
    at: Range<usize>,
    spans: &'a Spans<'a>,
}

impl Level<'_> {
    fn overlay(&self, threshold: &mut Threshold, written: &file::Threshold) -> Result<(), Error> {
        let (margin, ceiling, wrong) = match self.metric.direction() {
            Direction::LowerIsBetter => (
                ("max_increase", &written.max_increase),
                ("max", &written.max),
                [
                    written
                        .max_decrease
                        .as_ref()
                        .map(|value| ("max_decrease", value.span())),
                    written.min.as_ref().map(|value| ("min", value.span())),
                ],
            ),
            Direction::HigherIsBetter => (
                ("max_decrease", &written.max_decrease),
                ("min", &written.min),
                [
                    written
                        .max_increase
                        .as_ref()
                        .map(|value| ("max_increase", value.span())),
                    written.max.as_ref().map(|value| ("max", value.span())),
                ],
            ),
        };
        if let Some((key, span)) = wrong.into_iter().flatten().next() {
            return Err(self.wrong_direction(key, &span, margin.0, ceiling.0));
        }
        if let Some(change) = margin.1 {
            threshold.margin = Some(self.margin(margin.0, change)?);
        }
        if let Some(bound) = ceiling.1 {
            let value = self.in_unit(ceiling.0, bound)?;
            threshold.ceiling =
                Some(self.rule(ceiling.0, &bound.get_ref().text, value, &bound.span()));
        }
        if let Some(floor) = &written.floor {
            threshold.floor = Some(self.in_unit("floor", floor)?);
        }
        self.check_floor(threshold)
    }

    fn margin(&self, key: &str, change: &Spanned<Change>) -> Result<Rule, Error> {
        let written = change.get_ref();
        // Shares of a number that should be zero.
        let bound = match self.metric {
            Metric::ErrorRate => {
                Some("a share of errors is bounded by `max`, such as max = \"0.1%\"")
            }
            Metric::MemoryGrowth => {
                Some("growth is bounded by `max`, such as max = \"1KiB\" per request")
            }
            _ => None,
        };
        if let Some(hint) = bound {
            return Err(self.spans.invalid(
                &change.span(),
                format!("{} has no relative rule", self.metric.name()),
                Some(hint.into()),
            ));
        }
        if key == "max_decrease" && written.share >= 1.0 {
            return Err(self.spans.invalid(
                &change.span(),
                format!("nothing can decrease by `{}`", written.text),
                Some("write a percentage below 100%".into()),
            ));
        }
        Ok(self.rule(key, &written.text, written.share, &change.span()))
    }

    fn rule(&self, key: &str, text: &str, value: f64, span: &Range<usize>) -> Rule {
        rule(&format!("{key} {text}"), value, self.spans.origin(span))
    }

    fn in_unit(&self, key: &str, quantity: &Spanned<Quantity>) -> Result<f64, Error> {
        let unit: Unit = self.metric.unit();
        quantity.get_ref().in_unit(unit).ok_or_else(|| {
            let (name, text) = (self.metric.name(), &quantity.get_ref().text);
            self.spans.invalid(
                &quantity.span(),
                format!("`{text}` does not fit `{name}.{key}`"),
                Some(format!("write {}", units::example(unit))),
            )
        })
    }

    fn check_floor(&self, threshold: &Threshold) -> Result<(), Error> {
        if threshold.floor.is_some() && threshold.margin.is_none() {
            let (name, direction) = (self.metric.name(), self.metric.direction());
            let key = match direction {
                Direction::LowerIsBetter => "max_increase",
                Direction::HigherIsBetter => "max_decrease",
            };
            return Err(self.spans.invalid(
                &self.at,
                format!("`{name}` has a floor and no relative rule that it belongs to"),
                Some(format!("add `{key}`, such as {key} = \"5%\"")),
            ));
        }
        Ok(())
    }

    fn wrong_direction(&self, key: &str, span: &Range<usize>, margin: &str, max: &str) -> Error {
        let better = match self.metric.direction() {
            Direction::LowerIsBetter => "lower",
            Direction::HigherIsBetter => "higher",
        };
        self.spans.invalid(
            span,
            format!(
                "`{key}` has no sense for `{}`: {better} is better",
                self.metric.name()
            ),
            Some(format!("write `{margin}` or `{max}`")),
        )
    }
}

fn rule(text: &str, value: f64, origin: RuleOrigin) -> Rule {
    Rule {
        value,
        text: text.to_owned(),
        origin,
    }
}
