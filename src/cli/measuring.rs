//! What `check`, `run` and `baseline refresh` share: from a selection to a measurement.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::against::{Anchor, Contest, Contests};
use super::args::Selection;
use super::provenance;
use super::signals::cleaned_up;
use super::ui::Progress;
use crate::error::Error;
use crate::gate::Confirmation;
use crate::measure::{
    Compared, Event, Live, LivePairs, Measuring, Order, PairPacing, Pairing, fingerprint,
};
use crate::model::{Baseline, Measurement, NetworkPath, Plan, Provenance};
use crate::stack::{self, Engine, Owner, Stack, sweep};

/// How a run goes about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Of the order of rounds.
    pub(super) seed: u64,
    /// No progress.
    pub(super) quiet: bool,
    /// Longest time for the whole run.
    pub(super) timeout: Option<Duration>,
}

/// What will be measured and by which means.
pub(super) struct Setting {
    pub(super) plan: Plan,
    engine: Option<Engine>,
    notes: Vec<String>,
}

impl Setting {
    /// Reads the configuration and looks for the engine. Without one the configuration named by
    /// `without_docker` takes its place, and a note says so.
    pub(super) async fn find(selection: &Selection) -> Result<Self, Error> {
        let plan = selection.plan()?;
        if !plan.needs_engine() {
            return Ok(Self::without_engine(plan, None));
        }
        let error = match Engine::connect().await {
            Ok(engine) => {
                let engine = Some(engine);
                return Ok(Self {
                    plan,
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
                Ok(Self::without_engine(plan, Some(note)))
            }
            None => Err(error.into()),
        }
    }

    fn without_engine(plan: Plan, note: Option<String>) -> Self {
        Self {
            plan,
            engine: None,
            notes: note.into_iter().collect(),
        }
    }

    /// The images of the newest good stored runs, of those servers that run in containers, which can
    /// be run again.
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
            let own = |run: &&Baseline| run.key.server == target.name && run.is_good();
            let newest = stored.iter().filter(own).max_by_key(|run| run.time);
            let Some((run, image)) = newest.and_then(|run| Some((run, run.anchor.as_ref()?)))
            else {
                continue;
            };
            if stack::is_at_hand(engine, image).await {
                anchors.push(Anchor {
                    server: target.name.clone(),
                    image: image.clone(),
                    commit: run.commit.clone(),
                });
            }
        }
        anchors
    }

    /// Announces what is unusual before the work begins.
    pub(super) fn announce(&self) {
        self.notes.iter().for_each(|note| eprintln!("{note}"));
    }

    /// Measures one server after the other, on fresh ones, and leaves nothing behind.
    pub(super) async fn measure(&self, manner: Manner) -> Result<Measurement, Error> {
        self.measure_in(Order::OneByOne, manner).await
    }

    /// Measures servers that have a base in pairs of rounds with it, and the others alone.
    pub(super) async fn compare(
        &self,
        contests: &Contests,
        manner: Manner,
    ) -> Result<Measurement, Error> {
        self.watched(Order::OneByOne, contests, manner).await
    }

    /// Measures in an order; servers that are up side by side share what the services count, so
    /// that nothing is counted then.
    pub(super) async fn measure_in(
        &self,
        order: Order,
        manner: Manner,
    ) -> Result<Measurement, Error> {
        self.watched(order, &Contests::default(), manner).await
    }

    async fn watched(
        &self,
        order: Order,
        contests: &Contests,
        manner: Manner,
    ) -> Result<Measurement, Error> {
        let owner = Owner::new_run();
        let progress = Progress::new(manner.quiet);
        let work = Box::pin(self.measure_as(&owner, order, contests, manner.seed, &progress));
        let work = in_time(manner.timeout, work);
        let result = cleaned_up(&owner, self.engine.as_ref(), work).await;
        progress.finish();
        result
    }

    async fn measure_as(
        &self,
        owner: &Owner,
        order: Order,
        contests: &Contests,
        seed: u64,
        progress: &Progress,
    ) -> Result<Measurement, Error> {
        let (started, clock) = (Timestamp::now(), Instant::now());
        let observe = |event: Event<'_>| progress.show(&event);
        let observe_stack = |stage: stack::Stage<'_>| observe(Event::Stage(stage));
        sweep::remove_orphans(self.engine.as_ref()).await?;
        let all = contests.with_bases(&self.plan);
        stack::prepare(&all, owner, &observe_stack).await?;
        if let Some(base) = &contests.prepare {
            stack::prepare(base, owner, &observe_stack).await?;
        }
        let stack = Stack::up(&all, self.engine.clone(), owner.clone(), &observe_stack).await?;
        let fingerprint = fingerprint(stack.engine_version())?;
        let images = stack.image_ids();
        let path = words(stack.path());
        let mut compared = Compared::default();
        let cells = contests.all.iter().flat_map(|it| &it.sides.head.cells);
        let confirmation = Confirmation::of(cells.map(|cell| &cell.thresholds));
        for Contest { sides, strategy } in &contests.all {
            let pairing = Pairing {
                pacing: PairPacing::of(self.plan.pacing),
                strategy: *strategy,
                confirmation,
                counting: true,
                seed,
                observe: &observe,
            };
            let pairs = pairing.run(sides, &mut LivePairs::new(&stack)).await?;
            compared.add(pairs);
        }
        let mut driver = Live::new(stack);
        let alone = contests.without_base(&self.plan);
        let measuring = Measuring {
            plan: &alone,
            runner: &fingerprint.runner,
            order,
            counting: order == Order::OneByOne,
            seed,
            observe: &observe,
        };
        let measured = measuring.run(&mut driver).await?;
        driver.into_stack().down().await?;
        let (head, dirty) = provenance::head(&self.plan.root);
        let provenance = Provenance {
            perfgate: env!("CARGO_PKG_VERSION").into(),
            head,
            dirty,
            base: contests.base.clone(),
            fingerprint,
            images,
            path: path.into(),
            seed,
            started,
            seconds: clock.elapsed().as_secs_f64(),
            notes: [&self.notes, &contests.notes]
                .into_iter()
                .flatten()
                .cloned()
                .chain(compared.notes)
                .chain(measured.notes)
                .collect(),
        };
        compared.incidents.extend(measured.incidents);
        Ok(Measurement {
            schema: Measurement::SCHEMA,
            provenance,
            samples: measured.samples,
            pairs: compared.samples,
            incidents: compared.incidents,
        })
    }
}

/// Work that is given up when its time is over.
async fn in_time<T>(
    timeout: Option<Duration>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout {
        None => work.await,
        Some(timeout) => tokio::time::timeout(timeout, work)
            .await
            .unwrap_or(Err(Error::Deadline { timeout })),
    }
}

const fn words(path: Option<NetworkPath>) -> &'static str {
    match path {
        None => "no containers",
        Some(NetworkPath::Published) => "published loopback port",
        Some(NetworkPath::Host) => "host networking",
    }
}
