use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::concurrent::{Loaded, concurrent_rounds};
use super::guard::{GRACE, Guard};
use super::steady::{can_be_seen_within, is_flat};
use super::stop::{Step, Stop};
use super::window::{INTERVAL, Open, loaded};
use super::{
    Counted, Counting, Data, Driver, Error, Event, Instance, Load, Observed, Observer, Sharing,
    Start, Startup, Testbed, WarmUp, single_requests,
};
use crate::load::{Job, WorkerPool};
use crate::model::{Cell, Plan, Round, Side, Sides, Tally, Target};
use crate::stack::machine::{Seen, Watch};
use crate::stack::{Server, ServiceState, Stack, Stage, Tenancy};

/// Numbers of rooms: those of what each side's commands set up are 1 and 2, and their copies follow.
const FIRST_COPY: u32 = 3;

/// Drives real servers with real load. Those that are up at the same time are pinned to the same CPUs;
/// both builds of a server have a database each.
pub struct Live<'a> {
    stack: &'a Stack,
    stop: Stop,
    clock: Instant,
    /// What the commands of both builds have set up, to be copied for every start, and of which server:
    /// that of the next takes its place.
    set_up: Option<(String, Sides<Tenancy>)>,
    up: BTreeMap<(String, Side), Up>,
    /// Those that end their connections after one response, as the last load found.
    one_shot: BTreeSet<(String, Side)>,
    /// The share of a head's CPU time that is used beside it on purpose.
    injected: Option<f64>,
}

/// A server that is up.
struct Up {
    /// The build it is of.
    build: Side,
    server: Server,
    tenancy: Tenancy,
}

impl<'a> Live<'a> {
    /// `stop` ends what is being done.
    pub fn new(stack: &'a Stack, stop: Stop) -> Self {
        Self {
            stack,
            stop,
            clock: Instant::now(),
            set_up: None,
            up: BTreeMap::new(),
            one_shot: BTreeSet::new(),
            injected: None,
        }
    }

    /// The same with a change of known size: heads use so much more CPU time, as a share of their own.
    #[must_use]
    pub fn injecting(self, share: Option<f64>) -> Self {
        Self {
            injected: share,
            ..self
        }
    }

    const fn guard(&self) -> Guard<'_> {
        Guard {
            stack: self.stack,
            stop: &self.stop,
        }
    }

    fn up(&self, instance: Instance<'_>) -> &Up {
        self.up
            .get(&key(instance))
            .expect("a server is started before it is loaded")
    }

    /// The processes of a server; none of one that is not up.
    pub(super) async fn processes(&self, instance: Instance<'_>) -> Vec<i32> {
        match self.up.get(&key(instance)) {
            Some(up) => up.server.processes().await,
            None => Vec::new(),
        }
    }

    /// Whether both builds of this server are the ones that were set up last.
    pub(super) fn has_set_up(&self, server: &str) -> bool {
        self.set_up.as_ref().is_some_and(|(of, _)| of == server)
    }

    fn job(&self, load: &Load<'_>) -> Job {
        let server = &self.up(load.instance).server;
        Job {
            workload: server.workload(load.workload.clone()),
            origin: server.origin().clone(),
            cores: self.stack.cores().generator.clone(),
            opens_ahead: !self.one_shot.contains(&key(load.instance)),
            worker: None,
        }
    }

    /// Remembers whether a server ends its connections, for the next load on it.
    fn learn(&mut self, instance: Instance<'_>, tally: &Tally) {
        let key = key(instance);
        if tally.closed_by_server > tally.completed() / 2 {
            self.one_shot.insert(key);
        } else {
            self.one_shot.remove(&key);
        }
    }

    /// A server with its data. Those that start at once share their CPUs, so each is given as many
    /// times as long.
    async fn started(
        &self,
        start: Start<'_>,
        at_once: u32,
        observe: &(dyn Fn(Stage<'_>) + Send + Sync),
    ) -> Result<Up, Error> {
        let Start { instance, data } = start;
        let mut target = instance.target.clone();
        target.ready.within *= at_once;
        target.is_twin = data.build() != instance.side;
        let started = async {
            let tenancy = self.tenancy(instance.server, data).await?;
            let mut server = self.stack.start(&target, &tenancy, observe).await?;
            if let (Side::Head, Some(share)) = (data.build(), self.injected) {
                server.inject(share, self.stack).await?;
            }
            Ok(Up {
                build: data.build(),
                server,
                tenancy,
            })
        };
        let step = Step {
            server: &target.name,
            what: "its start",
        };
        // That of a proxy before it included.
        let within = target.ready.within * 2 + GRACE;
        self.guard().step(step, within, started).await
    }

    async fn tenancy(&self, server: &str, data: Data) -> Result<Tenancy, Error> {
        match data {
            Data::Own => Ok(Tenancy::default()),
            Data::Copy { of, slot } => {
                let set_up = self.set_up.as_ref().filter(|(of, _)| of == server);
                let (_, set_up) = set_up.expect("builds are set up before they are started");
                let (name, number) = (format!("perfgate_{slot}"), FIRST_COPY + slot);
                Ok(self.stack.copied(set_up.get(of), &name, number).await?)
            }
        }
    }

    async fn warmed_up(
        &self,
        load: &Load<'_>,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<(WarmUp, Tally), Error> {
        let job = self.job(load);
        let pool = loaded(move || WorkerPool::connect(&job)).await?;
        let mut window = Open::start(move |meter| pool.run(longest, meter));
        let mut counts = Vec::new();
        // Nothing is held against a server that had no time to show it.
        let mut steady = !can_be_seen_within(longest, INTERVAL);
        while let Some(count) = window.next_count().await {
            observe(Event::Rate(count / INTERVAL.as_secs_f64()));
            counts.push(count);
            if is_flat(&counts) {
                steady = true;
                window.end_early();
                break;
            }
        }
        let tally = window.close().await?;
        self.up(load.instance).server.check().await?;
        let observed = Observed::of_tally(&tally);
        Ok((WarmUp { steady, observed }, tally))
    }

    async fn measured(
        &self,
        loads: &[Load<'_>],
        sharing: Sharing,
        observe: Observer<'_>,
    ) -> Result<Vec<Round>, Error> {
        let loaded = |load: &Load<'_>| {
            let Up {
                server, tenancy, ..
            } = self.up(load.instance);
            Loaded {
                server,
                job: self.job(load),
                stack: self.stack,
                tenancy,
            }
        };
        let loads: Vec<_> = loads.iter().map(loaded).collect();
        concurrent_rounds(&loads, sharing, observe).await
    }

    /// A failure of a round is the base's where no head is loaded, or where the base has ended and the
    /// head has not.
    async fn attributed(&self, loads: &[Load<'_>], error: Error) -> Error {
        let mut works: Sides<Option<bool>> = Sides::default();
        for load in loads {
            let Up { build, server, .. } = self.up(load.instance);
            let works = works.get_mut(*build).get_or_insert(true);
            *works &= server.check().await.is_ok();
        }
        let is_of_base = match (works.head, works.base) {
            (None, _) => true,
            (Some(head), base) => head && base == Some(false),
        };
        if is_of_base {
            error.of_base("rounds")
        } else {
            error
        }
    }
}

impl Driver for Live<'_> {
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn testbed(&self, plan: &Plan) -> Testbed {
        let cores = self.stack.cores().clone();
        let reference = plan.reference.as_ref();
        Testbed {
            network: self.stack.path(),
            cpus: Some([cores.server, cores.services, cores.generator]),
            reference: reference.map(|it| self.stack.version(it)),
        }
    }

    async fn set_up(&mut self, sides: &Sides<Target>, observe: Observer<'_>) -> Result<(), Error> {
        let observe = |stage: Stage<'_>| observe(Event::Stage(stage));
        self.set_up = None;
        let work = async {
            let mut tenancies = Sides::default();
            for (side, number) in Side::BOTH.into_iter().zip(1..) {
                let name = format!("perfgate_{}", side.name());
                let target = sides.get(side);
                let room = self.stack.set_up_room(target, &name, number, &observe);
                let room = room.await.map_err(Error::from);
                *tenancies.get_mut(side) = room.map_err(|it| of_build(it, side, "set-up"))?;
            }
            Ok::<_, Error>(tenancies)
        };
        let tenancies = self.guard().over(work).await?;
        self.set_up = Some((sides.head.name.clone(), tenancies));
        Ok(())
    }

    async fn start(
        &mut self,
        starts: &[Start<'_>],
        observe: Observer<'_>,
    ) -> Result<Vec<Option<Startup>>, Error> {
        let observe = |stage: Stage<'_>| observe(Event::Stage(stage));
        for start in starts.iter().filter(|it| it.data == Data::Own) {
            let services = if self.up.is_empty() {
                ServiceState::Idle
            } else {
                ServiceState::InUse
            };
            let target = start.instance.target;
            let set_up = self.stack.set_up_alone(target, services, &observe);
            self.guard().over(set_up).await?;
        }
        let at_once = u32::try_from(starts.len()).unwrap_or(u32::MAX);
        let starting = starts.iter().copied();
        let started = starting.map(|start| self.started(start, at_once, &observe));
        let mut watch = Watch::start(self.stack, INTERVAL).await;
        // Where one fails the others are waited for, so that `stop` ends them.
        let ups = watched(&mut watch, join_all(started)).await;
        let mut failed: Sides<Option<Error>> = Sides::default();
        for (Start { instance, data }, up) in starts.iter().zip(ups) {
            match up {
                Ok(up) => {
                    self.up.insert(key(*instance), up);
                }
                Err(error) => {
                    let error = of_build(error, data.build(), "start");
                    failed.get_mut(instance.side).get_or_insert(error);
                }
            }
        }
        if let Some(error) = failed.head.or(failed.base) {
            return Err(error);
        }
        let server = |start: &Start<'_>| &self.up(start.instance).server;
        let servers: Vec<_> = starts.iter().map(server).collect();
        let seen = watch.end_of_start(&servers).await;
        let startups = servers.iter().enumerate();
        Ok(startups
            .map(|(number, server)| startup(server, &seen, number))
            .collect())
    }

    async fn warm_up(
        &mut self,
        load: &Load<'_>,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<WarmUp, Error> {
        let what = format!("the warm-up of {}", load.cell.endpoint);
        let step = Step {
            server: &load.instance.target.name,
            what: &what,
        };
        let within = longest + load.workload.timeout;
        let work = self.warmed_up(load, longest, observe);
        let (warm_up, tally) = self.guard().step(step, within, work).await?;
        self.learn(load.instance, &tally);
        Ok(warm_up)
    }

    async fn rounds(
        &mut self,
        loads: &[Load<'_>],
        sharing: Sharing,
        observe: Observer<'_>,
    ) -> Result<Vec<Round>, Error> {
        let Some(first) = loads.first() else {
            return Ok(Vec::new());
        };
        let what = format!("a round of {}", first.cell.endpoint);
        let step = Step {
            server: &first.instance.target.name,
            what: &what,
        };
        let within = sharing.longest(loads.len(), first.workload.timeout);
        let work = self.measured(loads, sharing, observe);
        match self.guard().step(step, within, work).await {
            Ok(rounds) => {
                for (load, round) in loads.iter().zip(&rounds) {
                    self.learn(load.instance, &round.tally);
                }
                Ok(rounds)
            }
            Err(error) => Err(self.attributed(loads, error).await),
        }
    }

    async fn grow(
        &mut self,
        instance: Instance<'_>,
        step: usize,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        let observe = |stage: Stage<'_>| observe(Event::Stage(stage));
        let Up { build, tenancy, .. } = self.up(instance);
        let grow = self.stack.grow(instance.target, tenancy, step, &observe);
        let grown = self.guard().over(grow).await;
        grown.map_err(|error| of_build(error, *build, "growth"))
    }

    async fn count(
        &mut self,
        instance: Instance<'_>,
        cell: &Cell,
        counting: Counting,
    ) -> Result<Counted, Error> {
        let Up {
            build,
            server,
            tenancy,
        } = self.up(instance);
        let what = format!("single requests of {}", cell.endpoint);
        let step = Step {
            server: &instance.target.name,
            what: &what,
        };
        let work = async {
            let single = single_requests::SingleRequests {
                server,
                endpoint: &cell.endpoint,
                job: self.job(&Load::from_cell(instance, cell)),
                counting,
            };
            let counted = single_requests::count(self.stack, tenancy, single).await?;
            server.check().await?;
            Ok(counted)
        };
        let counted = self.guard().step(step, single_requests::LONGEST, work);
        let counted = counted.await;
        counted.map_err(|error| of_build(error, *build, "single requests"))
    }

    async fn output(&mut self, instance: Instance<'_>) -> String {
        self.up(instance).server.output().await
    }

    async fn stop(&mut self, instances: &[Instance<'_>]) -> Result<(), Error> {
        let up = instances.iter().filter_map(|it| self.up.remove(&key(*it)));
        let stops: Vec<_> = up.map(|up| up.server.stop()).collect();
        let stopped = async { join_all(stops).await.into_iter().collect::<Result<(), _>>() };
        self.stop.or(stopped).await?;
        Ok(())
    }
}

fn key(instance: Instance<'_>) -> (String, Side) {
    (instance.server.to_owned(), instance.side)
}

fn of_build(error: Error, build: Side, during: &'static str) -> Error {
    match build {
        Side::Head => error,
        Side::Base => error.of_base(during),
    }
}

/// Waits for servers to start, with looks at the machine meanwhile.
async fn watched<T>(watch: &mut Watch, starts: impl Future<Output = T>) -> T {
    let mut starts = pin!(starts);
    loop {
        tokio::select! {
            started = &mut starts => return started,
            () = tokio::time::sleep(INTERVAL) => watch.sample(),
        }
    }
}

/// How long a server took to start, of those whose start was watched the one with this number.
fn startup(server: &Server, seen: &Seen, number: usize) -> Option<Startup> {
    let time = server.startup()?;
    let machine = seen.machine(number, Duration::ZERO);
    Some(Startup {
        time,
        disturbed: machine.has_disturbed_start(time),
    })
}
