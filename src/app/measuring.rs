//! One run: brings the stack up, measures beside bases and alone, and collects the results.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::against::{Comparison, Comparisons, Confirms, has_failed};
use super::observer::{Notice, Observer};
use super::profiling::{self, Found, Profiled};
use super::{provenance, shards};
use crate::error::Error;
use crate::gate::{self, Baselines, Confirmation};
use crate::measure::{
    self, Compared, Counting, Event, Live, MeasureConfig, MeasureResult, PairPacing, Pairing,
    Schedule, Stop, TimePlan, fingerprint,
};
use crate::model::{
    BaseFailure, Baseline, CellName, Incident, Measurement, Metric, NetworkPath, Pacing, Plan,
    Provenance, Runner, Sample, Sides, Source, Strategy, Target, Threshold, Unfinished, chain,
};
use crate::stack::{self, Engine, Owner, Programs, Stack, sweep};

/// Said where there is nothing to compare with.
const BRIEF: &str = "measured briefly, because there is nothing to compare with: \
                     `perfgate baseline refresh` measures at length";

/// What a run brought, and what ended it before its end.
pub(super) struct RunResult {
    pub(super) measurement: Measurement,
    pub(super) cut: Option<Error>,
    /// Cells of the plan that were not measured to their end.
    pub(super) unfinished: Vec<Unfinished>,
}

impl RunResult {
    /// The same where what the run started could not be removed.
    pub(super) fn with(mut self, left: Error, observe: Observer<'_>) -> Self {
        match &self.cut {
            Some(_) => observe(&Notice::Warning(&left)),
            None => self.cut = Some(left),
        }
        self
    }
}

/// What was measured beside bases.
struct Paired {
    compared: Compared,
    /// The bases that failed; their servers are yet to be measured.
    failed: Vec<BaseFailure>,
    profiled: Profiled,
}

/// One way from a plan to a measurement.
pub(super) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) engine: Option<&'a Engine>,
    /// What readers must know of the plan.
    pub(super) notes: &'a [String],
    pub(super) observe: Observer<'a>,
    pub(super) owner: Owner,
    pub(super) stop: Stop,
    pub(super) schedule: Schedule,
    pub(super) comparisons: &'a Comparisons,
    /// What servers without a base are compared with, where something is judged.
    pub(super) baselines: Option<&'a Baselines>,
    pub(super) seed: u64,
    pub(super) profiling: bool,
}

impl Run<'_> {
    fn show(&self, event: &Event<'_>) {
        (self.observe)(&Notice::Event(event));
    }

    fn show_failure(&self, failure: &BaseFailure) {
        (self.observe)(&Notice::BaseFailed(failure));
    }

    /// A comparison that ends before anything can be judged could never fail.
    fn check_budget(&self) -> Result<(), Error> {
        let strategies = self.comparisons.all.iter().map(|it| it.strategy);
        let needed = |it| PairPacing::from_pacing(self.plan.pacing, it).until_first_look();
        let budget = self.plan.pacing.budget;
        match strategies.map(needed).max() {
            Some(needed) if needed > budget => Err(Error::Budget {
                budget,
                starts: gate::LOOKS[0],
                needed,
            }),
            _ => Ok(()),
        }
    }

    /// That servers of this host have one CPU: what their threads do to each other does not show.
    fn parallelism(&self, stack: &Stack) -> Option<String> {
        if stack.cores().server.len() > 1 {
            return None;
        }
        let targets = self.plan.targets.iter();
        let of_host = targets.filter(|it| matches!(it.source, Source::Run(_)));
        let names: Vec<_> = of_host.map(|it| format!("`{}`", it.name)).collect();
        (!names.is_empty()).then(|| {
            format!(
                "parallelism 1: {} had one CPU, so that contention between threads cannot show",
                names.join(", ")
            )
        })
    }

    pub(super) async fn measure(self) -> Result<RunResult, Error> {
        self.check_budget()?;
        let (started, clock) = (Timestamp::now(), Instant::now());
        let (stack, failed) = self.stop.or(self.bring_up()).await?;
        let fingerprint = fingerprint(stack.engine_version())?;
        let path = network_name(stack.path()).to_owned();
        let images = stack.image_ids();
        let parallelism = self.parallelism(&stack);
        let identical = self.comparisons.identical(&stack, &failed);
        let same_build = self.comparisons.same_builds(&stack, &failed, &identical);
        let Paired {
            mut compared,
            failed,
            profiled,
        } = Box::pin(self.compare(&stack, failed, &identical)).await?;
        let mut alone = self.comparisons.without_base(self.plan, &failed);
        let brief = self.is_brief(&alone);
        let mut counting = Counting::Full;
        if brief {
            alone.pacing = alone.pacing.brief();
            counting = Counting::Brief;
        }
        let mut measured = MeasureResult::default();
        if compared.cut.is_none() {
            let runner = &fingerprint.runner;
            measured = match Box::pin(self.measure_alone(stack, &alone, runner, counting)).await {
                Ok(measured) => measured,
                Err(cut) if !compared.samples.is_empty() => MeasureResult {
                    cut: Some(cut),
                    ..MeasureResult::default()
                },
                Err(error) => return Err(error.into()),
            };
        }
        let mut samples = measured.samples;
        for sample in &mut samples {
            sample.base = self.comparisons.no_base(&sample.key, &failed);
        }
        let mut finished: Vec<_> = fully_measured(&samples, alone.pacing).collect();
        finished.extend(identical.iter().map(|it| Unfinished {
            server: it.server.clone(),
            endpoint: it.endpoint.clone(),
        }));
        if compared.cut.is_none() {
            finished.extend(compared.samples.iter().map(|it| Unfinished {
                server: it.server.clone(),
                endpoint: it.endpoint.clone(),
            }));
        }
        let (commit, unknown) = provenance::head(&self.plan.root);
        let provenance = Provenance {
            perfgate: env!("CARGO_PKG_VERSION").into(),
            head: commit.name,
            dirty: commit.is_dirty,
            base: self.comparisons.base(&failed),
            fingerprint: Some(fingerprint),
            images,
            path,
            seed: Some(self.seed),
            started,
            seconds: clock.elapsed().as_secs_f64(),
            notes: [
                self.comparisons.caveats.clone(),
                self.comparisons.notes_on(&failed),
                self.notes.to_vec(),
                self.comparisons.notes.clone(),
            ]
            .into_iter()
            .flatten()
            .chain(unknown)
            .chain(self.comparisons.profiles())
            .chain(self.comparisons.compilers(self.plan).map(compilers))
            .chain(parallelism)
            .chain(self.plan.shard.as_ref().map(|it| shards::note(&it.record)))
            .chain(brief.then(|| BRIEF.to_owned()))
            .chain(compared.notes)
            .chain(measured.notes)
            .chain(profiled.notes)
            .collect(),
            shard: self.plan.shard.as_ref().map(|it| it.record.clone()),
            partial: None,
        };
        compared.incidents.extend(measured.incidents);
        let mut unfinished = cells(&self.plan.targets);
        unfinished.retain(|cell| !finished.contains(cell));
        Ok(RunResult {
            measurement: Measurement {
                schema: Measurement::SCHEMA,
                provenance,
                samples,
                pairs: compared.samples,
                identical,
                same_build,
                incidents: compared.incidents,
                profiles: profiled.profiles,
            },
            cut: compared.cut.or(measured.cut).map(Into::into),
            unfinished,
        })
    }

    /// Whether what is measured alone has no stored runs either: limits are checked in a few short
    /// rounds, unless one of them needs many requests.
    fn is_brief(&self, alone: &Plan) -> bool {
        let needs_requests = |(metric, threshold): (&Metric, &Threshold)| {
            let counts = metric.is_latency() || *metric == Metric::MemoryGrowth;
            counts && threshold.ceiling.is_some() && threshold.is_configured()
        };
        let mut cells = alone.targets.iter().flat_map(|it| &it.cells);
        let is_stored = |run: &Baseline| alone.targets.iter().any(|it| it.name == run.key.server);
        let stored = self.baselines.map(|it| it.runs().iter().any(is_stored));
        stored == Some(false)
            && !alone.targets.is_empty()
            && !cells.any(|cell| cell.thresholds.iter().any(needs_requests))
    }

    /// Images, network and services, up and ready; and the bases that could not be made.
    async fn bring_up(&self) -> Result<(Stack, Vec<BaseFailure>), stack::Error> {
        let (plan, engine) = (self.plan, self.engine);
        let observe = |stage: stack::Stage<'_>| self.show(&Event::Stage(stage));
        sweep::remove_orphans(engine).await?;
        let begun = SystemTime::now();
        let all = self.comparisons.with_reference(plan);
        let mut programs = stack::prepare(&all, &self.owner, &observe).await?;
        let mut failed = self.prepare_bases(&mut programs).await?;
        let (engine, owner) = (engine.cloned(), self.owner.clone());
        let bases = self.comparisons.bases();
        let up = Stack::up_beside(&all, &bases, engine, owner, &observe).await?;
        let mut stack = up.with(programs);
        self.build_bases(&mut stack, &mut failed).await?;
        self.reject_shared_programs(&stack, begun, &mut failed)?;
        stack.remove_replaced_images().await;
        Ok((stack, failed))
    }

    /// Runs the base's own commands in its files; those that need them have failed where they do.
    async fn prepare_bases(
        &self,
        programs: &mut Programs,
    ) -> Result<Vec<BaseFailure>, stack::Error> {
        let observe = |stage: stack::Stage<'_>| self.show(&Event::Stage(stage));
        let Some(base) = &self.comparisons.prepare else {
            return Ok(Vec::new());
        };
        let made = self
            .comparisons
            .all
            .iter()
            .filter(|it| it.is_made_from_tree());
        match stack::prepare(base, &self.owner, &observe).await {
            Ok(of_base) => {
                programs.add(of_base);
                Ok(Vec::new())
            }
            Err(error) => self.blame(error, "prepare", &made.collect::<Vec<_>>()),
        }
    }

    /// Builds or pulls the images of the bases, a folder that several are made from once.
    async fn build_bases(
        &self,
        stack: &mut Stack,
        failed: &mut Vec<BaseFailure>,
    ) -> Result<(), stack::Error> {
        let observe = |stage: stack::Stage<'_>| self.show(&Event::Stage(stage));
        let mut groups: Vec<(&Source, Vec<&Comparison>)> = Vec::new();
        for comparison in &self.comparisons.all {
            let source = &comparison.sides.base.source;
            match groups.iter_mut().find(|(known, _)| *known == source) {
                _ if has_failed(failed, &comparison.sides.head.name) => {}
                Some((_, group)) => group.push(comparison),
                None => groups.push((source, vec![comparison])),
            }
        }
        for (_, group) in groups {
            let targets = group.iter().map(|it| it.sides.base.clone()).collect();
            let plan = self.plan;
            if let Err(error) = stack.provide(plan, targets, &observe).await {
                failed.extend(self.blame(error, "build", &group)?);
            }
        }
        Ok(())
    }

    /// Servers that are one program on both sides have no base.
    fn reject_shared_programs(
        &self,
        stack: &Stack,
        since: SystemTime,
        failed: &mut Vec<BaseFailure>,
    ) -> Result<(), stack::Error> {
        for (comparison, program) in self.comparisons.of_one_program(stack, since) {
            let server = comparison.sides.head.name.clone();
            if has_failed(failed, &server) {
                continue;
            }
            let error = stack::Error::SameProgram { server, program };
            failed.extend(self.blame(error, "comparison", &[comparison])?);
        }
        Ok(())
    }

    /// An error of bases alone is said, and the run goes on; one of the engine or the machine ends
    /// it, and so does one of a base that was insisted on.
    fn blame(
        &self,
        error: stack::Error,
        during: &str,
        comparisons: &[&Comparison],
    ) -> Result<Vec<BaseFailure>, stack::Error> {
        if error.is_of_everything() || self.comparisons.is_required {
            return Err(error);
        }
        let failure = |comparison: &&Comparison| BaseFailure {
            server: comparison.sides.head.name.clone(),
            endpoint: None,
            during: during.to_owned(),
            what: chain(&error),
            output: error.output().unwrap_or_default().to_owned(),
        };
        let failures: Vec<_> = comparisons.iter().map(failure).collect();
        failures
            .first()
            .into_iter()
            .for_each(|it| self.show_failure(it));
        Ok(failures)
    }

    /// Everything that has a base beside it.
    async fn compare(
        &self,
        stack: &Stack,
        mut failed: Vec<BaseFailure>,
        identical: &[CellName],
    ) -> Result<Paired, Error> {
        let observe = |event: Event<'_>| self.show(&event);
        let judged = self
            .comparisons
            .all
            .iter()
            .flat_map(|it| &it.sides.head.cells);
        let judged = judged.map(|cell| &cell.thresholds);
        let shard = self.plan.shard.as_ref();
        let elsewhere = shard.into_iter().flat_map(|it| &it.others);
        let mut confirmation =
            Confirmation::from_thresholds(judged.chain(elsewhere.map(|(_, it)| it)));
        if self.comparisons.confirms == Confirms::Never {
            confirmation.starts = 0;
        }
        let mut compared = Compared::default();
        let mut all: Vec<_> = self.comparisons.all.iter().collect();
        all.retain(|it| {
            let name = &it.sides.head.name;
            let is_identical = identical.iter().any(|it| it.server == *name);
            !is_identical && !has_failed(&failed, name)
        });
        let endpoints = all.iter().map(|it| it.sides.head.cells.len()).collect();
        let pacing = PairPacing::from_pacing(self.plan.pacing, Strategy::Duet);
        let mut time_plan = TimePlan::new(pacing, endpoints);
        let injected = self.comparisons.injected;
        let mut driver = Live::new(stack, self.stop.clone()).injecting(injected);
        let mut whole = Vec::new();
        for comparison in all {
            let Comparison {
                sides, strategy, ..
            } = comparison;
            if let Some(words) = time_plan.progress() {
                self.show(&Event::Note(&words));
            }
            let begun = Instant::now();
            let pairing = Pairing {
                pacing: PairPacing::from_pacing(self.plan.pacing, *strategy),
                spare: compared.left,
                strategy: *strategy,
                confirmation,
                counting: true,
                seed: self.seed,
                observe: &observe,
            };
            match pairing.run(sides, &mut driver).await {
                Ok(pairs) => {
                    let pairs = self.insisting(pairs);
                    pairs
                        .base_failures
                        .iter()
                        .for_each(|it| self.show_failure(it));
                    compared.add(pairs);
                }
                Err(error) if compared.samples.is_empty() => return Err(error.into()),
                Err(cut) => compared.cut = Some(cut),
            }
            if compared.cut.is_some() {
                break;
            }
            time_plan.compared(begun.elapsed());
            whole.push(comparison);
        }
        failed.append(&mut compared.base_failures);
        let found = Found {
            plan: self.plan,
            comparisons: self.comparisons,
            samples: &compared.samples,
            confirmation,
            seed: self.seed,
            observe: &observe,
        };
        let profiled = if self.profiling && compared.cut.is_none() {
            profiling::of_regressed(found, &whole, &mut driver).await
        } else {
            Profiled::default()
        };
        Ok(Paired {
            compared,
            failed,
            profiled,
        })
    }

    /// A base that was insisted on and failed leaves nothing to go on with: its server counts as one
    /// that could not be measured.
    fn insisting(&self, mut pairs: Compared) -> Compared {
        if self.comparisons.is_required {
            let whole = |it: &mut BaseFailure| it.endpoint.is_none();
            let failures = pairs.base_failures.extract_if(.., whole);
            pairs.incidents.extend(failures.map(|failure| Incident {
                server: failure.server,
                during: format!("{} of the base", failure.during),
                what: failure.what,
                output: failure.output,
                fatal: true,
            }));
        }
        pairs
    }

    /// Everything that has no base, or one that failed.
    async fn measure_alone(
        &self,
        mut stack: Stack,
        plan: &Plan,
        runner: &Runner,
        counting: Counting,
    ) -> Result<MeasureResult, measure::Error> {
        let observe = |event: Event<'_>| self.show(&event);
        let expected = self.comparisons.without_base(plan, &[]);
        if expected.targets.is_empty() && !plan.targets.is_empty() {
            // Nobody knew that the reference program would be needed.
            let reference = plan.reference.clone().into_iter().collect();
            let show = |stage: stack::Stage<'_>| observe(Event::Stage(stage));
            self.stop.or(stack.provide(plan, reference, &show)).await?;
        }
        let measuring = MeasureConfig {
            plan,
            runner,
            schedule: self.schedule,
            counting: (self.schedule == Schedule::Sequential).then_some(counting),
            seed: self.seed,
            is_suspect: &|sample| {
                let none = Baselines::none();
                let baselines = self.baselines.unwrap_or(&none);
                gate::is_suspect(sample, baselines, self.plan)
            },
            observe: &observe,
        };
        measuring
            .run(&mut Live::new(&stack, self.stop.clone()))
            .await
    }
}

fn compilers(of: Sides<String>) -> String {
    let Sides { head, base } = of;
    if head == base {
        return format!("both sides are built by {head}");
    }
    format!(
        "the head is built by {head}, the base by {base}: their difference counts as the change's"
    )
}

/// The cells of some targets by their names.
fn cells(targets: &[Target]) -> Vec<Unfinished> {
    let of = |target: &Target| {
        let cells = target.cells.iter().map(|cell| Unfinished {
            server: target.name.clone(),
            endpoint: cell.endpoint.clone(),
        });
        cells.collect::<Vec<_>>()
    };
    targets.iter().flat_map(of).collect()
}

/// The cells that were measured for as long as they should be: longer rounds are fewer.
fn fully_measured(samples: &[Sample], pacing: Pacing) -> impl Iterator<Item = Unfinished> {
    let wanted = pacing.round * u32::try_from(pacing.rounds).unwrap_or(u32::MAX);
    let measured = |it: &Sample| {
        it.rounds()
            .iter()
            .map(|round| round.tally.window)
            .sum::<Duration>()
    };
    let whole = samples.iter().filter(move |it| measured(it) >= wanted);
    whole.map(|it| Unfinished {
        server: it.key.server.clone(),
        endpoint: it.key.endpoint.clone(),
    })
}

const fn network_name(path: Option<NetworkPath>) -> &'static str {
    match path {
        None => "no containers",
        Some(NetworkPath::Published) => "published loopback port",
        Some(NetworkPath::Internal) => "network without outside access",
        Some(NetworkPath::Host) => "host networking",
    }
}
