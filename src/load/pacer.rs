//! When requests start in the open loop. A pure value: takes a rate and the thread's share of
//! it, gives the moment of each request since the window opened, and promises that the threads
//! together keep the rate exactly. Rates are positive.

use std::time::Duration;

use crate::model::Rate;

/// The requests of one thread: every `threads`-th of all, from the `thread`-th on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacer {
    rate: Rate,
    window: Duration,
    thread: usize,
    threads: usize,
}

impl Pacer {
    pub(super) const fn new(rate: Rate, window: Duration, thread: usize, threads: usize) -> Self {
        Self {
            rate,
            window,
            thread,
            threads,
        }
    }

    /// When this thread's request of a number, counted from 0, is due; may lie behind the window.
    ///
    /// A rate that goes from r to s within T has brought n(t) = rt + (s - r) t² / 2T requests at t.
    /// The form of its inverse below is also exact for s = r.
    pub(super) fn due(&self, number: u64) -> Duration {
        let arrivals = number as f64 * self.threads as f64 + self.thread as f64;
        let Rate { from, .. } = self.rate;
        let discriminant = from * from + 2.0 * self.slope() * arrivals;
        if discriminant < 0.0 {
            // The rate has fallen to nothing before so many.
            return Duration::MAX;
        }
        Duration::try_from_secs_f64(2.0 * arrivals / (from + discriminant.sqrt()))
            .unwrap_or(Duration::MAX)
    }

    /// How many of this thread's requests are due before a moment.
    pub(super) fn due_before(&self, moment: Duration) -> u64 {
        let seconds = moment.as_secs_f64();
        let all = self.rate.from * seconds + self.slope() * seconds * seconds / 2.0;
        let mut count = estimate((all - self.thread as f64) / self.threads as f64);
        // The estimate may be off by one where rounding matters; the moments themselves decide.
        while count > 0 && self.due(count - 1) >= moment {
            count -= 1;
        }
        while self.due(count) < moment {
            count += 1;
        }
        count
    }

    /// Change of the rate, per second.
    fn slope(&self) -> f64 {
        (self.rate.to - self.rate.from) / self.window.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the count is positive and far below 2^53"
)]
fn estimate(count: f64) -> u64 {
    count.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn pacer(from: f64, to: f64) -> Pacer {
        Pacer::new(Rate { from, to }, WINDOW, 0, 1)
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced_to_the_nanosecond() {
        let pacer = pacer(400.0, 400.0);
        for number in [0, 1, 3, 1_000, 3_999] {
            let expected = Duration::from_micros(2_500) * u32::try_from(number).unwrap();
            assert!(pacer.due(number).abs_diff(expected) <= Duration::from_nanos(1));
        }
        assert_eq!(pacer.due_before(WINDOW), 4_000);
    }

    #[test]
    fn a_ramp_brings_the_mean_of_its_ends() {
        assert_eq!(pacer(100.0, 1_000.0).due_before(WINDOW), 5_500);
        assert_eq!(pacer(1_000.0, 100.0).due_before(WINDOW), 5_500);
    }

    #[test]
    fn a_ramp_is_at_its_ends_as_fast_as_it_says() {
        let pacer = pacer(100.0, 1_000.0);
        let due = |number| pacer.due(number).as_secs_f64();
        let gap = |number| due(number + 1) - due(number);
        assert!((gap(0) - 0.01).abs() < 0.001);
        assert!((gap(5_498) - 0.001).abs() < 0.000_01);
    }

    proptest! {
        #[test]
        fn threads_share_the_requests_of_one(
            from in 1.0..2_000.0_f64,
            to in 1.0..2_000.0_f64,
            threads in 1_usize..5,
            number in 0_u64..1_000,
        ) {
            let rate = Rate { from, to };
            let one = Pacer::new(rate, WINDOW, 0, 1);
            let thread = usize::try_from(number).unwrap() % threads;
            let shared = Pacer::new(rate, WINDOW, thread, threads);
            prop_assert_eq!(one.due(number), shared.due(number / threads as u64));
            let all: u64 = (0..threads)
                .map(|thread| Pacer::new(rate, WINDOW, thread, threads).due_before(WINDOW))
                .sum();
            prop_assert_eq!(all, one.due_before(WINDOW));
        }

        #[test]
        fn requests_are_in_order_and_counted_as_they_are_due(
            from in 1.0..2_000.0_f64,
            to in 1.0..2_000.0_f64,
            number in 0_u64..500,
            seconds in 0.0..10.0_f64,
        ) {
            let pacer = pacer(from, to);
            prop_assert!(pacer.due(number) <= pacer.due(number + 1));
            let moment = Duration::from_secs_f64(seconds);
            let count = pacer.due_before(moment);
            prop_assert!(count == 0 || pacer.due(count - 1) < moment);
            prop_assert!(pacer.due(count) >= moment);
        }
    }
}
