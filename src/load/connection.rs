//! An open connection, whichever protocol it speaks.

use super::http1::Buffer;
use super::request::Prepared;
use super::response::{Kept, Received, Response};
use super::unopened::Unopened;
use super::{http1, http2};
use crate::dial::Stream;
use crate::model::Failure;

/// An open connection with at most one request in flight.
#[derive(Debug)]
pub(super) enum Connection {
    Http1(http1::Connection),
    Http2(http2::Connection),
}

impl Connection {
    /// Begins to speak HTTP on a stream.
    pub(super) async fn new(stream: Stream, http2: bool) -> Result<Self, Unopened> {
        Ok(if http2 {
            Self::Http2(http2::Connection::new(stream).await?)
        } else {
            Self::Http1(http1::Connection::new(stream))
        })
    }

    /// Whether the server ended the connection while no request was in flight.
    pub(super) async fn is_over(&mut self, buffer: &Buffer) -> bool {
        match self {
            Self::Http1(connection) => connection.is_over(buffer).await,
            Self::Http2(connection) => connection.is_over(),
        }
    }

    /// Sends a request and receives its response; after a failure the connection is of no use.
    pub(super) async fn exchange(
        &mut self,
        request: &Prepared,
        kept: Option<&mut Kept>,
        buffer: &Buffer,
    ) -> Result<Response, Failure> {
        match self {
            Self::Http1(connection) => connection.exchange(request, kept, buffer).await,
            Self::Http2(connection) => Box::pin(connection.exchange(request, kept)).await,
        }
    }

    /// Whether the server did nothing with the request that failed: sending it again is safe.
    pub(super) fn left_untouched(&self) -> bool {
        match self {
            Self::Http1(_) => false,
            Self::Http2(connection) => connection.left_untouched(),
        }
    }

    /// What came of the response so far.
    pub(super) fn so_far(&self) -> Received {
        match self {
            Self::Http1(connection) => connection.so_far(),
            Self::Http2(connection) => connection.so_far(),
        }
    }

    /// Bytes received since the last call.
    pub(super) fn take_received(&mut self) -> u64 {
        match self {
            Self::Http1(connection) => connection.take_received(),
            Self::Http2(connection) => connection.take_received(),
        }
    }
}
