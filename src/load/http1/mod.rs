//! HTTP/1 over one connection. Takes serialised requests, gives what came back as a response or
//! as the way it failed, and promises to hold no body unasked and to allocate nothing per
//! request. It is denser than the rest because it runs for every request, and what it costs is
//! subtracted from the load the generator can offer.

mod body;
mod head;
mod receiver;
#[cfg(test)]
mod tests;

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::request::Prepared;
use super::response::{Kept, Response};
use crate::dial::Stream;
use crate::model::Failure;
use receiver::Receiver;

/// An open connection with at most one request in flight.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    receiver: Receiver,
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            receiver: Receiver::new(),
        }
    }

    /// Sends a request and receives its response; after a failure the connection is of no use.
    pub(super) async fn exchange(
        &mut self,
        request: &Prepared,
        kept: Option<&mut Kept>,
    ) -> Result<Response, Failure> {
        self.receiver.begin(request.is_head);
        match self.send(&request.http1).await {
            Ok(()) => self.receive(kept).await,
            Err(_) => Box::pin(self.refused(kept)).await,
        }
    }

    async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await?;
        if matches!(self.stream, Stream::Tls(_)) {
            self.stream.flush().await?;
        }
        Ok(())
    }

    /// What a server says that did not read the whole request, if it says anything.
    async fn refused(&mut self, kept: Option<&mut Kept>) -> Result<Response, Failure> {
        match self.receive(kept).await {
            Ok(response) => Ok(Response {
                keep_alive: false,
                ..response
            }),
            Err(Failure::Reset | Failure::Closed) => Err(Failure::Write),
            Err(failure) => Err(failure),
        }
    }

    async fn receive(&mut self, mut kept: Option<&mut Kept>) -> Result<Response, Failure> {
        loop {
            let count = match self.stream.read(self.receiver.space()).await {
                Ok(0) => return self.receiver.end(),
                Ok(count) => count,
                Err(_) => return Err(self.receiver.cut_off(Failure::Reset)),
            };
            let advanced = self.receiver.advance(count, kept.as_deref_mut());
            if let Some(response) = advanced.map_err(|_| Failure::Unparsable)? {
                return Ok(response);
            }
        }
    }

    /// Bytes received since the last call.
    pub(super) fn take_received(&mut self) -> u64 {
        self.receiver.take_received()
    }
}
