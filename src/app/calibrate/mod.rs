//! Proves the gate on the user's own service and machine: checks of one build with itself, unchanged and
//! with changes of known size.
//!
//! `record` keeps every check, so that a calibration goes on where it ended; `margins` writes what it
//! recommends into the configuration. What the checks come to is decided by [`crate::gate::calibrated()`].

mod margins;
mod record;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use record::Record;

use super::against::{Against, Comparisons};
use super::judging::judge;
use super::observer::{Notice, Observer};
use super::run_context::RunContext;
use super::selection::{RunOptions, Selection};
use super::signals::Watch;
use crate::error::Error;
use crate::gate::{self, Baselines, Confirmation};
use crate::model::{
    Calibration, CalibrationCheck, CheckedMetric, Finding, Measurement, Metric, PairedSample, Plan,
    Reason, digest, exit_code,
};
use crate::{measure, report};

pub use margins::{Margins, write_margins};
pub use record::last_calibration;

/// Sizes of changes, as multiples of the one that four of five checks should find: it, and one that should
/// hardly ever be missed.
static SIZES: [f64; 2] = [1.0, 1.5];
/// Sizes are rounded to half a percent.
const STEP: f64 = 0.005;
/// Smaller changes drown in what it costs to make them, and larger ones need no proof.
const SMALLEST: f64 = 0.01;
const LARGEST: f64 = 1.0;

/// How a gate is calibrated.
#[derive(Debug, Clone)]
pub struct CalibrateOptions {
    pub selection: Selection,
    pub run: RunOptions,
    /// Checks of the unchanged build.
    pub checks: usize,
    /// Checks of each size of change.
    pub injected: usize,
    /// Sizes of change, as shares of a head's CPU time; empty for those that the unchanged checks suggest.
    pub sizes: Vec<f64>,
    /// Whether one of those that are suggested is enough.
    pub one_size: bool,
    /// Time after which no further check begins.
    pub within: Option<Duration>,
    /// Where checks are kept; nothing for the usual place beside the configuration.
    pub record: Option<PathBuf>,
    /// Whether checks that were kept before count no more.
    pub again: bool,
}

/// Makes the checks that are missing; what all of them come to.
pub async fn calibrate(
    options: &CalibrateOptions,
    observe: Observer<'_>,
) -> Result<Calibration, Error> {
    if let Some(shard) = options.selection.shard {
        return Err(Error::Argument {
            argument: format!("--shard {shard}"),
            reason: "what is found out about one machine says nothing of another".into(),
        });
    }
    let watch = Watch::begin();
    let context = RunContext::find(&options.selection, observe).await?;
    let file = options.selection.file()?;
    let plan = digest(
        format!(
            "{} {:?}",
            options.selection.digest(&file)?,
            options.selection.budget
        )
        .as_bytes(),
    );
    let engine = context.engine.as_ref().map(|it| it.version().to_owned());
    let runner = measure::fingerprint(engine.as_deref())?.runner;
    let path = options
        .record
        .clone()
        .unwrap_or_else(|| record::usual(&context.plan.root));
    let record = if options.again {
        Record::new(path, plan, runner)
    } else {
        Record::open(path, plan, runner, observe)?
    };
    let mut course = Course {
        confirmation: confirmation(&context.plan),
        begun: Instant::now(),
        options,
        context,
        record,
        observe,
    };
    let servers = course.context.plan.targets.len();
    if servers > 1 && course.next().is_some() {
        course.note(&format!(
            "every check is of {servers} servers; `--server` names one, which takes less time"
        ));
    }
    while let Some(injected) = course.next() {
        watch.check()?;
        if course.is_late() {
            course.note("the time is over; the same command goes on");
            break;
        }
        Box::pin(course.check(injected)).await?;
    }
    if options.injected > 0 && course.sizes().is_empty() {
        course.note(
            "no change was made: no rule compares `cpu_per_request`; give it a margin, or name sizes by `--sizes`",
        );
    }
    Ok(course.record.into_calibration())
}

/// A calibration that is going on.
struct Course<'a> {
    options: &'a CalibrateOptions,
    context: RunContext<'a>,
    record: Record,
    confirmation: Confirmation,
    begun: Instant,
    observe: Observer<'a>,
}

impl Course<'_> {
    /// The change of the next check; nothing once all are made.
    fn next(&self) -> Option<f64> {
        let done = |share: f64| {
            let checks = self.record.checks().iter();
            let same = |it: &&CalibrationCheck| it.injected.total_cmp(&share).is_eq();
            checks.filter(same).count()
        };
        if done(0.0) < self.options.checks {
            return Some(0.0);
        }
        let missing = self.sizes().into_iter().map(|it| (done(it), it));
        let missing = missing.filter(|(done, _)| *done < self.options.injected);
        let next = missing.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        next.map(|(_, share)| share)
    }

    /// The sizes of changes: those that were asked for, else those of earlier checks, else around what the
    /// unchanged checks say that most checks find.
    fn sizes(&self) -> Vec<f64> {
        if !self.options.sizes.is_empty() {
            return self.options.sizes.clone();
        }
        let made = self.record.checks().iter().map(|it| it.injected);
        let mut made: Vec<f64> = made.filter(|it| *it > 0.0).collect();
        made.sort_by(f64::total_cmp);
        made.dedup();
        let metrics = self.record.result().metrics.iter();
        let by_cpu = metrics.filter(|it| it.metric == Metric::CpuPerRequest);
        let largest = by_cpu.filter_map(|it| it.found).max_by(f64::total_cmp);
        let Some(smallest) = made.first().copied().or(largest) else {
            return Vec::new();
        };
        let rounded = |times: &f64| {
            let size = (smallest * times / STEP).ceil() * STEP;
            size.clamp(SMALLEST, LARGEST)
        };
        // A quick calibration has made the first alone.
        let further = self.suggested().iter().skip(made.len()).map(rounded);
        let further: Vec<f64> = further.collect();
        made.extend(further);
        made
    }

    fn suggested(&self) -> &'static [f64] {
        if self.options.one_size {
            &SIZES[..1]
        } else {
            &SIZES
        }
    }

    /// Whether another check would take longer than there is time.
    fn is_late(&self) -> bool {
        let Some(within) = self.options.within else {
            return false;
        };
        let checks = self.record.checks();
        let longest = checks.iter().map(|it| it.seconds).fold(0.0, f64::max);
        !checks.is_empty() && self.begun.elapsed().as_secs_f64() + longest > within.as_secs_f64()
    }

    async fn check(&mut self, injected: f64) -> Result<(), Error> {
        self.announce(injected);
        let begun = Instant::now();
        let plan = &self.context.plan;
        let mut comparisons = Comparisons::with_itself(plan, (injected > 0.0).then_some(injected));
        Against::default().bring_together(&mut comparisons)?;
        let number = u64::try_from(self.record.checks().len()).unwrap_or(u64::MAX);
        let run = RunOptions {
            seed: self.options.run.seed.wrapping_add(number),
            timeout: self.left()?,
            profiling: false,
        };
        let measured = self
            .context
            .compare(&comparisons, &Baselines::none(), run)
            .await?;
        let metrics = self.judged(&measured)?;
        let check = CalibrationCheck {
            injected,
            seed: run.seed,
            seconds: begun.elapsed().as_secs_f64(),
            metrics,
        };
        self.record
            .add(check, self.confirmation, Timestamp::now())?;
        Ok(())
    }

    /// What is left of the time for the whole run.
    fn left(&self) -> Result<Option<Duration>, Error> {
        let Some(timeout) = self.options.run.timeout else {
            return Ok(None);
        };
        let left = timeout.checked_sub(self.begun.elapsed());
        left.map(Some).ok_or(Error::Deadline { timeout })
    }

    /// What a finished check says of each metric.
    fn judged(&self, measured: &Measurement) -> Result<Vec<CheckedMetric>, Error> {
        if let Some(partial) = &measured.provenance.partial {
            return Err(match partial.exit_code {
                exit_code::INTERRUPTED => Error::Interrupted,
                _ => Error::NotCalibrated {
                    reason: partial.reason.clone(),
                },
            });
        }
        let fatal = measured.incidents.iter().find(|it| it.fatal);
        let reason = match (fatal, measured.pairs.is_empty()) {
            (Some(incident), _) => Some(report::incident(incident)),
            (None, true) => Some("no server was started on both sides".into()),
            (None, false) => None,
        };
        if let Some(reason) = reason {
            return Err(Error::NotCalibrated { reason });
        }
        let plan = &self.context.plan;
        let findings = judge(plan, measured, &Baselines::none());
        let sample = |finding: &Finding| {
            let mut samples = measured.pairs.iter();
            samples.find(|it| it.server == finding.server && it.endpoint == finding.endpoint)
        };
        let checked = findings
            .iter()
            .filter_map(|it| Some(checked(it, sample(it)?)));
        Ok(checked.collect())
    }

    fn announce(&self, injected: f64) {
        let made = self.record.checks().len();
        let sizes = match self.sizes().len() {
            0 => self.suggested().len(),
            sizes => sizes,
        };
        let all = self.options.checks + self.options.injected * sizes;
        let what = if injected > 0.0 {
            format!("{} more CPU time", report::percent(injected))
        } else {
            "unchanged".into()
        };
        let seconds = self.record.result().seconds;
        let left = seconds.map(|it| it * all.saturating_sub(made) as f64);
        let left = left.map_or_else(String::new, |it| {
            format!("; about {:.0} min left", (it / 60.0).max(1.0))
        });
        self.note(&format!("check {} of {all}, {what}{left}", made + 1));
    }

    fn note(&self, note: &str) {
        (self.observe)(&Notice::Note(note));
    }
}

/// How sure a confirmation is in a check of the whole plan.
fn confirmation(plan: &Plan) -> Confirmation {
    let cells = plan.targets.iter().flat_map(|it| &it.cells);
    Confirmation::from_thresholds(cells.map(|it| &it.thresholds))
}

fn checked(finding: &Finding, sample: &PairedSample) -> CheckedMetric {
    let metric = finding.metric;
    let starts = |starts| {
        if metric.is_counter() {
            Vec::new()
        } else {
            gate::start_changes(starts, metric)
        }
    };
    CheckedMetric {
        server: finding.server.clone(),
        endpoint: finding.endpoint.clone(),
        metric,
        verdict: finding.verdict,
        out_of_time: finding.reason == Some(Reason::Undecided),
        change: finding.change,
        margin: finding.margin,
        promised: finding.detectable,
        starts: starts(&sample.starts),
        again: starts(&sample.confirmation),
        control: starts(&sample.control),
    }
}
