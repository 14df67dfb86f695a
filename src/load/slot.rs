//! The closed loop of one connection. Takes the worker it belongs to and perhaps an open
//! connection, records one request after the other until the window closes, and promises that
//! each of them is recorded once, whatever becomes of it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::http1::{Connection, Response};
use super::watch::{GivenUp, Watch};
use super::worker::Worker;
use crate::model::Failure;

/// Pause after a request that the server gave no sign of life for, so that a dead server is not
/// called in a spin.
const BACK_OFF: Duration = Duration::from_millis(10);

/// One request at a time on one connection, which is replaced when it ends.
pub(super) struct Slot {
    worker: Rc<Worker>,
    watch: Rc<Watch>,
    connection: Option<Connection>,
    /// Whether the slot never had a connection.
    is_new: bool,
}

impl Slot {
    pub(super) fn new(worker: Rc<Worker>, connection: Option<Connection>) -> Self {
        Self {
            worker,
            watch: Rc::new(Watch::new()),
            is_new: connection.is_none(),
            connection,
        }
    }

    pub(super) fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.watch)
    }

    /// Runs until the window closes and the last request is over.
    pub(super) async fn run(mut self) {
        let watch = self.watch();
        let mut now = Instant::now();
        while self.worker.is_open(now) {
            now = self.request(&watch, now).await;
        }
    }

    /// Makes one request, counted from `start`; gives the instant at which the next one may start.
    async fn request(&mut self, watch: &Watch, start: Instant) -> Instant {
        self.worker.recorder().started();
        watch.begin(start);
        let outcome = match watch.until_given_up(self.attempt()).await {
            Ok(outcome) => outcome,
            Err(GivenUp::Overdue) => Err(self.overdue()),
            Err(GivenUp::Over) => {
                self.close();
                self.worker.recorder().unfinished();
                return Instant::now();
            }
        };
        let now = Instant::now();
        self.record(outcome, watch.waited(now), now);
        match outcome {
            Err(failure) if is_silent(failure) => self.back_off().await,
            _ => now,
        }
    }

    /// Sends the request, on a new connection if there is none. When the connection turns out to
    /// be closed already, sends it again on a new one and leaves the start as it was.
    async fn attempt(&mut self) -> Result<Response, Failure> {
        let was_open = self.connection.is_some();
        if let Some(connection) = &mut self.connection {
            let outcome = self.worker.exchange(connection).await;
            if !outcome.is_err_and(is_silent) {
                return outcome;
            }
            self.close();
        }
        let connection = self.connect().await?;
        if !was_open {
            self.watch.begin(Instant::now());
        }
        let connection = self.connection.insert(connection);
        self.worker.exchange(connection).await
    }

    async fn connect(&mut self) -> Result<Connection, Failure> {
        let start = Instant::now();
        let connection = self.worker.connect().await?;
        let mut recorder = self.worker.recorder();
        recorder.connected(start.elapsed());
        if !std::mem::take(&mut self.is_new) {
            recorder.reconnected();
        }
        Ok(connection)
    }

    fn record(&mut self, outcome: Result<Response, Failure>, waited: Duration, now: Instant) {
        let keeps = outcome.is_ok_and(|response| response.keep_alive);
        let in_window = self.worker.is_open(now);
        let verdict = self.worker.judge(outcome, waited);
        let mut recorder = self.worker.recorder();
        if let Ok(response) = &outcome {
            recorder.response(response);
        }
        recorder.completed(verdict, waited, in_window);
        drop(recorder);
        self.worker.report_when_due(now);
        if keeps {
            self.count_received();
        } else {
            self.close();
        }
    }

    fn close(&mut self) {
        self.count_received();
        self.connection = None;
    }

    fn count_received(&mut self) {
        if let Some(connection) = &mut self.connection {
            self.worker.recorder().received(connection.take_received());
        }
    }

    /// What an overdue request was waiting for.
    fn overdue(&self) -> Failure {
        match self.connection {
            Some(_) => Failure::Timeout,
            None => Failure::ConnectTimeout,
        }
    }

    async fn back_off(&self) -> Instant {
        tokio::time::sleep(BACK_OFF).await;
        Instant::now()
    }
}

/// Whether a request failed before the first byte of a response.
fn is_silent(failure: Failure) -> bool {
    match failure {
        Failure::ConnectRefused
        | Failure::ConnectTimeout
        | Failure::OutOfPorts
        | Failure::OutOfFiles
        | Failure::Connect
        | Failure::Write
        | Failure::Reset
        | Failure::Closed => true,
        Failure::ClosedInHead
        | Failure::ClosedInBody
        | Failure::Unparsable
        | Failure::Timeout
        | Failure::UnexpectedStatus
        | Failure::BodyMismatch => false,
    }
}
