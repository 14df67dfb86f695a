//! Limit and offset of a page, read from the query string under the rules, and refused in the words, of django-ninja.

use std::ops::RangeInclusive;

use serde::Serialize;

const DEFAULT_LIMIT: i64 = 100;
const LIMITS: RangeInclusive<i64> = 1..=500;
const OFFSETS: RangeInclusive<i64> = 0..=i64::MAX;

/// Which rows are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Rows at most.
    pub(super) limit: i64,
    /// Rows left out before the first.
    pub(super) offset: i64,
}

/// The answer to a query string that does not name a page.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    detail: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    loc: [&'static str; 2],
    msg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Bound>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Bound {
    Ge(i64),
    Le(i64),
}

impl Page {
    /// Reads `limit` and `offset`; other parameters are left alone.
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        let limit = number(query, "limit", DEFAULT_LIMIT, &LIMITS);
        let offset = number(query, "offset", 0, &OFFSETS);
        match (limit, offset) {
            (Ok(limit), Ok(offset)) => Ok(Self { limit, offset }),
            (limit, offset) => Err(Refusal {
                detail: limit.err().into_iter().chain(offset.err()).collect(),
            }),
        }
    }
}

fn number(
    query: &str,
    name: &'static str,
    default: i64,
    range: &RangeInclusive<i64>,
) -> Result<i64, Problem> {
    let Some(text) = value(query, name) else {
        return Ok(default);
    };
    let number = text.parse().map_err(|_| Problem::not_a_number(name))?;
    if number < *range.start() {
        return Err(Problem::below(name, *range.start()));
    }
    if number > *range.end() {
        return Err(Problem::above(name, *range.end()));
    }
    Ok(number)
}

/// The last value given for a name, as Django reads it.
fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .rfind(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

impl Problem {
    fn not_a_number(name: &'static str) -> Self {
        Self {
            kind: "int_parsing",
            loc: ["query", name],
            msg: "Input should be a valid integer, unable to parse string as an integer".into(),
            ctx: None,
        }
    }

    fn below(name: &'static str, least: i64) -> Self {
        Self {
            kind: "greater_than_equal",
            loc: ["query", name],
            msg: format!("Input should be greater than or equal to {least}"),
            ctx: Some(Bound::Ge(least)),
        }
    }

    fn above(name: &'static str, most: i64) -> Self {
        Self {
            kind: "less_than_equal",
            loc: ["query", name],
            msg: format!("Input should be less than or equal to {most}"),
            ctx: Some(Bound::Le(most)),
        }
    }
}
