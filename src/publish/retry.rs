//! What may be asked of GitHub again, and for how long.

use std::time::Duration;

use http::header::{HeaderMap, RETRY_AFTER};
use rand::Rng;

/// How often and how long a request is tried.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub tries: usize,
    /// Longest first wait; it doubles.
    pub wait: Duration,
    /// Wait where GitHub limits the rate and does not say for how long.
    pub limited: Duration,
    /// Waits of a whole conversation together.
    pub patience: Duration,
    /// Least time before what was written is read again: longer than other jobs take from reading a
    /// comment to writing it.
    pub settle: Duration,
}

impl Policy {
    /// Waits until other jobs have written what they had begun to write; no two wait equally long.
    pub(super) async fn settle(&self) {
        let wait = rand::rng().random_range(self.settle..=self.settle * 2);
        tokio::time::sleep(wait).await;
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tries: 4,
            wait: Duration::from_secs(1),
            limited: Duration::from_secs(20),
            patience: Duration::from_secs(60),
            settle: Duration::from_secs(2),
        }
    }
}

/// What an answer means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// It will be the same again.
    Final,
    /// It may go better later.
    Later(Option<Duration>),
    /// Too much was asked: nothing was done.
    Limited(Option<Duration>),
}

/// What GitHub's answer says about another try (its best practices for the REST API).
pub(super) fn advice(status: u16, headers: &HeaderMap, message: &str) -> Advice {
    let seconds = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let after = seconds(RETRY_AFTER.as_str()).map(Duration::from_secs);
    let exhausted = seconds("x-ratelimit-remaining") == Some(0);
    let limited = message.contains("rate limit") || message.contains("abuse detection");
    match status {
        429 => Advice::Limited(after),
        403 if after.is_some() || exhausted || limited => Advice::Limited(after),
        408 | 500..=599 => Advice::Later(after),
        _ => Advice::Final,
    }
}

/// The waits of one conversation.
#[derive(Debug)]
pub(super) struct Waits {
    policy: Policy,
    tries: usize,
    left: Duration,
    next: Duration,
}

impl Waits {
    pub(super) const fn new(policy: Policy) -> Self {
        Self {
            policy,
            tries: 1,
            left: policy.patience,
            next: policy.wait,
        }
    }

    /// Waits before the next try; whether there is to be one.
    pub(super) async fn wait(&mut self, advice: Advice) -> bool {
        let Some(wait) = self.next(advice).filter(|_| self.tries < self.policy.tries) else {
            return false;
        };
        self.tries += 1;
        tokio::time::sleep(wait).await;
        true
    }

    /// How long to wait; nothing when patience is at its end.
    fn next(&mut self, advice: Advice) -> Option<Duration> {
        let wait = match advice {
            Advice::Final => return None,
            Advice::Later(Some(wait)) | Advice::Limited(Some(wait)) => wait,
            Advice::Limited(None) => self.policy.limited,
            Advice::Later(None) => {
                let longest = self.next;
                self.next *= 2;
                rand::rng().random_range(Duration::ZERO..=longest)
            }
        };
        self.left = self.left.checked_sub(wait)?;
        Some(wait)
    }
}
