//! What a load and its observer share while a window is open. The workers put in how many
//! requests completed, every 5 ms and not per request; the observer may ask for an early end, which
//! takes effect within about 100 ms.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time between a request to stop and the end of the window: two scans, so that every worker
/// knows the end before it comes and all windows are equally long.
const NOTICE: Duration = Duration::from_millis(100);

/// Progress of one run, and the way to end it early.
#[derive(Debug, Default)]
pub struct Meter {
    completed: AtomicU64,
    stopped: OnceLock<Instant>,
}

impl Meter {
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests that ended so far, well or not; about 5 ms behind under load.
    pub fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    /// Ends the window 100 ms from now if it is still open then; a run not yet begun ends early too.
    pub fn stop(&self) {
        self.stopped.get_or_init(Instant::now);
    }

    /// Whether the load is to end early.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }

    pub(super) fn add(&self, completed: u64) {
        self.completed.fetch_add(completed, Ordering::Relaxed);
    }

    /// When the window really ends, as far as is known now.
    pub(super) fn closing(&self, window: Window) -> Instant {
        match self.stopped.get() {
            Some(stop) => (*stop + NOTICE).clamp(window.opens, window.closes),
            None => window.closes,
        }
    }
}

/// The span in which requests are started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) opens: Instant,
    pub(super) closes: Instant,
    /// Requests after which a thread of a closed loop is done before the end.
    pub(super) most: Option<usize>,
    /// Whether throughput counts what is answered after the end as well: no other load follows until
    /// the last answer.
    pub(super) until_drained: bool,
}

impl Window {
    /// One that opens a moment from now.
    pub(super) fn after(lead: Duration, length: Duration) -> Self {
        Self::at(Instant::now() + lead, length)
    }

    pub(super) fn at(opens: Instant, length: Duration) -> Self {
        Self {
            opens,
            closes: opens + length,
            most: None,
            until_drained: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_moves_the_end_only_forward() {
        let opens = Instant::now();
        let long = Window {
            opens,
            closes: opens + Duration::from_secs(60),
            most: None,
            until_drained: false,
        };
        let over = Window {
            closes: opens,
            ..long
        };
        let meter = Meter::new();
        assert_eq!(meter.closing(long), long.closes);
        meter.stop();
        assert!(meter.closing(long) < long.closes);
        assert!(meter.closing(long) >= opens);
        assert_eq!(meter.closing(over), over.closes);
    }
}
