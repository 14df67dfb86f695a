use std::time::Duration;

use crate::stats;

/// Intervals that must be flat.
const INTERVALS: usize = 10;
/// Coefficient of variation of a flat stretch, beside what counting alone gives.
const VARIATION: f64 = 0.03;

/// Whether a warm-up is long enough to judge.
pub(super) fn can_be_seen_within(longest: Duration, interval: Duration) -> bool {
    longest.as_nanos() / interval.as_nanos() >= INTERVALS as u128
}

/// Whether the newest intervals are flat: their coefficient of variation and the step between
/// the medians of their two halves (a trend) stay below 3 % plus the relative counting error
/// 1/√n of an interval with n requests.
pub(super) fn is_flat(counts: &[f64]) -> bool {
    let Some(start) = counts.len().checked_sub(INTERVALS) else {
        return false;
    };
    let newest = &counts[start..];
    let (older, newer) = newest.split_at(INTERVALS / 2);
    let (Some(older), Some(newer)) = (stats::median(older), stats::median(newer)) else {
        return false;
    };
    let (mean, deviation) = stats::mean_and_deviation(newest);
    if mean <= 0.0 {
        return false;
    }
    let allowed = VARIATION + 1.0 / mean.sqrt();
    deviation / mean < allowed && (newer - older).abs() / mean < allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_stretch_is_steady() {
        assert!(is_flat(&[
            100.0, 101.0, 99.0, 100.0, 100.0, 101.0, 99.0, 100.0, 100.0, 99.0
        ]));
    }

    #[test]
    fn a_climb_a_wobble_a_short_or_a_silent_stretch_is_not() {
        let climb: Vec<f64> = (0..10).map(|n| 1e4 + 200.0 * f64::from(n)).collect();
        assert!(!is_flat(&climb));
        let wobble = [1e4, 0.8e4, 1.2e4, 1e4, 0.9e4, 1.1e4, 1e4, 0.8e4, 1.2e4, 1e4];
        assert!(!is_flat(&wobble));
        assert!(!is_flat(&[100.0; 9]));
        assert!(!is_flat(&[0.0; 10]));
    }

    #[test]
    fn only_the_newest_intervals_count() {
        let mut counts = vec![10.0, 50.0, 80.0];
        counts.extend([100.0; 10]);
        assert!(is_flat(&counts));
    }
}
