//! The account of the first request that failed. Takes what came back and what was expected, gives
//! both in words, and promises one line of text without anything that a terminal would obey.

use std::time::Duration;

use super::check::Miss;
use super::response::{EXCERPT, Received};
use crate::model::{Failure, FirstFailure};

/// What is known of a request that failed.
pub(super) struct Failed<'a> {
    pub(super) kind: Failure,
    /// Method and path.
    pub(super) request: String,
    /// Time since the window opened.
    pub(super) after: Duration,
    pub(super) waited: Duration,
    pub(super) timeout: Duration,
    pub(super) received: Received,
    /// The expectation that a complete response missed.
    pub(super) miss: Option<Miss>,
    /// Why there was no connection.
    pub(super) refusal: Option<&'a str>,
}

impl Failed<'_> {
    pub(super) fn describe(self) -> FirstFailure {
        let Miss { expected, found } = self.missed();
        let start = self.received.coding.decode_start(&self.received.excerpt);
        FirstFailure {
            after: self.after,
            kind: self.kind,
            request: self.request,
            body: escaped(&start[..start.len().min(EXCERPT)]),
            status_line: self
                .received
                .status_line
                .as_deref()
                .map(|it| escaped(it.as_bytes())),
            expected,
            found,
            log: String::new(),
        }
    }

    fn missed(&self) -> Miss {
        if let Some(miss) = &self.miss {
            return miss.clone();
        }
        let within = |what: &str| Some(format!("{what} within {:?}", self.timeout));
        let (expected, found) = match self.kind {
            Failure::Timeout => (within("a complete response"), Some(self.late())),
            Failure::ConnectTimeout => (within("a connection"), None),
            Failure::ClosedInBody => {
                let bytes = self.received.body_bytes;
                (
                    None,
                    Some(format!("the end after {bytes} bytes of the body")),
                )
            }
            _ => (None, None),
        };
        let complaint = self.received.complaint.as_deref().or(self.refusal);
        Miss {
            expected,
            found: found.or_else(|| complaint.map(|it| escaped(it.as_bytes()))),
        }
    }

    /// What there was of a response when its time was over.
    fn late(&self) -> String {
        match (&self.received.status_line, self.received.body_bytes) {
            (None, _) => "nothing".into(),
            (Some(_), bytes) => {
                format!(
                    "a head and {bytes} bytes of the body after {:.3?}",
                    self.waited
                )
            }
        }
    }
}

/// Bytes as text in one line; what is no text, or cannot be printed, as escape sequences.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        for letter in chunk.valid().chars() {
            match letter {
                ' '..='~' => text.push(letter),
                _ if is_printable(letter) => text.push(letter),
                _ => text.extend(letter.escape_default()),
            }
        }
        // A letter may have been cut in two at the end.
        let is_cut = chunks.peek().is_none() && bytes.len() >= EXCERPT;
        if !is_cut {
            let escapes = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
            text.extend(escapes);
        }
    }
    text
}

/// Whether a letter is shown as itself: no control character, and none that turns the direction of
/// those behind it.
fn is_printable(letter: char) -> bool {
    let turns = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    !letter.is_control() && !turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        for (bytes, text) in [
            (&b"{\"a\": 1}\r\n"[..], "{\"a\": 1}\\r\\n"),
            ("Grüße \u{1b}[31m".as_bytes(), "Grüße \\u{1b}[31m"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            (b"\xff\x00x", "\\xff\\u{0}x"),
        ] {
            assert_eq!(escaped(bytes), text);
        }
        let cut = [&[b'x'; EXCERPT - 1][..], &"ü".as_bytes()[..1]].concat();
        assert_eq!(escaped(&cut), "x".repeat(EXCERPT - 1));
    }
}
