//! Header fields → the end of the message, and whether the connection lasts.

use super::body::Body;
use super::malformed::Malformed;
use crate::coding::Coding;
use crate::load::response::Leniences;

const NO_NUMBER: Malformed = Malformed("a Content-Length that is no number");

/// A complete head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// Its length in bytes.
    pub(super) length: usize,
    pub(super) status: u16,
    pub(super) body: Body,
    /// Whether another request may follow on the connection.
    pub(super) keep_alive: bool,
    pub(super) coding: Coding,
    /// What was overlooked to read it.
    pub(super) leniences: Leniences,
}

/// What the header fields say about the end of the message, RFC 9112, sections 6.3 and 9.3.
pub(super) struct Framing {
    version: u8,
    length: Option<u64>,
    /// Whether the last transfer coding is `chunked`; none without transfer codings.
    chunked: Option<bool>,
    close: bool,
    keep_alive: bool,
    coding: Coding,
}

impl Framing {
    pub(super) fn new(version: u8) -> Self {
        Self {
            version,
            length: None,
            chunked: None,
            close: false,
            keep_alive: false,
            coding: Coding::Identity,
        }
    }

    pub(super) fn read(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        // The lengths differ, so that most fields cost one comparison of numbers.
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length") => self.content_length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                self.transfer_encoding(value);
                Ok(())
            }
            16 if name.eq_ignore_ascii_case("content-encoding") => {
                self.coding = list(value).fold(self.coding, Coding::and);
                Ok(())
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                self.connection(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Repeated lengths are one as long as they agree.
    fn content_length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        for length in list(value) {
            let length = decimal(length).ok_or(NO_NUMBER)?;
            if *self.length.get_or_insert(length) != length {
                return Err(Malformed("two lengths in Content-Length"));
            }
        }
        self.length.map(|_| ()).ok_or(NO_NUMBER)
    }

    /// `identity`, which RFC 2616 had, leaves the message as it is: it is no coding.
    fn transfer_encoding(&mut self, value: &[u8]) {
        let is_coding = |name: &&[u8]| !name.eq_ignore_ascii_case(b"identity");
        if let Some(last) = list(value).filter(is_coding).last() {
            self.chunked = Some(last.eq_ignore_ascii_case(b"chunked"));
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for option in list(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// The head of so many bytes.
    pub(super) fn settle(self, status: u16, is_head: bool, length: usize) -> Head {
        let body = match (status, self.chunked, self.length) {
            (100..=199 | 204 | 304, _, _) => Body::empty(),
            _ if is_head => Body::empty(),
            (_, Some(true), _) => Body::chunked(),
            (_, None, Some(length)) => Body::of_length(length),
            (_, Some(false), _) | (_, None, None) => Body::until_close(),
        };
        // HTTP/1.0 has no transfer codings: a message that has one is the connection's last.
        let lasts = match self.version {
            0 => self.keep_alive && self.chunked.is_none(),
            _ => true,
        };
        let keep_alive = lasts && !self.close && !body.ends_by_close();
        Head {
            length,
            status,
            body,
            keep_alive,
            coding: self.coding,
            leniences: Leniences::default(),
        }
    }
}

/// The elements of a comma-separated field value, without empty ones.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
