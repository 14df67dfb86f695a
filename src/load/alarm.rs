//! A timer that is exact to microseconds, where the runtime's own rounds to milliseconds. Takes
//! a moment, ends waiting at it, and promises one system call per wait besides the poll.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A timer of the kernel (timerfd).
#[derive(Debug)]
pub(super) struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// Belongs into a runtime.
    #[expect(
        deprecated,
        reason = "unsound only for types that change their descriptor, which OwnedFd does not"
    )]
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self {
            timer: AsyncFd::with_interest(timer, Interest::READABLE)?,
        })
    }

    pub(super) async fn until(&self, moment: Instant) -> io::Result<()> {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        // Setting it takes back an expiry that nobody has waited for.
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once(left))?;
        self.timer.readable().await?.clear_ready();
        Ok(())
    }
}

fn once(after: Duration) -> Itimerspec {
    let timespec = |time: Duration| {
        Timespec::try_from(time).expect("a wait is shorter than the range of the clock")
    };
    Itimerspec {
        it_interval: timespec(Duration::ZERO),
        it_value: timespec(after),
    }
}
