//! What the connections of one thread have in common. Takes the order for the thread and the
//! window, serves its slots until the last request is over, and promises that every request in
//! it is looked after: overdue ones are given up, and after the drain none is in flight.

use std::cell::{Cell, RefCell, RefMut};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::http1::{Connection, Needle, Response};
use super::meter::{Meter, Window};
use super::recorder::Recorder;
use super::slot::Slot;
use super::watch::{GivenUp, Watch};
use crate::model::Failure;

/// Time between two looks at the connections of a thread.
const SCAN: Duration = Duration::from_millis(50);
/// Time between two reports of progress; a fiftieth of the intervals that observers look at.
const REPORT: Duration = Duration::from_millis(5);
/// Longest time after the window for requests in flight to come back.
const GRACE: Duration = Duration::from_secs(1);

/// What one thread is to do.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) connections: usize,
    pub(super) address: SocketAddr,
    pub(super) request: Arc<[u8]>,
    pub(super) status: u16,
    pub(super) needle: Option<Needle>,
    pub(super) timeout: Duration,
}

/// A thread's order, window and counts; its slots share it without locks.
#[derive(Debug)]
pub(super) struct Worker {
    order: Order,
    window: Window,
    meter: Arc<Meter>,
    /// The end of the window as far as the worker knows.
    closes: Cell<Instant>,
    /// When progress is reported next.
    reports: Cell<Instant>,
    recorder: RefCell<Recorder>,
}

impl Worker {
    pub(super) fn new(
        order: Order,
        recorder: Recorder,
        window: Window,
        meter: Arc<Meter>,
    ) -> Rc<Self> {
        Rc::new(Self {
            order,
            closes: Cell::new(meter.closing(window)),
            reports: Cell::new(window.opens),
            window,
            meter,
            recorder: RefCell::new(recorder),
        })
    }

    /// Runs a slot for each connection until all are done. Belongs into a local set.
    pub(super) async fn serve(self: Rc<Self>, connections: Vec<Option<Connection>>) {
        let mut slots = JoinSet::new();
        let mut watches = Vec::with_capacity(connections.len());
        for connection in connections {
            let slot = Slot::new(Rc::clone(&self), connection);
            watches.push(slot.watch());
            slots.spawn_local(slot.run());
        }
        self.attend(&mut slots, &watches).await;
        self.report();
    }

    /// The counts, which the worker then no longer has.
    pub(super) fn take_recorder(&self) -> Recorder {
        self.recorder.replace(Recorder::new())
    }

    /// Whether requests may start, and successes count for throughput.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        now < self.closes.get()
    }

    pub(super) fn recorder(&self) -> RefMut<'_, Recorder> {
        self.recorder.borrow_mut()
    }

    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(self.order.address).await
    }

    pub(super) async fn exchange(&self, connection: &mut Connection) -> Result<Response, Failure> {
        let needle = self.order.needle.as_ref();
        connection.exchange(&self.order.request, needle).await
    }

    /// Whether a request is a success. One that took longer than the timeout is not, also when
    /// its response came before a scan could give it up.
    pub(super) fn judge(
        &self,
        outcome: Result<Response, Failure>,
        waited: Duration,
    ) -> Result<(), Failure> {
        let response = outcome?;
        if waited >= self.order.timeout {
            Err(Failure::Timeout)
        } else if response.status != self.order.status {
            Err(Failure::UnexpectedStatus)
        } else if response.lacks_text {
            Err(Failure::BodyMismatch)
        } else {
            Ok(())
        }
    }

    async fn attend(&self, slots: &mut JoinSet<()>, watches: &[Rc<Watch>]) {
        loop {
            tokio::select! {
                done = slots.join_next() => match done {
                    Some(done) => done.expect("a slot neither panics nor is aborted"),
                    None => return,
                },
                () = tokio::time::sleep_until(self.next_scan().into()) => self.scan(watches),
            }
        }
    }

    /// The next scan is soon, and one is exactly at the end of the drain.
    fn next_scan(&self) -> Instant {
        let now = Instant::now();
        let drained = self.drained();
        let soon = now + SCAN;
        if now < drained {
            soon.min(drained)
        } else {
            soon
        }
    }

    fn drained(&self) -> Instant {
        self.closes.get() + GRACE.min(self.order.timeout)
    }

    fn scan(&self, watches: &[Rc<Watch>]) {
        self.closes.set(self.meter.closing(self.window));
        self.report();
        let now = Instant::now();
        for watch in watches {
            watch.give_up_overdue(now, self.order.timeout);
        }
        if now >= self.drained() {
            for watch in watches {
                watch.give_up(GivenUp::Over);
            }
        }
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
