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

/// Rounds whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    /// With as much load as each side takes.
    FullLoad,
    /// At one rate below the capacity: a server that fails there alone fails few of all its requests.
    FixedRate,
}

/// What the failures of some rounds come to.
struct Counted<'a> {
    part: Part,
    shown: Sides<Option<f64>>,
    /// The rule that decided, where one is broken.
    rule: Option<&'a Rule>,
    verdict: Verdict,
    reason: Option<Reason>,
}

/// Judges the error rate of a cell; `None` if it neither has a value nor a rule. All rounds together
/// are judged, and those of either kind; where both kinds were made, each of these three counts with
/// a third of the chances of error (Bonferroni).
pub(super) fn decide_pairs(
    sample: &PairedSample,
    threshold: &Threshold,
    confirmation: Confirmation,
) -> Option<Finding> {
    let metric = Metric::ErrorRate;
    let mut finding = blank(&sample.server, &sample.endpoint, metric, threshold);
    finding.strategy = sample.strategy;
    let both = sample.starts.iter().chain(&sample.confirmation);
    let shown = Part::All.of_starts(both).map(Proportion::share);
    if shown.both().is_none() {
        let judged = threshold.margin.is_some() || threshold.ceiling.is_some();
        return judged.then(|| unjudged(finding, threshold, Reason::Unavailable));
    }
    finding.pairs = sample.starts.iter().map(|start| start.pairs.len()).sum();
    let parts = Part::of_sample(sample);
    let levels = Levels::shared_by(parts.len(), confirmation);
    let counted = parts.iter();
    let counted = counted.map(|part| part.judge(sample, threshold, levels));
    // All rounds together come first among equals; what more starts may decide comes before what not.
    let worst = counted.min_by_key(|it| (it.verdict, it.reason != Some(Reason::Undecided)))?;
    let Sides { head, base } = worst.shown;
    finding.head = head;
    finding.base = base;
    let ratio = |(head, base): (f64, f64)| (base > 0.0).then(|| head / base - 1.0);
    finding.change = head.zip(base).and_then(ratio);
    Some(match (worst.rule, &threshold.margin) {
        (Some(rule), _) => {
            finding.rule = Some(worst.part.name_rule(rule));
            finding.with(worst.verdict, worst.reason)
        }
        (None, Some(_)) => finding.with(Verdict::Pass, None),
        (None, None) => by_ceiling_alone(finding, threshold),
    })
}

/// The side that fails so much that what its answers cost says nothing, the base before the head: in
/// all rounds, or in those that the metric is read off.
pub(super) fn failing_side(
    sample: &PairedSample,
    metric: Metric,
    rules: &Thresholds,
) -> Option<Side> {
    failing_of(&sample.starts, metric, rules)
}

/// The same of fresh starts, and of the control beside them, both sides of which are the base.
pub(super) fn failing_again(
    sample: &PairedSample,
    metric: Metric,
    rules: &Thresholds,
) -> Option<Side> {
    let control = failing_of(&sample.control, metric, rules).map(|_| Side::Base);
    failing_of(&sample.confirmation, metric, rules).or(control)
}

fn failing_of(starts: &[PairedStart], metric: Metric, rules: &Thresholds) -> Option<Side> {
    let all = Part::All.of_starts(starts);
    let own = Sides::from_fn(|side| {
        let rounds = starts.iter().flat_map(|start| start.rounds(side, metric));
        rounds.map(of_round).sum::<Proportion>()
    });
    let tolerated = tolerated(rules);
    let fails = |side: &Side| {
        let counted = [all.get(*side), own.get(*side)].into_iter();
        let mut shares = counted.filter_map(|it| it.share());
        shares.any(|share| share > tolerated)
    };
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

/// Chances of error of one test.
#[derive(Debug, Clone, Copy)]
struct Levels {
    search: f64,
    bursts: f64,
    confirmation: f64,
}

impl Levels {
    /// Of each of so many tests, any of which may fail a build.
    fn shared_by(tests: usize, confirmation: Confirmation) -> Self {
        let share = |error: f64| error / tests.max(1) as f64;
        Self {
            search: share(SEARCH_ERROR),
            bursts: share(BURSTS_ERROR),
            confirmation: share(confirmation.error()),
        }
    }
}

impl Part {
    /// All rounds first, and each kind where there are both.
    fn of_sample(sample: &PairedSample) -> &'static [Self] {
        let mut pairs = sample.starts.iter().flat_map(|start| &start.pairs);
        if pairs.any(|pair| pair.open.is_some()) {
            &[Self::All, Self::FullLoad, Self::FixedRate]
        } else {
            &[Self::All]
        }
    }

    /// The kinds of rounds in it.
    const fn kinds(self) -> &'static [Self] {
        match self {
            Self::All => &[Self::FullLoad, Self::FixedRate],
            Self::FullLoad => &[Self::FullLoad],
            Self::FixedRate => &[Self::FixedRate],
        }
    }

    /// A rule with the rounds that break it, where others do not.
    fn name_rule(self, rule: &Rule) -> String {
        match self {
            Self::All => rule.to_string(),
            Self::FullLoad => format!("{rule}, at full load"),
            Self::FixedRate => format!("{rule}, at the fixed rate"),
        }
    }

    /// Failed requests of each side.
    fn of_starts<'a>(self, starts: impl IntoIterator<Item = &'a PairedStart>) -> Sides<Proportion> {
        self.rounds_of(starts)
            .map(|rounds| rounds.into_iter().sum())
    }

    /// Failed requests of each round of each side.
    fn rounds_of<'a>(
        self,
        starts: impl IntoIterator<Item = &'a PairedStart>,
    ) -> Sides<Vec<Proportion>> {
        let mut counted: Sides<Vec<Proportion>> = Sides::default();
        for pair in starts.into_iter().flat_map(|start| &start.pairs) {
            let closed = Some(&pair.closed).filter(|_| self != Self::FixedRate);
            let open = pair.open.as_ref().filter(|_| self != Self::FullLoad);
            for (side, sides) in [closed, open]
                .into_iter()
                .flatten()
                .flat_map(|sides| Side::BOTH.map(|side| (side, sides)))
            {
                counted.get_mut(side).push(of_round(sides.get(side)));
            }
        }
        counted
    }

    /// What the failures of these rounds come to.
    fn judge<'a>(
        self,
        sample: &PairedSample,
        threshold: &'a Threshold,
        levels: Levels,
    ) -> Counted<'a> {
        let search = self.of_starts(&sample.starts);
        let again = self.of_starts(&sample.confirmation);
        let all = sample.starts.iter().chain(&sample.confirmation);
        let shown = self.of_starts(all).map(Proportion::share);
        let found = crossed(search, threshold, levels.search);
        let found_again = crossed(again, threshold, levels.search);
        let (rule, verdict, reason) = match (found, found_again) {
            // Fresh starts were made for another metric, and it is them that fail.
            (None, Some((rule, _))) if again.head.exceeds(again.base) < levels.search => {
                let reason = Reason::Failing { side: Side::Head };
                (Some(rule), Verdict::Inconclusive, Some(reason))
            }
            (None, _) => (None, Verdict::Pass, None),
            (Some((rule, limit)), _) => {
                let (verdict, reason) = self.judge_beyond(sample, limit, levels);
                (Some(rule), verdict, Some(reason))
            }
        };
        Counted {
            part: self,
            shown,
            rule,
            verdict,
            reason,
        }
    }

    /// What it comes to that the head fails more than its bound allows: it must fail more than the base,
    /// not by bursts alone, and in fresh starts too.
    fn judge_beyond(self, sample: &PairedSample, limit: f64, levels: Levels) -> (Verdict, Reason) {
        let Sides { head, base } = self.of_starts(&sample.starts);
        let base_fails = base.share().is_some_and(|share| share > limit);
        let is_worse = head.exceeds(base) < levels.search;
        if !is_worse && base_fails {
            return (Verdict::Inconclusive, Reason::Failing { side: Side::Base });
        }
        if !is_worse || self.more_in_bursts(&sample.starts) >= levels.bursts {
            let is_last = sample.starts.len() >= LOOKS[LOOKS.len() - 1];
            let reason = if is_last {
                Reason::TooNoisy
            } else {
                Reason::Undecided
            };
            return (Verdict::Inconclusive, reason);
        }
        if !self.is_confirmed(&sample.confirmation, limit, levels.confirmation) {
            return (Verdict::Inconclusive, Reason::NotReproduced);
        }
        (Verdict::Regression, Reason::Ceiling)
    }

    /// Whether fresh starts show it again; where there are none yet, it stands as it is.
    fn is_confirmed(self, again: &[PairedStart], limit: f64, error: f64) -> bool {
        if again.is_empty() {
            return true;
        }
        let counted = self.of_starts(again);
        let worse = |start: &&PairedStart| {
            let counted = self.of_starts([*start]);
            let shares = counted.map(|it| it.share().unwrap_or_default());
            shares.head > shares.base
        };
        counted.head.lower_bound(error) > limit
            && counted.head.exceeds(counted.base) < error
            && self.more_in_bursts(again) < error
            && again.iter().filter(worse).count() >= STARTS_TO_CONFIRM.min(again.len())
    }

    /// Chance of as many failures of the head's, were they dealt out over both sides by chance, in
    /// bursts as they come in these rounds: what fails in one round is not as many events as requests.
    /// That a kind of rounds fails more than the other makes no bursts: rounds are held against those of
    /// their own kind.
    fn more_in_bursts(self, starts: &[PairedStart]) -> f64 {
        let kinds = self.kinds().iter().map(|kind| kind.rounds_of(starts));
        let kinds: Vec<_> = kinds.collect();
        let groups = kinds.iter().flat_map(|it| [&it.head, &it.base]);
        let groups: Vec<_> = groups.map(Vec::as_slice).collect();
        let dispersion = stats::dispersion(&groups);
        let counted = self.of_starts(starts).map(|it| it.dispersed(dispersion));
        counted.head.exceeds(counted.base)
    }
}

/// The rule that the head breaks for certain, and the share of failures at which it does.
fn crossed(counted: Sides<Proportion>, threshold: &Threshold, error: f64) -> Option<(&Rule, f64)> {
    let base = counted.base.share().unwrap_or_default();
    let allowed = |rule: &Rule| base + (base * rule.value).max(threshold.floor.unwrap_or_default());
    let margin = threshold.margin.as_ref().map(|rule| (rule, allowed(rule)));
    let ceiling = threshold.ceiling.as_ref().map(|rule| (rule, rule.value));
    let lowest = counted.head.lower_bound(error);
    let mut rules = ceiling.into_iter().chain(margin);
    rules.find(|(_, limit)| lowest > *limit)
}

fn of_round(round: &Round) -> Proportion {
    Proportion {
        events: round.tally.failed(),
        trials: round.tally.completed(),
    }
}
