//! The time of this machine, and how far it is from another's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::ClockOffset;

/// The wall clock as it was when this was made, carried on by the monotonic one: a clock that is set
/// meanwhile moves no start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    made: Instant,
    /// Nanoseconds since 1970 at that moment.
    wall: i64,
}

impl Clock {
    pub fn new() -> Self {
        let (made, wall) = (Instant::now(), SystemTime::now());
        let wall = match wall.duration_since(UNIX_EPOCH) {
            Ok(since) => nanos(since),
            Err(before) => -nanos(before.duration()),
        };
        Self { made, wall }
    }

    /// The same on a machine whose clock is ahead of this one's.
    #[cfg(test)]
    pub(super) const fn ahead_by(self, nanos: i64) -> Self {
        Self {
            made: self.made,
            wall: self.wall.saturating_add(nanos),
        }
    }

    /// Nanoseconds since 1970.
    pub fn now(&self) -> i64 {
        self.wall.saturating_add(nanos(self.made.elapsed()))
    }

    /// The moment of a time by the reference clock, that this one is ahead of; nothing for one that lies
    /// before this was made.
    pub fn instant(&self, time: i64, offset: ClockOffset) -> Option<Instant> {
        let own = time.saturating_add(offset.ahead_ns);
        let after = u64::try_from(own.checked_sub(self.wall)?).ok()?;
        self.made.checked_add(Duration::from_nanos(after))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// The offset by one exchange: sent and received by the own clock, said by the reference between both.
/// It is off by half of the way there and back at the most (Cristian, *Probabilistic clock
/// synchronization*, 1989).
pub(super) const fn offset(sent: i64, said: i64, received: i64) -> ClockOffset {
    let trip = received.saturating_sub(sent);
    ClockOffset {
        ahead_ns: sent.saturating_add(trip / 2).saturating_sub(said),
        // Half a nanosecond is lost by the division.
        error_ns: (trip.unsigned_abs() / 2).saturating_add(1),
    }
}
