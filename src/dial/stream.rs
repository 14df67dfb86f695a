use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

/// Bytes to and from a server.
#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Its writes reach the server only when flushed.
    Tls(Box<TlsStream<Stream>>),
}

/// The same call on whichever stream it is.
macro_rules! on_inner {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($inner) => $call,
            Stream::Unix($inner) => $call,
            Stream::Tls($inner) => $call,
        }
    };
}

impl Stream {
    /// Whether the kernel holds bytes, an end or an error that nobody has read, by asking it: the
    /// runtime may not have heard of it yet.
    pub fn has_news(&self) -> bool {
        let at_once = Timespec::default();
        let mut socket = [match self {
            Self::Tcp(stream) => PollFd::new(stream, PollFlags::IN),
            Self::Unix(stream) => PollFd::new(stream, PollFlags::IN),
            Self::Tls(session) => return session.get_ref().0.has_news(),
        }];
        poll(&mut socket, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_tls = matches!(*self, Self::Tls(_));
        match on_inner!(self, inner => Pin::new(inner).poll_read(context, buffer)) {
            // Many servers end a session by closing the connection alone. Where a message ends is said
            // by its length, or by the connection; nobody is to be protected from its being cut here.
            Poll::Ready(Err(error)) if is_tls && error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            read => read,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_inner!(self, inner => Pin::new(inner).poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_inner!(self, inner => Pin::new(inner).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_inner!(self, inner => Pin::new(inner).poll_shutdown(context))
    }
}
