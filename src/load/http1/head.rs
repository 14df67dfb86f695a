//! The head of a response. Takes the bytes received so far, gives the status, the framing of the
//! body and whether the connection lasts, and promises the same answer however the bytes came.

use std::mem::MaybeUninit;

use super::framing::{Framing, Head};
use super::lenient;
use super::malformed::{Malformed, NO_STATUS_LINE};

/// Header fields a response may have.
const MAX_FIELDS: usize = 256;

/// The head that was parsed last on a connection. The same bytes mean the same head, and servers
/// repeat themselves up to the second in `Date`; comparing costs a tenth of parsing.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    bytes: Vec<u8>,
    is_head: bool,
    head: Option<Head>,
}

impl Repeated {
    /// Parses the head of a response, to a HEAD request or another; none as long as it is
    /// incomplete.
    pub(super) fn parse(&mut self, bytes: &[u8], is_head: bool) -> Result<Option<Head>, Malformed> {
        let is_known = self.is_head == is_head && bytes.starts_with(&self.bytes);
        if is_known && self.head.is_some() {
            return Ok(self.head);
        }
        let parsed = parse(bytes, is_head)?;
        if let Some(head) = parsed {
            self.bytes.clear();
            self.bytes.extend_from_slice(&bytes[..head.length]);
            (self.is_head, self.head) = (is_head, parsed);
        }
        Ok(parsed)
    }

    /// The head's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn parse(bytes: &[u8], is_head: bool) -> Result<Option<Head>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut fields,
    );
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Malformed("more than 256 header fields"));
        }
        Err(_) => return lenient::parse(bytes, is_head),
    };
    let status = response.code.ok_or(NO_STATUS_LINE)?;
    let mut framing = Framing::new(response.version.ok_or(NO_STATUS_LINE)?);
    for field in &*response.headers {
        framing.read(field.name, field.value)?;
    }
    Ok(Some(framing.settle(status, is_head, length)))
}
