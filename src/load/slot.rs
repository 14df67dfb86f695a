//! One connection at work. Takes the worker it belongs to and perhaps an open connection,
//! records one request after the other until the window closes, and promises that each of them
//! is recorded once, whatever becomes of it.

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::first_failure::Failed;
use super::request::Prepared;
use super::response::{Kept, Response};
use super::scheduled_request::ScheduledRequest;
use super::watch::{GivenUp, Watch};
use super::worker::Worker;
use crate::model::Failure;

/// Pause of the closed loop after a request that the server gave no sign of life for, so that a
/// dead server is not called in a spin.
const BACK_OFF: Duration = Duration::from_millis(10);

/// The connection of a slot, which it has from one window to the next.
pub(super) struct Line {
    pub(super) connection: Option<Connection>,
    /// Whether there never was one.
    pub(super) is_new: bool,
}

/// One request at a time on one connection, which is replaced when it ends.
pub(super) struct Slot {
    worker: Rc<Worker>,
    watch: Rc<Watch>,
    connection: Option<Connection>,
    /// Whether the slot never had a connection.
    is_new: bool,
    /// Why the last connection could not be opened.
    refusal: Option<String>,
}

impl Slot {
    pub(super) fn new(worker: Rc<Worker>, line: Line) -> Self {
        Self {
            worker,
            watch: Rc::new(Watch::new()),
            connection: line.connection,
            is_new: line.is_new,
            refusal: None,
        }
    }

    pub(super) fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.watch)
    }

    /// Runs until the window closes and the last request is over.
    pub(super) async fn run(mut self) -> Line {
        let watch = self.watch();
        let mut free = Instant::now();
        while let Some(scheduled) = self.worker.next_scheduled(free).await {
            free = self.take(&watch, scheduled).await;
        }
        Line {
            connection: self.connection,
            is_new: self.is_new,
        }
    }

    /// Makes one request; gives the instant since when the slot is free.
    async fn take(&mut self, watch: &Watch, scheduled: ScheduledRequest) -> Instant {
        let in_window = self.worker.is_open(scheduled.starts);
        self.worker.recorder().started(&scheduled, in_window);
        watch.begin(scheduled.starts);
        let mut kept = self.worker.check(&scheduled).next_look();
        let ended = {
            let attempt = pin!(self.attempt(&scheduled, kept.as_mut()));
            watch.until_given_up(attempt).await
        };
        let outcome = match ended {
            Ok(outcome) => outcome,
            Err(GivenUp::Overdue) => Err(self.overdue()),
            Err(GivenUp::Over) => {
                self.close();
                self.worker.recorder().unfinished();
                return Instant::now();
            }
        };
        let now = Instant::now();
        self.record(&scheduled, outcome, kept.as_ref(), now);
        match outcome {
            Err(failure) if is_silent(failure) && scheduled.due.is_none() => self.back_off().await,
            // Looking into a body took time that is not the next request's.
            _ if kept.is_some() => Instant::now(),
            _ => now,
        }
    }

    /// Sends the request, on a new connection if there is none. When the connection turns out to
    /// be closed already, sends it again on a new one and leaves the start as it was; but not a
    /// request that the server might then carry out twice.
    async fn attempt(
        &mut self,
        scheduled: &ScheduledRequest,
        mut kept: Option<&mut Kept>,
    ) -> Result<Response, Failure> {
        let worker = Rc::clone(&self.worker);
        let request = worker.request(scheduled);
        self.leave_if_over(scheduled, request).await;
        let was_open = self.connection.is_some();
        if let Some(connection) = &mut self.connection {
            let outcome = connection
                .exchange(request, kept.as_deref_mut(), worker.buffer())
                .await;
            let is_safe = request.is_idempotent || connection.left_untouched();
            if !outcome.is_err_and(is_silent) || !is_safe {
                return outcome;
            }
            worker.recorder().closed_by_server();
            self.close();
        }
        // On the heap, as is all that is rare: the future of a slot stays small.
        let connection = Box::pin(self.connect()).await?;
        if !was_open {
            self.watch.begin(Instant::now());
        }
        let connection = self.connection.insert(connection);
        connection.exchange(request, kept, worker.buffer()).await
    }

    /// Leaves a connection that the server ended while it was idle, before the request is written
    /// that would be lost on it. In the closed loop no connection is idle for long, and a request
    /// that may be sent again needs no look.
    async fn leave_if_over(&mut self, scheduled: &ScheduledRequest, request: &Prepared) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let looks = scheduled.due.is_some() || !request.is_idempotent;
        if looks && connection.is_over(self.worker.buffer()).await {
            self.worker.recorder().closed_by_server();
            self.close();
        }
    }

    async fn connect(&mut self) -> Result<Connection, Failure> {
        let start = Instant::now();
        let opened = self.worker.connect().await;
        let connection = opened.map_err(|refusal| {
            self.refusal = Some(refusal.why);
            refusal.failure
        })?;
        let mut recorder = self.worker.recorder();
        recorder.connected(start.elapsed());
        if !std::mem::take(&mut self.is_new) {
            recorder.reconnected();
        }
        Ok(connection)
    }

    fn record(
        &mut self,
        scheduled: &ScheduledRequest,
        outcome: Result<Response, Failure>,
        kept: Option<&Kept>,
        now: Instant,
    ) {
        let keeps = outcome.is_ok_and(|response| response.keep_alive);
        let in_window = self.worker.time_in_window(now);
        let waited = self.watch.waited(now);
        let verdict = self.judge(scheduled, outcome, kept, waited);
        if let Err(failure) = verdict {
            self.note_failure(scheduled, failure, outcome.ok(), kept, now);
        }
        let mut recorder = self.worker.recorder();
        if let Ok(response) = &outcome {
            recorder.response(response);
            if !response.keep_alive {
                recorder.closed_by_server();
            }
        }
        match scheduled.due {
            None => recorder.completed(verdict, waited, in_window),
            Some(due) => {
                let latency = now.saturating_duration_since(due);
                recorder.completed(verdict, latency, in_window);
                recorder.served(waited);
                if let Some(share) = self.worker.share_of_ramp(due) {
                    recorder.stepped(share, latency);
                }
            }
        }
        drop(recorder);
        self.worker.report_when_due(now);
        if keeps {
            self.count_received();
        } else {
            self.close();
        }
    }

    fn judge(
        &self,
        scheduled: &ScheduledRequest,
        outcome: Result<Response, Failure>,
        kept: Option<&Kept>,
        waited: Duration,
    ) -> Result<(), Failure> {
        let check = self.worker.check(scheduled);
        let verdict = outcome.and_then(|response| {
            if self.worker.is_overdue(waited) {
                return Err(Failure::Timeout);
            }
            check.judge(&response, kept)
        });
        if kept.is_some() {
            check.looked(verdict.is_ok());
        }
        verdict
    }

    /// Keeps what came back, where the request is the first of its thread that failed.
    fn note_failure(
        &self,
        scheduled: &ScheduledRequest,
        kind: Failure,
        response: Option<Response>,
        kept: Option<&Kept>,
        now: Instant,
    ) {
        if self.worker.recorder().has_failed() {
            return;
        }
        let received = self.connection.as_ref().map(Connection::so_far);
        let check = self.worker.check(scheduled);
        let failed = Failed {
            kind,
            request: self.worker.request(scheduled).name(),
            after: self.worker.since_open(now),
            waited: self.watch.waited(now),
            timeout: self.worker.timeout(),
            received: received.unwrap_or_default(),
            miss: response.and_then(|it| check.miss(kind, &it, kept)),
            refusal: self
                .refusal
                .as_deref()
                .filter(|_| self.connection.is_none()),
        };
        self.worker.recorder().failed_first(failed.describe());
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
        Failure::Dns
        | Failure::ConnectRefused
        | Failure::ConnectTimeout
        | Failure::OutOfPorts
        | Failure::OutOfFiles
        | Failure::Connect
        | Failure::Tls
        | Failure::Write
        | Failure::Reset
        | Failure::Closed => true,
        Failure::ClosedInHead
        | Failure::ClosedInBody
        | Failure::Unparsable
        | Failure::Timeout
        | Failure::UnexpectedStatus
        | Failure::BodyMismatch
        | Failure::LengthDrift => false,
    }
}
