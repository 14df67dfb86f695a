use std::time::{Duration, Instant};

/// One request of a connection: which, and since when its time counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScheduledRequest {
    /// Index of the request in the script.
    pub(super) request: usize,
    /// When the request starts.
    pub(super) starts: Instant,
    /// In the open loop, when it was due; its latency counts from there.
    pub(super) due: Option<Instant>,
    /// In the open loop, by how much the generator itself was late.
    pub(super) lag: Option<Duration>,
}

impl ScheduledRequest {
    /// Of the closed loop: at the end of the request before.
    pub(super) const fn following(request: usize, end: Instant) -> Self {
        Self {
            request,
            starts: end,
            due: None,
            lag: None,
        }
    }

    /// Of the open loop. As long as no connection was free it was the server that was late.
    pub(super) fn scheduled(request: usize, due: Instant, free: Instant, now: Instant) -> Self {
        Self {
            request,
            starts: now,
            due: Some(due),
            lag: Some(now.saturating_duration_since(due.max(free))),
        }
    }
}
