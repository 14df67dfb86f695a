//! One value × its history × its threshold → a verdict: the rule of the gate, once.

use super::baselines::{FEWEST_RUNS, History};
use super::finding::{blank, by_ceiling_alone, unjudged};
use super::scale::{Scale, crosses, requests_needed};
use super::{counters, errors, growth};
use crate::model::{
    Direction, Finding, Machine, Metric, Reason, Round, Rule, Sample, Side, Threshold, Thresholds,
    Verdict, total_time,
};
use crate::stats;

/// One-sided level of the prediction interval.
const LEVEL: f64 = 0.99;
/// Standard deviations of a run by which a change must exceed the rule for a run and the fresh start
/// that repeats it to show it in four of five cases: 0.894² = 0.8.
const POWER: f64 = 1.25;

/// A change on the log scale, turned so that positive is worse.
#[derive(Debug, Clone, Copy)]
struct Change {
    worse: f64,
    /// Distance from the history's median that noise explains at [`LEVEL`].
    reach: f64,
    /// Margin in force, the absolute floor included.
    margin: f64,
    /// Standard deviation of one run.
    deviation: f64,
}

/// The finding for one metric; `None` if the metric neither has a value nor a threshold. What
/// a fresh start of the server does not repeat is no regression.
pub(super) fn decide(
    sample: &Sample,
    metric: Metric,
    history: &History<'_>,
    rules: &Thresholds,
) -> Option<Finding> {
    let finding = once(sample, metric, history, rules)?;
    let stands = finding.verdict != Verdict::Regression || metric.is_counter();
    let Some(repeated) = sample.repeated().filter(|_| !stands) else {
        return Some(finding);
    };
    match once(&repeated, metric, history, rules) {
        Some(again) if again.verdict == Verdict::Regression => Some(finding),
        // It may have been there.
        Some(again) if again.reason == Some(Reason::MachineBusy) => {
            Some(finding.with(Verdict::Inconclusive, Some(Reason::MachineBusy)))
        }
        _ => Some(finding.with(Verdict::Inconclusive, Some(Reason::NotReproduced))),
    }
}

/// The same by one start alone.
fn once(
    sample: &Sample,
    metric: Metric,
    history: &History<'_>,
    rules: &Thresholds,
) -> Option<Finding> {
    let threshold = &rules.get(&metric).cloned().unwrap_or_default();
    let head = metric
        .of_sample(sample)
        .or_else(|| silence(sample, metric).filter(|_| history.lacks().is_none()));
    let judged = threshold.margin.is_some() || threshold.ceiling.is_some();
    if head.is_none() && !judged {
        return None;
    }
    let mut finding = blank(&sample.key.server, &sample.key.endpoint, metric, threshold);
    finding.head = head;
    let Some(head) = head else {
        return Some(unjudged(finding, threshold, Reason::Unavailable));
    };
    let values = match &threshold.margin {
        Some(rule) if !metric.is_counter() => history.on_level(metric, rule.value, threshold.floor),
        _ => history.values(metric),
    };
    describe_base(&mut finding, &values, head);
    // What a server's first minutes take is no leak: only a bound that was written holds on its own.
    if let Some(reason) = history.lacks()
        && metric == Metric::MemoryGrowth
        && !threshold.is_configured()
    {
        return Some(finding.not_judged(reason.clone()));
    }
    if judged && metric.is_of_answers() && errors::is_failing(sample.rounds(), rules) {
        let reason = Reason::Failing { side: Side::Head };
        return Some(unjudged(finding, threshold, reason));
    }
    if let Some(doubt) = sample
        .doubt()
        .filter(|_| judged && metric.is_timed_by_generator())
    {
        let reason = Reason::InvalidLoad { doubt };
        return Some(finding.with(Verdict::Inconclusive, Some(reason)));
    }
    if let Some(rule) = &threshold.ceiling {
        let limit = limit(metric, rule, history, finding.base);
        let decided = by_bound(&finding, sample, threshold, (rule, limit));
        if decided.is_some() {
            return decided;
        }
    }
    Some(match &threshold.margin {
        Some(rule) if metric.is_counter() => {
            let (own, newest) = (sample.counters.as_ref(), history.newest());
            let Some((own, newest)) = own.zip(newest) else {
                let reason = history.lacks().cloned().unwrap_or(Reason::NoBaseline);
                return Some(finding.not_judged(reason));
            };
            counters::compare(finding, own, &newest.counters(), rule, threshold.floor)
        }
        // The same in other units, and without the machine of the day.
        Some(_) if metric == Metric::CpuPerRequest && !sample.beside_reference.is_empty() => {
            finding.not_judged(Reason::BesideReference)
        }
        Some(rule) => relative(finding, sample, history, values, threshold, rule),
        None => by_ceiling_alone(finding, threshold),
    })
}

/// The verdict by a bound, where that is broken, or where there are too few requests for a percentile to
/// say whether it is; `None` where it holds.
fn by_bound(
    finding: &Finding,
    sample: &Sample,
    threshold: &Threshold,
    (rule, limit): (&Rule, f64),
) -> Option<Finding> {
    let metric = finding.metric;
    let mut finding = finding.clone();
    let is_broken = breaks(sample, metric, finding.head?, limit);
    // The bound is held against all rounds together, and so are their requests. However few they are,
    // the slowest of more is no faster.
    let requests = sample.all_requests();
    let needed = metric.requests_needed();
    if requests < needed && !(is_broken && metric == Metric::LatencyMax) {
        let reason = Reason::TooFewRequests { requests, needed };
        return Some(unjudged(finding, threshold, reason));
    }
    if !is_broken {
        return None;
    }
    finding.rule = Some(rule.to_string());
    Some(if breaks_undisturbed(sample, metric, limit) {
        finding.with(Verdict::Regression, Some(Reason::Ceiling))
    } else {
        finding.with(Verdict::Inconclusive, Some(Reason::MachineBusy))
    })
}

/// A rate of zero, where requests were sent and none came back.
fn silence(sample: &Sample, metric: Metric) -> Option<f64> {
    let rounds = sample.rounds();
    let is_silent = rounds.iter().all(|it| it.tally.completed() == 0);
    let were_sent = rounds.iter().any(|it| it.tally.started > 0);
    (metric == Metric::Throughput && sample.summary.is_none() && is_silent && were_sent)
        .then_some(0.0)
}

/// The value of a sample, that of silence included.
fn value(sample: &Sample, metric: Metric) -> Option<f64> {
    let value = metric.of_sample(sample);
    value.or_else(|| silence(sample, metric))
}

/// Fills in what can be shown whether or not it can be judged.
fn describe_base(finding: &mut Finding, values: &[f64], head: f64) {
    finding.base = stats::median(values);
    finding.pairs = values.len();
    let has_ratio = |base: &f64| *base > 0.0 && finding.metric != Metric::MemoryGrowth;
    finding.change = finding.base.filter(has_ratio).map(|base| head / base - 1.0);
}

/// The value that a bound allows. Memory may grow by so much more than it did in stored runs.
fn limit(metric: Metric, ceiling: &Rule, history: &History<'_>, base: Option<f64>) -> f64 {
    let base = base.filter(|_| metric == Metric::MemoryGrowth && history.lacks().is_none());
    ceiling.value + base.map_or(0.0, |base| base.max(0.0))
}

/// Whether the head breaks a bound: of failed requests and growing memory for certain, since a little
/// of them may be chance.
fn breaks(sample: &Sample, metric: Metric, head: f64, limit: f64) -> bool {
    match metric {
        _ if sample.summary.is_some() => crosses(metric, head, limit),
        Metric::ErrorRate => errors::is_above(sample.rounds(), limit),
        Metric::MemoryGrowth => growth::is_above(sample.rounds(), limit),
        _ => crosses(metric, head, limit),
    }
}

/// Whether the head breaks a bound also by what nothing disturbed.
fn breaks_undisturbed(sample: &Sample, metric: Metric, limit: f64) -> bool {
    if metric == Metric::ErrorRate && sample.summary.is_none() {
        return errors::is_above_undisturbed(sample.rounds(), limit);
    }
    let calm = undisturbed(sample, metric);
    let head = calm.as_ref().and_then(|calm| value(calm, metric));
    let excused = || Some(excused(value(sample, metric)?, metric, sample.rounds()));
    let head = head.or_else(excused);
    head.is_some_and(|head| breaks(sample, metric, head, limit))
}

/// A value of disturbed rounds with all that waiting for a CPU can have made of it taken off. How much
/// that is of a start is not known.
pub(super) fn excused<'a>(
    value: f64,
    metric: Metric,
    rounds: impl IntoIterator<Item = &'a Round>,
) -> f64 {
    let slower = match metric {
        Metric::StartupTime => f64::INFINITY,
        Metric::CpuPerRequest => Machine::most_cpu_lengthened(rounds),
        Metric::Throughput => Machine::most_prolonged(rounds),
        _ => Machine::most_slowed(rounds),
    };
    match metric.direction() {
        Direction::LowerIsBetter => value / slower,
        Direction::HigherIsBetter => value * slower,
    }
}

/// A sample as far as nothing disturbed what a metric is read off; `None` if little is left.
fn undisturbed(sample: &Sample, metric: Metric) -> Option<Sample> {
    let mut calm = sample.clone();
    let Some(start) = calm.starts.first_mut() else {
        return Some(calm);
    };
    if metric == Metric::StartupTime && start.startup_disturbed {
        return None;
    }
    if metric.is_of_time() && sample.summary.is_none() {
        start.rounds.retain(|round| !Machine::is_disturbed([round]));
        let is_little = start.rounds.len() * 2 < sample.rounds().len();
        return (!is_little).then_some(calm);
    }
    Some(calm)
}

fn relative(
    mut finding: Finding,
    sample: &Sample,
    history: &History<'_>,
    mut values: Vec<f64>,
    threshold: &Threshold,
    rule: &Rule,
) -> Finding {
    let metric = finding.metric;
    if let Some(reason) = history.lacks() {
        return finding.not_judged(reason.clone());
    }
    let requests = requests_beside(sample, metric, finding.base);
    let needed = requests_of(sample, metric, rule, threshold.floor, finding.base);
    if requests < needed {
        let reason = Reason::TooFewRequests { requests, needed };
        return unjudged(finding, threshold, reason);
    }
    // A run whose value is zero cannot be compared as a ratio; the others have.
    values.retain(|value| *value > 0.0);
    if values.len() < FEWEST_RUNS {
        return finding.not_judged(Reason::ShortHistory {
            runs: values.len(),
            needed: FEWEST_RUNS,
        });
    }
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    finding.groups = stats::two_groups(&logs).map(|it| it.centres.map(f64::exp));
    let change = |head: f64| compare(metric, &values, head, rule.value, threshold.floor);
    let head = above_zero(sample, metric);
    let Some((head, found)) = head.and_then(|head| Some((head, change(head)?))) else {
        return unjudged(finding, threshold, Reason::NoRatio);
    };
    if found.is_regression() {
        let calm = match undisturbed(sample, metric) {
            Some(calm) => above_zero(&calm, metric),
            None => Some(excused(head, metric, sample.rounds())),
        };
        if !calm.and_then(change).is_some_and(Change::is_regression) {
            let finding = found.verdict_on(finding);
            return finding.with(Verdict::Inconclusive, Some(Reason::MachineBusy));
        }
    }
    found.verdict_on(finding)
}

/// Requests that the values of a metric are of: of a rate those that the base would have answered in a
/// round, where these are more. A server that answers nothing beside one that does is slow for certain.
fn requests_beside(sample: &Sample, metric: Metric, base: Option<f64>) -> u64 {
    let own = sample.typical_requests();
    let rounds = sample.rounds();
    if metric != Metric::Throughput || rounds.is_empty() {
        return own;
    }
    let window = total_time(rounds.iter().map(|it| it.tally.window)) / count(rounds.len());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of requests"
    )]
    let of_base = (base.unwrap_or_default() * window.as_secs_f64()) as u64;
    own.max(of_base)
}

/// Requests that a metric needs in a round. Another generator's counts are those of a long run.
fn requests_of(
    sample: &Sample,
    metric: Metric,
    rule: &Rule,
    floor: Option<f64>,
    base: Option<f64>,
) -> u64 {
    let scale = Scale::from_metric(metric);
    let size = base.map(|base| scale.margin(rule.value, floor, base));
    let margin = size.map(|size| scale.change(size).abs());
    requests_needed(metric, margin.filter(|_| sample.summary.is_none()))
}

fn count(rounds: usize) -> u32 {
    u32::try_from(rounds).unwrap_or(u32::MAX)
}

/// The value of the head as it is compared: a server that completes nothing is taken to be half a
/// request from completing one.
fn above_zero(sample: &Sample, metric: Metric) -> Option<f64> {
    let value = value(sample, metric)?;
    let rounds = sample.rounds().iter();
    let span = total_time(rounds.map(|it| it.tally.span().max(it.tally.window)));
    match metric {
        // What another generator reported has no windows.
        Metric::Throughput if value <= 0.0 && span.is_zero() => Some(f64::MIN_POSITIVE),
        Metric::Throughput if value <= 0.0 => Some(0.5 / span.as_secs_f64()),
        _ => (value > 0.0).then_some(value),
    }
}

fn compare(
    metric: Metric,
    values: &[f64],
    head: f64,
    margin: f64,
    floor: Option<f64>,
) -> Option<Change> {
    let scale = Scale::from_metric(metric);
    let logs: Vec<f64> = values
        .iter()
        .map(|value| scale.worse(*value, 1.0))
        .collect();
    let prediction = stats::predict(&logs)?;
    let base = 1.0 + scale.change(prediction.centre);
    Some(Change {
        worse: scale.worse(head, base),
        reach: prediction.reach,
        deviation: prediction.deviation,
        margin: scale.margin(margin, floor, base),
    })
}

impl Change {
    fn is_regression(self) -> bool {
        self.worse > self.margin && self.worse > self.reach
    }

    /// Worse than the history's median by more than the margin *and* outside the prediction
    /// interval is a regression; worse by more than the margin within it cannot be detected.
    fn verdict_on(self, mut finding: Finding) -> Finding {
        let scale = Scale::from_metric(finding.metric);
        let shown = |worse: f64| scale.change(worse);
        let mut ends = [
            shown(self.worse - self.reach),
            shown(self.worse + self.reach),
        ];
        ends.sort_by(f64::total_cmp);
        finding.interval = ends.iter().all(|end| end.is_finite()).then_some(ends);
        finding.level = Some(2.0 * LEVEL - 1.0);
        finding.margin = Some(shown(self.margin).abs());
        let least = self.margin.max(self.reach);
        finding.detectable = Some(shown(least + POWER * self.deviation).abs());
        let beyond_margin = self.worse > self.margin;
        let beyond_noise = self.worse > self.reach;
        let improved = -self.worse > self.margin.max(self.reach);
        match (beyond_margin, beyond_noise) {
            (true, true) => finding.with(Verdict::Regression, None),
            (true, false) => finding.with(Verdict::Inconclusive, Some(Reason::WithinNoise)),
            (false, _) if improved => finding.with(Verdict::Pass, Some(Reason::Improved)),
            (false, _) => finding.with(Verdict::Pass, None),
        }
    }
}
