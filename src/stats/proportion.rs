//! Shares of events: bounds on one, and the comparison of two.

use super::normal_reach;
use statrs::distribution::{Beta, ContinuousCDF, DiscreteCDF, Hypergeometric, Normal};

/// Events up to which a test is exact: its time grows with them.
const MOST_EXACT: u64 = 100_000;
/// Events from which their number is nearly normal.
const FEWEST_NORMAL: u64 = 1_000;

/// So many events out of so many trials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proportion {
    pub events: u64,
    pub trials: u64,
}

impl Proportion {
    /// The share of events; nothing for no trials.
    pub fn share(self) -> Option<f64> {
        (self.trials > 0).then(|| self.events as f64 / self.trials as f64)
    }

    /// Exact lower bound of the true share at a one-sided error (Clopper and Pearson, *The use of
    /// confidence or fiducial limits illustrated in the case of the binomial*, 1934). Of very many
    /// events by the normal distribution (Wilson, 1927).
    pub fn lower_bound(self, error: f64) -> f64 {
        let Self { events, trials } = self;
        if events == 0 {
            return 0.0;
        }
        if trials > MOST_EXACT {
            return self.nearly_lower_bound(error);
        }
        let others = trials.saturating_sub(events) as f64;
        Beta::new(events as f64, others + 1.0).map_or(0.0, |beta| beta.inverse_cdf(error))
    }

    /// Exact upper bound of the true share at a one-sided error; 1 for no trials.
    pub fn upper_bound(self, error: f64) -> f64 {
        let others = Self {
            events: self.trials.saturating_sub(self.events),
            trials: self.trials,
        };
        1.0 - others.lower_bound(error)
    }

    /// Wilson's bound; of fewer events than the normal distribution is good for, the exact one of a
    /// sample with the same share that is not too large.
    fn nearly_lower_bound(self, error: f64) -> f64 {
        let (events, trials) = (self.events as f64, self.trials as f64);
        if self.events < FEWEST_NORMAL {
            let smaller = Self {
                events: self.events,
                trials: MOST_EXACT,
            };
            return smaller.lower_bound(error) * MOST_EXACT as f64 / trials;
        }
        let z = normal_reach(error);
        let (share, square) = (events / trials, z * z / trials);
        let spread = z * (share * (1.0 - share) / trials + square / (4.0 * trials)).sqrt();
        (share + square / 2.0 - spread) / (1.0 + square)
    }

    /// Chance of at least so many events here, were they dealt out over both by chance alone:
    /// Fisher's exact test, one-sided (*The logic of inductive inference*, 1935). Of very many
    /// events by the normal distribution, which theirs is then next to.
    pub fn exceeds(self, other: Self) -> f64 {
        let trials = self.trials.saturating_add(other.trials);
        let events = self.events.saturating_add(other.events);
        if self.events == 0 {
            return 1.0;
        }
        if events > MOST_EXACT {
            return self.exceeds_nearly(trials as f64, events as f64);
        }
        Hypergeometric::new(trials, events, self.trials)
            .map_or(1.0, |by_chance| by_chance.sf(self.events - 1))
    }

    fn exceeds_nearly(self, trials: f64, events: f64) -> f64 {
        let share = events / trials;
        let own = self.trials as f64;
        let variance = own * share * (1.0 - share) * ((trials - own) / (trials - 1.0));
        // With the correction for continuity.
        let above = self.events as f64 - 0.5 - own * share;
        match Normal::new(0.0, variance.max(0.0).sqrt()) {
            Ok(by_chance) if variance > 0.0 => by_chance.sf(above),
            _ if above > 0.0 => 0.0,
            _ => 1.0,
        }
    }
}

/// By how many times shares vary more between parts than chance alone makes them vary, each side around
/// its own share; at least 1. Pearson's statistic over its degrees of freedom (Wedderburn, *Biometrika* 61,
/// 1974).
pub fn dispersion(sides: &[&[Proportion]]) -> f64 {
    let (mut squares, mut freedom) = (0.0, 0.0);
    for parts in sides {
        let parts = || parts.iter().filter(|part| part.trials > 0);
        let Some(share) = parts().copied().sum::<Proportion>().share() else {
            continue;
        };
        freedom += parts().count() as f64 - 1.0;
        if share > 0.0 && share < 1.0 {
            squares += parts()
                .map(|part| {
                    let expected = part.trials as f64 * share;
                    (part.events as f64 - expected).powi(2) / (expected * (1.0 - share))
                })
                .sum::<f64>();
        }
    }
    if freedom > 0.0 {
        (squares / freedom).max(1.0)
    } else {
        1.0
    }
}

impl Proportion {
    /// As many events and trials as say as much where they come in bursts.
    #[must_use]
    pub fn dispersed(self, dispersion: f64) -> Self {
        let share = |count: u64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a count"
            )]
            let share = (count as f64 / dispersion).floor() as u64;
            share
        };
        Self {
            events: share(self.events),
            trials: share(self.trials).max(share(self.events)),
        }
    }
}

impl std::iter::Sum for Proportion {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            events: sum.events.saturating_add(part.events),
            trials: sum.trials.saturating_add(part.trials),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proportion(events: u64, trials: u64) -> Proportion {
        Proportion { events, trials }
    }

    #[test]
    fn exact_bounds_are_those_of_the_tables() {
        // Clopper-Pearson, 95 % two-sided: 10 of 100 is at least 4.900 %.
        assert!((proportion(10, 100).lower_bound(0.025) - 0.049_00).abs() < 1e-4);
        // One of one: error^(1/1).
        assert!((proportion(1, 1).lower_bound(0.01) - 0.01).abs() < 1e-9);
        assert!(proportion(0, 100).lower_bound(0.025).abs() < f64::EPSILON);
        // None of ten: 1 - error^(1/10).
        assert!((proportion(0, 10).upper_bound(0.05) - 0.258_87).abs() < 1e-4);
        assert!((proportion(10, 10).upper_bound(0.05) - 1.0).abs() < 1e-9);
        assert!((proportion(0, 0).upper_bound(0.05) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn fisher_distinguishes_tea_from_chance() {
        // The lady tasting tea: 3 of 4 against 1 of 4 has a chance of 17 in 70.
        assert!((proportion(3, 4).exceeds(proportion(1, 4)) - 17.0 / 70.0).abs() < 1e-9);
        assert!((proportion(0, 4).exceeds(proportion(4, 4)) - 1.0).abs() < 1e-9);
        assert!((proportion(0, 0).exceeds(proportion(0, 0)) - 1.0).abs() < 1e-9);
        // Equal failure is no difference.
        assert!(proportion(500, 500).exceeds(proportion(500, 500)) > 0.999);
    }

    #[test]
    fn bursts_are_fewer_events_than_they_hold() {
        let even = [
            proportion(5, 1000),
            proportion(4, 1000),
            proportion(6, 1000),
            proportion(5, 1000),
        ];
        assert!((dispersion(&[&even, &even]) - 1.0).abs() < 1e-9);
        let bursts = [
            proportion(100, 1000),
            proportion(0, 1000),
            proportion(0, 1000),
            proportion(100, 1000),
        ];
        let found = dispersion(&[&bursts, &[proportion(0, 1000); 4]]);
        assert!(found > 30.0, "{found}");
        let counted = proportion(200, 4000).dispersed(found);
        assert!(counted.events < 7 && counted.trials < 140, "{counted:?}");
        // All of them fail, or none: nothing varies.
        assert!((dispersion(&[&[proportion(7, 7); 3], &[proportion(0, 0); 3]]) - 1.0).abs() < 1e-9);
        assert!((dispersion(&[]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn very_many_events_take_no_longer_and_say_the_same() {
        let exact = proportion(50_400, 1_000_000).exceeds(proportion(49_600, 1_000_000));
        let nearly = proportion(50_400, 1_000_000).exceeds_nearly(2e6, 1e5);
        assert!((exact - nearly).abs() < 1e-4, "{exact} {nearly}");
        let bound = proportion(2_000, 100_000).lower_bound(0.001);
        let nearly = proportion(2_000, 100_000).nearly_lower_bound(0.001);
        assert!((bound / nearly - 1.0).abs() < 0.002, "{bound} {nearly}");
        let few = proportion(5, 10_000_000).lower_bound(0.001);
        assert!((few * 1e7 / (proportion(5, 100_000).lower_bound(0.001) * 1e5) - 1.0).abs() < 1e-3);
        let most = proportion(u64::MAX / 2, u64::MAX / 2);
        assert!(most.lower_bound(0.001) > 0.999);
        assert!(most.exceeds(most) > 0.4);
        assert!(proportion(u64::MAX / 2, u64::MAX / 2).exceeds(proportion(0, u64::MAX / 2)) < 1e-9);
    }

    #[test]
    fn large_counts_are_distinguished_and_small_differences_are_not() {
        assert!(proportion(400, 100_000).exceeds(proportion(40, 100_000)) < 1e-9);
        assert!(proportion(44, 100_000).exceeds(proportion(40, 100_000)) > 0.2);
    }
}
