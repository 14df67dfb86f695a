//! Pairs of rounds × thresholds → verdicts. A start counts as one value, the median of its pairs:
//! what is fixed for a server's lifetime, such as where its memory lies, moves all of them.

use super::counters;
use super::decide::{self, Scale};
use crate::model::{
    Finding, Metric, PairedSample, PairedStart, Reason, Round, Rule, Sides, Strategy, Threshold,
    Thresholds, Verdict,
};
use crate::stats;

/// Numbers of starts after which a cell is looked at; it ends at the first that decides.
pub const LOOKS: [usize; 4] = [4, 6, 8, 12];
/// Starts of a confirmation.
pub const CONFIRMING_STARTS: usize = 4;
/// One-sided errors of a look: below the interval, which calls a regression, and above it, which
/// calls a pass. Four looks together err in 2.5 % and 5 % (Pocock's boundary, *Group sequential
/// methods in the design and analysis of clinical trials*, 1977).
const ERRORS: [f64; 2] = [0.0091, 0.0194];
/// One-sided error of the confirmation.
const CONFIRMATION_ERROR: f64 = 0.05;
/// Starts from which ranks bound the location: fewer have no ranks rare enough.
const FEWEST_RANKED: usize = 8;
/// A change of so many standard errors is found in four of five runs.
const POWER: f64 = 3.1;

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

/// What starts say about a metric on the log scale, positive for worse.
#[derive(Debug, Clone, Copy)]
struct Evidence {
    starts: usize,
    estimate: f64,
    lower: f64,
    upper: f64,
    /// Standard deviation of one start.
    deviation: f64,
}

/// Judges every metric of a cell.
pub fn judge_pairs(
    sample: &PairedSample,
    thresholds: &Thresholds,
    strategy: Strategy,
) -> Vec<Finding> {
    let of_metric = |metric: &Metric| {
        let threshold = thresholds.get(metric).cloned().unwrap_or_default();
        decide(sample, *metric, &threshold, strategy)
    };
    Metric::ALL.iter().filter_map(of_metric).collect()
}

/// Whether a cell needs more pairs, or a confirmation.
pub fn standing(sample: &PairedSample, thresholds: &Thresholds) -> Standing {
    let judged = thresholds.iter();
    let findings: Vec<_> = judged
        .filter_map(|(metric, threshold)| decide(sample, *metric, threshold, Strategy::Duet))
        .collect();
    // What is counted exactly, and a ceiling, need no second look.
    let suspect =
        |finding: &Finding| finding.verdict == Verdict::Regression && finding.interval.is_some();
    if findings.iter().any(suspect) {
        Standing::Suspect
    } else if findings
        .iter()
        .any(|it| it.reason == Some(Reason::Undecided))
    {
        Standing::Open
    } else {
        Standing::Settled
    }
}

fn decide(
    sample: &PairedSample,
    metric: Metric,
    threshold: &Threshold,
    strategy: Strategy,
) -> Option<Finding> {
    let mut finding = decide::blank(&sample.server, &sample.endpoint, metric, threshold);
    finding.strategy = strategy;
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
    if judged
        && metric.is_timed_by_generator()
        && let Some(doubt) = sample.doubt(metric)
    {
        let reason = Reason::InvalidLoad { doubt };
        return Some(finding.with(Verdict::Inconclusive, Some(reason)));
    }
    // Side by side with the base the head has half of the cores to itself.
    let alone = metric.is_timed_by_generator();
    if let Some(ceiling) = threshold.ceiling.as_ref().filter(|_| !alone)
        && decide::crosses(metric, head, ceiling)
    {
        finding.rule = Some(ceiling.to_string());
        return Some(finding.with(Verdict::Regression, Some(Reason::Ceiling)));
    }
    let Some(rule) = &threshold.margin else {
        return Some(match &threshold.ceiling {
            Some(_) if alone => finding.not_judged(Reason::NeedsTheMachine),
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
    Some(by_looks(finding, sample, base, rule, threshold.floor))
}

/// The verdict of the first look that decides, confirmed where it calls a regression.
fn by_looks(
    mut finding: Finding,
    sample: &PairedSample,
    base: f64,
    rule: &Rule,
    floor: Option<f64>,
) -> Finding {
    let scale = Scale::of(finding.metric);
    let Some(changes) = changes(&sample.starts, finding.metric) else {
        return finding.not_judged(Reason::NoRatio);
    };
    let margin = scale.margin(rule.value, floor, base);
    let looks = LOOKS.into_iter().filter(|look| *look < changes.len());
    let looks = looks.chain([changes.len()]);
    let mut last = None;
    for look in looks {
        let evidence = Evidence::of(&changes[..look], ERRORS);
        last = Some((evidence, evidence.decides(margin)));
        if last.is_some_and(|(_, decided)| decided.is_some()) {
            break;
        }
    }
    let (evidence, decided) = last.expect("the number of starts is a look");
    let shown = |worse: f64| scale.change(worse);
    let mut interval = [shown(evidence.lower), shown(evidence.upper)];
    interval.sort_by(f64::total_cmp);
    finding.change = Some(shown(evidence.estimate));
    finding.interval = interval
        .iter()
        .all(|end| end.is_finite())
        .then_some(interval);
    finding.level = Some(1.0 - ERRORS.iter().sum::<f64>());
    finding.pairs = pairs(&sample.starts[..evidence.starts]);
    finding.margin = Some(shown(margin).abs());
    finding.detectable = Some(shown(evidence.detectable().max(margin)).abs());
    match decided {
        None => finding.with(Verdict::Inconclusive, Some(Reason::Undecided)),
        Some(Verdict::Regression) => confirm(finding, sample, evidence, margin),
        Some(verdict) => {
            let improved = evidence.upper < 0.0 && -evidence.estimate > margin;
            finding.with(verdict, improved.then_some(Reason::Improved))
        }
    }
}

/// A regression that was looked for once more, in fresh containers, and is not there, is none.
fn confirm(mut finding: Finding, sample: &PairedSample, first: Evidence, margin: f64) -> Finding {
    let Some(again) = changes(&sample.confirmation, finding.metric).filter(|it| !it.is_empty())
    else {
        return finding.with(Verdict::Regression, None);
    };
    let second = Evidence::of(&again, [CONFIRMATION_ERROR; 2]);
    let weigh = |evidence: Evidence| evidence.estimate * evidence.starts as f64;
    let pooled = (weigh(first) + weigh(second)) / (first.starts + second.starts) as f64;
    finding.pairs += pairs(&sample.confirmation);
    finding.change = Some(Scale::of(finding.metric).change(pooled));
    if second.lower > 0.0 && pooled > margin {
        finding.with(Verdict::Regression, None)
    } else {
        finding.with(Verdict::Inconclusive, Some(Reason::NotReproduced))
    }
}

impl Evidence {
    /// Student's t for few starts, ranks for more.
    fn of(changes: &[f64], errors: [f64; 2]) -> Self {
        let (mean, deviation) = stats::mean_and_deviation(changes);
        let ranked = changes.len() >= FEWEST_RANKED;
        let [lower, upper] = if ranked {
            stats::signed_rank_bounds(changes, errors)
        } else {
            stats::mean_bounds(changes, errors)
        };
        let located = stats::hodges_lehmann(changes).filter(|_| ranked);
        Self {
            starts: changes.len(),
            estimate: located.unwrap_or(mean),
            lower,
            upper,
            deviation,
        }
    }

    /// A regression is worse for certain, and by more than the margin as far as can be told; a pass
    /// is not worse by the margin for certain.
    fn decides(self, margin: f64) -> Option<Verdict> {
        if self.starts < LOOKS[0] {
            None
        } else if self.lower > 0.0 && self.estimate > margin {
            Some(Verdict::Regression)
        } else if self.upper < margin {
            Some(Verdict::Pass)
        } else {
            None
        }
    }

    fn detectable(self) -> f64 {
        POWER * self.deviation / (self.starts as f64).sqrt()
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
