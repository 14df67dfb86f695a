//! HTTP/1 over one connection. Takes serialised requests, gives what came back as a response or
//! as the way it failed, and promises to hold no more of a body unasked than its start and to
//! allocate nothing per request. It is denser than the rest because it runs for every request, and what it costs is
//! subtracted from the load the generator can offer.

mod body;
mod framing;
mod head;
mod lenient;
mod malformed;
mod receiver;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};

use super::request::Prepared;
use super::response::{Kept, Received, Response};
use crate::dial::Stream;
use crate::model::Failure;
use crate::unique::Unique;
use receiver::Receiver;

/// Reads bytes as a response to HEAD or another request, and panics where it matters how they come.
pub(super) fn is_the_same_however_it_comes(bytes: &[u8]) {
    for is_head in [false, true] {
        let whole = receiver::received(is_head, [bytes]);
        let bytewise = receiver::received(is_head, bytes.chunks(1));
        assert_eq!(whole, bytewise, "the boundaries of reads decide");
    }
}

/// Bytes asked for in one read.
const READ: usize = 64 * 1024;

/// What the connections of a thread read into, one after the other: one buffer stays in the
/// processor's cache where one for each connection would not.
#[derive(Debug)]
pub(super) struct Buffer(RefCell<Box<[u8]>>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(RefCell::new(vec![0; READ].into()))
    }
}

/// An open connection with at most one request in flight.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    receiver: Receiver,
    /// A request whose values differ each time; empty where none does.
    unique: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            receiver: Receiver::new(),
            unique: Vec::new(),
        }
    }

    /// Sends a request and receives its response; after a failure the connection is of no use.
    pub(super) async fn exchange(
        &mut self,
        request: &Prepared,
        kept: Option<&mut Kept>,
        buffer: &Buffer,
    ) -> Result<Response, Failure> {
        self.receiver.begin(request.is_head);
        let sent = if request.unique.is_empty() {
            self.send(&request.http1).await
        } else {
            self.send_unique(request).await
        };
        match sent {
            Ok(()) => self.receive(kept, buffer).await,
            Err(_) => Box::pin(self.refused(kept, buffer)).await,
        }
    }

    /// Whether the server ended the connection while no request was in flight, or spoke unasked:
    /// what comes then is no response to the next request (RFC 9112, section 9.5).
    pub(super) async fn is_over(&mut self, buffer: &Buffer) -> bool {
        if self.stream.has_news() {
            // The runtime hears of it when it is given a turn.
            tokio::task::yield_now().await;
        }
        poll_fn(|context| Poll::Ready(self.look(context, buffer))).await
    }

    fn look(&mut self, context: &mut Context<'_>, buffer: &Buffer) -> bool {
        let mut buffer = buffer.0.borrow_mut();
        loop {
            let mut space = ReadBuf::new(&mut buffer);
            let read = match Pin::new(&mut self.stream).poll_read(context, &mut space) {
                Poll::Pending => return false,
                Poll::Ready(read) => read,
            };
            let bytes = space.filled();
            if read.is_err() || bytes.is_empty() || !self.receiver.passes_over(bytes) {
                return true;
            }
        }
    }

    /// What came of the response so far.
    pub(super) fn so_far(&self) -> Received {
        self.receiver.so_far()
    }

    async fn send_unique(&mut self, request: &Prepared) -> io::Result<()> {
        let mut own = std::mem::take(&mut self.unique);
        own.clear();
        own.extend_from_slice(&request.http1);
        request.unique.fill(&mut own, Unique::next());
        let sent = self.send(&own).await;
        self.unique = own;
        sent
    }

    async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await?;
        if matches!(self.stream, Stream::Tls(_)) {
            self.stream.flush().await?;
        }
        Ok(())
    }

    /// What a server says that did not read the whole request, if it says anything.
    async fn refused(
        &mut self,
        kept: Option<&mut Kept>,
        buffer: &Buffer,
    ) -> Result<Response, Failure> {
        match self.receive(kept, buffer).await {
            Ok(response) => Ok(Response {
                keep_alive: false,
                ..response
            }),
            Err(Failure::Reset | Failure::Closed) => Err(Failure::Write),
            Err(failure) => Err(failure),
        }
    }

    async fn receive(
        &mut self,
        mut kept: Option<&mut Kept>,
        buffer: &Buffer,
    ) -> Result<Response, Failure> {
        poll_fn(|context| self.poll_receive(context, kept.as_deref_mut(), buffer)).await
    }

    /// Reads as long as there is something to read; the buffer is free again in between.
    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        mut kept: Option<&mut Kept>,
        buffer: &Buffer,
    ) -> Poll<Result<Response, Failure>> {
        let mut buffer = buffer.0.borrow_mut();
        loop {
            let mut space = ReadBuf::new(&mut buffer);
            let read = Pin::new(&mut self.stream).poll_read(context, &mut space);
            if ready!(read).is_err() {
                return Poll::Ready(Err(self.receiver.cut_off(Failure::Reset)));
            }
            let bytes = space.filled();
            if bytes.is_empty() {
                return Poll::Ready(self.receiver.end());
            }
            let advanced = self.receiver.advance(bytes, kept.as_deref_mut());
            if let Some(response) = advanced.map_err(|_| Failure::Unparsable)? {
                return Poll::Ready(Ok(response));
            }
        }
    }

    /// Bytes received since the last call.
    pub(super) fn take_received(&mut self) -> u64 {
        self.receiver.take_received()
    }
}
