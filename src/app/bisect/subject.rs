//! What is searched for, and what a check says of it.

use super::super::names::is_wanted;
use crate::model::{BisectionSubject, CellName, ChangeInterval, Finding, Metric, Report, Verdict};
use crate::stats;

/// Builds of the same code differ by this much, on the log scale: where functions and data lie in memory
/// is chance (Curtsinger and Berger, *Stabilizer*, ASPLOS 2013).
const BUILD: f64 = 0.005;
/// Standard error of what is counted, or is one build.
const EXACT: f64 = 0.002;
/// What zero counts as beside a number of things, so that it has a ratio.
const HALF: f64 = 0.5;
/// Two-sided error of the intervals that are shown.
const SHOWN: f64 = 0.05;

/// What somebody wants to be searched for.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) servers: Vec<String>,
    pub(super) endpoints: Vec<String>,
    pub(super) metric: Option<Metric>,
}

impl Wanted {
    pub(super) fn includes(&self, server: &str, endpoint: &str) -> bool {
        is_wanted(&self.servers, server) && is_wanted(&self.endpoints, endpoint)
    }

    fn is_about(&self, finding: &Finding) -> bool {
        self.includes(&finding.server, &finding.endpoint)
            && self.metric.is_none_or(|it| it == finding.metric)
    }

    /// What regressed the most clearly.
    pub(super) fn clearest(&self, report: &Report) -> Option<BisectionSubject> {
        let findings = report.with_verdict(Verdict::Regression);
        let found = findings.filter(|it| self.is_about(it)).filter_map(|it| {
            let (change, error) = measured(it)?;
            Some((subject(it), change.abs() / error))
        });
        let clearest = found.max_by(|a, b| a.1.total_cmp(&b.1));
        clearest.map(|(subject, _)| subject)
    }

    /// Whether anything of it may have regressed.
    pub(super) fn is_undecided(&self, report: &Report) -> bool {
        let mut undecided = report.with_verdict(Verdict::Inconclusive);
        undecided.any(|it| self.is_about(it))
    }

    /// Whether anything of it was judged, or need not be.
    pub(super) fn is_judged(&self, report: &Report) -> bool {
        let mut findings = report.findings.iter();
        !report.coverage.identical.is_empty()
            || findings.any(|it| it.verdict != Verdict::NotJudged && self.is_about(it))
    }
}

pub(super) fn subject(finding: &Finding) -> BisectionSubject {
    BisectionSubject {
        server: finding.server.clone(),
        endpoint: finding.endpoint.clone(),
        metric: finding.metric,
        unit: finding.unit,
    }
}

/// The finding of a report on a subject.
pub(super) fn finding<'a>(report: &'a Report, of: &BisectionSubject) -> Option<&'a Finding> {
    let mut findings = report.findings.iter();
    findings
        .find(|it| it.server == of.server && it.endpoint == of.endpoint && it.metric == of.metric)
}

/// The change of a subject by a report, on the log scale, and its standard error; `None` if the
/// report does not say.
pub(super) fn observed(report: &Report, of: &BisectionSubject) -> Option<(f64, f64)> {
    let cell = CellName::new(&of.server, &of.endpoint);
    let coverage = &report.coverage;
    if coverage.identical.contains(&cell) || coverage.same_build.contains(&of.server) {
        return Some((0.0, EXACT));
    }
    measured(finding(report, of)?)
}

fn measured(finding: &Finding) -> Option<(f64, f64)> {
    if finding.metric.is_counter() {
        let (head, base) = finding.head.zip(finding.base)?;
        return Some((((head + HALF) / (base + HALF)).ln(), EXACT));
    }
    let [lower, upper] = finding.interval?.map(f64::ln_1p);
    let reach = stats::normal_reach((1.0 - finding.level?) / 2.0);
    let error = (upper - lower) / (2.0 * reach);
    let change = finding.change?.ln_1p();
    let is_finite = change.is_finite() && error.is_finite();
    is_finite.then(|| (change, error.hypot(BUILD)))
}

/// The change that a finding shows.
pub(super) fn shown(finding: &Finding) -> Option<ChangeInterval> {
    let change = finding.change?;
    let exact = finding.metric.is_counter().then_some([change, change]);
    let interval = finding.interval.or(exact)?;
    Some(ChangeInterval { change, interval })
}

/// The same of a mean and a standard deviation on the log scale.
pub(super) fn estimated(mean: f64, deviation: f64) -> ChangeInterval {
    let reach = stats::normal_reach(SHOWN / 2.0) * deviation;
    ChangeInterval {
        change: mean.exp_m1(),
        interval: [(mean - reach).exp_m1(), (mean + reach).exp_m1()],
    }
}
