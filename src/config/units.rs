use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::grammar::{Kind, amount, number, pattern, time, trimmed, trimmed_end};
use crate::model::{Rate, Unit};

/// Splits an error text that travels through serde into message and hint.
pub(super) const HINT_MARK: &str = "\u{1}";

/// A number with its unit, as written: `5`, `0.1%`, `0.2ms`, `8MiB`, `100/s`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantity {
    pub(super) text: String,
    value: f64,
    kind: Kind,
}

/// A relative change, as written: `5%`, `+150%`, `0`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) text: String,
    /// 0.05 for `5%`.
    pub(super) share: f64,
}

impl Quantity {
    fn parse(text: &str) -> Option<Self> {
        let (value, kind) = amount(text)?;
        let text = text.to_owned();
        Some(Self { text, value, kind })
    }

    fn plain(value: f64) -> Option<Self> {
        let text = value.to_string();
        (value.is_finite() && value >= 0.0).then_some(Self {
            text,
            value,
            kind: Kind::Plain,
        })
    }

    /// The value in the unit of a metric; nothing when the units do not go together.
    pub(super) fn in_unit(&self, unit: Unit) -> Option<f64> {
        match (unit, self.kind) {
            (_, Kind::Plain) if self.value == 0.0 => Some(0.0),
            (Unit::Microseconds, Kind::Time) => Some(self.value * 1e6),
            (Unit::Seconds, Kind::Time)
            | (Unit::Bytes, Kind::Bytes)
            | (Unit::PerSecond, Kind::Rate)
            | (Unit::Share, Kind::Percent)
            | (Unit::Count | Unit::Multiple, Kind::Plain) => Some(self.value),
            _ => None,
        }
    }
}

/// How a value of a unit is written, for error messages.
pub(super) const fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::PerSecond => "a rate such as \"800/s\"",
        Unit::Microseconds | Unit::Seconds => "a time such as \"0.2ms\" or \"2s\"",
        Unit::Bytes => "a size such as \"8MiB\"",
        Unit::Share => "a share such as \"0.1%\"",
        Unit::Count | Unit::Multiple => "a number such as 2",
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let literal = Literal::deserialize(deserializer)?;
        literal.quantity().ok_or_else(|| {
            de::Error::custom(format!(
                "`{literal}` is not a quantity{HINT_MARK}write a number with its unit: \"5%\", \"0.2ms\", \"8MiB\", \"100/s\""
            ))
        })
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Literal::deserialize(deserializer)?.to_string();
        parse_change(&text).map_err(de::Error::custom)
    }
}

fn parse_change(text: &str) -> Result<Change, String> {
    let unsigned = trimmed(text).strip_prefix('+');
    let (digits, is_signed) = unsigned.map_or((trimmed(text), false), |it| (it, true));
    let percent = digits.strip_suffix('%').map(trimmed_end);
    let value = number(percent.unwrap_or(digits));
    let value = value.filter(|it| percent.is_some() || *it == 0.0);
    let value = value.ok_or_else(|| {
        format!(
            "`{text}` is not a relative change{HINT_MARK}write a percentage such as \"5%\", or 0"
        )
    })?;
    if value > 100.0 && !is_signed {
        return Err(format!(
            "`{text}` has more than one meaning{HINT_MARK}write \"+{value}%\" for \"{value} % on top of the base\", \"+{}%\" for \"up to {value} % of the base\"",
            value - 100.0
        ));
    }
    Ok(Change {
        text: text.to_owned(),
        share: value / 100.0,
    })
}

/// A text, or a number where it needs no unit.
enum Literal {
    Text(String),
    Number(f64),
}

impl Literal {
    fn quantity(&self) -> Option<Quantity> {
        match self {
            Self::Text(text) => Quantity::parse(text),
            Self::Number(number) => Quantity::plain(*number),
        }
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Literal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a text with a unit")
            }
            fn visit_str<E>(self, text: &str) -> Result<Literal, E> {
                Ok(Literal::Text(text.to_owned()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Literal, E> {
                Ok(Literal::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Literal, E> {
                Ok(Literal::Number(number))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// A length of time: `500ms`, `2s`, `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Literal::deserialize(deserializer)?.to_string();
        parse_duration(&text).map(Self).map_err(|message| {
            de::Error::custom(format!(
                "{message}{HINT_MARK}write a time such as \"500ms\" or \"2s\""
            ))
        })
    }
}

/// Reads a positive length of time such as `500ms`, `2s` or `1m30s`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    time(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| format!("`{text}` is not a length of time"))
}

/// Requests per second, constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PerSecond(pub(super) Rate);

impl<'de> Deserialize<'de> for PerSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let literal = Literal::deserialize(deserializer)?;
        per_second(literal.quantity())
            .map(|rate| Self(Rate { from: rate, to: rate }))
            .ok_or_else(|| {
                de::Error::custom(format!(
                    "`{literal}` is not a rate of requests{HINT_MARK}write a rate above 0 such as \"200/s\""
                ))
            })
    }
}

/// Reads a rate of requests, `200/s` or `2k/s`, or one that changes, `100..1000/s`.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let rate = |text| per_second(Quantity::parse(text));
    rate(from)
        .zip(rate(to))
        .map(|(from, to)| Rate { from, to })
        .ok_or_else(|| {
            format!("`{text}` is not a rate: write 200/s, or 100..1000/s for one that rises")
        })
}

/// A positive rate; the unit may be left out.
fn per_second(quantity: Option<Quantity>) -> Option<f64> {
    quantity
        .filter(|quantity| matches!(quantity.kind, Kind::Rate | Kind::Plain))
        .map(|quantity| quantity.value)
        .filter(|rate| *rate > 0.0)
}

/// An amount of memory: `512MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl<'de> Deserialize<'de> for Size {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "non-negative by Quantity, and memory sizes stay far below 2^53"
    )]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let literal = Literal::deserialize(deserializer)?;
        literal
            .quantity()
            .filter(|quantity| quantity.kind == Kind::Bytes)
            .map(|quantity| Self(quantity.value.round() as u64))
            .ok_or_else(|| {
                de::Error::custom(format!(
                    "`{literal}` is not a size{HINT_MARK}write a size such as \"512MiB\""
                ))
            })
    }
}

/// The schema of a unit: a text of a pattern, or a number where it needs nothing.
macro_rules! schema {
    ($unit:ty, $name:literal, $pattern:path, $example:literal, $types:tt $(, $bound:literal: $value:expr)*) => {
        impl JsonSchema for $unit {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": $types,
                    "pattern": $pattern(),
                    "examples": [$example],
                    $($bound: $value,)*
                })
            }
        }
    };
}

schema!(Quantity, "quantity", pattern::quantity, "8MiB", ["string", "number"], "minimum": 0);
schema!(Change, "change", pattern::change, "5%", ["string", "number"], "minimum": 0, "maximum": 0);
schema!(Time, "time", pattern::positive_time, "1m30s", "string");
schema!(PerSecond, "rate", pattern::rate, "200/s", ["string", "number"], "exclusiveMinimum": 0);
schema!(Size, "size", pattern::size, "512MiB", "string");

#[cfg(test)]
mod tests;
