//! Readiness by a real request: a log line says nothing about the mapped port.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::Error;
use crate::dial::Dialer;
use crate::model::Origin;

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// Most bytes of an answer.
const LARGEST: usize = 16 << 20;
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
pub(super) async fn get(origin: &Origin, dialer: &Dialer, path: &str) -> Result<(), String> {
    let status = status(origin, dialer, path)
        .await
        .map_err(|error| in_full(&*error))?;
    let good = status.is_success() || status.is_redirection();
    if good {
        Ok(())
    } else {
        Err(format!("status {status}"))
    }
}

type Problem = Box<dyn std::error::Error + Send + Sync>;

async fn status(origin: &Origin, dialer: &Dialer, path: &str) -> Result<StatusCode, Problem> {
    let stream = TokioIo::new(dialer.open().await?);
    let request = Request::get(path);
    if origin.transport.http2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        let url = format!("{}://{}{path}", origin.scheme(), origin.authority);
        let request = request.uri(url).body(Empty::<Bytes>::new())?;
        answer(connection, sender.send_request(request)).await
    } else {
        let (mut sender, connection) = http1::handshake(stream).await?;
        let request = request.header(header::HOST, &origin.authority);
        let request = request.body(Empty::<Bytes>::new())?;
        answer(connection, sender.send_request(request)).await
    }
}

/// Reads a response to its end while the connection is driven.
async fn answer(
    connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
) -> Result<StatusCode, Problem> {
    let connection = tokio::spawn(connection);
    let response = response.await?;
    let status = response.status();
    Limited::new(response.into_body(), LARGEST)
        .collect()
        .await?;
    connection.abort();
    Ok(status)
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
