//! What is wrong with bytes that are no response.

/// The bytes are not an HTTP/1 response; what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

pub(super) const NO_STATUS_LINE: Malformed =
    Malformed("it does not begin with HTTP/1.1 and a status");
