//! One response as it arrives. Takes received bytes in pieces of any size, gives the response
//! once it is complete, and promises the same result however the bytes were cut. It does no
//! input itself and keeps no more than an incomplete head.

use super::body::Body;
use super::head::{self, Head, Malformed};
use super::needle::Needle;
use crate::model::Failure;

/// Longest head, those of interim responses before it included, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// Bytes asked for in one read; grows only for a head that is longer.
const READ: usize = 16 * 1024;

/// A complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct Response {
    pub(in crate::load) status: u16,
    /// Length of the content, without its framing.
    pub(in crate::load) body_bytes: u64,
    /// Whether another request may follow on the connection.
    pub(in crate::load) keep_alive: bool,
    /// Whether a text was looked for in the body and is not there.
    pub(in crate::load) lacks_text: bool,
}

/// What has been received of the response on a connection.
#[derive(Debug)]
pub(super) struct Receiver {
    buffer: Vec<u8>,
    /// Bytes of the buffer that are received and not yet used.
    filled: usize,
    /// Bytes received since they were last asked for.
    received: u64,
    /// Bytes of the interim heads before this one.
    interim: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Silence,
    Head,
    Body(Content),
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; READ],
            filled: 0,
            received: 0,
            interim: 0,
            stage: Stage::Silence,
        }
    }

    /// Makes ready for the next response.
    pub(super) fn begin(&mut self) {
        self.filled = 0;
        self.interim = 0;
        self.stage = Stage::Silence;
    }

    /// Where the next bytes are to be read into; never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    /// Uses the next `count` bytes, which are in the space; gives the response they complete.
    pub(super) fn advance(
        &mut self,
        count: usize,
        needle: Option<&Needle>,
    ) -> Result<Option<Response>, Malformed> {
        self.received += count as u64;
        self.filled += count;
        let used = match self.stage {
            Stage::Silence | Stage::Head => self.read_heads()?,
            Stage::Body(_) => 0,
        };
        match &mut self.stage {
            Stage::Silence | Stage::Head => self.keep_rest(used).map(|()| None),
            Stage::Body(content) => {
                let bytes = &self.buffer[used..self.filled];
                self.filled = 0;
                content.take(bytes, needle)
            }
        }
    }

    /// The response that the end of the stream completes, or the way it fails.
    pub(super) fn end(&self, needle: Option<&Needle>) -> Result<Response, Failure> {
        match &self.stage {
            Stage::Body(content) if content.body.ends_by_close() => Ok(content.response(needle)),
            _ => Err(self.cut_off(Failure::Closed)),
        }
    }

    /// The way a response fails when the stream breaks here; `silent` before its first byte.
    pub(super) fn cut_off(&self, silent: Failure) -> Failure {
        match self.stage {
            Stage::Silence => silent,
            Stage::Head => Failure::ClosedInHead,
            Stage::Body(_) => Failure::ClosedInBody,
        }
    }

    /// Bytes received since the last call.
    pub(super) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.received)
    }

    /// Reads heads up to the final one, as far as they are complete; gives their length.
    fn read_heads(&mut self) -> Result<usize, Malformed> {
        self.stage = Stage::Head;
        let mut used = 0;
        while let Some(head) = head::parse(&self.buffer[used..self.filled])? {
            used += head.length;
            if self.interim + used > MAX_HEAD {
                return Err(Malformed);
            }
            match head.status {
                // Nothing asked for another protocol.
                0..=99 | 101 => return Err(Malformed),
                100..=199 => {}
                _ => {
                    self.stage = Stage::Body(Content::new(head));
                    break;
                }
            }
        }
        Ok(used)
    }

    /// Keeps the incomplete head behind `used` bytes of interim heads, and room for more of it.
    fn keep_rest(&mut self, used: usize) -> Result<(), Malformed> {
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        self.interim += used;
        if self.interim + self.filled > MAX_HEAD {
            return Err(Malformed);
        }
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        Ok(())
    }
}

/// The part of a response behind its head: counted and searched, not kept.
#[derive(Debug)]
struct Content {
    status: u16,
    keep_alive: bool,
    body: Body,
    /// Bytes of content so far.
    bytes: u64,
    /// How much of the text looked for matches at the end of them.
    matched: usize,
}

impl Content {
    fn new(head: Head) -> Self {
        Self {
            status: head.status,
            keep_alive: head.keep_alive,
            body: head.body,
            bytes: 0,
            matched: 0,
        }
    }

    /// Takes all bytes as body; bytes behind the end of the message are malformed.
    fn take(
        &mut self,
        bytes: &[u8],
        needle: Option<&Needle>,
    ) -> Result<Option<Response>, Malformed> {
        let taken = self.body.take(bytes, |content| {
            self.bytes += content.len() as u64;
            if let Some(needle) = needle {
                self.matched = needle.search(self.matched, content);
            }
        })?;
        if taken < bytes.len() {
            return Err(Malformed);
        }
        Ok(self.body.is_complete().then(|| self.response(needle)))
    }

    fn response(&self, needle: Option<&Needle>) -> Response {
        Response {
            status: self.status,
            body_bytes: self.bytes,
            keep_alive: self.keep_alive,
            lacks_text: needle.is_some_and(|needle| !needle.is_found(self.matched)),
        }
    }
}
