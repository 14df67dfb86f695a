//! Waiting that somebody else may end. Takes the request a connection waits for, gives its
//! outcome or the reason it was given up, and promises that waiting costs no timer and no
//! allocation: one scan looks after all connections of a thread.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Why waiting was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// The wait is longer than the timeout.
    Overdue,
    /// The drain is over.
    Over,
}

/// The wait of one connection, seen by the connection and by the scan.
#[derive(Debug)]
pub(super) struct Watch {
    since: Cell<Instant>,
    waiting: Cell<bool>,
    given_up: Cell<Option<GivenUp>>,
    waker: RefCell<Option<Waker>>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            since: Cell::new(Instant::now()),
            waiting: Cell::new(false),
            given_up: Cell::new(None),
            waker: RefCell::new(None),
        }
    }

    /// Counts the wait from here on.
    pub(super) fn begin(&self, since: Instant) {
        self.since.set(since);
    }

    /// How long the wait is at an instant.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since.get())
    }

    /// Waits for a future until the scan gives it up.
    pub(super) async fn until_given_up<T>(
        &self,
        mut future: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, GivenUp> {
        self.given_up.set(None);
        self.waiting.set(true);
        let outcome = poll_fn(|context| {
            if let Some(reason) = self.given_up.get() {
                return Poll::Ready(Err(reason));
            }
            let poll = future.as_mut().poll(context);
            if poll.is_pending() {
                self.remember(context.waker());
            }
            poll.map(Ok)
        })
        .await;
        self.waiting.set(false);
        outcome
    }

    /// Gives up the wait when it is as long as the timeout.
    pub(super) fn give_up_overdue(&self, now: Instant, timeout: Duration) {
        if self.waited(now) >= timeout {
            self.give_up(GivenUp::Overdue);
        }
    }

    /// Gives up the wait if there is one; the first reason stays.
    pub(super) fn give_up(&self, reason: GivenUp) {
        if self.waiting.get() && self.given_up.get().is_none() {
            self.given_up.set(Some(reason));
            if let Some(waker) = &*self.waker.borrow() {
                waker.wake_by_ref();
            }
        }
    }

    fn remember(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}
