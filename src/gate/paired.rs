//! Pairs of rounds × thresholds → verdicts. A start counts as one value, over the totals of its
//! rounds: what is fixed for a server's lifetime, such as where its memory lies, moves all of them.

use super::decide::excused;
use super::finding::{blank, by_ceiling_alone, unjudged};
use super::inference::{Changes, Confirmation, Inference, LEVEL, LOOKS, Margin};
use super::scale::{Scale, crosses};
use super::{counters, errors, growth};
use crate::model::{
    Doubt, Finding, Machine, Metric, PairedSample, PairedStart, Reason, Round, Rule, Side, Sides,
    Strategy, Threshold, Thresholds, Verdict, total_time,
};
use crate::stats;

/// Where a cell stands at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// More pairs may decide.
    Open,
    /// Something regressed, which fresh containers must confirm.
    Suspect,
    /// Nothing is left to decide.
    Settled,
}

/// Judges every metric of a cell.
pub fn judge_pairs(
    sample: &PairedSample,
    thresholds: &Thresholds,
    confirmation: Confirmation,
) -> Vec<Finding> {
    let of_metric = |metric: &Metric| {
        let threshold = thresholds.get(metric).cloned().unwrap_or_default();
        decide(sample, *metric, &threshold, thresholds, confirmation)
    };
    Metric::ALL.iter().filter_map(of_metric).collect()
}

/// Whether a cell needs more pairs, or a confirmation.
pub fn standing(
    sample: &PairedSample,
    thresholds: &Thresholds,
    confirmation: Confirmation,
) -> Standing {
    let judged = thresholds.iter();
    let findings: Vec<_> = judged
        .filter_map(|(metric, it)| decide(sample, *metric, it, thresholds, confirmation))
        .collect();
    // What is counted exactly needs no second look.
    let suspect =
        |finding: &Finding| finding.verdict == Verdict::Regression && !finding.metric.is_counter();
    if findings.iter().any(suspect) {
        Standing::Suspect
    } else if findings.iter().any(is_open) {
        Standing::Open
    } else {
        Standing::Settled
    }
}

fn decide(
    sample: &PairedSample,
    metric: Metric,
    threshold: &Threshold,
    rules: &Thresholds,
    confirmation: Confirmation,
) -> Option<Finding> {
    match metric {
        Metric::ErrorRate => return errors::decide_pairs(sample, threshold, confirmation),
        Metric::MemoryGrowth => {
            return growth::decide_pairs(sample, threshold, rules, confirmation);
        }
        _ => {}
    }
    let mut finding = blank(&sample.server, &sample.endpoint, metric, threshold);
    finding.strategy = sample.strategy;
    let judged = threshold.margin.is_some() || threshold.ceiling.is_some();
    let Some(Sides { head, base }) = shown(sample, metric) else {
        return judged.then(|| unjudged(finding, threshold, Reason::Unavailable));
    };
    finding.head = Some(head);
    finding.base = Some(base);
    finding.change = (base > 0.0).then(|| head / base - 1.0);
    if let Some(side) =
        errors::failing_side(sample, rules).filter(|_| judged && metric.is_of_answers())
    {
        return Some(unjudged(finding, threshold, Reason::Failing { side }));
    }
    let timed = metric.is_timed_by_generator();
    let duet = sample.strategy == Strategy::Duet;
    // Both sides start at the same time, on the same CPUs; they are loaded in turns.
    let shared = duet && metric == Metric::StartupTime;
    let doubt = (judged && timed).then(|| sample.doubt(metric)).flatten();
    // Where the generator is late for both sides at once, that hides a change and makes none.
    let (hidden, doubt) = match doubt {
        Some(Doubt::GeneratorLate) if duet => (doubt, None),
        _ => (None, doubt),
    };
    if let Some(doubt) = doubt {
        return Some(finding.doubted(doubt));
    }
    let broken = threshold.ceiling.as_ref();
    let broken = broken.filter(|rule| crosses(metric, head, rule.value));
    if let Some(ceiling) = broken.filter(|_| !shared) {
        finding.rule = Some(ceiling.to_string());
        return Some(beyond_ceiling(finding, sample, ceiling));
    }
    let Some(rule) = &threshold.margin else {
        // A bound that holds with half of the CPUs holds with all of them.
        return Some(match broken {
            Some(_) => unjudged(finding, threshold, Reason::NeedsTheMachine),
            None => by_ceiling_alone(finding, threshold),
        });
    };
    if metric.is_counter() {
        let both = sample.counters.as_ref().map(Option::as_ref).both()?;
        return Some(counters::compare(
            finding,
            both.head,
            both.base,
            rule,
            threshold.floor,
        ));
    }
    if let Some(reason) = too_few_requests(&sample.starts, metric, rule.value) {
        return Some(unjudged(finding, threshold, reason));
    }
    let margin = Margin {
        size: Scale::from_metric(metric).margin(rule.value, threshold.floor, base),
        shows: match hidden {
            Some(_) => share_of_server(sample, metric),
            None => 1.0,
        },
    };
    let Some(changes) = changes(&sample.starts, metric) else {
        return Some(unjudged(finding, threshold, Reason::NoRatio));
    };
    let doubt = doubt_of_fresh_starts(sample, metric, rules);
    let finding = by_looks(finding, sample, &changes, margin, confirmation, doubt);
    Some(match hidden {
        Some(doubt) if is_undecided(&finding) => finding.doubted(doubt),
        // A pass by the margin is none by the bound.
        _ if finding.verdict == Verdict::Pass && broken.is_some() => {
            unjudged(finding, threshold, Reason::NeedsTheMachine)
        }
        // What no check of this service can detect is no news where nobody asked for it.
        _ if metric.is_tail() && finding.reason == Some(Reason::TooNoisy) => {
            unjudged(finding, threshold, Reason::TooNoisy)
        }
        _ => finding,
    })
}

/// The value of each side: in the middle of the starts, or of the batches of a counter.
fn shown(sample: &PairedSample, metric: Metric) -> Option<Sides<f64>> {
    if metric.is_counter() {
        let counters = sample.counters.as_ref();
        return counters
            .map(|of_side| of_side.as_ref()?.median(metric))
            .both();
    }
    middle(&sample.starts, metric)
}

/// A bound that the head crosses in fresh starts too, and while nothing disturbs it, is crossed;
/// until there are fresh starts it stands.
fn beyond_ceiling(finding: Finding, sample: &PairedSample, ceiling: &Rule) -> Finding {
    let metric = finding.metric;
    let is_crossed = |starts: &[PairedStart]| {
        let shown = middle(starts, metric);
        shown.is_some_and(|it| crosses(metric, it.head, ceiling.value))
    };
    let calm = |starts: &[PairedStart]| {
        let left = undisturbed(starts, metric);
        if middle(&left, metric).is_some() {
            return is_crossed(&left);
        }
        let rounds = starts.iter().flat_map(|it| it.rounds(Side::Head, metric));
        let shown = middle(starts, metric);
        let excused = shown.map(|it| excused(it.head, metric, rounds));
        excused.is_some_and(|head| crosses(metric, head, ceiling.value))
    };
    let is_exact = metric.is_counter();
    let is_new = sample.confirmation.is_empty();
    if !is_exact && !is_new && !is_crossed(&sample.confirmation) {
        return finding.with(Verdict::Inconclusive, Some(Reason::NotReproduced));
    }
    if is_exact || calm(&sample.starts) && (is_new || calm(&sample.confirmation)) {
        finding.with(Verdict::Regression, Some(Reason::Ceiling))
    } else {
        finding.with(Verdict::Inconclusive, Some(Reason::MachineBusy))
    }
}

/// Starts as far as nothing disturbed what a metric is read off.
fn undisturbed(starts: &[PairedStart], metric: Metric) -> Vec<PairedStart> {
    let mut calm = starts.to_vec();
    if metric == Metric::StartupTime {
        calm.retain(|start| !start.startup_disturbed);
    }
    for start in calm.iter_mut().filter(|_| metric.is_of_time()) {
        start.pairs.retain(|pair| {
            let mut rounds = pair.rounds(metric);
            !rounds.any(|it| Machine::is_disturbed([&it.head, &it.base]))
        });
    }
    calm
}

/// Too few requests for the metric in the middle start: for its percentile, or for a count of them
/// to be finer than half of the margin.
fn too_few_requests(starts: &[PairedStart], metric: Metric, margin: f64) -> Option<Reason> {
    let counted = starts.iter().any(|start| is_counted_rate(start, metric));
    let quanta = if counted { 2.0 / margin } else { 0.0 };
    let needed = (metric.requests_needed() as f64).max(quanta);
    let of_start = |start: &PairedStart| {
        let Sides { head, base } = start.completed(metric);
        // A side that answers nothing beside one that answers is slow for certain.
        let is_rate = metric == Metric::Throughput;
        let completed = if is_rate {
            head.max(base)
        } else {
            head.min(base)
        };
        completed as f64
    };
    let completed = stats::median(&starts.iter().map(of_start).collect::<Vec<_>>())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of requests"
    )]
    (completed < needed).then(|| Reason::TooFewRequests {
        requests: completed as u64,
        needed: needed.ceil() as u64,
    })
}

/// The verdict of the first look that decides, confirmed where it calls a regression.
fn by_looks(
    mut finding: Finding,
    sample: &PairedSample,
    changes: &Changes,
    margin: Margin,
    confirmation: Confirmation,
    doubt: Option<Reason>,
) -> Finding {
    let scale = Scale::from_metric(finding.metric);
    let given = margin;
    let (inference, decided) = Inference::search(changes, given);
    let margin = given.size;
    let shown = |worse: f64| scale.change(worse);
    let interval = inference.shown(changes);
    finding = finding.moved(interval);
    finding.pairs = pairs(&sample.starts[..inference.starts]);
    finding.margin = Some(shown(margin).abs());
    // What was decided early had more starts to go.
    let starts = match decided {
        Some(_) => LOOKS[LOOKS.len() - 1],
        None => inference.starts,
    };
    let detectable = inference.detectable(margin, starts, confirmation);
    finding.detectable = Some(shown(detectable).abs()).filter(|it| it.is_finite());
    match decided {
        None if inference.starts == LOOKS[LOOKS.len() - 1] || inference.is_futile(given) => {
            finding.with(Verdict::Inconclusive, Some(Reason::TooNoisy))
        }
        None => finding.with(Verdict::Inconclusive, Some(Reason::Undecided)),
        Some(Verdict::Regression) if doubt.is_some() => finding.with(Verdict::Inconclusive, doubt),
        Some(Verdict::Regression) => confirm(finding, sample, inference, margin, confirmation),
        Some(verdict) => {
            let improved = interval.upper < 0.0 && -interval.estimate > margin;
            finding.with(verdict, improved.then_some(Reason::Improved))
        }
    }
}

/// What of a latency is the server's: the rest passed before the request was sent, for both sides
/// alike, so that of a change this share shows. Nothing of what is no latency.
fn share_of_server(sample: &PairedSample, metric: Metric) -> f64 {
    let of_round = |round: &Round| {
        let open = round.tally.open.as_ref()?;
        let own = metric.of_latencies(&open.service)?;
        Some(own / metric.of_latencies(&round.tally.latency)?)
    };
    let shares: Vec<_> = rounds(&sample.starts, metric)
        .filter_map(of_round)
        .collect();
    stats::median(&shares).map_or(0.0, |share| share.clamp(0.0, 1.0))
}

/// A regression that was looked for once more, in fresh containers, and is not there, is none; nor
/// is one that the fresh containers could not be measured for. Where they exclude it, that is a pass. Until
/// it was looked for it stands.
fn confirm(
    mut finding: Finding,
    sample: &PairedSample,
    first: Inference,
    margin: f64,
    confirmation: Confirmation,
) -> Finding {
    if sample.confirmation.is_empty() {
        return finding.with(Verdict::Regression, None);
    }
    finding.pairs += pairs(&sample.confirmation);
    let Some(again) = changes(&sample.confirmation, finding.metric) else {
        return finding.with(Verdict::Inconclusive, Some(Reason::NotReproduced));
    };
    let control = changes(&sample.control, finding.metric);
    let confirmed = first.confirmed(&again, control.as_ref(), margin, confirmation);
    finding = finding.moved(confirmed.again);
    let (verdict, reason) = confirmed.reproduction.verdict();
    finding.with(verdict, reason)
}

/// Why fresh starts, which were made to see a regression again, say nothing of a metric: a side fails in
/// them, the base answers nothing, or the control has no value. Neither a build that fails quickly nor a
/// base that stands still makes a head better, or worse.
fn doubt_of_fresh_starts(
    sample: &PairedSample,
    metric: Metric,
    rules: &Thresholds,
) -> Option<Reason> {
    let failing = metric.is_of_answers();
    let failing = failing.then(|| errors::failing_again(sample, rules));
    if let Some(side) = failing.flatten() {
        return Some(Reason::Failing { side });
    }
    let is_silent = |start: &PairedStart, side: Side| {
        let completed = start.completed(metric);
        *completed.get(side) == 0 && *completed.get(side.other()) > 0
    };
    let is_rate = metric == Metric::Throughput;
    let mut again = sample.confirmation.iter();
    if is_rate && again.any(|start| is_silent(start, Side::Base)) {
        return Some(Reason::NotReproduced);
    }
    let mut control = sample.control.iter();
    let is_silent = |start| Side::BOTH.into_iter().any(|side| is_silent(start, side));
    let lacks_control = !sample.control.is_empty() && changes(&sample.control, metric).is_none();
    (lacks_control || is_rate && control.any(is_silent)).then_some(Reason::Unavailable)
}

/// Whether the pairs so far do not decide.
fn is_undecided(finding: &Finding) -> bool {
    matches!(finding.reason, Some(Reason::Undecided | Reason::TooNoisy))
}

/// Whether more pairs may decide: also where the generator was late, which it may not stay.
fn is_open(finding: &Finding) -> bool {
    let late = Reason::InvalidLoad {
        doubt: Doubt::GeneratorLate,
    };
    let reason = finding.reason.as_ref();
    let may_tell = reason.is_some_and(|it| *it == Reason::Undecided || *it == late);
    may_tell && finding.verdict == Verdict::Inconclusive
}

impl Finding {
    fn doubted(self, doubt: Doubt) -> Self {
        self.with(Verdict::Inconclusive, Some(Reason::InvalidLoad { doubt }))
    }

    /// With the change that pairs show, and its interval: the head is what the change makes of the
    /// base's median. Medians of both sides would not match it where the machine drifted between the
    /// pairs.
    fn moved(mut self, shown: Inference) -> Self {
        let scale = Scale::from_metric(self.metric);
        let change = scale.change(shown.estimate);
        let mut interval = [shown.lower, shown.upper].map(|end| scale.change(end));
        interval.sort_by(f64::total_cmp);
        self.change = Some(change);
        self.interval = interval
            .iter()
            .all(|end| end.is_finite())
            .then_some(interval);
        self.level = Some(LEVEL);
        self.head = self.base.map(|base| base * (1.0 + change));
        self
    }
}

/// One change for every start, on the log scale and positive for worse. `None` if more than a
/// quarter of the starts have none: what is missing may be what is worse.
pub(super) fn changes(starts: &[PairedStart], metric: Metric) -> Option<Changes> {
    let scale = Scale::from_metric(metric);
    let change = |start: &PairedStart| {
        let Sides { head, base } = above_zero(start, metric)?;
        // A document may claim a rate within no time at all.
        Some(scale.worse(head, base)).filter(|it| it.is_finite())
    };
    let values: Vec<f64> = starts.iter().filter_map(change).collect();
    let missing = starts.len() - values.len();
    let quanta = starts.iter().map(|start| quantum(start, metric));
    (!values.is_empty() && missing * 4 <= starts.len()).then(|| Changes {
        values,
        quantum: quanta.fold(0.0, f64::max),
    })
}

/// The values of a start as they are compared: a side that completes nothing is taken to be half a
/// request from completing one.
fn above_zero(start: &PairedStart, metric: Metric) -> Option<Sides<f64>> {
    let value = start.value(metric)?;
    let either = value.head > 0.0 || value.base > 0.0;
    let least = |side: Side| {
        let rounds = start.rounds(side, metric);
        let span = total_time(rounds.map(|round| round.tally.span().max(round.tally.window)));
        0.5 / span.as_secs_f64()
    };
    let compared = Sides::from_fn(|side| match *value.get(side) {
        value if value > 0.0 => Some(value),
        _ if metric == Metric::Throughput && either => Some(least(side)),
        _ => None,
    });
    compared.both()
}

/// Whether a rate is a count of requests within a fixed window, whole numbers of which are coarse:
/// in documents of older versions, and at a rate that is given.
fn is_counted_rate(start: &PairedStart, metric: Metric) -> bool {
    let is_counted = |side| start.rounds(side, metric).any(|it| it.tally.span.is_none());
    metric == Metric::Throughput && Side::BOTH.into_iter().any(is_counted)
}

/// Standard deviation, on the log scale, that counting whole requests alone gives the change of a
/// start: each side's count is off by a uniform error of one (Sheppard, 1898: 1/12 of its square).
fn quantum(start: &PairedStart, metric: Metric) -> f64 {
    if !is_counted_rate(start, metric) {
        return 0.0;
    }
    let variance = |side| {
        let rounds = start.rounds(side, metric);
        let counts = rounds.map(|it| it.tally.succeeded_in_window as f64);
        let counts: Vec<f64> = counts.collect();
        let total: f64 = counts.iter().sum();
        counts.len() as f64 / 12.0 / total.max(1.0).powi(2)
    };
    Side::BOTH.into_iter().map(variance).sum::<f64>().sqrt()
}

/// The middle of each side's values over all starts.
fn middle(starts: &[PairedStart], metric: Metric) -> Option<Sides<f64>> {
    let values: Vec<_> = starts.iter().filter_map(|it| it.value(metric)).collect();
    let median =
        |of: fn(&Sides<f64>) -> f64| stats::median(&values.iter().map(of).collect::<Vec<_>>());
    Some(Sides {
        head: median(|it| it.head)?,
        base: median(|it| it.base)?,
    })
}

fn rounds(starts: &[PairedStart], metric: Metric) -> impl Iterator<Item = &Round> {
    let pairs = starts.iter().flat_map(|start| &start.pairs);
    let rounds = pairs.flat_map(move |pair| pair.rounds(metric));
    rounds.flat_map(|sides| [&sides.head, &sides.base])
}

fn pairs(starts: &[PairedStart]) -> usize {
    starts.iter().map(|start| start.pairs.len()).sum()
}
