//! Pairs of rounds × thresholds → verdicts. A start counts as one value, over the totals of its
//! rounds: what is fixed for a server's lifetime, such as where its memory lies, moves all of them.

use super::decide::excused;
use super::finding::{blank, by_ceiling_alone, unjudged};
use super::inference::{Changes, Confirmation, Inference, LEVEL, LOOKS, Margin};
use super::scale::{Scale, crosses, requests_needed};
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
    let shown = shown(sample, metric);
    let Some(head) = shown.head else {
        return judged.then(|| unjudged(finding, threshold, Reason::Unavailable));
    };
    finding.head = Some(head);
    finding.base = shown.base;
    let base = shown.base.filter(|base| *base > 0.0);
    finding.change = base.map(|base| head / base - 1.0);
    if let Some(side) =
        errors::failing_side(sample, metric, rules).filter(|_| judged && metric.is_of_answers())
    {
        return Some(unjudged(finding, threshold, Reason::Failing { side }));
    }
    // Both sides start at the same time, on the same CPUs; they are loaded in turns.
    let shared = sample.strategy == Strategy::Duet && metric == Metric::StartupTime;
    let timed = metric.is_timed_by_generator();
    let doubt = (judged && timed).then(|| sample.doubt(metric)).flatten();
    if let Some(doubt) = fault_of_load(sample, doubt, metric) {
        return Some(finding.doubted(doubt));
    }
    let hidden = doubt;
    let broken = threshold.ceiling.as_ref();
    let broken = broken.filter(|rule| crosses(metric, head, rule.value));
    // However few they are, the slowest request of more is no faster.
    let is_certain = metric == Metric::LatencyMax && broken.is_some();
    let few = too_few_requests(&sample.starts, metric, None);
    if let Some(reason) = few.filter(|_| judged && !is_certain) {
        return Some(unanswered(finding, sample, threshold, reason));
    }
    if let Some(ceiling) = broken.filter(|_| !shared) {
        finding.rule = Some(ceiling.to_string());
        return Some(beyond_ceiling(finding, sample, threshold, ceiling));
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
    let finding = by_margin(finding, sample, threshold, rules, hidden, confirmation);
    // A pass by the margin is none by the bound.
    Some(if finding.verdict == Verdict::Pass && broken.is_some() {
        unjudged(finding, threshold, Reason::NeedsTheMachine)
    } else {
        finding
    })
}

/// A doubt that makes a change of its own. Where the generator is late for both sides at once, that hides
/// one and makes none.
fn fault_of_load(sample: &PairedSample, doubt: Option<Doubt>, metric: Metric) -> Option<Doubt> {
    let is_shared = sample.strategy == Strategy::Duet;
    let doubt = doubt.filter(|_| metric.is_timed_by_generator());
    doubt.filter(|doubt| !(is_shared && *doubt == Doubt::GeneratorLate))
}

/// The verdict by the margin, where there is a base to compare with.
fn by_margin(
    finding: Finding,
    sample: &PairedSample,
    threshold: &Threshold,
    rules: &Thresholds,
    hidden: Option<Doubt>,
    confirmation: Confirmation,
) -> Finding {
    let metric = finding.metric;
    let relative = threshold.margin.as_ref().map_or(0.0, |rule| rule.value);
    let is_silent = is_base_silent(&sample.starts, metric);
    let Some(base) = finding.base.filter(|_| !is_silent) else {
        return unjudged(finding, threshold, Reason::SilentBase);
    };
    let scale = Scale::from_metric(metric);
    let size = scale.margin(relative, threshold.floor, base);
    let few = too_few_requests(&sample.starts, metric, Some(scale.change(size).abs()));
    if let Some(reason) = few {
        return unjudged(finding, threshold, reason);
    }
    let shows = match hidden {
        Some(_) => share_of_server(sample, metric),
        None => 1.0,
    };
    let Some(changes) = changes(&sample.starts, metric) else {
        return unjudged(finding, threshold, Reason::NoRatio);
    };
    let doubt = doubt_of_fresh_starts(sample, metric, rules);
    let margin = Margin { size, shows };
    let finding = by_looks(finding, sample, &changes, margin, confirmation, doubt);
    match hidden {
        Some(doubt) if is_undecided(&finding) => finding.doubted(doubt),
        // What no check of this service can detect is no news where nobody asked for it.
        _ if metric.is_tail() && finding.reason == Some(Reason::TooNoisy) => {
            unjudged(finding, threshold, Reason::TooNoisy)
        }
        _ => finding,
    }
}

/// The value of each side: in the middle of the starts, or of the batches of a counter. Where the base
/// answers nothing, the head has a value all the same.
fn shown(sample: &PairedSample, metric: Metric) -> Sides<Option<f64>> {
    let both = if metric.is_counter() {
        let counters = sample.counters.as_ref();
        counters
            .map(|of_side| of_side.as_ref()?.median(metric))
            .both()
    } else {
        middle(&sample.starts, metric)
    };
    match both {
        Some(both) => both.map(Some),
        None => Sides {
            head: head_of(&sample.starts, metric),
            base: None,
        },
    }
}

/// The head's value in the middle of some starts, also of those whose base answers nothing.
fn head_of(starts: &[PairedStart], metric: Metric) -> Option<f64> {
    if let Some(both) = middle(starts, metric) {
        return Some(both.head);
    }
    let alone = |start: &PairedStart| metric.of_pooled(start.rounds(Side::Head, metric));
    let values: Vec<f64> = starts.iter().filter_map(alone).collect();
    stats::median(&values).filter(|_| is_base_silent(starts, metric))
}

/// Whether the base completes nothing in more than a quarter of some starts, although the head does:
/// there is nothing to compare it with. Neither has anything become better.
fn is_base_silent(starts: &[PairedStart], metric: Metric) -> bool {
    let is_silent = |start: &&PairedStart| is_silent(start, metric, Side::Base);
    starts.iter().filter(is_silent).count() * 4 > starts.len()
}

/// Whether a side completes nothing in the rounds of a metric, and the other does.
fn is_silent(start: &PairedStart, metric: Metric, side: Side) -> bool {
    let is_of_requests = metric == Metric::Throughput || metric.is_latency();
    let completed = start.completed(metric);
    is_of_requests && *completed.get(side) == 0 && *completed.get(side.other()) > 0
}

/// What too few requests leave unjudged. At one rate for both sides a head that answers less than
/// half as many as the base is no matter of how many requests there were.
fn unanswered(
    finding: Finding,
    sample: &PairedSample,
    threshold: &Threshold,
    reason: Reason,
) -> Finding {
    let metric = finding.metric;
    let completed = |side: Side| {
        let starts = sample.starts.iter();
        starts.fold(0, |sum: u64, start| {
            sum.saturating_add(*start.completed(metric).get(side))
        })
    };
    if metric.is_latency() && completed(Side::Head) < completed(Side::Base) / 2 {
        return finding.with(Verdict::Inconclusive, Some(reason));
    }
    unjudged(finding, threshold, reason)
}

/// A bound that the head crosses in fresh starts too, and while nothing disturbs it, is crossed;
/// until there are fresh starts it stands.
fn beyond_ceiling(
    finding: Finding,
    sample: &PairedSample,
    threshold: &Threshold,
    ceiling: &Rule,
) -> Finding {
    let metric = finding.metric;
    let is_crossed = |starts: &[PairedStart]| {
        let head = head_of(starts, metric);
        head.is_some_and(|head| crosses(metric, head, ceiling.value))
    };
    let calm = |starts: &[PairedStart]| {
        let left = undisturbed(starts, metric);
        if head_of(&left, metric).is_some() {
            return is_crossed(&left);
        }
        let rounds = starts.iter().flat_map(|it| it.rounds(Side::Head, metric));
        let excused = head_of(starts, metric).map(|head| excused(head, metric, rounds));
        excused.is_some_and(|head| crosses(metric, head, ceiling.value))
    };
    let is_exact = metric.is_counter();
    let is_new = sample.confirmation.is_empty();
    let few = too_few_requests(&sample.confirmation, metric, None);
    if let Some(reason) = few.filter(|_| metric != Metric::LatencyMax) {
        return unjudged(finding, threshold, reason);
    }
    if let Some(doubt) = fault_of_load(sample, sample.doubt_again(metric), metric) {
        return finding.doubted(doubt);
    }
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

/// Too few requests for the metric in the middle start: for its percentile, or for one of them to be
/// less than half of the margin that their rate is judged by. However exactly a rate is timed, one
/// request more or less that falls into a turn is no change of the server.
fn too_few_requests(starts: &[PairedStart], metric: Metric, margin: Option<f64>) -> Option<Reason> {
    let needed = requests_needed(metric, margin);
    let of_start = |start: &PairedStart| {
        let Sides { head, base } = start.completed(metric);
        // A side that answers nothing beside one that answers is slow for certain.
        let is_one_sided = metric == Metric::Throughput || head == 0 || base == 0;
        let completed = if is_one_sided {
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
        reason = "a count of requests"
    )]
    let requests = completed as u64;
    (requests < needed).then_some(Reason::TooFewRequests { requests, needed })
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
    let failing = failing.then(|| errors::failing_again(sample, metric, rules));
    if let Some(side) = failing.flatten() {
        return Some(Reason::Failing { side });
    }
    if let Some(few) = too_few_requests(&sample.confirmation, metric, None) {
        return Some(few);
    }
    if let Some(doubt) = fault_of_load(sample, sample.doubt_again(metric), metric) {
        return Some(Reason::InvalidLoad { doubt });
    }
    let mut again = sample.confirmation.iter();
    if again.any(|start| is_silent(start, metric, Side::Base)) {
        return Some(Reason::NotReproduced);
    }
    let mut control = sample.control.iter();
    let is_silent = |start| {
        let mut sides = Side::BOTH.into_iter();
        sides.any(|side| is_silent(start, metric, side))
    };
    let lacks_control = !sample.control.is_empty() && changes(&sample.control, metric).is_none();
    (lacks_control || control.any(is_silent)).then_some(Reason::Unavailable)
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
    let value = value(start, metric)?;
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

/// The values of a start. A head that answers nothing at the fixed rate where the base does has
/// latencies all the same: longer than the window lasted, at the end of which they are censored.
fn value(start: &PairedStart, metric: Metric) -> Option<Sides<f64>> {
    let is_time = metric.is_latency() && metric != Metric::LatencyStdev;
    if !is_time || !is_silent(start, metric, Side::Head) {
        return start.value(metric);
    }
    let base = metric.of_pooled(start.rounds(Side::Base, metric))?;
    let windows = start.rounds(Side::Head, metric).map(|it| it.tally.window);
    let longest = windows.max()?.as_secs_f64() * 1e6;
    // Of answers that may take longer than a window it says nothing.
    (longest > base).then_some(Sides {
        head: longest,
        base,
    })
}

/// Standard deviation, on the log scale, that counting whole requests alone gives the change of a
/// start: each side's count is off by a uniform error of one (Sheppard, 1898: 1/12 of its square).
/// That is so however exactly it is timed: where the last turn of a window ends is as much by chance.
fn quantum(start: &PairedStart, metric: Metric) -> f64 {
    if metric != Metric::Throughput {
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
    let values: Vec<_> = starts.iter().filter_map(|it| value(it, metric)).collect();
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
