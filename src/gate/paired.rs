//! Pairs of rounds × thresholds → verdicts. A start counts as one value, the median of its pairs:
//! what is fixed for a server's lifetime, such as where its memory lies, moves all of them.

use super::counters;
use super::decide::{self, Scale};
use super::inference::{Confirmation, Confirmed, Inference, Margin};
use crate::model::{
    Doubt, Finding, Metric, PairedSample, PairedStart, Reason, Round, Sides, Strategy, Threshold,
    Thresholds, Verdict,
};
use crate::stats;

/// Where a cell stands at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// More pairs may tell.
    Open,
    /// Something regressed, which fresh containers must confirm.
    Suspect,
    /// Nothing is left to tell.
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
        decide(sample, *metric, &threshold, confirmation)
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
        .filter_map(|(metric, threshold)| decide(sample, *metric, threshold, confirmation))
        .collect();
    // What is counted exactly, and a ceiling, need no second look.
    let suspect =
        |finding: &Finding| finding.verdict == Verdict::Regression && finding.interval.is_some();
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
    confirmation: Confirmation,
) -> Option<Finding> {
    let mut finding = decide::blank(&sample.server, &sample.endpoint, metric, threshold);
    finding.strategy = sample.strategy;
    let shown = if metric.is_counter() {
        let counters = sample.counters.as_ref();
        counters
            .map(|of_side| of_side.as_ref()?.median(metric))
            .both()
    } else {
        middle(&sample.starts, metric)
    };
    let judged = threshold.margin.is_some() || threshold.ceiling.is_some();
    let Some(Sides { head, base }) = shown else {
        return judged.then(|| finding.not_judged(Reason::Unavailable));
    };
    finding.head = Some(head);
    finding.base = Some(base);
    finding.change = (base > 0.0).then(|| head / base - 1.0);
    let rounds = || rounds(&sample.starts, metric);
    let timed = metric.is_timed_by_generator();
    // Side by side with the base the head has half of the cores to itself.
    let duet = sample.strategy == Strategy::Duet;
    let shared = duet && (timed || metric == Metric::StartupTime);
    let doubt = (judged && timed).then(|| sample.doubt(metric)).flatten();
    // Where the generator is late for both sides at once, that hides a change and makes none.
    let (hidden, doubt) = match doubt {
        Some(Doubt::GeneratorLate) if duet => (doubt, None),
        _ => (None, doubt),
    };
    if let Some(doubt) = doubt {
        return Some(finding.doubted(doubt));
    }
    if let Some(ceiling) = threshold.ceiling.as_ref().filter(|_| !shared)
        && decide::crosses(metric, head, ceiling)
    {
        finding.rule = Some(ceiling.to_string());
        return Some(finding.with(Verdict::Regression, Some(Reason::Ceiling)));
    }
    let Some(rule) = &threshold.margin else {
        return Some(match &threshold.ceiling {
            Some(_) if shared => finding.not_judged(Reason::NeedsTheMachine),
            _ => decide::by_ceiling_alone(finding, threshold),
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
    let needed = metric.requests_needed();
    let requests = rounds().map(|round| round.tally.completed()).min();
    let requests = requests.unwrap_or_default();
    if requests < needed {
        return Some(finding.not_judged(Reason::TooFewRequests { requests, needed }));
    }
    let margin = Margin {
        size: Scale::of(metric).margin(rule.value, threshold.floor, base),
        shows: match hidden {
            Some(_) => share_of_server(sample, metric),
            None => 1.0,
        },
    };
    let finding = by_looks(finding, sample, margin, confirmation);
    Some(match hidden {
        Some(doubt) if finding.reason == Some(Reason::Undecided) => finding.doubted(doubt),
        _ => finding,
    })
}

/// The verdict of the first look that decides, confirmed where it calls a regression.
fn by_looks(
    mut finding: Finding,
    sample: &PairedSample,
    margin: Margin,
    confirmation: Confirmation,
) -> Finding {
    let scale = Scale::of(finding.metric);
    let Some(changes) = changes(&sample.starts, finding.metric) else {
        return finding.not_judged(Reason::NoRatio);
    };
    let (inference, decided) = Inference::search(&changes, margin);
    let margin = margin.size;
    let shown = |worse: f64| scale.change(worse);
    let mut interval = [shown(inference.lower), shown(inference.upper)];
    interval.sort_by(f64::total_cmp);
    finding = finding.moved(shown(inference.estimate));
    finding.interval = interval
        .iter()
        .all(|end| end.is_finite())
        .then_some(interval);
    finding.level = Some(Inference::level());
    finding.pairs = pairs(&sample.starts[..inference.starts]);
    finding.margin = Some(shown(margin).abs());
    finding.detectable = Some(shown(inference.detectable().max(margin)).abs());
    match decided {
        None => finding.with(Verdict::Inconclusive, Some(Reason::Undecided)),
        Some(Verdict::Regression) => confirm(finding, sample, inference, margin, confirmation),
        Some(verdict) => {
            let improved = inference.upper < 0.0 && -inference.estimate > margin;
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

/// A regression that was looked for once more, in fresh containers, and is not there, is none.
fn confirm(
    mut finding: Finding,
    sample: &PairedSample,
    first: Inference,
    margin: f64,
    confirmation: Confirmation,
) -> Finding {
    let Some(again) = changes(&sample.confirmation, finding.metric).filter(|it| !it.is_empty())
    else {
        return finding.with(Verdict::Regression, None);
    };
    let Confirmed { estimate, holds } = first.confirmed(&again, margin, confirmation);
    finding.pairs += pairs(&sample.confirmation);
    let change = Scale::of(finding.metric).change(estimate);
    finding = finding.moved(change);
    if holds {
        finding.with(Verdict::Regression, None)
    } else {
        finding.with(Verdict::Inconclusive, Some(Reason::NotReproduced))
    }
}

/// Whether more pairs may tell: also where the generator was late, which it may not stay.
fn is_open(finding: &Finding) -> bool {
    let late = Reason::InvalidLoad {
        doubt: Doubt::GeneratorLate,
    };
    let reason = finding.reason.as_ref();
    reason.is_some_and(|it| *it == Reason::Undecided || *it == late)
}

impl Finding {
    fn doubted(self, doubt: Doubt) -> Self {
        self.with(Verdict::Inconclusive, Some(Reason::InvalidLoad { doubt }))
    }

    /// With the change that pairs show: the head is what it makes of the base's median. Medians of
    /// both sides would not match it where the machine drifted between the pairs.
    fn moved(mut self, change: f64) -> Self {
        self.change = Some(change);
        self.head = self.base.map(|base| base * (1.0 + change));
        self
    }
}

/// One change for every start, on the log scale and positive for worse; nothing where a value is
/// missing or has no ratio.
fn changes(starts: &[PairedStart], metric: Metric) -> Option<Vec<f64>> {
    let scale = Scale::of(metric);
    let of_start = |start: &PairedStart| {
        let values = start.values(metric)?;
        let ratio = |it: &Sides<f64>| {
            (it.head > 0.0 && it.base > 0.0).then(|| scale.worse(it.head, it.base))
        };
        let ratios: Vec<f64> = values.iter().map(ratio).collect::<Option<_>>()?;
        stats::median(&ratios)
    };
    starts.iter().map(of_start).collect()
}

/// The middle value of each side over all pairs.
fn middle(starts: &[PairedStart], metric: Metric) -> Option<Sides<f64>> {
    let values: Vec<_> = starts
        .iter()
        .map(|start| start.values(metric))
        .collect::<Option<_>>()?;
    let values = values.concat();
    let median =
        |of: fn(&Sides<f64>) -> f64| stats::median(&values.iter().map(of).collect::<Vec<_>>());
    Some(Sides {
        head: median(|it| it.head)?,
        base: median(|it| it.base)?,
    })
}

fn rounds(starts: &[PairedStart], metric: Metric) -> impl Iterator<Item = &Round> {
    let pairs = starts.iter().flat_map(|start| &start.pairs);
    let rounds = pairs.filter_map(move |pair| pair.rounds(metric));
    rounds.flat_map(|sides| [&sides.head, &sides.base])
}

fn pairs(starts: &[PairedStart]) -> usize {
    starts.iter().map(|start| start.pairs.len()).sum()
}
