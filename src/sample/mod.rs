//! The sample service: a small HTTP/1 server on `SQLite` with the endpoints of the Django fixture, whose faults are switched
//! on by flags. Options come in, JSON answers go out; it exists to be measured, and prints nothing.

mod database;
mod error;
mod faults;
mod health;
mod injector;
mod movies;
mod pagination;
mod routes;
mod seed;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::database::Database;
use self::routes::Service;

pub use self::error::Error;
pub use self::faults::Faults;

/// How long open connections may finish their request after the shutdown.
const GRACE: Duration = Duration::from_millis(800);

/// How long no connection is accepted after one could not be, for example because all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Where the sample service listens, what it reads, and what is wrong with it.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one
    #[arg(
        long,
        env = "SAMPLE_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:8000"
    )]
    pub listen: SocketAddr,

    /// Database file, created and filled when it holds no movies [default: a database in memory]
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,

    /// What is wrong with the service.
    #[command(flatten)]
    pub faults: Faults,
}

/// A sample service that holds its address and its database, and answers once it is served.
#[derive(Debug)]
pub struct Sample {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
}

impl Sample {
    /// Fills the database and takes the address; clients may connect from now on.
    ///
    /// # Errors
    ///
    /// When the address cannot be taken, or the database cannot be opened or filled.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let database = Database::open(options.database.as_deref())?;
        let (listener, address) = listen(options.listen).await.map_err(|source| {
            let address = options.listen;
            Error::Listen { address, source }
        })?;
        let service = Arc::new(Service::new(database, &options.faults));
        Ok(Self {
            listener,
            address,
            service,
        })
    }

    /// The address taken, with the real port when port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until the shutdown; ends within a second of it, with idle connections closed and those at work
    /// given most of that second.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let (stop, _) = watch::channel(());
        let mut connections = JoinSet::new();
        tokio::select! {
            () = shutdown => {}
            () = accept(&self.listener, &self.service, &stop, &mut connections) => {}
        }
        drop(self.listener);
        drop(stop);
        // What is still at work after the grace period is cut off when the set is dropped.
        let _ = tokio::time::timeout(GRACE, finish(connections)).await;
    }
}

/// Binds and serves: the whole life of a sample service.
///
/// # Errors
///
/// Those of [`Sample::bind`]; once bound, nothing a client does ends the service.
pub async fn serve(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    Sample::bind(options).await?.serve(shutdown).await;
    Ok(())
}

async fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn accept(
    listener: &TcpListener,
    service: &Arc<Service>,
    stop: &watch::Sender<()>,
    connections: &mut JoinSet<()>,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(service), stop.subscribe()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, service: Arc<Service>, mut stop: watch::Receiver<()>) {
    // A connection that refuses the option, or breaks while it is served, concerns nobody but its client.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request| service.answer(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn finish(mut connections: JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}
