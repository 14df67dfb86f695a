//! HTTP/2 over one connection, by hyper. Takes prepared requests, gives what came back as a
//! response or as the way it failed, in the terms of HTTP/1.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;

use super::request::Prepared;
use super::response::{Excerpt, Kept, Leniences, Received, Response};
use super::unopened::Unopened;
use crate::coding::Coding;
use crate::dial::Stream;
use crate::model::{Failure, chain};

/// An open connection with at most one request in flight.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    received: Arc<AtomicU64>,
    /// Bytes received when they were last asked for.
    asked: u64,
    /// Whether the server did nothing with the request that failed.
    untouched: bool,
    so_far: SoFar,
}

/// What came of the last response.
#[derive(Debug)]
struct SoFar {
    status: Option<hyper::StatusCode>,
    coding: Coding,
    excerpt: Excerpt,
    body_bytes: u64,
    error: Option<hyper::Error>,
}

impl Connection {
    /// Begins HTTP/2 on a stream; belongs into a runtime.
    pub(super) async fn new(stream: Stream) -> Result<Self, Unopened> {
        let received = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            stream,
            received: Arc::clone(&received),
        };
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(counted));
        let (sender, connection) = handshake.await.map_err(|error| Unopened {
            failure: Failure::Connect,
            why: chain(&error),
        })?;
        let driver = tokio::spawn(async {
            // How a connection ends is seen by the request that meets with it.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            driver,
            received,
            asked: 0,
            untouched: false,
            so_far: SoFar::new(),
        })
    }

    /// Whether the server ended the connection, or said that it will (RFC 9113, section 6.8).
    pub(super) fn is_over(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request and receives its response; after a failure the connection is of no use.
    pub(super) async fn exchange(
        &mut self,
        request: &Prepared,
        kept: Option<&mut Kept>,
    ) -> Result<Response, Failure> {
        let request = request.http2();
        self.so_far.begin();
        if self.sender.ready().await.is_err() {
            self.untouched = true;
            return Err(Failure::Closed);
        }
        let answered = self.sender.send_request(request).await;
        let response = answered.map_err(|error| {
            self.untouched = is_untouched(&error);
            self.so_far.fail(error, failure_before_head)
        })?;
        self.so_far.head(&response);
        self.so_far.read(response.into_body(), kept).await?;
        Ok(Response {
            status: self.so_far.status.map_or(0, |status| status.as_u16()),
            body_bytes: self.so_far.body_bytes,
            keep_alive: true,
            coding: self.so_far.coding,
            leniences: Leniences::default(),
        })
    }

    /// What came of the response so far.
    pub(super) fn so_far(&self) -> Received {
        self.so_far.received()
    }

    /// Whether the server did nothing with the request that failed: sending it again is safe.
    pub(super) fn left_untouched(&self) -> bool {
        self.untouched
    }

    /// Bytes received since the last call.
    pub(super) fn take_received(&mut self) -> u64 {
        let received = self.received.load(Ordering::Relaxed);
        received - std::mem::replace(&mut self.asked, received)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl SoFar {
    fn new() -> Self {
        Self {
            status: None,
            coding: Coding::Identity,
            excerpt: Excerpt::new(),
            body_bytes: 0,
            error: None,
        }
    }

    fn begin(&mut self) {
        self.status = None;
        self.coding = Coding::Identity;
        self.excerpt.clear();
        self.body_bytes = 0;
        self.error = None;
    }

    fn head(&mut self, response: &hyper::Response<Incoming>) {
        self.status = Some(response.status());
        let codings = response.headers().get_all(hyper::header::CONTENT_ENCODING);
        self.coding = Coding::of_fields(codings.iter().map(hyper::header::HeaderValue::as_bytes));
    }

    /// Reads a body to its end.
    async fn read(
        &mut self,
        mut body: Incoming,
        mut kept: Option<&mut Kept>,
    ) -> Result<(), Failure> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.fail(error, failure_in_body))?;
            if let Some(data) = frame.data_ref() {
                self.body_bytes += data.len() as u64;
                self.excerpt.push(data);
                if let Some(kept) = &mut kept {
                    kept.push(data);
                }
            }
        }
        Ok(())
    }

    fn fail(&mut self, error: hyper::Error, of: fn(&hyper::Error) -> Failure) -> Failure {
        let failure = of(&error);
        self.error = Some(error);
        failure
    }

    fn received(&self) -> Received {
        Received {
            status_line: self.status.map(|status| format!("HTTP/2 {status}")),
            coding: self.coding,
            excerpt: self.excerpt.bytes().to_vec(),
            body_bytes: self.body_bytes,
            complaint: self.error.as_ref().map(|error| chain(error)),
        }
    }
}

fn failure_before_head(error: &hyper::Error) -> Failure {
    match http2_error(error) {
        Some(error) if error.is_io() => Failure::Reset,
        _ if is_untouched(error) => Failure::Closed,
        Some(error) if error.is_remote() => Failure::Reset,
        Some(_) => Failure::Unparsable,
        None => Failure::Closed,
    }
}

/// Whether the request was never sent, or the server says that it has not begun with it
/// (RFC 9113, sections 6.8 and 8.7).
fn is_untouched(error: &hyper::Error) -> bool {
    let refused = |error: &h2::Error| {
        let refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (error.is_go_away() || refused)
    };
    error.is_canceled() || http2_error(error).is_some_and(refused)
}

fn failure_in_body(error: &hyper::Error) -> Failure {
    match http2_error(error) {
        Some(error) if !error.is_io() && !error.is_remote() => Failure::Unparsable,
        _ => Failure::ClosedInBody,
    }
}

/// The protocol's own error in the chain of causes.
fn http2_error(error: &hyper::Error) -> Option<&h2::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(http2) = error.downcast_ref() {
            return Some(http2);
        }
        cause = error.source();
    }
    None
}

/// A stream that counts what it receives.
struct Counted {
    stream: Stream,
    received: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        self.received.fetch_add(count as u64, Ordering::Relaxed);
        poll
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
