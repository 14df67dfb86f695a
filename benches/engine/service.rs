//! How long the server takes to answer, by design. Takes what is asked for and when, gives the
//! service time, and promises that the server and the computed truth go by the same rule.

use std::time::Duration;

/// The stall of [`Service::Stall`]: from 5 s to 6 s of every 10 s.
const PERIOD_SECONDS: u64 = 10;
const STALL_BEGINS: Duration = Duration::from_secs(5);
const STALL: Duration = Duration::from_secs(1);
const STALL_ENDS: Duration = Duration::from_secs(6);
const WORK: Duration = Duration::from_millis(1);

/// Services of known time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// 2 ms.
    Constant,
    /// 17 of 20 requests 1 ms, the other three 20 ms.
    Bimodal,
    /// 1 ms of work, but once in the period all work rests for a second.
    Stall,
}

impl Service {
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        [Self::Constant, Self::Bimodal, Self::Stall]
            .into_iter()
            .find(|service| service.path() == path)
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Constant => "/sleep/constant",
            Self::Bimodal => "/sleep/bimodal",
            Self::Stall => "/sleep/stall",
        }
    }

    /// Service time of a request by its number and its arrival after the start of the server.
    pub(crate) fn time(self, number: u64, arrival: Duration) -> Duration {
        match self {
            Self::Constant => Duration::from_millis(2),
            Self::Bimodal if number % 20 < 17 => Duration::from_millis(1),
            Self::Bimodal => Duration::from_millis(20),
            Self::Stall => with_stall(arrival),
        }
    }
}

fn with_stall(arrival: Duration) -> Duration {
    let phase = Duration::new(arrival.as_secs() % PERIOD_SECONDS, arrival.subsec_nanos());
    if phase >= STALL_ENDS || phase + WORK <= STALL_BEGINS {
        WORK
    } else if phase < STALL_BEGINS {
        WORK + STALL
    } else {
        WORK + STALL_ENDS.saturating_sub(phase)
    }
}
