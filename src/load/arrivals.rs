//! The open loop of one thread. Takes the pacer's moments, hands each request that is due to the
//! connection that has been free longest, and promises that no connection's delay holds back a
//! request that another could send, and that all of the window are handed out or counted.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::alarm::Alarm;
use super::pacer::Pacer;

/// Longest sleep of the pace, after which it looks whether the window has ended early.
const NAP: Duration = Duration::from_millis(50);

/// The requests of a thread that are due, and those handed out.
#[derive(Debug)]
pub(super) struct Arrivals {
    pacer: Pacer,
    opens: Instant,
    /// One permit for each request that is due and not handed out; first come, first served.
    due: Semaphore,
    /// Requests that have become due.
    released: Cell<u64>,
    /// Requests handed out.
    taken: Cell<u64>,
}

impl Arrivals {
    pub(super) fn new(pacer: Pacer, opens: Instant) -> Self {
        Self {
            pacer,
            opens,
            due: Semaphore::new(0),
            released: Cell::new(0),
            taken: Cell::new(0),
        }
    }

    /// Waits for the next request; gives the moment it was due, or nothing when all are handed out.
    pub(super) async fn next(&self) -> Option<Instant> {
        self.due.acquire().await.ok()?.forget();
        let number = self.taken.get();
        if number == self.released.get() {
            return None;
        }
        self.taken.set(number + 1);
        Some(self.moment(number))
    }

    /// Releases requests as they become due until the window closes; it may close earlier while
    /// this runs.
    pub(super) async fn pace(&self, closes: &Cell<Instant>) -> io::Result<()> {
        let alarm = Alarm::new()?;
        loop {
            let closes = closes.get();
            let next = self.release(Instant::now(), closes);
            if next >= closes {
                break;
            }
            alarm.until(next.min(Instant::now() + NAP)).await?;
        }
        // Whoever waits from now on finds out whether a request is left.
        self.due.add_permits(Semaphore::MAX_PERMITS / 2);
        Ok(())
    }

    /// Requests that are due before the window closes.
    pub(super) fn offered(&self, closes: Instant) -> u64 {
        self.pacer.due_before(closes - self.opens)
    }

    /// Releases what is due now and within the window; gives the moment of the next request.
    fn release(&self, now: Instant, closes: Instant) -> Instant {
        loop {
            let next = self.moment(self.released.get());
            if next > now || next >= closes {
                return next;
            }
            self.released.set(self.released.get() + 1);
            self.due.add_permits(1);
        }
    }

    fn moment(&self, number: u64) -> Instant {
        let far = Duration::from_secs(u64::from(u32::MAX));
        self.opens + self.pacer.due(number).min(far)
    }
}
