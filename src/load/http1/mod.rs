//! HTTP/1 over one connection. Takes serialised requests, gives what came back as a response or
//! as the way it failed, and promises to hold no body and to allocate nothing per request. It
//! is denser than the rest because it runs for every request, and what it costs is subtracted
//! from the load the generator can offer.

mod body;
mod head;
mod needle;
mod receiver;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use rustix::io::Errno;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(super) use needle::Needle;
pub(super) use receiver::Response;

use crate::model::Failure;
use receiver::Receiver;

/// One of so many responses on a connection has its body searched; the first one always.
const SEARCH_EVERY: u32 = 256;

/// An open connection with at most one request in flight.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    receiver: Receiver,
    exchanges: u32,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = connect(address).await.map_err(|error| refusal(&error))?;
        Ok(Self {
            stream,
            receiver: Receiver::new(),
            exchanges: 0,
        })
    }

    /// Sends a request and receives its response; after a failure the connection is of no use.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        needle: Option<&Needle>,
    ) -> Result<Response, Failure> {
        let needle = needle.filter(|_| self.exchanges.is_multiple_of(SEARCH_EVERY));
        self.exchanges = self.exchanges.wrapping_add(1);
        self.receiver.begin();
        let sent = self.stream.write_all(request).await;
        sent.map_err(|_| Failure::Write)?;
        self.receive(needle).await
    }

    async fn receive(&mut self, needle: Option<&Needle>) -> Result<Response, Failure> {
        loop {
            let count = match self.stream.read(self.receiver.space()).await {
                Ok(0) => return self.receiver.end(needle),
                Ok(count) => count,
                Err(_) => return Err(self.receiver.cut_off(Failure::Reset)),
            };
            let advanced = self.receiver.advance(count, needle);
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

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // With no listener, a local port that is given out may be the very one that is called.
    if stream.local_addr()? == address {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn refusal(error: &io::Error) -> Failure {
    match (error.kind(), Errno::from_io_error(error)) {
        (_, Some(Errno::MFILE | Errno::NFILE)) => Failure::OutOfFiles,
        (ErrorKind::ConnectionRefused, _) => Failure::ConnectRefused,
        (ErrorKind::TimedOut, _) => Failure::ConnectTimeout,
        (ErrorKind::AddrNotAvailable, _) => Failure::OutOfPorts,
        _ => Failure::Connect,
    }
}
