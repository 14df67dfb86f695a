//! What the connections of one thread have in common. Takes the config for the thread and the
//! window, and promises that every request in it is looked after: overdue ones are given up, and
//! after the drain none is in flight.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use super::check::Check;
use super::connection::Connection;
use super::http1::Buffer;
use super::meter::{Meter, Window};
use super::pacer::Pacer;
use super::recorder::Recorder;
use super::request::{Prepared, Script};
use super::scheduled_request::ScheduledRequest;
use super::unopened::Unopened;
use super::watch::{GivenUp, Watch};
use crate::dial::Dialer;
use crate::model::{Rate, Shard, chain};

/// Time between two looks at the connections of a thread.
const SCAN: Duration = Duration::from_millis(50);
/// Time between two reports of progress; a fiftieth of the intervals that observers look at.
const REPORT: Duration = Duration::from_millis(5);
/// Span of one value of the thread's rate.
const RATE_SPAN: Duration = Duration::from_millis(100);
/// What one thread is to do.
#[derive(Debug, Clone)]
pub(super) struct ThreadConfig {
    pub(super) connections: usize,
    /// The number of this thread, out of so many.
    pub(super) thread: usize,
    pub(super) threads: usize,
    /// Which of several workers the threads are of.
    pub(super) worker: Option<Shard>,
    pub(super) dialer: Arc<Dialer>,
    pub(super) http2: bool,
    pub(super) script: Arc<Script>,
    /// Nothing for the closed loop.
    pub(super) rate: Option<Rate>,
    pub(super) timeout: Duration,
    pub(super) opens_ahead: bool,
}

/// A thread's config, window and counts; its slots share it without locks.
#[derive(Debug)]
pub(super) struct Worker {
    config: ThreadConfig,
    window: Window,
    meter: Arc<Meter>,
    /// The end of the window as far as the worker knows.
    closes: Cell<Instant>,
    /// When the last of a given number of requests had been started.
    made_all: Cell<Option<Instant>>,
    /// When progress is reported next.
    reports: Cell<Instant>,
    /// When the last span of the thread's rate began, and how many requests had ended by then.
    span: Cell<(Instant, u64)>,
    /// Turns that requests have taken so far.
    turns: Cell<usize>,
    /// One for each request of the script.
    checks: Vec<Check>,
    arrivals: Option<Arrivals>,
    buffer: Buffer,
    recorder: RefCell<Recorder>,
}

impl ThreadConfig {
    /// The share of one thread; the connections are dealt out evenly.
    pub(super) fn share(&self, thread: usize) -> Self {
        let spare = usize::from(thread < self.connections % self.threads);
        Self {
            connections: self.connections / self.threads + spare,
            thread,
            ..self.clone()
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection, Unopened> {
        let stream = self.dialer.open().await.map_err(|refusal| Unopened {
            failure: refusal.failure(),
            why: chain(&refusal),
        })?;
        Connection::new(stream, self.http2).await
    }

    /// The place of this thread among those of all workers: the requests of a worker are every n-th of all,
    /// and those of its threads every m-th of these.
    fn place(&self) -> (usize, usize) {
        let (index, total) = self
            .worker
            .map_or((0, 1), |it| (it.index.get() - 1, it.total.get()));
        (index + total * self.thread, total * self.threads)
    }

    fn arrivals(&self, window: Window) -> Option<Arrivals> {
        let length = window.closes - window.opens;
        let (place, places) = self.place();
        let pacer = Pacer::new(self.rate?, length, place, places);
        Some(Arrivals::new(pacer, window.opens))
    }
}

impl Worker {
    pub(super) fn new(
        config: ThreadConfig,
        recorder: Recorder,
        window: Window,
        meter: Arc<Meter>,
    ) -> Rc<Self> {
        let requests = config.script.requests.iter();
        Rc::new(Self {
            closes: Cell::new(meter.closing(window)),
            made_all: Cell::new(None),
            reports: Cell::new(window.opens),
            span: Cell::new((window.opens, 0)),
            turns: Cell::new(config.place().0),
            checks: requests.map(|it| Check::new(it.expect.clone())).collect(),
            arrivals: config.arrivals(window),
            buffer: Buffer::new(),
            config,
            window,
            meter,
            recorder: RefCell::new(recorder),
        })
    }

    /// Records what the whole window was offered, once its last request is over.
    pub(super) fn finish(&self) {
        self.look_at_end();
        let closes = self.closes.get();
        let window = closes - self.window.opens;
        if let Some(arrivals) = &self.arrivals {
            self.recorder().offered(window, arrivals.offered(closes));
        } else {
            self.recorder().closed(window);
        }
        self.report();
    }

    /// Finds out when the window ends: an observer may end it, and so do the requests that it is for.
    fn look_at_end(&self) {
        let closes = self.meter.closing(self.window);
        let made_all = self.made_all.get();
        self.closes
            .set(made_all.map_or(closes, |made| made.min(closes)));
    }

    /// The counts, which the worker then no longer has.
    pub(super) fn take_recorder(&self) -> Recorder {
        self.recorder.replace(Recorder::new())
    }

    /// The next request of a slot that is free since a moment; nothing when the window has closed.
    pub(super) async fn next_scheduled(&self, free: Instant) -> Option<ScheduledRequest> {
        let Some(arrivals) = &self.arrivals else {
            if self.has_made_all() && self.made_all.get().is_none() {
                self.made_all.set(Some(free));
                self.look_at_end();
            }
            let follows = || ScheduledRequest::following(self.next_request(), free);
            return self.is_open(free).then(follows);
        };
        let due = arrivals.next().await?;
        let now = Instant::now();
        let is_late = now >= self.drained();
        (!is_late).then(|| ScheduledRequest::scheduled(self.next_request(), due, free, now))
    }

    /// Whether requests may start.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        now < self.closes.get()
    }

    /// Time since the window opened, of a success that counts for throughput.
    pub(super) fn time_in_window(&self, now: Instant) -> Option<Duration> {
        let counts = self.window.until_drained || self.is_open(now);
        counts.then(|| now - self.window.opens)
    }

    pub(super) fn recorder(&self) -> RefMut<'_, Recorder> {
        self.recorder.borrow_mut()
    }

    /// Where in the window a request was due, if the rate changes over it.
    pub(super) fn share_of_ramp(&self, due: Instant) -> Option<f64> {
        let Window { opens, closes, .. } = self.window;
        self.config.rate.filter(|rate| !rate.is_constant())?;
        Some((due - opens).as_secs_f64() / (closes - opens).as_secs_f64())
    }

    pub(super) async fn connect(&self) -> Result<Connection, Unopened> {
        self.config.connect().await
    }

    pub(super) fn request(&self, scheduled: &ScheduledRequest) -> &Prepared {
        &self.config.script.requests[scheduled.request]
    }

    /// What its connections read into.
    pub(super) const fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    pub(super) fn check(&self, scheduled: &ScheduledRequest) -> &Check {
        &self.checks[scheduled.request]
    }

    /// Whether a wait is longer than a response may take, also when the response came before a
    /// scan could give it up.
    pub(super) fn is_overdue(&self, waited: Duration) -> bool {
        waited >= self.config.timeout
    }

    pub(super) fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// How long the window has been open at an instant.
    pub(super) fn since_open(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.window.opens)
    }

    /// Whether a given number of requests has been started.
    fn has_made_all(&self) -> bool {
        let turns = self.turns.get().wrapping_sub(self.config.place().0);
        self.window.most.is_some_and(|most| turns >= most)
    }

    /// The index of the request whose turn it is.
    fn next_request(&self) -> usize {
        let number = self.turns.get();
        self.turns.set(number.wrapping_add(1));
        self.config.script.turn(number)
    }

    /// Makes requests due until the window closes; in the closed loop there is none to make.
    pub(super) async fn pace(self: Rc<Self>) {
        let Some(arrivals) = &self.arrivals else {
            return;
        };
        let paced = arrivals.pace(&self.closes).await;
        paced.expect("the kernel's timer works once it is there");
    }

    /// The next scan is soon, and one is exactly at the end of the drain.
    pub(super) fn next_scan(&self) -> Instant {
        let now = Instant::now();
        let drained = self.drained();
        let soon = now + SCAN;
        if now < drained {
            soon.min(drained)
        } else {
            soon
        }
    }

    /// When the last request in flight has come back or outlasted its time-out: one that is merely
    /// slower than the window is no failure.
    fn drained(&self) -> Instant {
        self.closes.get() + self.config.timeout
    }

    /// Looks after the slots: closes the window, gives up what is overdue, reports.
    pub(super) fn scan(&self, watches: &[Rc<Watch>]) {
        self.look_at_end();
        self.report();
        let now = Instant::now();
        self.note_rate(now);
        for watch in watches {
            watch.give_up_overdue(now, self.config.timeout);
        }
        if now >= self.drained() {
            for watch in watches {
                watch.give_up(GivenUp::Over);
            }
        }
    }

    /// Notes the thread's rate once the span is over.
    fn note_rate(&self, now: Instant) {
        let (begin, before) = self.span.get();
        let length = now.saturating_duration_since(begin);
        if length < RATE_SPAN || !self.is_open(now) {
            return;
        }
        let mut recorder = self.recorder();
        let ended = recorder.ended();
        recorder.thread_rate(per_second(ended - before, length));
        self.span.set((now, ended));
    }

    /// Reports progress when it is due, by the clock read of a completed response.
    pub(super) fn report_when_due(&self, now: Instant) {
        if now >= self.reports.get() {
            self.reports.set(now + REPORT);
            self.report();
        }
    }

    fn report(&self) {
        self.meter.add(self.recorder().progress());
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of one thread is positive and far below 2^53"
)]
fn per_second(count: u64, time: Duration) -> u64 {
    (count as f64 / time.as_secs_f64()).round() as u64
}
