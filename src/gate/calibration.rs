//! What a gate detects, from starts of one build beside itself: checks are made up of such starts, drawn at
//! random, and judged as real ones are.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::inference::{Changes, Confirmation, Inference, LOOKS, Margin, Reproduction};
use super::paired::changes;
use super::scale::Scale;
use crate::model::{Metric, PairedStart, Verdict};

/// Share of changes that are found, of those that a report calls detectable.
const POWER: f64 = 0.8;
/// Changes on the log scale among which the smallest is looked for that is found often enough.
const SMALLEST: f64 = 0.001;
const LARGEST: f64 = 2.0;
/// Steps of that search, each of which halves where it may be.
const STEPS: usize = 10;

/// The changes of single starts, on the log scale and positive for worse; none where they have no value.
pub fn start_changes(starts: &[PairedStart], metric: Metric) -> Vec<f64> {
    changes(starts, metric).map_or_else(Vec::new, |it| it.values)
}

/// A relative change of a metric that makes it worse by so much on the log scale.
pub fn relative_change(metric: Metric, worse: f64) -> f64 {
    Scale::from_metric(metric).change(worse)
}

/// A metric whose checks are simulated.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedGate<'a> {
    pub metric: Metric,
    /// Changes of starts of the unchanged build, which are drawn from.
    pub starts: &'a [f64],
    /// Relative margin in force.
    pub margin: f64,
    pub confirmation: Confirmation,
}

/// How so many simulated checks ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    pub checks: usize,
    pub passed: usize,
    pub regressed: usize,
}

impl SimulatedGate<'_> {
    /// A check of a head that is worse by so much on the log scale.
    pub fn check(&self, worse: f64, random: &mut StdRng) -> Option<Verdict> {
        if self.starts.is_empty() {
            return None;
        }
        let mut draw = |count: usize, worse: f64| {
            let drawn = (0..count).map(|_| self.starts[random.random_range(0..self.starts.len())]);
            drawn.map(|it| it + worse).collect::<Vec<_>>()
        };
        let size = Scale::from_metric(self.metric).margin(self.margin, None, 1.0);
        let margin = Margin::from_size(size);
        let all = draw(LOOKS[LOOKS.len() - 1], worse);
        for look in LOOKS {
            let seen = Changes::exact(all[..look].to_vec());
            let (inference, decided) = Inference::search(&seen, margin);
            match decided {
                Some(Verdict::Regression) => {
                    let Confirmation { starts, .. } = self.confirmation;
                    let again = Changes::exact(draw(starts, worse));
                    let control = Changes::exact(draw(starts, 0.0));
                    let confirmed =
                        inference.confirmed(&again, Some(&control), size, self.confirmation);
                    return match confirmed.reproduction {
                        Reproduction::Seen => Some(Verdict::Regression),
                        Reproduction::Excluded => Some(Verdict::Pass),
                        Reproduction::SeenInControl | Reproduction::NotSeen => None,
                    };
                }
                Some(verdict) => return Some(verdict),
                None if inference.is_futile(margin) => return None,
                None => {}
            }
        }
        None
    }

    /// The ends of many checks; the same seed draws the same ones.
    pub fn checks(&self, worse: f64, checks: usize, seed: u64) -> Ends {
        let mut random = StdRng::seed_from_u64(seed);
        let mut ends = Ends {
            checks,
            ..Ends::default()
        };
        for _ in 0..checks {
            match self.check(worse, &mut random) {
                Some(Verdict::Regression) => ends.regressed += 1,
                Some(_) => ends.passed += 1,
                None => {}
            }
        }
        ends
    }

    /// The smallest change, on the log scale, that four of five checks find; `None` if none is.
    pub fn detectable(&self, checks: usize, seed: u64) -> Option<f64> {
        let finds = |worse: f64| self.checks(worse, checks, seed).regressed_share() >= POWER;
        if !finds(LARGEST) {
            return None;
        }
        let (mut below, mut above) = (SMALLEST, LARGEST);
        for _ in 0..STEPS {
            let middle = (below * above).sqrt();
            if finds(middle) {
                above = middle;
            } else {
                below = middle;
            }
        }
        Some((below * above).sqrt())
    }
}

impl Ends {
    pub fn passed_share(self) -> f64 {
        self.passed as f64 / self.checks.max(1) as f64
    }

    pub fn regressed_share(self) -> f64 {
        self.regressed as f64 / self.checks.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Rule, RuleOrigin, Threshold, Thresholds};

    /// Starts that are spread as a normal distribution is.
    fn spread(deviation: f64, lean: f64) -> Vec<f64> {
        let at = |position: u32| {
            let share = (f64::from(position) + 0.5) / 200.0;
            lean - deviation * crate::stats::normal_reach(share)
        };
        (0..200).map(at).collect()
    }

    fn gate(starts: &[f64], margin: f64) -> SimulatedGate<'_> {
        let threshold = Threshold {
            margin: Some(Rule {
                value: margin,
                text: String::new(),
                origin: RuleOrigin::Default,
            }),
            ..Threshold::default()
        };
        let cell = Thresholds::from([(Metric::CpuPerRequest, threshold)]);
        SimulatedGate {
            metric: Metric::CpuPerRequest,
            starts,
            margin,
            confirmation: Confirmation::from_thresholds([&cell]),
        }
    }

    #[test]
    fn quiet_starts_pass_and_show_what_is_larger_than_the_margin() {
        let starts = spread(0.01, 0.0);
        let gate = gate(&starts, 0.05);
        let unchanged = gate.checks(0.0, 400, 1);
        assert!(unchanged.passed >= 395, "{unchanged:?}");
        assert_eq!(unchanged.regressed, 0);
        let found = gate.detectable(400, 1).expect("a change");
        assert!((0.05..0.065).contains(&found), "{found}");
        assert_eq!(gate.checks(0.0, 400, 1), gate.checks(0.0, 400, 1));
    }

    #[test]
    fn what_a_report_promises_is_what_is_found() {
        for deviation in [0.01, 0.02, 0.04] {
            let starts = spread(deviation, 0.0);
            let gate = gate(&starts, 0.05);
            let promised = Inference {
                starts: 12,
                estimate: 0.0,
                lower: 0.0,
                upper: 0.0,
                deviation,
            };
            let size = Scale::from_metric(gate.metric).margin(0.05, None, 1.0);
            let promised = promised.detectable(size, 12, gate.confirmation);
            let found = gate.detectable(400, 1).expect("a change");
            let ratio = found / promised;
            assert!(
                (0.7..1.3).contains(&ratio),
                "{deviation}: {found} beside {promised}"
            );
        }
    }

    #[test]
    fn noisy_starts_decide_nothing() {
        let starts = spread(0.3, 0.0);
        let ends = gate(&starts, 0.05).checks(0.0, 200, 1);
        assert!(ends.passed < 40, "{ends:?}");
        let none = gate(&[], 0.05);
        assert_eq!(none.checks(0.0, 10, 1).passed, 0);
        assert_eq!(none.detectable(10, 1), None);
    }

    #[test]
    fn a_lean_beyond_the_margin_is_seen_in_the_control() {
        let starts = spread(0.01, 0.12);
        let ends = gate(&starts, 0.05).checks(0.0, 200, 1);
        assert_eq!(ends.regressed, 0, "{ends:?}");
        assert_eq!(ends.passed, 0, "{ends:?}");
    }
}
