//! From a selection to a measurement: the plan, the engine, and a run that leaves nothing behind.

use super::against::{Anchor, Comparisons};
use super::measuring::{Run, RunResult};
use super::observer::{Notice, Observer};
use super::secrets::masked;
use super::selection::{RunOptions, Selection};
use super::signals::cleaned_up;
use crate::error::Error;
use crate::gate::Baselines;
use crate::measure::Schedule;
use crate::model::{Baseline, Measurement, Partial, Plan, chain};
use crate::stack::{self, Engine};

/// What will be measured and by which means.
pub(super) struct RunContext<'a> {
    pub(super) plan: Plan,
    observe: Observer<'a>,
    pub(super) engine: Option<Engine>,
    notes: Vec<String>,
}

impl<'a> RunContext<'a> {
    /// Reads the configuration and looks for the engine. Without one the configuration named by
    /// `without_docker` takes its place, and a note says so.
    pub(super) async fn find(selection: &Selection, observe: Observer<'a>) -> Result<Self, Error> {
        let plan = selection.plan()?;
        if !plan.needs_engine() {
            return Ok(Self::without_engine(plan, observe));
        }
        let error = match Engine::connect().await {
            Ok(engine) => {
                let engine = Some(engine);
                return Ok(Self {
                    plan,
                    observe,
                    engine,
                    notes: Vec::new(),
                });
            }
            Err(error) => error,
        };
        let instead = plan.without_docker.as_deref();
        match instead.filter(|_| matches!(error, stack::Error::Unreachable { .. })) {
            Some(instead) => {
                let note = format!(
                    "WITHOUT DOCKER: {error}; `{}` was used instead",
                    instead.display()
                );
                let plan = selection.plan_of(instead)?;
                if plan.needs_engine() {
                    return Err(error.into());
                }
                observe(&Notice::Note(&note));
                Ok(Self {
                    notes: vec![note],
                    ..Self::without_engine(plan, observe)
                })
            }
            None => Err(error.into()),
        }
    }

    fn without_engine(plan: Plan, observe: Observer<'a>) -> Self {
        Self {
            plan,
            observe,
            engine: None,
            notes: Vec::new(),
        }
    }

    /// The same with another plan.
    pub(super) fn with_plan(&self, plan: Plan) -> Self {
        Self {
            plan,
            observe: self.observe,
            engine: self.engine.clone(),
            notes: self.notes.clone(),
        }
    }

    /// The images of the newest good stored runs, of those servers that run in containers, which can
    /// be run again as they were and are not the servers' own.
    pub(super) async fn anchors(&self, stored: &[Baseline]) -> Vec<Anchor> {
        let mut anchors = Vec::new();
        let Some(engine) = &self.engine else {
            return anchors;
        };
        for target in self
            .plan
            .targets
            .iter()
            .filter(|it| it.source.is_contained())
        {
            let configuration = Some(target.configuration());
            let own = |run: &&Baseline| {
                run.key.server == target.name && run.is_good() && run.configuration == configuration
            };
            let newest = stored.iter().filter(own).max_by_key(|run| run.time);
            let Some((run, image)) = newest.and_then(|run| Some((run, run.anchor.as_ref()?)))
            else {
                continue;
            };
            if stack::is_another(engine, target, image).await {
                anchors.push(Anchor {
                    server: target.name.clone(),
                    image: image.clone(),
                    commit: run.commit.clone(),
                });
            }
        }
        anchors
    }

    /// Measures one server after the other, on fresh ones, and leaves nothing behind.
    pub(super) async fn measure(&self, options: RunOptions) -> Result<Measurement, Error> {
        self.measure_in(Schedule::Sequential, options).await
    }

    /// Measures servers that have a base in pairs of rounds with it, and the others alone.
    pub(super) async fn compare(
        &self,
        comparisons: &Comparisons,
        baselines: &Baselines,
        options: RunOptions,
    ) -> Result<Measurement, Error> {
        let schedule = Schedule::Sequential;
        self.watched(schedule, comparisons, Some(baselines), options)
            .await
    }

    /// Measures in an order; servers that are up side by side share what the services count, so
    /// that nothing is counted then.
    pub(super) async fn measure_in(
        &self,
        schedule: Schedule,
        options: RunOptions,
    ) -> Result<Measurement, Error> {
        self.watched(schedule, &Comparisons::default(), None, options)
            .await
    }

    async fn watched(
        &self,
        schedule: Schedule,
        comparisons: &Comparisons,
        baselines: Option<&Baselines>,
        options: RunOptions,
    ) -> Result<Measurement, Error> {
        let work = |owner, stop| {
            let run = Run {
                plan: &self.plan,
                engine: self.engine.as_ref(),
                notes: &self.notes,
                observe: self.observe,
                owner,
                stop,
                schedule,
                comparisons,
                baselines,
                seed: options.seed,
                profiling: options.profiling,
            };
            run.measure()
        };
        let (engine, timeout) = (self.engine.as_ref(), options.timeout);
        let (measured, removed) = cleaned_up(engine, timeout, self.observe, work).await;
        let measured = measured?;
        let RunResult {
            mut measurement,
            cut,
            unfinished,
        } = match removed {
            Ok(()) => measured,
            Err(left) => measured.with(left, self.observe),
        };
        if let Some(cut) = cut {
            (self.observe)(&Notice::Cut(&cut));
            measurement.provenance.partial = Some(Partial {
                reason: chain(&cut),
                exit_code: cut.exit_code(),
                unfinished,
            });
        }
        Ok(masked(measurement))
    }
}

/// Measures alone, and judges nothing.
pub async fn run(
    selection: &Selection,
    options: RunOptions,
    observe: Observer<'_>,
) -> Result<Measurement, Error> {
    let context = RunContext::find(selection, observe).await?;
    context.measure(options).await
}
