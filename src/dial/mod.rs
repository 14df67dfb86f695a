//! Opening connections to a server. Takes its origin, gives byte streams, with TLS where the
//! origin asks for it, and promises that a refusal says which step failed.

mod error;
mod loopback;
mod outbound;
mod stream;
mod tls;
mod trust;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::sync::OnceCell;

pub use error::{Error, Refusal};
pub use loopback::{is_loopback, without_port};
pub use outbound::{Connector, with_port};
pub use stream::Stream;

use crate::model::{Address, Origin};
use tls::Session;

/// Opens connections to one origin.
#[derive(Debug)]
pub struct Dialer {
    address: Address,
    tls: Option<Session>,
    found: OnceCell<Found>,
}

/// The addresses of a name, which is looked up once.
#[derive(Debug)]
struct Found {
    addresses: Vec<SocketAddr>,
    /// The one that answered last, to be tried first.
    preferred: AtomicUsize,
}

impl Dialer {
    /// Reads the certificates that the origin's TLS trusts.
    pub fn new(origin: &Origin) -> Result<Self, Error> {
        let tls = origin.transport.tls.as_ref();
        Ok(Self {
            address: origin.address.clone(),
            tls: tls.map(|tls| Session::new(origin, tls)).transpose()?,
            found: OnceCell::new(),
        })
    }

    /// Opens one connection; whoever waits for it bounds the time.
    pub async fn open(&self) -> Result<Stream, Refusal> {
        let stream = match &self.address {
            Address::Tcp(host, port) => Stream::Tcp(self.tcp(host, *port).await?),
            Address::Unix(path) => Stream::Unix(unix(path).await?),
        };
        match &self.tls {
            Some(session) => session.begin(stream).await,
            None => Ok(stream),
        }
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, Refusal> {
        let found = self.found.get_or_try_init(|| Found::look_up(host, port));
        found.await?.connect().await.map_err(Refusal::Connect)
    }
}

impl Found {
    async fn look_up(host: &str, port: u16) -> Result<Self, Refusal> {
        let addresses = lookup_host((host, port)).await.map_err(Refusal::Dns)?;
        Ok(Self {
            addresses: addresses.collect(),
            preferred: AtomicUsize::new(0),
        })
    }

    /// Tries the addresses in turn, beginning with the one that answered last.
    async fn connect(&self) -> io::Result<TcpStream> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut last = io::Error::other("the name has no address");
        for step in 0..self.addresses.len() {
            let index = (first + step) % self.addresses.len();
            match connect(self.addresses[index]).await {
                Ok(stream) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
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

async fn unix(path: &Path) -> Result<UnixStream, Refusal> {
    UnixStream::connect(path).await.map_err(Refusal::Connect)
}
