//! Failed requests × their bound → a verdict. Requests are counted over all rounds of both sides,
//! so that a rule holds for every one of them, and few failures are not taken for many.

use super::finding::{blank, by_ceiling_alone, unjudged};
use super::inference::{Confirmation, LOOKS};
use crate::model::{
    Failure, Finding, Machine, Metric, PairedSample, PairedStart, Reason, Rule, Side, Sides,
};
use crate::model::{Round, Threshold, Thresholds, Verdict};
use crate::stats::{self, Proportion};

/// Chance that an unchanged build is suspected at a look, of each test: Fisher's needs to be sure,
/// because failures come in bursts and are less independent than it takes them to be.
const SEARCH_ERROR: f64 = 0.001 / LOOKS.len() as f64;
/// The same of a test that knows by how much they do, and needs not be as sure for that.
const BURSTS_ERROR: f64 = 0.025 / LOOKS.len() as f64;
/// Starts of a confirmation in which the head must fail more than the base: one burst is an
/// accident.
const STARTS_TO_CONFIRM: usize = 2;
/// Share of failing requests from which costs are no longer those of answers as expected.
const TOLERATED: f64 = 0.01;

/// Judges the error rate of a cell; `None` if it neither has a value nor a rule.
pub(super) fn decide_pairs(
    sample: &PairedSample,
    threshold: &Threshold,
    confirmation: Confirmation,
) -> Option<Finding> {
    let metric = Metric::ErrorRate;
    let mut finding = blank(&sample.server, &sample.endpoint, metric, threshold);
    finding.strategy = sample.strategy;
    let search = of_starts(&sample.starts);
    let both = sample.starts.iter().chain(&sample.confirmation);
    let shown = of_starts(both).map(Proportion::share);
    let Some(shown) = shown.both() else {
        let judged = threshold.margin.is_some() || threshold.ceiling.is_some();
        return judged.then(|| unjudged(finding, threshold, Reason::Unavailable));
    };
    finding.head = Some(shown.head);
    finding.base = Some(shown.base);
    finding.change = (shown.base > 0.0).then(|| shown.head / shown.base - 1.0);
    finding.pairs = sample.starts.iter().map(|start| start.pairs.len()).sum();
    let again = of_starts(&sample.confirmation);
    let found = crossed(search, threshold);
    let found_again = crossed(again, threshold);
    if let (None, Some((rule, _))) = (found, found_again)
        && again.head.exceeds(again.base) < SEARCH_ERROR
    {
        // Fresh starts were made for another metric, and it is them that fail.
        finding.rule = Some(rule.to_string());
        let reason = Reason::Failing { side: Side::Head };
        return Some(finding.with(Verdict::Inconclusive, Some(reason)));
    }
    let Some((rule, limit)) = found else {
        return Some(match (&threshold.margin, &threshold.ceiling) {
            (Some(_), _) => finding.with(Verdict::Pass, None),
            _ => by_ceiling_alone(finding, threshold),
        });
    };
    finding.rule = Some(rule.to_string());
    let base_fails = search.base.share().is_some_and(|share| share > limit);
    let is_worse = search.head.exceeds(search.base) < SEARCH_ERROR;
    if !is_worse && base_fails {
        let reason = Reason::Failing { side: Side::Base };
        return Some(finding.with(Verdict::Inconclusive, Some(reason)));
    }
    if !is_worse || more_in_bursts(&sample.starts) >= BURSTS_ERROR {
        let reason = if sample.starts.len() < LOOKS[LOOKS.len() - 1] {
            Reason::Undecided
        } else {
            Reason::TooNoisy
        };
        return Some(finding.with(Verdict::Inconclusive, Some(reason)));
    }
    Some(if is_confirmed(&sample.confirmation, limit, confirmation) {
        finding.with(Verdict::Regression, Some(Reason::Ceiling))
    } else {
        finding.with(Verdict::Inconclusive, Some(Reason::NotReproduced))
    })
}

/// The side that fails so much that what its answers cost says nothing, the base before the head.
pub(super) fn failing_side(sample: &PairedSample, rules: &Thresholds) -> Option<Side> {
    failing_of(&sample.starts, rules)
}

/// The same of fresh starts, and of the control beside them, both sides of which are the base.
pub(super) fn failing_again(sample: &PairedSample, rules: &Thresholds) -> Option<Side> {
    let control = failing_of(&sample.control, rules).map(|_| Side::Base);
    failing_of(&sample.confirmation, rules).or(control)
}

fn failing_of(starts: &[PairedStart], rules: &Thresholds) -> Option<Side> {
    let shares = of_starts(starts).map(Proportion::share);
    let tolerated = tolerated(rules);
    let fails = |side: &Side| shares.get(*side).is_some_and(|share| share > tolerated);
    [Side::Base, Side::Head].into_iter().find(fails)
}

/// Whether a server fails as much, with nothing beside it.
pub(super) fn is_failing<'a>(
    rounds: impl IntoIterator<Item = &'a Round>,
    rules: &Thresholds,
) -> bool {
    let counted: Proportion = rounds.into_iter().map(of_round).sum();
    counted
        .share()
        .is_some_and(|share| share > tolerated(rules))
}

/// Share of failures up to which answers are compared: what the bound on them allows, if more.
fn tolerated(rules: &Thresholds) -> f64 {
    let of_errors = rules.get(&Metric::ErrorRate);
    let ceiling = of_errors.and_then(|it| it.ceiling.as_ref());
    ceiling.map_or(TOLERATED, |rule| rule.value.max(TOLERATED))
}

/// Whether so many of a head's requests failed that its bound is crossed for certain.
pub(super) fn is_above<'a>(rounds: impl IntoIterator<Item = &'a Round>, limit: f64) -> bool {
    let counted: Proportion = rounds.into_iter().map(of_round).sum();
    counted.lower_bound(SEARCH_ERROR) > limit
}

/// The same without what a busy machine can be the reason of: requests that timed out in rounds that
/// others disturbed. No machine makes a server answer with a wrong status.
pub(super) fn is_above_undisturbed<'a>(
    rounds: impl IntoIterator<Item = &'a Round>,
    limit: f64,
) -> bool {
    let counted = rounds.into_iter().map(|round| {
        let mut counted = of_round(round);
        if Machine::is_disturbed([round]) {
            let late = [Failure::Timeout, Failure::ConnectTimeout];
            let late = late.iter().filter_map(|kind| round.tally.errors.get(kind));
            counted.events = counted.events.saturating_sub(late.sum());
        }
        counted
    });
    counted.sum::<Proportion>().lower_bound(SEARCH_ERROR) > limit
}

/// The rule that the head breaks for certain, and the share of failures at which it does.
fn crossed(counted: Sides<Proportion>, threshold: &Threshold) -> Option<(&Rule, f64)> {
    let base = counted.base.share().unwrap_or_default();
    let allowed = |rule: &Rule| base + (base * rule.value).max(threshold.floor.unwrap_or_default());
    let margin = threshold.margin.as_ref().map(|rule| (rule, allowed(rule)));
    let ceiling = threshold.ceiling.as_ref().map(|rule| (rule, rule.value));
    let lowest = counted.head.lower_bound(SEARCH_ERROR);
    let mut rules = ceiling.into_iter().chain(margin);
    rules.find(|(_, limit)| lowest > *limit)
}

/// Whether fresh starts show it again; where there are none yet, it stands as it is.
fn is_confirmed(again: &[PairedStart], limit: f64, confirmation: Confirmation) -> bool {
    if again.is_empty() {
        return true;
    }
    let counted = of_starts(again);
    let worse = |start: &&PairedStart| {
        let counted = of_starts([*start]).map(|it| it.share().unwrap_or_default());
        counted.head > counted.base
    };
    let error = confirmation.error();
    counted.head.lower_bound(error) > limit
        && counted.head.exceeds(counted.base) < error
        && more_in_bursts(again) < error
        && again.iter().filter(worse).count() >= STARTS_TO_CONFIRM.min(again.len())
}

/// Chance of as many failures of the head's, were they dealt out over both sides by chance, in bursts as
/// they come: what fails in one round is not as many events as requests.
fn more_in_bursts(starts: &[PairedStart]) -> f64 {
    let rounds = rounds_of(starts);
    let dispersion = stats::dispersion(&[&rounds.head, &rounds.base]);
    let counted = rounds.map(|rounds| rounds.into_iter().sum::<Proportion>().dispersed(dispersion));
    counted.head.exceeds(counted.base)
}

/// Failed requests of each side.
fn of_starts<'a>(starts: impl IntoIterator<Item = &'a PairedStart>) -> Sides<Proportion> {
    rounds_of(starts).map(|rounds| rounds.into_iter().sum())
}

/// Failed requests of each round of each side.
fn rounds_of<'a>(starts: impl IntoIterator<Item = &'a PairedStart>) -> Sides<Vec<Proportion>> {
    let mut counted: Sides<Vec<Proportion>> = Sides::default();
    for start in starts {
        for side in Side::BOTH {
            let rounds = start.all_rounds(side).map(of_round);
            counted.get_mut(side).extend(rounds);
        }
    }
    counted
}

fn of_round(round: &Round) -> Proportion {
    Proportion {
        events: round.tally.failed(),
        trials: round.tally.completed(),
    }
}
