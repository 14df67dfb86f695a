//! How long threads waited for a CPU.

use std::collections::BTreeMap;
use std::time::Duration;

/// Waits of some threads from a first look on. The kernel forgets a thread when it ends, so that
/// each counts with what was seen of it last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Queue {
    first: BTreeMap<i32, u64>,
    last: BTreeMap<i32, u64>,
}

impl Queue {
    /// From the waits so far on, in nanoseconds by thread.
    pub(super) fn new(first: BTreeMap<i32, u64>) -> Self {
        Self {
            last: first.clone(),
            first,
        }
    }

    /// A further look. Threads that were not there at the first one began since.
    pub(super) fn look(&mut self, waits: BTreeMap<i32, u64>) {
        self.last.extend(waits);
    }

    /// The waits since the first look, all threads added up. A thread's number can be given out
    /// anew, then its wait seems to have become less.
    pub(super) fn waited(&self) -> Duration {
        let since = |(thread, last): (&i32, &u64)| {
            let first = self.first.get(thread).copied().unwrap_or_default();
            last.saturating_sub(first)
        };
        Duration::from_nanos(self.last.iter().map(since).sum())
    }

    /// Whether it is known of any thread how long it waited.
    pub(super) fn is_known(&self) -> bool {
        !self.last.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_come_and_go_count_with_what_was_seen_of_them() {
        let mut queue = Queue::new(BTreeMap::from([(1, 100), (2, 50), (3, 900)]));
        assert_eq!(queue.waited(), Duration::ZERO);
        queue.look(BTreeMap::from([(1, 130), (2, 70), (3, 900), (4, 5)]));
        // 2 and 4 are gone, 3 is another thread of that number, 5 is new.
        queue.look(BTreeMap::from([(1, 200), (3, 10), (5, 1)]));
        assert_eq!(queue.waited(), Duration::from_nanos(100 + 20 + 5 + 1));
        assert!(queue.is_known() && !Queue::default().is_known());
    }
}
