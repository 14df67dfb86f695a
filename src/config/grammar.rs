//! How numbers and units are written: tables, by which texts are read and from which the patterns of
//! the schema are made, so that both take the same.

use std::time::Duration;

use jiff::SignedDuration;

/// What a number is of, by its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Percent,
    Time,
    Bytes,
    Rate,
}

/// Units but those of time, the longest first where one ends another, with the factor to the
/// base unit.
const UNITS: [(&str, Kind, f64); 10] = [
    ("%", Kind::Percent, 0.01),
    ("k/s", Kind::Rate, 1e3),
    ("/s", Kind::Rate, 1.0),
    ("KiB", Kind::Bytes, 1024.0),
    ("MiB", Kind::Bytes, 1_048_576.0),
    ("GiB", Kind::Bytes, 1_073_741_824.0),
    ("kB", Kind::Bytes, 1e3),
    ("MB", Kind::Bytes, 1e6),
    ("GB", Kind::Bytes, 1e9),
    ("B", Kind::Bytes, 1.0),
];

/// Units of time, the largest first: their names, and the digits behind the point down to a
/// nanosecond.
const TIMES: [(&[&str], usize); 6] = [
    (&["h"], 9),
    (&["min", "m"], 9),
    (&["s"], 9),
    (&["ms"], 6),
    // The micro sign, and the Greek letter that looks like it.
    (&["us", "\u{b5}s", "\u{3bc}s"], 3),
    (&["ns"], 0),
];

/// Digits before the point, and behind it: as many as an f64 keeps apart.
const WHOLE: usize = 15;
const FRACTION: usize = 12;

const BLANKS: [char; 2] = [' ', '\t'];
const BLANK: &str = "[ \\t]*";

/// A number that is not negative, with or without a unit, in its base unit.
pub(super) fn amount(text: &str) -> Option<(f64, Kind)> {
    let text = trimmed(text);
    let unit = UNITS
        .iter()
        .find_map(|(unit, kind, factor)| Some((text.strip_suffix(unit)?, *kind, *factor)));
    let (digits, kind, factor) = unit.unwrap_or((text, Kind::Plain, 1.0));
    match number(trimmed_end(digits)) {
        Some(number) => Some((number * factor, kind)),
        None => time(text).map(|time| (time.as_secs_f64(), Kind::Time)),
    }
}

/// A length of time, in parts of which the largest comes first: `1h 30min`, `1m30s`, `0.5ms`. Only
/// the last may have a fraction.
pub(super) fn time(text: &str) -> Option<Duration> {
    let mut rest = trimmed(text);
    let mut units = TIMES.iter();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let part;
        (part, rest) = Part::first(rest)?;
        let (names, fraction) = units.find(|(names, _)| names.contains(&part.unit))?;
        if !part.is_written_well(*fraction, rest.is_empty()) {
            return None;
        }
        parts.push(format!("{}{}", part.digits, names[0]));
    }
    let time: SignedDuration = parts.join(" ").parse().ok()?;
    Duration::try_from(time).ok()
}

/// A number and its unit.
struct Part<'a> {
    digits: &'a str,
    unit: &'a str,
}

impl<'a> Part<'a> {
    /// The first part of a text, and what follows it.
    fn first(text: &'a str) -> Option<(Self, &'a str)> {
        let (digits, rest) = text.split_at(text.find(|it| !is_of_number(it))?);
        let rest = rest.trim_start_matches(BLANKS);
        let end = rest.find(|it: char| !it.is_alphabetic());
        let (unit, rest) = rest.split_at(end.unwrap_or(rest.len()));
        Some((Self { digits, unit }, rest.trim_start_matches(BLANKS)))
    }

    fn is_written_well(&self, fraction: usize, is_last: bool) -> bool {
        let (whole, behind) = match self.digits.split_once('.') {
            Some((whole, behind)) => (whole, Some(behind)),
            None => (self.digits, None),
        };
        let has_fraction = |it: &str| is_last && (1..=fraction).contains(&it.len());
        (1..=WHOLE).contains(&whole.len()) && behind.is_none_or(has_fraction)
    }
}

fn is_of_number(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '.'
}

/// Digits, with a point among, before or behind them.
pub(super) fn number(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    let fits = whole.len() <= WHOLE && fraction.len() <= FRACTION;
    let is_number = fits && are_digits(whole) && are_digits(fraction);
    is_number.then(|| text.parse().ok()).flatten()
}

pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(BLANKS)
}

pub(super) fn trimmed_end(text: &str) -> &str {
    text.trim_end_matches(BLANKS)
}

/// Patterns of JSON Schema: what the functions above read.
pub(super) mod pattern {
    use super::{BLANK, FRACTION, Kind, TIMES, UNITS, WHOLE};

    /// Something of it is not zero.
    const ABOVE_ZERO: &str = "(?=.*[1-9])";

    pub(in super::super) fn quantity() -> String {
        let all: Vec<_> = UNITS.iter().map(|(unit, ..)| *unit).collect();
        let number = number();
        let (units, time) = (any(&all), self::time());
        anchored(&format!("(?:{number}{BLANK}{units}?|{time})"))
    }

    pub(in super::super) fn positive_time() -> String {
        anchored(&format!("{ABOVE_ZERO}{}", time()))
    }

    pub(in super::super) fn rate() -> String {
        let units = any(&of_kind(Kind::Rate));
        anchored(&format!("{ABOVE_ZERO}{}{BLANK}{units}?", number()))
    }

    pub(in super::super) fn size() -> String {
        let units = any(&of_kind(Kind::Bytes));
        anchored(&format!("{}{BLANK}{units}", number()))
    }

    /// A percentage, above 100 with its sign; or zero.
    pub(in super::super) fn change() -> String {
        let (leading, fraction) = (WHOLE - 3, format!("(?:\\.[0-9]{{0,{FRACTION}}})?"));
        let hundred = format!("0{{0,{leading}}}100(?:\\.0{{0,{FRACTION}}})?");
        let below = format!("0{{0,{}}}[0-9]{{1,2}}{fraction}", leading + 1);
        let small = format!("\\.[0-9]{{1,{FRACTION}}}");
        let zero = format!("0{{1,{WHOLE}}}(?:\\.0{{0,{FRACTION}}})?|\\.0{{1,{FRACTION}}}");
        let percent = format!("(?:\\+{}|{hundred}|{below}|{small}){BLANK}%", number());
        anchored(&format!("(?:{percent}|\\+?(?:{zero}))"))
    }

    fn number() -> String {
        format!("(?:[0-9]{{1,{WHOLE}}}(?:\\.[0-9]{{0,{FRACTION}}})?|\\.[0-9]{{1,{FRACTION}}})")
    }

    /// Any last unit, with larger ones before it or without.
    fn time() -> String {
        let larger = |(names, _): &(&[&str], usize)| {
            format!("(?:[0-9]{{1,{WHOLE}}}{BLANK}{}{BLANK})?", any(names))
        };
        let last = |(names, fraction): &(&[&str], usize)| {
            let behind = match fraction {
                0 => String::new(),
                most => format!("(?:\\.[0-9]{{1,{most}}})?"),
            };
            format!("[0-9]{{1,{WHOLE}}}{behind}{BLANK}{}", any(names))
        };
        let ending = |end: usize| {
            let before: String = TIMES[..end].iter().map(larger).collect();
            before + &last(&TIMES[end])
        };
        let all: Vec<_> = (0..TIMES.len()).map(ending).collect();
        format!("(?:{})", all.join("|"))
    }

    fn of_kind(wanted: Kind) -> Vec<&'static str> {
        let units = UNITS.iter().filter(|(_, kind, _)| *kind == wanted);
        units.map(|(unit, ..)| *unit).collect()
    }

    /// No name has a letter that means something in a pattern.
    fn any(names: &[&str]) -> String {
        format!("(?:{})", names.join("|"))
    }

    fn anchored(pattern: &str) -> String {
        format!("^{BLANK}{pattern}{BLANK}$")
    }
}
