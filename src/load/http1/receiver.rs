//! One response as it arrives. Takes received bytes in pieces of any size, gives the response
//! once it is complete, and promises the same result however the bytes were cut. It does no
//! input itself and keeps no more than an incomplete head and the start of the body, or all of it if
//! its caller says.

use super::body::Body;
use super::framing::Head;
use super::head::Repeated;
use super::malformed::Malformed;
use crate::coding::Coding;
use crate::load::response::{Excerpt, Kept, Leniences, Received, Response};
use crate::model::{Failure, Lenience};

/// Longest head, those of interim responses before it included, in bytes.
const MAX_HEAD: usize = 64 * 1024;
const TOO_LONG: Malformed = Malformed("a head longer than 64 KiB");

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
    /// The start of the body, or of what is no response.
    excerpt: Excerpt,
    /// What is wrong with the response.
    complaint: Option<&'static str>,
    /// What was overlooked before its head.
    leniences: Leniences,
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
            excerpt: Excerpt::new(),
            complaint: None,
            leniences: Leniences::default(),
        }
    }

    /// Makes ready for the next response, which to a HEAD request has no body.
    pub(super) fn begin(&mut self, is_head: bool) {
        self.partial.clear();
        self.interim = 0;
        self.is_head = is_head;
        self.stage = Stage::Silence;
        self.excerpt.clear();
        self.complaint = None;
    }

    /// Uses the bytes that came next; gives the response they complete. The content among them
    /// goes into `kept`, if there is one.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        kept: Option<&mut Kept>,
    ) -> Result<Option<Response>, Malformed> {
        self.received += bytes.len() as u64;
        self.read_on(bytes, kept)
            .inspect_err(|it| self.complaint = Some(it.0))
    }

    fn read_on(
        &mut self,
        bytes: &[u8],
        kept: Option<&mut Kept>,
    ) -> Result<Option<Response>, Malformed> {
        if let Stage::Body(content) = &mut self.stage {
            return content.take(bytes, kept, &mut self.excerpt);
        }
        if self.partial.is_empty() {
            let bytes = match self.stage {
                Stage::Silence if bytes.first().is_some_and(|byte| is_line_end(*byte)) => {
                    self.skip_line_ends(bytes)
                }
                _ => bytes,
            };
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

    /// Passes over empty lines before a response: some servers end a body with one that its length
    /// does not count.
    fn skip_line_ends<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let count = bytes.iter().take_while(|byte| is_line_end(**byte)).count();
        if count > 0 {
            self.leniences.note(Lenience::LineEndAfterBody);
        }
        &bytes[count..]
    }

    /// Uses bytes that came while no request was in flight; whether one may follow on the connection
    /// all the same.
    pub(super) fn passes_over(&mut self, bytes: &[u8]) -> bool {
        self.received += bytes.len() as u64;
        self.skip_line_ends(bytes).is_empty()
    }

    /// What came of the response so far.
    pub(super) fn so_far(&self) -> Received {
        let (coding, body_bytes) = match &self.stage {
            Stage::Body(content) => (content.coding, content.bytes),
            Stage::Silence | Stage::Head => (Coding::Identity, 0),
        };
        let head = match &self.stage {
            Stage::Body(_) => self.last.bytes(),
            Stage::Silence | Stage::Head => &[],
        };
        let excerpt = match &self.stage {
            Stage::Head if self.complaint.is_none() => &self.partial,
            _ => self.excerpt.bytes(),
        };
        let mut lines = head.split(|byte| is_line_end(*byte));
        let status_line = lines.find(|line| !line.is_empty());
        Received {
            status_line: status_line.map(|it| String::from_utf8_lossy(it).into_owned()),
            coding,
            excerpt: excerpt.to_vec(),
            body_bytes,
            complaint: self.complaint.map(str::to_owned),
        }
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
            if let Some(response) = &mut complete {
                self.read_behind(piece, response)?;
                continue;
            }
            complete = self
                .advance(piece, Some(kept))
                .map_err(|_| Failure::Unparsable)?;
        }
        complete.map_or_else(|| self.end(), Ok)
    }

    /// Reads what comes behind a response.
    fn read_behind(&mut self, piece: &[u8], response: &mut Response) -> Result<(), Failure> {
        if !self.passes_over(piece) {
            return Err(Failure::Unparsable);
        }
        response.leniences.note(Lenience::LineEndAfterBody);
        Ok(())
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
        if bytes.is_empty() {
            return Ok(None);
        }
        let used = self.read_heads(bytes).inspect_err(|_| {
            self.stage = Stage::Head;
            self.excerpt.push(bytes);
        })?;
        let rest = &bytes[used..];
        match &mut self.stage {
            Stage::Body(content) => content.take(rest, kept, &mut self.excerpt),
            Stage::Silence | Stage::Head => {
                self.interim += used;
                if self.interim + rest.len() > MAX_HEAD {
                    return Err(TOO_LONG);
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
                return Err(TOO_LONG);
            }
            match head.status {
                // Nothing asked for another protocol.
                0..=99 | 101 => return Err(Malformed("a status that no request asked for")),
                100..=199 => {}
                _ => {
                    let leniences = std::mem::take(&mut self.leniences);
                    self.stage = Stage::Body(Content::new(head, leniences));
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
    coding: Coding,
    leniences: Leniences,
    body: Body,
    /// Bytes of content so far.
    bytes: u64,
}

impl Content {
    /// What was overlooked before the head counts for its response.
    fn new(head: Head, before: Leniences) -> Self {
        Self {
            status: head.status,
            keep_alive: head.keep_alive,
            coding: head.coding,
            leniences: head.leniences.and(before),
            body: head.body,
            bytes: 0,
        }
    }

    /// Takes all bytes as body; bytes behind the end of the message are malformed, but for the end of
    /// a line.
    fn take(
        &mut self,
        bytes: &[u8],
        mut kept: Option<&mut Kept>,
        excerpt: &mut Excerpt,
    ) -> Result<Option<Response>, Malformed> {
        let taken = self.body.take(bytes, |content| {
            self.bytes += content.len() as u64;
            excerpt.push(content);
            if let Some(kept) = &mut kept {
                kept.push(content);
            }
        })?;
        if taken < bytes.len() {
            if !bytes[taken..].iter().all(|byte| is_line_end(*byte)) {
                return Err(Malformed("bytes behind the end of the response"));
            }
            self.leniences.note(Lenience::LineEndAfterBody);
        }
        Ok(self.body.is_complete().then(|| self.response()))
    }

    fn response(&self) -> Response {
        Response {
            status: self.status,
            body_bytes: self.bytes,
            keep_alive: self.keep_alive,
            coding: self.coding,
            leniences: self.leniences.and(self.body.leniences()),
        }
    }
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}
