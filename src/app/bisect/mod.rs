//! Finds the commits that made a metric worse, by checks of two commits side by side.
//!
//! `range` lists the commits, `probe` measures two of them, `subject` says what a check means for what is
//! searched for, `course` holds all that is known so far. Which two are next is decided by
//! [`StepSearch`](crate::stats::StepSearch).

mod course;
mod probe;
mod range;
mod subject;

use std::num::NonZeroUsize;

use course::Course;
use probe::{Checked, Extent, Probe};
use range::Range;
use subject::Wanted;

use super::judging::store;
use super::observer::{Notice, Observer};
use super::selection::{RunOptions, Selection};
use super::signals::Watch;
use crate::error::Error;
use crate::model::{Bisection, Metric, Report, Side};
use crate::report;
use crate::stats::Question;

/// Checks of the good and the bad commit at the most, until it is clear whether anything regressed.
const FIRST_CHECKS: usize = 3;

/// Between which commits is searched, and for what.
#[derive(Debug, Clone)]
pub struct BisectOptions {
    pub selection: Selection,
    pub run: RunOptions,
    pub between: Between,
    /// Nothing for what regressed the most clearly.
    pub metric: Option<Metric>,
    /// Most checks.
    pub checks: NonZeroUsize,
    /// Where stored runs are, in place of where the configuration says.
    pub baseline: Option<String>,
}

/// The commits at both ends.
#[derive(Debug, Clone)]
pub enum Between {
    Commits {
        good: String,
        bad: String,
    },
    /// Those around the last step of stored runs.
    History,
}

/// What was found, and the report of the check that says it the most clearly.
#[derive(Debug)]
pub struct Bisected {
    pub bisection: Bisection,
    pub report: Report,
}

/// Finds the commits between two that made a metric worse.
pub async fn bisect(options: &BisectOptions, observe: Observer<'_>) -> Result<Bisected, Error> {
    if let Some(shard) = options.selection.shard {
        return Err(Error::Argument {
            argument: format!("--shard {shard}"),
            reason: "every check of a bisection depends on those before, so it runs on one machine"
                .into(),
        });
    }
    let watch = Watch::begin();
    let mut probe = Probe::find(&options.selection, options.run, observe).await?;
    let (range, wanted) = range_of(options, &probe, observe)?;
    let mut search = Search {
        course: Course::new(range, options.checks.get()),
        probe: &mut probe,
        watch: &watch,
        observe,
    };
    let is_regressed = Box::pin(search.ends(&wanted)).await?;
    if is_regressed {
        Box::pin(search.between()).await?;
    }
    Ok(search.course.end(is_regressed))
}

fn range_of(
    options: &BisectOptions,
    probe: &Probe<'_>,
    observe: Observer<'_>,
) -> Result<(Range, Wanted), Error> {
    let wanted = Wanted {
        servers: options.selection.servers.clone(),
        endpoints: options.selection.endpoints.clone(),
        metric: options.metric,
    };
    let (good, bad, wanted) = match &options.between {
        Between::Commits { good, bad } => (good.clone(), bad.clone(), wanted),
        Between::History => {
            let store = store(probe.plan(), options.baseline.as_deref())?;
            let ([good, bad], wanted) = range::of_history(probe.plan(), &store, &wanted, observe)?;
            (good, bad, wanted)
        }
    };
    Ok((Range::between(probe.git(), &good, &bad)?, wanted))
}

/// A bisection that is going on.
struct Search<'a, 'b> {
    course: Course,
    probe: &'a mut Probe<'b>,
    watch: &'a Watch,
    observe: Observer<'b>,
}

impl Search<'_, '_> {
    /// Compares both ends until it is clear whether anything regressed.
    async fn ends(&mut self, wanted: &Wanted) -> Result<bool, Error> {
        let ends = Question {
            from: 0,
            to: self.course.last(),
        };
        self.note(&self.course.announcement());
        for _ in 0..FIRST_CHECKS.min(self.course.checks_left()) {
            let report = match self.check(ends, Extent::All).await? {
                Checked::Report(report) => *report,
                Checked::Unmeasured(side, reason) => {
                    let commit = match side {
                        Side::Base => self.course.commit(ends.from),
                        Side::Head => self.course.commit(ends.to),
                    };
                    return Err(Error::Unmeasured {
                        commit: report::commit(&commit.name),
                        reason,
                    });
                }
            };
            if !wanted.is_judged(&report) {
                return Err(nothing_judged(wanted));
            }
            let is_undecided = wanted.is_undecided(&report);
            let subject = wanted.clearest(&report);
            let is_regressed = subject.is_some();
            self.course.begin(subject, report, is_undecided);
            self.note_check();
            if is_regressed || !is_undecided {
                return Ok(is_regressed);
            }
            self.note("inconclusive: both commits are compared once more");
        }
        Ok(false)
    }

    /// Compares commits between the ends until the culprits are known.
    async fn between(&mut self) -> Result<(), Error> {
        while let Some(question) = self.course.next() {
            let subject = self.course.subject();
            let cells = self.course.regressed_cells();
            let extent = if self.course.is_between_neighbours(question) {
                Extent::Cells(&cells)
            } else {
                Extent::Only(&subject)
            };
            match self.check(question, extent).await {
                Ok(Checked::Report(report)) => self.course.add(question, *report),
                Ok(Checked::Unmeasured(Side::Head, why)) => self.course.skip(question.to, &why),
                Ok(Checked::Unmeasured(Side::Base, why)) => self.course.skip(question.from, &why),
                // What is known by then is worth saying.
                Err(error @ Error::Deadline { .. }) => {
                    (self.observe)(&Notice::Warning(&error));
                    break;
                }
                Err(error) => return Err(error),
            }
            self.note_check();
        }
        Ok(())
    }

    /// Reports the result of the last check.
    fn note_check(&mut self) {
        if let Some(line) = self.course.last_line() {
            self.note(&line);
        }
    }

    async fn check(&mut self, question: Question, extent: Extent<'_>) -> Result<Checked, Error> {
        self.watch.check()?;
        self.course.start();
        let [base, head] =
            [question.from, question.to].map(|it| self.course.commit(it).name.clone());
        let checked = self.probe.check(&base, &head, extent).await;
        self.watch.check()?;
        checked
    }

    fn note(&self, note: &str) {
        (self.observe)(&Notice::Note(note));
    }
}

fn nothing_judged(wanted: &Wanted) -> Error {
    let metric = wanted
        .metric
        .map_or_else(String::new, |it| format!("--metric {}", it.name()));
    Error::Argument {
        argument: metric,
        reason:
            "perfgate.toml has no rule for it that compares two builds; give it one in [thresholds]"
                .into(),
    }
}

#[cfg(test)]
mod tests;
