//! All that is known in the course of a bisection.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Bisected;
use super::range::Range;
use super::subject::{estimated, finding, observed, shown, subject};
use crate::app::secrets::without_secrets;
use crate::model::{
    Bisection, BisectionCheck, BisectionOutcome, BisectionSubject, ChangeInterval, CommitInfo,
    Culprit, Finding, OtherRegression, Report, SkippedCommit, SuspectRange, Verdict, exit_code,
};
use crate::report;
use crate::stats::{Observation, Question, StepSearch, Suspects, smallest_step};

/// Commits less probable than this are not named among the suspects.
const UNLIKELY: f64 = 0.05;
/// The smallest change that matters of what has no margin, on the log scale.
const USUAL_MARGIN: f64 = 0.05;

/// What was asked and answered so far.
pub(super) struct Course {
    range: Range,
    most_checks: usize,
    search: StepSearch,
    subject: Option<BisectionSubject>,
    /// Steps smaller than this are not looked for.
    smallest: f64,
    checks: Vec<BisectionCheck>,
    skipped: Vec<(usize, String)>,
    /// How often a commit could not be measured that could be before.
    failed_again: usize,
    /// The report on both ends.
    first: Option<Report>,
    /// Whether nobody knows from it whether anything regressed.
    is_undecided: bool,
    /// The reports of neighbours beside each other.
    direct: Vec<(Question, Report)>,
    /// When the check began that is being made, or was made last.
    begun: Instant,
    line: Option<String>,
}

impl Course {
    pub(super) fn new(range: Range, most_checks: usize) -> Self {
        Self {
            search: StepSearch::new(range.last()),
            range,
            most_checks,
            subject: None,
            smallest: 0.0,
            checks: Vec::new(),
            skipped: Vec::new(),
            failed_again: 0,
            first: None,
            is_undecided: false,
            direct: Vec::new(),
            begun: Instant::now(),
            line: None,
        }
    }

    pub(super) const fn last(&self) -> usize {
        self.range.last()
    }

    pub(super) fn commit(&self, position: usize) -> &CommitInfo {
        self.range.commit(position)
    }

    pub(super) const fn checks_left(&self) -> usize {
        self.most_checks
            .saturating_sub(self.checks.len() + self.failed_again)
    }

    /// What is about to be done.
    pub(super) fn announcement(&self) -> String {
        let count = self.last();
        let commits = if count == 1 { "commit" } else { "commits" };
        format!(
            "{count} {commits} after {}, up to {}: at most {} checks",
            report::commit(&self.commit(0).name),
            report::commit(&self.commit(count).name),
            self.most_checks
        )
    }

    /// A check begins.
    pub(super) fn start(&mut self) {
        self.begun = Instant::now();
    }

    /// The report on both ends, with what regressed in it.
    pub(super) fn begin(
        &mut self,
        subject: Option<BisectionSubject>,
        report: Report,
        is_undecided: bool,
    ) {
        self.subject = subject;
        self.is_undecided = is_undecided;
        let ends = Question {
            from: 0,
            to: self.last(),
        };
        self.note(ends, &report);
        if let Some(subject) = &self.subject {
            let margin = finding(&report, subject).and_then(|it| it.margin);
            let margin = margin.map_or(USUAL_MARGIN, f64::ln_1p);
            let total = observed(&report, subject).map_or(0.0, |(change, _)| change);
            self.smallest = smallest_step(total, margin);
        }
        if ends.to == 1 {
            self.direct.push((ends, report.clone()));
        }
        self.first = Some(report);
    }

    /// What is searched for.
    pub(super) fn subject(&self) -> BisectionSubject {
        self.subject.clone().expect("something regressed")
    }

    /// What is to be compared next; nothing at the end.
    pub(super) fn next(&self) -> Option<Question> {
        if self.checks_left() == 0 {
            return None;
        }
        self.search.next(self.smallest)
    }

    /// Whether no commit between two can be measured.
    pub(super) fn is_between_neighbours(&self, question: Question) -> bool {
        self.search.is_one(question.from, question.to)
    }

    /// Everything that regressed between the ends.
    pub(super) fn regressed_cells(&self) -> BTreeSet<(String, String)> {
        let regressed = self.first.iter();
        let regressed = regressed.flat_map(|it| it.with_verdict(Verdict::Regression));
        let cell = |it: &Finding| (it.server.clone(), it.endpoint.clone());
        regressed.map(cell).collect()
    }

    /// What a check showed. One that says nothing of the subject is of a commit that cannot be measured.
    pub(super) fn add(&mut self, question: Question, report: Report) {
        if observed(&report, &self.subject()).is_none() {
            let found = finding(&report, &self.subject());
            let why = found.map_or_else(|| "it is not measured".into(), report::sentence);
            self.note(question, &report);
            self.skip(question.to, &why);
            return;
        }
        self.note(question, &report);
        if self.is_between_neighbours(question) {
            self.direct.push((question, report));
        }
    }

    /// Leaves out a commit that cannot be measured.
    pub(super) fn skip(&mut self, position: usize, why: &str) {
        let commit = report::commit(&self.commit(position).name);
        if position == 0 || self.search.is_measured(position) {
            self.failed_again += 1;
            let why = report::printable(why);
            self.line = Some(format!("{commit} could not be measured again: {why}"));
            return;
        }
        self.line = Some(format!("{commit} is skipped: {}", report::printable(why)));
        self.search.skip(position);
        self.skipped.push((position, without_secrets(why)));
    }

    /// The result of the last check.
    pub(super) fn last_line(&mut self) -> Option<String> {
        self.line.take()
    }

    fn note(&mut self, question: Question, report: &Report) {
        let Question { from, to } = question;
        let found = self.subject.as_ref();
        let measured = found.and_then(|it| observed(report, it));
        let found = found.and_then(|it| finding(report, it));
        let estimate = || measured.map(|(change, error)| estimated(change, error));
        let check = BisectionCheck {
            base: self.commit(from).name.clone(),
            head: self.commit(to).name.clone(),
            change: found.and_then(shown).or_else(estimate),
            verdict: found.map(|it| it.verdict),
            seconds: self.begun.elapsed().as_secs_f64(),
        };
        let number = self.checks.len() + 1;
        self.line = Some(report::bisection_check(number, self.most_checks, &check));
        self.checks.push(check);
        if let Some((change, error)) = measured {
            self.search.observe(Observation {
                from,
                to,
                change,
                error,
            });
        }
    }

    /// The result of all checks.
    pub(super) fn end(self, is_regressed: bool) -> Bisected {
        let culprits = self.culprits(is_regressed);
        let suspects = self.suspects(is_regressed);
        let outcome = match (is_regressed, culprits.is_empty(), suspects.is_empty()) {
            (true, false, _) => BisectionOutcome::CulpritFound,
            (true, true, false) => BisectionOutcome::RangeFound,
            (false, ..) if !self.is_undecided => BisectionOutcome::NoRegression,
            _ => BisectionOutcome::Inconclusive,
        };
        let change = self.change(0, self.last()).filter(|_| is_regressed);
        let skipped = self.skipped.iter().map(|(position, reason)| SkippedCommit {
            commit: self.commit(*position).clone(),
            reason: reason.clone(),
        });
        let bisection = Bisection {
            schema: Bisection::SCHEMA,
            outcome,
            exit_code: match outcome {
                BisectionOutcome::CulpritFound | BisectionOutcome::RangeFound => {
                    exit_code::REGRESSED
                }
                BisectionOutcome::NoRegression => exit_code::PASSED,
                BisectionOutcome::Inconclusive => exit_code::INCONCLUSIVE,
            },
            good: self.commit(0).clone(),
            bad: self.commit(self.last()).clone(),
            commits: self.last(),
            change,
            culprits,
            suspects,
            skipped: skipped.collect(),
            others: self.others(),
            subject: self.subject.clone(),
            checks: self.checks.clone(),
        };
        let report = self.deciding_report().or(self.first);
        let report = report.expect("both ends were compared");
        Bisected { bisection, report }
    }

    fn change(&self, from: usize, to: usize) -> Option<ChangeInterval> {
        self.subject.as_ref()?;
        let (mean, deviation) = self.search.change(from, to);
        Some(estimated(mean, deviation))
    }

    fn culprits(&self, is_regressed: bool) -> Vec<Culprit> {
        let found = self.search.culprits();
        let found = found.iter().filter(|_| is_regressed);
        let culprit = |it: &Suspects| {
            let direct = self.direct(it.from, it.to);
            let measured = direct.and_then(|report| shown(finding(report, &self.subject())?));
            let commits = it.from + 1..=it.to;
            Some(Culprit {
                commits: commits.map(|at| self.commit(at).clone()).collect(),
                parent: self.commit(it.from).name.clone(),
                change: measured.or_else(|| self.change(it.from, it.to))?,
                direct: measured.is_some(),
                probability: it.probability,
            })
        };
        found.filter_map(culprit).collect()
    }

    /// Where it is likely to be that was not found.
    fn suspects(&self, is_regressed: bool) -> Vec<SuspectRange> {
        let culprits = self.search.culprits();
        let is_found = !culprits.is_empty() && !self.search.lacks_a_culprit(self.smallest);
        let mut suspects = self.search.suspects();
        suspects.retain(|it| {
            let is_culprit = culprits.iter().any(|own| own.from == it.from);
            is_regressed && !is_found && !is_culprit && it.probability >= UNLIKELY
        });
        let range = |it: &Suspects| SuspectRange {
            first: self.commit(it.from + 1).clone(),
            last: self.commit(it.to).clone(),
            commits: it.to - it.from,
            probability: it.probability,
        };
        suspects.iter().map(range).collect()
    }

    /// What regressed as well, and whether it did at the first culprit.
    fn others(&self) -> Vec<OtherRegression> {
        let Some((own, first)) = self.subject.as_ref().zip(self.first.as_ref()) else {
            return Vec::new();
        };
        let decisive = self.deciding_report();
        let regressed = first.with_verdict(Verdict::Regression);
        let others = regressed.filter(|it| subject(it) != *own);
        let other = |it: &crate::model::Finding| {
            let at_culprit = decisive.as_ref();
            let at_culprit = at_culprit.and_then(|report| finding(report, &subject(it)));
            OtherRegression {
                subject: subject(it),
                change: it.change,
                at_culprit: at_culprit.map(|it| it.verdict),
            }
        };
        others.map(other).collect()
    }

    /// The report on the culprit with the largest change beside its parent.
    fn deciding_report(&self) -> Option<Report> {
        let mut culprits = self.search.culprits();
        culprits.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
        let mut reports = culprits.iter().filter_map(|it| self.direct(it.from, it.to));
        reports.next().cloned()
    }

    fn direct(&self, from: usize, to: usize) -> Option<&Report> {
        let mut direct = self.direct.iter().rev();
        let found = direct.find(|(it, _)| *it == Question { from, to });
        found.map(|(_, report)| report)
    }
}
