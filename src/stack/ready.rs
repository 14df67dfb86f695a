//! Readiness by a real request: a log line says nothing about the mapped port.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Error;

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What is waited for.
pub(super) struct Wait<'a> {
    pub(super) name: &'a str,
    pub(super) what: String,
    pub(super) within: Duration,
}

impl Wait<'_> {
    /// Asks until the answer is good; gives up when `ended` has an error to tell, or with the
    /// last answer when the time is up.
    pub(super) async fn until(
        &self,
        mut ask: impl AsyncFnMut() -> Result<(), String>,
        mut ended: impl AsyncFnMut() -> Result<Option<Error>, Error>,
        output: impl AsyncFnOnce() -> String,
    ) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            let answer = tokio::time::timeout(ANSWER, ask()).await;
            let last = match answer {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(last)) => last,
                Err(_) => format!("no answer within {ANSWER:?}"),
            };
            if let Some(error) = ended().await? {
                return Err(error);
            }
            if start.elapsed() >= self.within {
                return Err(Error::NotReady {
                    name: self.name.to_owned(),
                    what: self.what.clone(),
                    within: self.within,
                    last,
                    output: output().await,
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// One GET; good below status 400.
pub(super) async fn get(address: SocketAddr, host: &str, path: &str) -> Result<(), String> {
    let status = status(address, host, path)
        .await
        .map_err(|error| error.to_string())?;
    let good = status.is_success() || status.is_redirection();
    if good {
        Ok(())
    } else {
        Err(format!("status {status}"))
    }
}

async fn status(
    address: SocketAddr,
    host: &str,
    path: &str,
) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, host)
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    connection.abort();
    Ok(status)
}
