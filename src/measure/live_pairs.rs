use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::concurrent::{Loaded, Sharing, Turns, concurrent_rounds};
use super::guard::Guard;
use super::live::{longest_start, startup, watched};
use super::stop::{Step, Stop};
use super::window::INTERVAL;
use super::{
    Assignment, Builds, Counted, Error, Event, Observer, PairDriver, PairLoad, Startup,
    single_requests,
};
use crate::load::Job;
use crate::model::{Cell, Rate, Round, Side, Sides, Target};
use crate::stack::machine::Watch;
use crate::stack::{Server, Stack, Stage, Tenancy};

/// Numbers of rooms: those of what each side's commands set up are 1 and 2, and their copies follow.
const FIRST_COPY: u32 = 3;

/// Drives two real builds of a server with real load. Those that are up at the same time are pinned
/// to the same CPUs and loaded in short turns, so that they see the same machine; each has a database
/// of its own.
pub struct LivePairs<'a> {
    stack: &'a Stack,
    stop: Stop,
    clock: Instant,
    /// What each side's own commands have set up, to be copied for every start.
    set_up: Option<Sides<Tenancy>>,
    up: Sides<Option<Up>>,
}

/// A side that is up.
struct Up {
    /// The build it is of.
    build: Side,
    server: Server,
    tenancy: Tenancy,
}

impl<'a> LivePairs<'a> {
    /// For one server of the stack; `stop` ends what is being done.
    pub fn new(stack: &'a Stack, stop: Stop) -> Self {
        Self {
            stack,
            stop,
            clock: Instant::now(),
            set_up: None,
            up: Sides::default(),
        }
    }

    const fn guard(&self) -> Guard<'_> {
        Guard {
            stack: self.stack,
            stop: &self.stop,
        }
    }

    fn up(&self, side: Side) -> &Up {
        let up = self.up.get(side).as_ref();
        up.expect("both sides are started before they are loaded")
    }

    /// The processes of a side's server.
    pub(super) async fn processes(&self, side: Side) -> Vec<i32> {
        match self.up.get(side) {
            Some(up) => up.server.processes().await,
            None => Vec::new(),
        }
    }

    fn job(&self, side: Side, cell: &Cell, load: Option<PairLoad>) -> Job {
        let server = &self.up(side).server;
        let mut workload = server.workload(cell.workload.clone());
        if let Some(load) = load {
            workload.connections = load.connections;
            workload.threads = workload.threads.min(load.connections);
            let rate = |rate| Rate {
                from: rate,
                to: rate,
            };
            workload.rate = load.rate.map(rate).or(workload.rate);
        }
        Job {
            workload,
            origin: server.origin().clone(),
            cores: self.stack.cores().generator.clone(),
        }
    }

    /// A side's server in the place it has drawn. Those that start at once share their CPUs, so each
    /// is given as many times as long.
    async fn start_one(
        &self,
        side: Side,
        (build, target): (Side, &Target),
        assignment: Assignment,
        at_once: u32,
        observe: &(dyn Fn(Stage<'_>) + Send + Sync),
    ) -> Result<Up, Error> {
        let mut target = target.clone();
        target.ready.within *= at_once;
        target.is_twin = build != side;
        let place = if side == Side::Head {
            assignment.place
        } else {
            1 - assignment.place
        };
        let set_up = self.set_up.as_ref();
        let set_up = set_up.expect("sides are set up before they are started");
        let started = async {
            let (name, number) = (format!("perfgate_{place}"), FIRST_COPY + place);
            let tenancy = self.stack.copied(set_up.get(build), &name, number).await?;
            let server = self.stack.start(&target, &tenancy, observe).await?;
            Ok(Up {
                build,
                server,
                tenancy,
            })
        };
        let step = Step {
            server: &target.name,
            what: "its start",
        };
        let within = longest_start(&target);
        self.guard().step(step, within, started).await
    }

    /// A round of every side that is up, within its deadline.
    async fn loaded(
        &self,
        cells: Sides<&Cell>,
        load: PairLoad,
        observe: Observer<'_>,
    ) -> Result<Sides<Option<Round>>, Error> {
        let what = format!("a pair of rounds of {}", cells.head.endpoint);
        let mut up = Side::BOTH
            .into_iter()
            .filter_map(|it| self.up.get(it).as_ref());
        let step = Step {
            server: up.next().map_or("", |it| it.server.name()),
            what: &what,
        };
        // Where no response comes each side waits for it in its first turn, and then as long again.
        let within = (load.window() + cells.head.workload.timeout) * 4;
        let work = self.measured(cells, load, observe);
        self.guard().step(step, within, work).await
    }

    async fn measured(
        &self,
        cells: Sides<&Cell>,
        load: PairLoad,
        observe: Observer<'_>,
    ) -> Result<Sides<Option<Round>>, Error> {
        let is_up = |side: &Side| self.up.get(*side).is_some();
        let both = [load.first, load.first.other()].into_iter();
        let up: Vec<Side> = both.filter(is_up).collect();
        let loaded = |side: &Side| Loaded {
            server: &self.up(*side).server,
            job: self.job(*side, cells.get(*side), Some(load)),
            stack: self.stack,
            tenancy: &self.up(*side).tenancy,
        };
        let loads: Vec<_> = up.iter().map(loaded).collect();
        let turns = Sharing::InTurns(Turns {
            count: load.turns,
            length: load.turn,
        });
        let measured = concurrent_rounds(&loads, turns, observe).await?;
        let mut rounds = Sides::default();
        for (side, round) in up.into_iter().zip(measured) {
            *rounds.get_mut(side) = Some(round);
        }
        Ok(rounds)
    }

    /// A failure while both sides are loaded is the base's where the base has ended and the head
    /// has not, or is not there.
    async fn attributed(&self, error: Error) -> Error {
        let works = async |side: Side| match self.up.get(side) {
            Some(up) => up.server.check().await.is_ok(),
            None => side == Side::Head,
        };
        let head = self.up.head.as_ref();
        let is_control = head.is_some_and(|up| up.build == Side::Base);
        if is_control || works(Side::Head).await && !works(Side::Base).await {
            error.of_base("rounds")
        } else {
            error
        }
    }
}

impl PairDriver for LivePairs<'_> {
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    async fn set_up(&mut self, sides: &Sides<Target>, observe: Observer<'_>) -> Result<(), Error> {
        let observe = |stage: Stage<'_>| observe(Event::Stage(stage));
        let work = async {
            let mut tenancies = Sides::default();
            for (side, number) in Side::BOTH.into_iter().zip(1..) {
                let name = format!("perfgate_{}", side.name());
                let target = sides.get(side);
                let room = self.stack.set_up_room(target, &name, number, &observe);
                let room = room.await.map_err(Error::from);
                let room = room.map_err(|error| of_side(error, side, "set-up"))?;
                *tenancies.get_mut(side) = room;
            }
            Ok::<_, Error>(tenancies)
        };
        let tenancies = self.guard().over(work).await?;
        self.set_up = Some(tenancies);
        Ok(())
    }

    async fn start(
        &mut self,
        sides: &Sides<Target>,
        builds: Builds,
        started: &[Side],
        assignment: Assignment,
        observe: Observer<'_>,
    ) -> Result<Sides<Option<Startup>>, Error> {
        let observe = |stage: Stage<'_>| observe(Event::Stage(stage));
        let at_once = u32::try_from(started.len()).unwrap_or(u32::MAX);
        let start = |side: &Side| {
            let build = builds.on(*side);
            self.start_one(
                *side,
                (build, sides.get(build)),
                assignment,
                at_once,
                &observe,
            )
        };
        // Where one fails the other is waited for, so that `stop` ends it.
        let mut watch = Watch::start(self.stack, INTERVAL).await;
        let ups = watched(&mut watch, join_all(started.iter().map(start))).await;
        let mut failed: Sides<Option<Error>> = Sides::default();
        for (side, up) in started.iter().copied().zip(ups) {
            match up {
                Ok(up) => *self.up.get_mut(side) = Some(up),
                Err(error) => {
                    *failed.get_mut(side) = Some(of_side(error, builds.on(side), "start"));
                }
            }
        }
        if let Some(error) = failed.head.or(failed.base) {
            return Err(error);
        }
        let servers: Vec<_> = started.iter().map(|side| &self.up(*side).server).collect();
        let seen = watch.end_of_start(&servers).await;
        let mut startups = Sides::default();
        for (number, side) in started.iter().enumerate() {
            *startups.get_mut(*side) = startup(servers[number], &seen, number);
        }
        Ok(startups)
    }

    async fn count(&mut self, side: Side, cell: &Cell) -> Result<Counted, Error> {
        let Up {
            server, tenancy, ..
        } = self.up(side);
        let what = format!("single requests of {}", cell.endpoint);
        let step = Step {
            server: server.name(),
            what: &what,
        };
        let work = async {
            let job = self.job(side, cell, None);
            let single = single_requests::SingleRequests {
                server,
                endpoint: &cell.endpoint,
                job,
            };
            let counted = single_requests::count(self.stack, tenancy, single).await?;
            server.check().await?;
            Ok(counted)
        };
        self.guard()
            .step(step, single_requests::LONGEST, work)
            .await
    }

    async fn rounds(
        &mut self,
        cells: Sides<&Cell>,
        load: PairLoad,
        observe: Observer<'_>,
    ) -> Result<Sides<Option<Round>>, Error> {
        match self.loaded(cells, load, observe).await {
            Ok(rounds) => Ok(rounds),
            Err(error) => Err(self.attributed(error).await),
        }
    }

    async fn stop(&mut self) -> Result<(), Error> {
        for side in Side::BOTH {
            if let Some(up) = self.up.get_mut(side).take() {
                self.stop.or(up.server.stop()).await?;
            }
        }
        Ok(())
    }
}

fn of_side(error: Error, side: Side, during: &'static str) -> Error {
    match side {
        Side::Head => error,
        Side::Base => error.of_base(during),
    }
}
