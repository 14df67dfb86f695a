//! One response as it arrives. Takes received bytes in pieces of any size, gives the response
//! once it is complete, and promises the same result however the bytes were cut. It does no
//! input itself and keeps no more than an incomplete head, and the body if it is told to.

use super::body::Body;
use super::head::{Head, Malformed, Repeated};
use crate::load::response::{Kept, Response};
use crate::model::Failure;

/// Longest head, those of interim responses before it included, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// What has been received of the response on a connection.
#[derive(Debug)]
pub(super) struct Receiver {
    /// The part of a head that has come so far, if it came in pieces.
    partial: Vec<u8>,
    /// Bytes received since they were last asked for.
    received: u64,
    /// Bytes of the interim heads before this one.
    interim: usize,
    /// Whether the response has no body, whatever its head says.
    is_head: bool,
    stage: Stage,
    last: Repeated,
}

/// Receives a response to its end from pieces of any size, with its content.
pub(super) fn received<'a>(
    is_head: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Result<Response, Failure>, Kept) {
    let mut kept = Kept::default();
    let mut receiver = Receiver::new();
    receiver.begin(is_head);
    let outcome = receiver.pour(pieces, &mut kept);
    (outcome, kept)
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
            partial: Vec::new(),
            received: 0,
            interim: 0,
            is_head: false,
            stage: Stage::Silence,
            last: Repeated::default(),
        }
    }

    /// Makes ready for the next response, which to a HEAD request has no body.
    pub(super) fn begin(&mut self, is_head: bool) {
        self.partial.clear();
        self.interim = 0;
        self.is_head = is_head;
        self.stage = Stage::Silence;
    }

    /// Uses the bytes that came next; gives the response they complete. The content among them
    /// goes into `kept`, if there is one.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        kept: Option<&mut Kept>,
    ) -> Result<Option<Response>, Malformed> {
        self.received += bytes.len() as u64;
        if let Stage::Body(content) = &mut self.stage {
            return content.take(bytes, kept);
        }
        if self.partial.is_empty() {
            return self.read(bytes, kept);
        }
        let mut head = std::mem::take(&mut self.partial);
        head.extend_from_slice(bytes);
        let response = self.read(&head, kept);
        if self.partial.is_empty() {
            // Its memory serves the next head that comes in pieces.
            head.clear();
            self.partial = head;
        }
        response
    }

    /// The response that the end of the stream completes, or the way it fails.
    pub(super) fn end(&self) -> Result<Response, Failure> {
        match &self.stage {
            Stage::Body(content) if content.body.ends_by_close() => Ok(content.response()),
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

    /// Uses all pieces, and then the end of the stream.
    pub(super) fn pour<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
        kept: &mut Kept,
    ) -> Result<Response, Failure> {
        let mut complete = None;
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            if complete.is_some() {
                return Err(Failure::Unparsable);
            }
            complete = self
                .advance(piece, Some(kept))
                .map_err(|_| Failure::Unparsable)?;
        }
        complete.map_or_else(|| self.end(), Ok)
    }

    /// Bytes received since the last call.
    pub(super) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.received)
    }

    /// Reads bytes that begin with a head.
    fn read(
        &mut self,
        bytes: &[u8],
        kept: Option<&mut Kept>,
    ) -> Result<Option<Response>, Malformed> {
        let used = self.read_heads(bytes)?;
        let rest = &bytes[used..];
        match &mut self.stage {
            Stage::Body(content) => content.take(rest, kept),
            Stage::Silence | Stage::Head => {
                self.interim += used;
                if self.interim + rest.len() > MAX_HEAD {
                    return Err(Malformed);
                }
                self.partial.extend_from_slice(rest);
                Ok(None)
            }
        }
    }

    /// Reads heads up to the final one, as far as they are complete; gives their length.
    fn read_heads(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        self.stage = Stage::Head;
        let mut used = 0;
        while let Some(head) = self.last.parse(&bytes[used..], self.is_head)? {
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
}

/// The part of a response behind its head.
#[derive(Debug)]
struct Content {
    status: u16,
    keep_alive: bool,
    body: Body,
    /// Bytes of content so far.
    bytes: u64,
}

impl Content {
    fn new(head: Head) -> Self {
        Self {
            status: head.status,
            keep_alive: head.keep_alive,
            body: head.body,
            bytes: 0,
        }
    }

    /// Takes all bytes as body; bytes behind the end of the message are malformed.
    fn take(
        &mut self,
        bytes: &[u8],
        mut kept: Option<&mut Kept>,
    ) -> Result<Option<Response>, Malformed> {
        let taken = self.body.take(bytes, |content| {
            self.bytes += content.len() as u64;
            if let Some(kept) = &mut kept {
                kept.push(content);
            }
        })?;
        if taken < bytes.len() {
            return Err(Malformed);
        }
        Ok(self.body.is_complete().then(|| self.response()))
    }

    fn response(&self) -> Response {
        Response {
            status: self.status,
            body_bytes: self.bytes,
            keep_alive: self.keep_alive,
        }
    }
}
