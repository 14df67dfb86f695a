use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::model::{Rate, Unit};

/// Splits an error text that travels through serde into message and hint.
pub(super) const HINT_MARK: &str = "\u{1}";

/// A number with its unit, as written: `5`, `0.1%`, `0.2ms`, `8MiB`, `100/s`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantity {
    pub(super) text: String,
    value: f64,
    unit: Written,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Plain,
    Percent,
    Time,
    Bytes,
    Rate,
}

/// A relative change, as written: `5%`, `+150%`, `0`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) text: String,
    /// 0.05 for `5%`.
    pub(super) share: f64,
}

/// Suffixes, longest first where one ends another, with the factor to the base unit.
const SUFFIXES: [(&str, Written, f64); 18] = [
    ("%", Written::Percent, 0.01),
    ("k/s", Written::Rate, 1e3),
    ("/s", Written::Rate, 1.0),
    ("ns", Written::Time, 1e-9),
    ("us", Written::Time, 1e-6),
    ("µs", Written::Time, 1e-6),
    ("ms", Written::Time, 1e-3),
    ("min", Written::Time, 60.0),
    ("KiB", Written::Bytes, 1024.0),
    ("MiB", Written::Bytes, 1_048_576.0),
    ("GiB", Written::Bytes, 1_073_741_824.0),
    ("kB", Written::Bytes, 1e3),
    ("MB", Written::Bytes, 1e6),
    ("GB", Written::Bytes, 1e9),
    ("B", Written::Bytes, 1.0),
    ("s", Written::Time, 1.0),
    ("m", Written::Time, 60.0),
    ("h", Written::Time, 3600.0),
];

impl Quantity {
    fn parse(text: &str) -> Option<Self> {
        let trimmed = text.trim();
        let (number, unit, factor) = SUFFIXES
            .iter()
            .find_map(|(suffix, unit, factor)| {
                Some((trimmed.strip_suffix(suffix)?, *unit, *factor))
            })
            .unwrap_or((trimmed, Written::Plain, 1.0));
        let value: f64 = number.trim().parse().ok()?;
        let usable = value.is_finite() && value >= 0.0 && !number.trim().starts_with('+');
        usable.then(|| Self {
            text: text.to_owned(),
            value: value * factor,
            unit,
        })
    }

    /// The value in the unit of a metric; nothing when the units do not go together.
    pub(super) fn in_unit(&self, unit: Unit) -> Option<f64> {
        match (unit, self.unit) {
            (_, Written::Plain) if self.value == 0.0 => Some(0.0),
            (Unit::Microseconds, Written::Time) => Some(self.value * 1e6),
            (Unit::Seconds, Written::Time)
            | (Unit::Bytes, Written::Bytes)
            | (Unit::PerSecond, Written::Rate)
            | (Unit::Share, Written::Percent)
            | (Unit::Count | Unit::Multiple, Written::Plain) => Some(self.value),
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
        let text = text_or_number(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is not a quantity{HINT_MARK}write a number with its unit: \"5%\", \"0.2ms\", \"8MiB\", \"100/s\""
            ))
        })
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text_or_number(deserializer)?;
        parse_change(&text).map_err(de::Error::custom)
    }
}

fn parse_change(text: &str) -> Result<Change, String> {
    let invalid = || {
        format!(
            "`{text}` is not a relative change{HINT_MARK}write a percentage such as \"5%\", or 0"
        )
    };
    let trimmed = text.trim();
    let signed = trimmed.starts_with('+');
    let number = trimmed.trim_start_matches('+').trim_end_matches('%').trim();
    let value: f64 = number.parse().map_err(|_| invalid())?;
    let percent = trimmed.ends_with('%');
    if !value.is_finite() || value < 0.0 || (!percent && value != 0.0) {
        return Err(invalid());
    }
    if value > 100.0 && !signed {
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

/// Numbers need no quotes where they need no unit.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = String;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a number or a text with a unit")
        }
        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
        fn visit_i64<E>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_f64<E>(self, number: f64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    deserializer.deserialize_any(Visitor)
}

/// A length of time: `500ms`, `2s`, `1min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text_or_number(deserializer)?;
        parse_duration(&text).map(Self).map_err(|message| {
            de::Error::custom(format!(
                "{message}{HINT_MARK}write a time such as \"500ms\" or \"2s\""
            ))
        })
    }
}

/// Reads a positive length of time such as `500ms`, `2s` or `1min`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    Quantity::parse(text)
        .filter(|quantity| quantity.unit == Written::Time && quantity.value > 0.0)
        .and_then(|quantity| Duration::try_from_secs_f64(quantity.value).ok())
        .ok_or_else(|| format!("`{text}` is not a length of time"))
}

/// Requests per second, constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PerSecond(pub(super) Rate);

impl<'de> Deserialize<'de> for PerSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text_or_number(deserializer)?;
        per_second(&text)
            .map(|rate| Self(Rate { from: rate, to: rate }))
            .ok_or_else(|| {
                de::Error::custom(format!(
                    "`{text}` is not a rate of requests{HINT_MARK}write a rate above 0 such as \"200/s\""
                ))
            })
    }
}

/// Reads a rate of requests, `200/s` or `2k/s`, or one that changes, `100..1000/s`.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    per_second(from)
        .zip(per_second(to))
        .map(|(from, to)| Rate { from, to })
        .ok_or_else(|| {
            format!("`{text}` is not a rate: write 200/s, or 100..1000/s for one that rises")
        })
}

/// A positive rate; the unit may be left out.
fn per_second(text: &str) -> Option<f64> {
    Quantity::parse(text)
        .filter(|quantity| matches!(quantity.unit, Written::Rate | Written::Plain))
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
        let text = text_or_number(deserializer)?;
        Quantity::parse(&text)
            .filter(|quantity| quantity.unit == Written::Bytes)
            .map(|quantity| Self(quantity.value.round() as u64))
            .ok_or_else(|| {
                de::Error::custom(format!(
                    "`{text}` is not a size{HINT_MARK}write a size such as \"512MiB\""
                ))
            })
    }
}

/// The schema of a unit: a text with what ends it, or a number where it needs nothing.
macro_rules! schema {
    ($unit:ty, $name:literal, $pattern:literal, $example:literal) => {
        impl JsonSchema for $unit {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": ["string", "number"],
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    };
}

schema!(
    Quantity,
    "quantity",
    r"^\s*[-+0-9.eE]+\s*(%|k?/s|ns|us|µs|ms|s|m|min|h|[kMG]i?B|KiB|B)?\s*$",
    "8MiB"
);
schema!(Change, "change", r"^\s*[-+0-9.eE]+\s*%?\s*$", "5%");
schema!(
    Time,
    "time",
    r"^\s*[-+0-9.eE]+\s*(ns|us|µs|ms|s|m|min|h)\s*$",
    "500ms"
);
schema!(PerSecond, "rate", r"^\s*[-+0-9.eE]+\s*(k?/s)?\s*$", "200/s");
schema!(
    Size,
    "size",
    r"^\s*[-+0-9.eE]+\s*([kMG]B|[KMG]iB|B)\s*$",
    "512MiB"
);
