//! Whether a response is a success. Takes what a request expects, judges its responses as they
//! come, and promises to look at every status and length, and into one body of 256; into each
//! as long as they do not match.

use std::cell::Cell;

use memchr::memmem;
use serde_json::Value;

use super::response::{Kept, Response};
use crate::model::{Expect, Failure};

/// One of so many responses has its body looked into; the first one always.
const LOOK_EVERY: u32 = 256;
/// Letters that are shown of a value found in a body.
const LONGEST_VALUE: usize = 100;

/// The expectation of one request and what this thread has seen of its responses.
#[derive(Debug)]
pub(super) struct Check {
    expect: Expect,
    /// Responses until the next look.
    until_look: Cell<u32>,
    /// Whether the last look found a body that does not match, or none.
    failing: Cell<bool>,
    /// Length of the first body.
    first: Cell<Option<u64>>,
}

/// An expectation that was missed, and what was found instead.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    pub(super) expected: Option<String>,
    pub(super) found: Option<String>,
}

impl Miss {
    fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            expected: Some(expected.into()),
            found: Some(found.into()),
        }
    }
}

impl Check {
    pub(super) fn new(expect: Expect) -> Self {
        Self {
            expect,
            until_look: Cell::new(0),
            failing: Cell::new(false),
            first: Cell::new(None),
        }
    }

    /// Where the body of the next response is to be kept, if it is to be looked into.
    pub(super) fn next_look(&self) -> Option<Kept> {
        if !self.expect.reads_bodies() {
            return None;
        }
        match self.until_look.get().checked_sub(1) {
            Some(fewer) if !self.failing.get() => {
                self.until_look.set(fewer);
                None
            }
            _ => {
                self.until_look.set(LOOK_EVERY - 1);
                Some(Kept::default())
            }
        }
    }

    /// Takes the result of a look: one that failed is made up for by the next response.
    pub(super) fn looked(&self, matched: bool) {
        self.failing.set(!matched);
    }

    pub(super) fn judge(&self, response: &Response, kept: Option<&Kept>) -> Result<(), Failure> {
        if response.status != self.expect.status {
            return Err(Failure::UnexpectedStatus);
        }
        if kept.is_some_and(|kept| self.mismatch(response, kept).is_some()) {
            return Err(Failure::BodyMismatch);
        }
        if self.has_drifted(response.body_bytes) {
            return Err(Failure::LengthDrift);
        }
        Ok(())
    }

    /// The expectation that a complete response missed, in words.
    pub(super) fn miss(
        &self,
        failure: Failure,
        response: &Response,
        kept: Option<&Kept>,
    ) -> Option<Miss> {
        match failure {
            Failure::UnexpectedStatus => Some(Miss::new(
                format!("status {}", self.expect.status),
                format!("status {}", response.status),
            )),
            Failure::BodyMismatch => self.mismatch(response, kept?),
            Failure::LengthDrift => Some(Miss::new(
                format!(
                    "at most {} % more or less than the {} bytes of the first body",
                    self.expect.max_size_drift? * 100.0,
                    self.first.get()?
                ),
                format!("{} bytes", response.body_bytes),
            )),
            _ => None,
        }
    }

    /// What a body lacks of what is looked for in it.
    fn mismatch(&self, response: &Response, kept: &Kept) -> Option<Miss> {
        let Expect { contains, json, .. } = &self.expect;
        let body = match response.coding.decode(kept.bytes(), kept.is_full()) {
            Ok(body) => body,
            Err(why) => return Some(Miss::new("a body to look into", why)),
        };
        let text = contains.as_ref();
        let text = text.filter(|text| memmem::find(&body, text.as_bytes()).is_none());
        if let Some(text) = text {
            let expected = format!("a body that contains `{text}`");
            return Some(Miss::new(
                expected,
                format!("{} bytes without it", body.len()),
            ));
        }
        if json.is_empty() {
            return None;
        }
        wrong_value(json, &body)
    }

    fn has_drifted(&self, length: u64) -> bool {
        let Some(largest) = self.expect.max_size_drift else {
            return false;
        };
        let first = self.first.get().unwrap_or(length);
        self.first.set(Some(first));
        length.abs_diff(first) as f64 > largest * first as f64
    }
}

/// The first value of a document that is not as expected.
fn wrong_value(expected: &[(String, Value)], body: &[u8]) -> Option<Miss> {
    let document = match serde_json::from_slice::<Value>(body) {
        Ok(document) => document,
        Err(error) => return Some(Miss::new("a body of JSON", format!("no JSON: {error}"))),
    };
    let mut values = expected
        .iter()
        .map(|(pointer, value)| (pointer, value, document.pointer(pointer)));
    let (pointer, value, found) = values.find(|(_, value, found)| *found != Some(*value))?;
    let found = found.map_or_else(|| "no such value".into(), shortened);
    Some(Miss::new(format!("{value} at `{pointer}`"), found))
}

/// The start of a value's text.
fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::coding::Coding;
    use crate::load::response::Leniences;

    fn response(status: u16, body_bytes: u64) -> Response {
        Response {
            status,
            body_bytes,
            keep_alive: true,
            coding: Coding::Identity,
            leniences: Leniences::default(),
        }
    }

    fn judge(expect: Expect, body: &str) -> Result<(), Failure> {
        let check = Check::new(expect);
        let mut kept = check.next_look().expect("the first body is looked into");
        kept.push(body.as_bytes());
        check.judge(&response(200, body.len() as u64), Some(&kept))
    }

    #[test]
    fn first_and_every_256th_body_is_looked_into() {
        let check = Check::new(Expect {
            contains: Some("x".into()),
            ..Expect::default()
        });
        let looks: Vec<_> = (0..600).filter(|_| check.next_look().is_some()).collect();
        assert_eq!(looks, [0, 256, 512]);
        check.looked(false);
        assert!(check.next_look().is_some() && check.next_look().is_some());
        check.looked(true);
        assert!(check.next_look().is_none());
        assert!(Check::new(Expect::default()).next_look().is_none());
    }

    #[test]
    fn text_must_be_in_the_body() {
        let expect = |text: &str| Expect {
            contains: Some(text.into()),
            ..Expect::default()
        };
        assert_eq!(judge(expect("lo wo"), "hello world"), Ok(()));
        let mismatch = Err(Failure::BodyMismatch);
        assert_eq!(judge(expect("low"), "hello world"), mismatch);
    }

    #[test]
    fn json_values_are_found_by_pointer() {
        let expect = |pointer: &str, value: Value| Expect {
            json: vec![(pointer.into(), value)],
            ..Expect::default()
        };
        let body = r#"{"items": [{"id": 7, "a/b": null}]}"#;
        for (pointer, value) in [
            ("/items/0/id", json!(7)),
            ("/items/0/a~1b", json!(null)),
            ("/items", json!([{"id": 7, "a/b": null}])),
        ] {
            assert_eq!(judge(expect(pointer, value), body), Ok(()), "{pointer}");
        }
        let mismatch = Err(Failure::BodyMismatch);
        assert_eq!(judge(expect("/items/0/id", json!(8)), body), mismatch);
        assert_eq!(judge(expect("/items/1", json!(null)), body), mismatch);
        assert_eq!(judge(expect("/a", json!(1)), "not json"), mismatch);
    }

    /// What is recorded of the first body, as it is expected and as it is.
    fn described(expect: Expect, coding: Coding, body: &[u8]) -> [String; 2] {
        let check = Check::new(expect);
        let mut kept = check.next_look().expect("the first body is looked into");
        kept.push(body);
        let response = Response {
            coding,
            ..response(200, body.len() as u64)
        };
        let failure = check.judge(&response, Some(&kept)).expect_err("a mismatch");
        let miss = check.miss(failure, &response, Some(&kept));
        let Miss { expected, found } = miss.expect("an expectation");
        [expected, found].map(|it| it.expect("words"))
    }

    #[test]
    fn a_mismatch_says_what_was_looked_for_and_what_was_found() {
        let contains = |text: &str| Expect {
            contains: Some(text.into()),
            ..Expect::default()
        };
        let json = |value: Value| Expect {
            json: vec![("/a".into(), value)],
            ..Expect::default()
        };
        let plain = |expect, body: &str| described(expect, Coding::Identity, body.as_bytes());
        assert_eq!(
            plain(contains("low"), "hello"),
            ["a body that contains `low`", "5 bytes without it"]
        );
        assert_eq!(
            plain(json(json!(1)), r#"{"a": "x"}"#),
            ["1 at `/a`", "\"x\""]
        );
        assert_eq!(plain(json(json!(1)), "{}"), ["1 at `/a`", "no such value"]);
        let [_, found] = plain(
            json(json!(1)),
            &format!(r#"{{"a": "{}"}}"#, "ü".repeat(500)),
        );
        assert_eq!(found.chars().count(), LONGEST_VALUE + 1);
        let [expected, found] = plain(json(json!(1)), "<html>");
        assert_eq!(expected, "a body of JSON");
        assert!(
            found.starts_with("no JSON: expected value at line 1"),
            "{found}"
        );
        let [_, found] = described(contains("low"), Coding::Brotli, b"hello");
        assert!(
            found.contains("send the header `Accept-Encoding: identity`"),
            "{found}"
        );
    }

    #[test]
    fn status_comes_first_and_length_is_compared_with_the_first() {
        let check = Check::new(Expect {
            max_size_drift: Some(0.1),
            ..Expect::default()
        });
        let judge = |status, length| check.judge(&response(status, length), None);
        assert_eq!(judge(500, 9), Err(Failure::UnexpectedStatus));
        assert_eq!(judge(200, 100), Ok(()));
        assert_eq!(judge(200, 110), Ok(()));
        assert_eq!(judge(200, 111), Err(Failure::LengthDrift));
        assert_eq!(judge(200, 89), Err(Failure::LengthDrift));
    }
}
