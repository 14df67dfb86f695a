//! `{random:FROM..TO}` in requests → requests with numbers drawn for it.

use std::ops::RangeInclusive;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::Error;
use super::data::MOST_BYTES;
use super::resolve::Resolver;
use crate::model::Request;

const OPENS: &str = "{random:";
/// Requests that one becomes which has no rows of its own.
const DRAWS: usize = 1000;
/// The same numbers in every run, and so for both sides.
const SEED: u64 = 1;

impl Resolver<'_> {
    /// Requests with a number in place of every `{random:FROM..TO}`, each many times where nothing else
    /// makes them differ.
    pub(super) fn with_random(
        &self,
        requests: Vec<Request>,
        has_rows: bool,
        span: &std::ops::Range<usize>,
    ) -> Result<Vec<Request>, Error> {
        let mut is_random = false;
        for request in &requests {
            for text in request.texts() {
                for (written, range) in ranges(text) {
                    is_random = true;
                    if range.is_none() {
                        return Err(self.spans.invalid(
                            span,
                            format!("`{written}` is no range of whole numbers"),
                            Some("write {random:1..100}; both ends are drawn as well".into()),
                        ));
                    }
                }
            }
        }
        if !is_random {
            return Ok(requests);
        }
        let mut random = StdRng::seed_from_u64(SEED);
        let times = if has_rows { 1 } else { times(&requests) };
        let mut requests_drawn = Vec::with_capacity(times * requests.len());
        for _ in 0..times {
            let of_request = |it: &Request| it.with_texts(|text| filled(text, &mut random));
            requests_drawn.extend(requests.iter().map(of_request));
        }
        Ok(requests_drawn)
    }
}

/// How often each request is drawn: fewer times where they are so large that all would take too much memory.
fn times(requests: &[Request]) -> usize {
    let size = |it: &Request| it.path.len() + it.body.len();
    let bytes: usize = requests.iter().map(size).sum();
    let most = MOST_BYTES / bytes.max(1);
    DRAWS.div_ceil(requests.len().max(1)).min(most).max(1)
}

/// What is written for each, and its range; `None` if that is none.
fn ranges(text: &str) -> impl Iterator<Item = (&str, Option<RangeInclusive<i64>>)> {
    text.match_indices(OPENS).map(|(start, _)| {
        let end = text[start..]
            .find('}')
            .map_or(text.len(), |end| start + end + 1);
        let written = &text[start..end];
        let range = written[OPENS.len()..].strip_suffix('}');
        (written, range.and_then(range_of))
    })
}

fn range_of(text: &str) -> Option<RangeInclusive<i64>> {
    let (from, to) = text.split_once("..")?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some(from..=to)
}

fn filled(text: &str, random: &mut StdRng) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(OPENS) {
        let Some((written, Some(range))) = ranges(&rest[start..]).next() else {
            break;
        };
        filled.push_str(&rest[..start]);
        filled.push_str(&random.random_range(range).to_string());
        rest = &rest[start + written.len()..];
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_gets_a_number_within_it() {
        let mut random = StdRng::seed_from_u64(SEED);
        for _ in 0..100 {
            let text = filled(
                "/a/{random:1..3}/b?x={random:-5..-5}&y={other}",
                &mut random,
            );
            let number = text
                .strip_prefix("/a/")
                .and_then(|rest| rest.strip_suffix("/b?x=-5&y={other}"))
                .and_then(|number| number.parse::<i64>().ok());
            assert!(number.is_some_and(|it| (1..=3).contains(&it)), "{text}");
        }
    }

    #[test]
    fn large_requests_are_drawn_less_often() {
        let request = |bytes: usize| Request {
            body: vec![b'x'; bytes],
            ..Request::get("/")
        };
        assert_eq!(times(&[request(10)]), DRAWS);
        assert_eq!(times(&[request(10), request(10)]), DRAWS / 2);
        assert_eq!(times(&[request(MOST_BYTES / 4)]), 3);
        assert_eq!(times(&[request(MOST_BYTES * 2)]), 1);
    }

    #[test]
    fn what_is_no_range_is_known() {
        let is_range = |text: &str| ranges(text).next().and_then(|(_, range)| range).is_some();
        assert!(is_range("{random:0..0}"));
        for text in [
            "{random:1}",
            "{random:a..b}",
            "{random:3..1}",
            "{random:1..2",
        ] {
            assert!(!is_range(text), "{text}");
        }
    }
}
