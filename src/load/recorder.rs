//! The counts of one worker. Takes what became of each request and each connection, gives a
//! tally, and promises that a request is counted once and its waiting time never left out.

use std::time::Duration;

use super::response::Response;
use super::scheduled_request::ScheduledRequest;
use crate::model::{Failure, FirstFailure, OpenLoop, Tally};

/// Counts and histograms of one worker; allocates only for a status or failure not seen before.
#[derive(Debug)]
pub(super) struct Recorder {
    tally: Tally,
    /// Requests completed since the last look at the progress.
    unreported: u64,
    /// When the last success in the window came, since it opened, and the longest wait for one.
    last: Duration,
    longest_gap: Duration,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            tally: Tally::empty(Duration::ZERO),
            unreported: 0,
            last: Duration::ZERO,
            longest_gap: Duration::ZERO,
        }
    }

    /// A request is about to be made, its connection included.
    pub(super) fn started(&mut self, scheduled: &ScheduledRequest, in_window: bool) {
        self.tally.started += 1;
        if let Some(lag) = scheduled.lag {
            let open = self.open_loop();
            open.sent += u64::from(in_window);
            open.send_lag.saturating_record(nanoseconds(lag));
        }
    }

    /// A complete response arrived, whatever it says.
    pub(super) fn response(&mut self, response: &Response) {
        *self.tally.status.entry(response.status).or_default() += 1;
        self.tally.body_bytes += response.body_bytes;
        if !response.leniences.is_empty() {
            self.tally.leniences.extend(response.leniences.iter());
        }
    }

    /// Whether a request failed already.
    pub(super) fn has_failed(&self) -> bool {
        self.tally.first_failure.is_some()
    }

    /// How the first request that failed did.
    pub(super) fn failed_first(&mut self, failure: FirstFailure) {
        self.tally.first_failure = Some(failure);
    }

    /// The request ended, well or not; so long after the window opened, if it has not closed yet.
    pub(super) fn completed(
        &mut self,
        verdict: Result<(), Failure>,
        latency: Duration,
        in_window: Option<Duration>,
    ) {
        self.unreported += 1;
        self.tally.latency.saturating_record(nanoseconds(latency));
        match verdict {
            Ok(()) => {
                self.tally.succeeded += 1;
                if let Some(at) = in_window {
                    self.tally.succeeded_in_window += 1;
                    self.longest_gap = self.longest_gap.max(at.saturating_sub(self.last));
                    self.last = at;
                }
            }
            Err(failure) => *self.tally.errors.entry(failure).or_default() += 1,
        }
    }

    /// In the open loop, how long the request took once it was sent.
    pub(super) fn served(&mut self, service: Duration) {
        let service = nanoseconds(service);
        self.open_loop().service.saturating_record(service);
    }

    /// Of a rate that changes, the latency of a request that was due at a share of the window.
    pub(super) fn stepped(&mut self, share: f64, latency: Duration) {
        self.open_loop().record_step(share, nanoseconds(latency));
    }

    /// Requests that were due in a window of so long; those that no connection could send are unfinished.
    pub(super) fn offered(&mut self, window: Duration, offered: u64) {
        self.tally.window = window;
        let unsent = offered.saturating_sub(self.tally.started);
        self.tally.started += unsent;
        self.tally.unfinished += unsent;
        self.open_loop().offered = offered;
    }

    /// The request was still in flight when the drain was over.
    pub(super) fn unfinished(&mut self) {
        self.tally.unfinished += 1;
    }

    pub(super) fn received(&mut self, bytes: u64) {
        self.tally.bytes += bytes;
    }

    pub(super) fn connected(&mut self, time: Duration) {
        self.tally.connect.saturating_record(nanoseconds(time));
    }

    /// The server ended a connection after a complete response, announced or not.
    pub(super) fn closed_by_server(&mut self) {
        self.tally.closed_by_server += 1;
    }

    pub(super) fn reconnected(&mut self) {
        self.tally.reconnects += 1;
    }

    /// Requests per second of the thread over the last span.
    pub(super) fn thread_rate(&mut self, rate: u64) {
        self.tally.thread_rate.saturating_record(rate);
    }

    /// Requests that ended so far.
    pub(super) fn ended(&self) -> u64 {
        self.tally.latency.len()
    }

    /// Requests completed since the last call.
    pub(super) fn progress(&mut self) -> u64 {
        std::mem::take(&mut self.unreported)
    }

    /// The window of a closed loop has closed after so long.
    pub(super) fn closed(&mut self, window: Duration) {
        self.tally.window = window;
        let stood_still = window.saturating_sub(self.last) > self.longest_gap;
        self.tally.span = Some(if stood_still { window } else { self.last });
    }

    /// The counts, with the CPU time of the worker's thread.
    pub(super) fn finish(mut self, cpu: Duration) -> Tally {
        self.tally.generator_cpu = cpu;
        self.tally
    }

    fn open_loop(&mut self) -> &mut OpenLoop {
        self.tally.open.get_or_insert_with(OpenLoop::empty)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
