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

    /// What a look came to: one that failed is made up for by the next response.
    pub(super) fn looked(&self, matched: bool) {
        self.failing.set(!matched);
    }

    pub(super) fn judge(&self, response: &Response, kept: Option<&Kept>) -> Result<(), Failure> {
        if response.status != self.expect.status {
            return Err(Failure::UnexpectedStatus);
        }
        if kept.is_some_and(|kept| !self.matches(kept)) {
            return Err(Failure::BodyMismatch);
        }
        if self.has_drifted(response.body_bytes) {
            return Err(Failure::LengthDrift);
        }
        Ok(())
    }

    fn matches(&self, kept: &Kept) -> bool {
        let Expect { contains, json, .. } = &self.expect;
        let has_text = contains
            .as_ref()
            .is_none_or(|text| memmem::find(kept.bytes(), text.as_bytes()).is_some());
        has_text && (json.is_empty() || has_values(json, kept))
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

fn has_values(expected: &[(String, Value)], kept: &Kept) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(kept.bytes()) else {
        return false;
    };
    expected
        .iter()
        .all(|(pointer, value)| document.pointer(pointer) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(status: u16, body_bytes: u64) -> Response {
        Response {
            status,
            body_bytes,
            keep_alive: true,
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
