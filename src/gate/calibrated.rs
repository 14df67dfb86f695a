//! Checks of one build beside itself → what the gate detects on this machine.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::calibration::{SimulatedGate, relative_change};
use super::inference::{Confirmation, LOOKS};
use crate::model::{
    CalibratedMetric, CalibrationCheck, CalibrationResult, CalibrationWarning, CheckedMetric,
    FailedChecks, InjectedChange, Metric, Verdict,
};
use crate::stats::{self, Proportion};

/// Checks that are simulated for each share.
const CHECKS: usize = 1000;
/// The same numbers always give the same result.
const SEED: u64 = 1;
/// One-sided error of the bound on a share.
const BOUND: f64 = 0.05;
/// One-sided errors of an interval that is shown.
const SHOWN: [f64; 2] = [0.025; 2];
/// Share of unchanged checks that should pass.
pub const PASSING_SHARE: f64 = 0.95;
/// Margins that people choose.
const MARGINS: [f64; 12] = [
    0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0,
];
/// Chance of a warning over all metrics together, where none is due.
const WARNING: f64 = 0.01;
/// A lean that is worth a word, as a share of the margin: a fifth of it changes few verdicts.
const LEANS: f64 = 0.2;
/// Standard deviations, by the median of absolute deviations, from which a start is an outlier: one normal
/// value in 16,000 is.
const FAR: f64 = 4.0;
/// Share of outliers that is worth a word.
const OUTLIERS: f64 = 0.1;
/// Outliers at the least: one or two of few starts are often chance, as their spread is little known.
const FEWEST_OUTLIERS: usize = 3;

/// A metric of a cell, with what all checks say of it.
struct Seen<'a> {
    server: &'a str,
    endpoint: &'a str,
    metric: Metric,
    margin: f64,
    unchanged: Vec<&'a CheckedMetric>,
    changed: Vec<(f64, &'a CheckedMetric)>,
    /// All starts of the unchanged build.
    starts: Vec<f64>,
}

/// What the checks come to; `confirmation` is that of the plan.
pub fn calibrated(checks: &[CalibrationCheck], confirmation: Confirmation) -> CalibrationResult {
    let seen = seen(checks);
    let unchanged: Vec<_> = checks.iter().filter(|it| is_unchanged(it)).collect();
    let failed = unchanged.iter().filter(|it| has_failed(it)).count();
    let seconds: Vec<_> = unchanged.iter().map(|it| it.seconds).collect();
    CalibrationResult {
        unchanged: of_checks(failed, unchanged.len()),
        simulated: simulated(&seen, confirmation),
        seconds: stats::median(&seconds),
        metrics: seen.iter().map(|it| it.calibrated(confirmation)).collect(),
        warnings: warnings(&seen, &unchanged),
    }
}

fn is_unchanged(check: &CalibrationCheck) -> bool {
    check.injected <= 0.0
}

fn has_failed(check: &CalibrationCheck) -> bool {
    let mut metrics = check.metrics.iter();
    metrics.any(|it| it.verdict == Verdict::Regression)
}

fn of_checks(failed: usize, checks: usize) -> FailedChecks {
    let [events, trials] = [failed, checks].map(|it| u64::try_from(it).unwrap_or(u64::MAX));
    FailedChecks {
        checks: trials,
        failed: events,
        at_most: Proportion { events, trials }.upper_bound(BOUND),
    }
}

/// What is judged by a margin and not counted exactly, in the order of the first check.
fn seen(checks: &[CalibrationCheck]) -> Vec<Seen<'_>> {
    let mut all: Vec<Seen<'_>> = Vec::new();
    let mut places = BTreeMap::new();
    for (check, it) in checks
        .iter()
        .flat_map(|check| check.metrics.iter().map(move |it| (check, it)))
    {
        let Some(margin) = it.margin.filter(|_| !it.starts.is_empty()) else {
            continue;
        };
        let key = (it.server.as_str(), it.endpoint.as_str(), it.metric);
        let place = *places.entry(key).or_insert_with(|| {
            all.push(Seen {
                server: key.0,
                endpoint: key.1,
                metric: key.2,
                margin,
                unchanged: Vec::new(),
                changed: Vec::new(),
                starts: Vec::new(),
            });
            all.len() - 1
        });
        if is_unchanged(check) {
            let starts = [&it.starts, &it.again, &it.control];
            all[place].starts.extend(starts.into_iter().flatten());
            all[place].unchanged.push(it);
        } else {
            // A control has the base on both sides.
            all[place].starts.extend(&it.control);
            all[place].changed.push((check.injected, it));
        }
    }
    all.retain(|it| !it.unchanged.is_empty());
    // Floors make margins differ by what the base measured.
    for it in &mut all {
        let margins = it.unchanged.iter().filter_map(|it| it.margin);
        let margins: Vec<_> = margins.collect();
        it.margin = stats::median(&margins).unwrap_or(it.margin);
    }
    all
}

/// Whole checks, each metric drawn apart: that those of an endpoint go together makes fewer of them fail.
fn simulated(seen: &[Seen<'_>], confirmation: Confirmation) -> Option<FailedChecks> {
    if seen.is_empty() {
        return None;
    }
    let mut random = StdRng::seed_from_u64(SEED);
    let mut fails = |it: &Seen<'_>| {
        let verdict = it.gate(it.margin, confirmation).check(0.0, &mut random);
        verdict == Some(Verdict::Regression)
    };
    // All are drawn, so that a check is the same whatever became of the others.
    let mut failed = || seen.iter().filter(|it| fails(it)).count() > 0;
    let failed = (0..CHECKS).filter(|_| failed()).count();
    Some(of_checks(failed, CHECKS))
}

impl Seen<'_> {
    fn gate(&self, margin: f64, confirmation: Confirmation) -> SimulatedGate<'_> {
        SimulatedGate {
            metric: self.metric,
            starts: &self.starts,
            margin,
            confirmation,
        }
    }

    fn calibrated(&self, confirmation: Confirmation) -> CalibratedMetric {
        let gate = self.gate(self.margin, confirmation);
        let passes = |margin: f64| {
            let ends = self.gate(margin, confirmation).checks(0.0, CHECKS, SEED);
            ends.passed_share()
        };
        let promised = self.unchanged.iter().filter_map(|it| it.promised);
        let found = gate.detectable(CHECKS, SEED);
        CalibratedMetric {
            server: self.server.into(),
            endpoint: self.endpoint.into(),
            metric: self.metric,
            margin: self.margin,
            starts: self.starts.len(),
            deviation: stats::mean_and_deviation(&self.starts).1,
            passes: passes(self.margin),
            smallest_margin: MARGINS.into_iter().find(|it| passes(*it) >= PASSING_SHARE),
            promised: stats::median(&promised.collect::<Vec<_>>()),
            found: found.map(|it| relative_change(self.metric, it).abs()),
            injected: self.injected(),
        }
    }

    /// By size, the smallest first.
    fn injected(&self) -> Vec<InjectedChange> {
        let mut sizes: Vec<f64> = self.changed.iter().map(|(share, _)| *share).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        let of_size = |share: f64| {
            let of_share = |it: &&(f64, &CheckedMetric)| it.0.total_cmp(&share).is_eq();
            let checks = || self.changed.iter().filter(of_share).map(|(_, it)| *it);
            let found = checks().filter(|it| it.verdict == Verdict::Regression);
            let values = checks().flat_map(|it| it.starts.iter().chain(&it.again));
            let values: Vec<f64> = values.copied().collect();
            let relative = |worse: f64| relative_change(self.metric, worse);
            let mut interval = stats::mean_bounds(&values, SHOWN).map(relative);
            interval.sort_by(f64::total_cmp);
            InjectedChange {
                share,
                checks: checks().count(),
                found: found.count(),
                change: (!values.is_empty())
                    .then(|| relative(stats::mean_and_deviation(&values).0)),
                interval: interval.iter().all(|it| it.is_finite()).then_some(interval),
            }
        };
        sizes.into_iter().map(of_size).collect()
    }

    /// Whether one side looks worse, by so much that it matters.
    fn lean(&self, chance: f64) -> Option<CalibrationWarning> {
        let [lower, upper] = stats::mean_bounds(&self.starts, [chance / 2.0; 2]);
        let mean = stats::mean_and_deviation(&self.starts).0;
        let is_certain = lower > 0.0 || upper < 0.0;
        (is_certain && mean.abs() > LEANS * self.margin).then(|| CalibrationWarning::Leans {
            server: self.server.into(),
            endpoint: self.endpoint.into(),
            metric: self.metric,
            change: relative_change(self.metric, mean),
        })
    }

    fn differs(&self, chance: f64) -> Option<CalibrationWarning> {
        let groups: Vec<_> = self.unchanged.iter().map(|it| it.starts.clone()).collect();
        let found = stats::between(&groups)?;
        let matters = found.deviation > LEANS * self.margin;
        (found.chance < chance && matters).then(|| CalibrationWarning::Differs {
            server: self.server.into(),
            endpoint: self.endpoint.into(),
            metric: self.metric,
            deviation: found.deviation,
            chance: found.chance,
        })
    }

    fn outliers(&self) -> Option<CalibrationWarning> {
        let middle = stats::median(&self.starts)?;
        let spread = stats::scaled_mad(&self.starts)?;
        let far = |it: &&f64| (**it - middle).abs() > FAR * spread;
        let outliers = self.starts.iter().filter(far).count();
        let starts = self.starts.len();
        (spread > 0.0 && outliers as f64 > OUTLIERS * starts as f64 && outliers >= FEWEST_OUTLIERS)
            .then(|| CalibrationWarning::Outliers {
                server: self.server.into(),
                endpoint: self.endpoint.into(),
                metric: self.metric,
                outliers,
                starts,
            })
    }
}

fn warnings(seen: &[Seen<'_>], unchanged: &[&CalibrationCheck]) -> Vec<CalibrationWarning> {
    let chance = WARNING / seen.len().max(1) as f64;
    let serial = serial(unchanged);
    let leans = seen.iter().filter_map(|it| it.lean(chance));
    let differs = seen.iter().filter_map(|it| it.differs(chance));
    let outliers = seen.iter().filter_map(Seen::outliers);
    serial
        .into_iter()
        .chain(leans)
        .chain(differs)
        .chain(outliers)
        .chain(budgets(seen))
        .collect()
}

/// The cells whose budget ends too early in more checks than may be inconclusive.
fn budgets(seen: &[Seen<'_>]) -> Vec<CalibrationWarning> {
    let mut cells: BTreeMap<(&str, &str), Vec<&Seen<'_>>> = BTreeMap::new();
    for it in seen {
        cells.entry((it.server, it.endpoint)).or_default().push(it);
    }
    let of_cell = |((server, endpoint), all): ((&str, &str), Vec<&Seen<'_>>)| {
        let checks = all.iter().map(|it| it.unchanged.len()).max()?;
        let is_out_of_time = |check: usize| {
            let mut metrics = all.iter().filter_map(|it| it.unchanged.get(check));
            metrics.any(|it| it.out_of_time)
        };
        let ended = (0..checks).filter(|it| is_out_of_time(*it)).count();
        let starts = all.iter().flat_map(|it| &it.unchanged);
        let starts = starts.filter(|it| it.out_of_time);
        let starts: Vec<_> = starts.map(|it| it.starts.len() as f64).collect();
        let most = LOOKS[LOOKS.len() - 1] as f64;
        let times = most / stats::median(&starts)?.max(1.0);
        (ended as f64 > (1.0 - PASSING_SHARE) * checks as f64).then(|| CalibrationWarning::Budget {
            server: server.into(),
            endpoint: endpoint.into(),
            checks,
            ended,
            times,
        })
    };
    cells.into_iter().filter_map(of_cell).collect()
}

/// Whether starts resemble the ones before, by CPU time per request or else by throughput.
fn serial(unchanged: &[&CalibrationCheck]) -> Option<CalibrationWarning> {
    let mut groups = Vec::new();
    for check in unchanged {
        let mut servers: BTreeMap<&str, Vec<Vec<f64>>> = BTreeMap::new();
        let of = |metric: Metric| check.metrics.iter().filter(move |it| it.metric == metric);
        let cells = of(Metric::CpuPerRequest).chain(of(Metric::Throughput));
        let mut known = Vec::new();
        for it in cells.filter(|it| !it.starts.is_empty()) {
            let cell = (&it.server, &it.endpoint);
            if !known.contains(&cell) {
                known.push(cell);
                servers
                    .entry(&it.server)
                    .or_default()
                    .push(it.starts.clone());
            }
        }
        groups.extend(servers.into_values());
    }
    let found = stats::serial_correlation(&groups)?;
    (found.coefficient > 0.0 && found.chance <= WARNING).then_some(CalibrationWarning::Serial {
        coefficient: found.coefficient,
        chance: found.chance,
    })
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, Normal};

    use super::*;

    /// Checks of one endpoint whose starts vary by 1 %, with a lean of their own each.
    fn checks(count: usize, injected: f64, lean: f64, differs: f64) -> Vec<CalibrationCheck> {
        let mut random = StdRng::seed_from_u64(7);
        let start = Normal::new(0.0, 0.01).expect("a spread");
        let of_check = Normal::new(lean, differs).expect("a spread");
        let mut check = |seed| {
            let own = of_check.sample(&mut random) + (1.0 + injected).ln();
            let starts = (0..LOOKS[0]).map(|_| own + start.sample(&mut random));
            CalibrationCheck {
                injected,
                seed,
                seconds: 40.0 + seed as f64,
                metrics: vec![CheckedMetric {
                    server: "app".into(),
                    endpoint: "movies".into(),
                    metric: Metric::CpuPerRequest,
                    verdict: if injected > 0.06 {
                        Verdict::Regression
                    } else {
                        Verdict::Pass
                    },
                    out_of_time: false,
                    change: None,
                    margin: Some(0.05),
                    promised: Some(0.06),
                    starts: starts.collect(),
                    again: Vec::new(),
                    control: Vec::new(),
                }],
            }
        };
        (0..count as u64).map(&mut check).collect()
    }

    fn confirmation() -> Confirmation {
        Confirmation::from_thresholds([])
    }

    #[test]
    fn a_quiet_machine_is_found_quiet() {
        let mut all = checks(10, 0.0, 0.0, 0.0);
        all.extend(checks(5, 0.1, 0.0, 0.0));
        let result = calibrated(&all, confirmation());
        assert_eq!((result.unchanged.checks, result.unchanged.failed), (10, 0));
        assert!((result.unchanged.at_most - 0.258_87).abs() < 1e-4);
        let simulated = result.simulated.expect("simulated");
        assert!(simulated.failed <= 2, "{simulated:?}");
        assert_eq!(result.seconds, Some(44.5));
        assert_eq!(result.warnings, []);
        let [metric] = result.metrics.as_slice() else {
            panic!("one metric: {:?}", result.metrics);
        };
        assert_eq!((metric.starts, metric.promised), (40, Some(0.06)));
        assert!((0.007..0.013).contains(&metric.deviation), "{metric:?}");
        assert!(metric.passes > 0.99, "{metric:?}");
        let smallest = metric.smallest_margin.expect("a margin");
        assert!((0.01..=0.03).contains(&smallest), "{metric:?}");
        let found = metric.found.expect("a change");
        assert!((0.05..0.07).contains(&found), "{metric:?}");
        let [injected] = metric.injected.as_slice() else {
            panic!("one size: {metric:?}");
        };
        assert_eq!((injected.checks, injected.found), (5, 5));
        let [lower, upper] = injected.interval.expect("an interval");
        assert!(lower < 0.1 && 0.1 < upper, "{injected:?}");
    }

    #[test]
    fn what_breaks_a_promise_is_warned_of() {
        let leaning = calibrated(&checks(10, 0.0, 0.03, 0.0), confirmation());
        let leans = |it: &CalibrationWarning| matches!(it, CalibrationWarning::Leans { change, .. } if *change > 0.02);
        assert!(leaning.warnings.iter().any(leans), "{:?}", leaning.warnings);
        let differing = calibrated(&checks(10, 0.0, 0.0, 0.04), confirmation());
        let differs = |it: &CalibrationWarning| matches!(it, CalibrationWarning::Differs { deviation, .. } if *deviation > 0.02);
        assert!(
            differing.warnings.iter().any(differs),
            "{:?}",
            differing.warnings
        );
    }

    #[test]
    fn a_budget_that_ends_too_early_is_warned_of() {
        let mut all = checks(4, 0.0, 0.0, 0.0);
        all[1].metrics[0].out_of_time = true;
        let result = calibrated(&all, confirmation());
        let [
            CalibrationWarning::Budget {
                ended,
                checks,
                times,
                ..
            },
        ] = result.warnings.as_slice()
        else {
            panic!("one warning: {:?}", result.warnings);
        };
        assert_eq!((*ended, *checks), (1, 4));
        assert!((times - 3.0).abs() < 1e-9, "{times}");
    }

    #[test]
    fn nothing_measured_says_nothing() {
        let result = calibrated(&[], confirmation());
        assert_eq!(result.unchanged.checks, 0);
        assert_eq!(result.simulated, None);
        assert_eq!(result.metrics, []);
    }

    #[test]
    fn a_check_that_called_a_regression_counts_as_failed() {
        let mut all = checks(4, 0.0, 0.0, 0.0);
        all[2].metrics[0].verdict = Verdict::Regression;
        let result = calibrated(&all, confirmation());
        assert_eq!((result.unchanged.checks, result.unchanged.failed), (4, 1));
    }
}
