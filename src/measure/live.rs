use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use super::concurrent::{Loaded, Sharing, concurrent_rounds};
use super::guard::{GRACE, Guard};
use super::steady::{can_be_seen_within, is_flat};
use super::stop::{Step, Stop};
use super::window::{INTERVAL, Open, loaded};
use super::{
    Counted, Driver, Error, Event, Observed, Observer, Startup, Testbed, WarmUp, single_requests,
};
use crate::load::{Job, WorkerPool};
use crate::model::{Cell, Plan, Round, Sides, Target};
use crate::stack::machine::{Seen, Watch};
use crate::stack::{Server, Stack, Stage, Tenancy};

/// Drives real servers with real load.
pub struct Live {
    stack: Stack,
    stop: Stop,
    servers: BTreeMap<String, Server>,
}

impl Live {
    /// `stop` ends what is being done.
    pub const fn new(stack: Stack, stop: Stop) -> Self {
        Self {
            stack,
            stop,
            servers: BTreeMap::new(),
        }
    }

    const fn guard(&self) -> Guard<'_> {
        Guard {
            stack: &self.stack,
            stop: &self.stop,
        }
    }

    fn server(&self, target: &Target) -> &Server {
        self.servers
            .get(&target.name)
            .expect("the measuring loop starts a server before it loads it")
    }

    fn job(&self, target: &Target, cell: &Cell) -> Job {
        let server = self.server(target);
        Job {
            workload: server.workload(cell.workload.clone()),
            origin: server.origin().clone(),
            cores: self.stack.cores().generator.clone(),
        }
    }

    async fn warmed_up(
        &self,
        target: &Target,
        cell: &Cell,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<WarmUp, Error> {
        let job = self.job(target, cell);
        let pool = loaded(move || WorkerPool::connect(&job)).await?;
        let mut window = Open::of(move |meter| pool.run(longest, meter));
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
        self.server(target).check().await?;
        let observed = Observed::of_tally(&tally);
        Ok(WarmUp { steady, observed })
    }

    async fn measured(
        &self,
        target: &Target,
        cell: &Cell,
        window: Duration,
        observe: Observer<'_>,
    ) -> Result<Round, Error> {
        let load = Loaded {
            server: self.server(target),
            job: self.job(target, cell),
            stack: &self.stack,
            tenancy: &Tenancy::default(),
        };
        let rounds = concurrent_rounds(&[load], Sharing::AtOnce(window), observe).await?;
        Ok(rounds.into_iter().next().expect("each load has its round"))
    }
}

impl Driver for Live {
    fn testbed(&self, plan: &Plan) -> Testbed {
        let cores = self.stack.cores().clone();
        let reference = plan.reference.as_ref();
        Testbed {
            network: self.stack.path(),
            cpus: Some([cores.server, cores.services, cores.generator]),
            reference: reference.map(|it| self.stack.version(it)),
        }
    }

    async fn start(
        &mut self,
        target: &Target,
        observe: Observer<'_>,
    ) -> Result<Option<Startup>, Error> {
        let observe = |stage: Stage<'_>| observe(Event::Stage(stage));
        let tenancy = Tenancy::default();
        let set_up = self.stack.set_up(target, &tenancy, &observe);
        self.guard().over(set_up).await?;
        let started = async { Ok(self.stack.start(target, &tenancy, &observe).await?) };
        let step = Step {
            server: &target.name,
            what: "its start",
        };
        let within = longest_start(target);
        let mut watch = Watch::start(&self.stack, INTERVAL).await;
        let started = self.guard().step(step, within, started);
        let server = watched(&mut watch, started).await?;
        let seen = watch.end_of_start(&[&server]).await;
        let startup = startup(&server, &seen, 0);
        self.servers.insert(target.name.clone(), server);
        Ok(startup)
    }

    async fn warm_up(
        &mut self,
        target: &Target,
        cell: &Cell,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<WarmUp, Error> {
        let what = format!("the warm-up of {}", cell.endpoint);
        let step = Step {
            server: &target.name,
            what: &what,
        };
        let within = longest + cell.workload.timeout;
        let work = self.warmed_up(target, cell, longest, observe);
        self.guard().step(step, within, work).await
    }

    async fn round(
        &mut self,
        target: &Target,
        cell: &Cell,
        window: Duration,
        observe: Observer<'_>,
    ) -> Result<Round, Error> {
        let what = format!("a round of {}", cell.endpoint);
        let step = Step {
            server: &target.name,
            what: &what,
        };
        let within = window + cell.workload.timeout;
        let work = self.measured(target, cell, window, observe);
        self.guard().step(step, within, work).await
    }

    async fn count(&mut self, target: &Target, cell: &Cell) -> Result<Counted, Error> {
        let what = format!("single requests of {}", cell.endpoint);
        let step = Step {
            server: &target.name,
            what: &what,
        };
        let work = async {
            let single = single_requests::SingleRequests {
                server: self.server(target),
                endpoint: &cell.endpoint,
                job: self.job(target, cell),
            };
            let counted = single_requests::count(&self.stack, &Tenancy::default(), single).await?;
            self.server(target).check().await?;
            Ok(counted)
        };
        self.guard()
            .step(step, single_requests::LONGEST, work)
            .await
    }

    async fn beside(
        &mut self,
        target: &Target,
        cell: &Cell,
        reference: &Target,
        window: Duration,
        observe: Observer<'_>,
    ) -> Result<Sides<Round>, Error> {
        let tenancy = Tenancy::default();
        let load = |target: &Target, cell: &Cell| {
            let mut job = self.job(target, cell);
            job.workload.rate = None;
            Loaded {
                server: self.server(target),
                job,
                stack: &self.stack,
                tenancy: &tenancy,
            }
        };
        let loads = [load(target, cell), load(reference, &reference.cells[0])];
        let what = format!("a round of {} beside the reference", cell.endpoint);
        let step = Step {
            server: &target.name,
            what: &what,
        };
        let within = window + cell.workload.timeout;
        let work = concurrent_rounds(&loads, Sharing::AtOnce(window), observe);
        let rounds = self.guard().step(step, within, work).await?;
        let mut rounds = rounds.into_iter();
        let mut next = || rounds.next().expect("each load has its round");
        Ok(Sides {
            head: next(),
            base: next(),
        })
    }

    async fn output(&mut self, target: &Target) -> String {
        self.server(target).output().await
    }

    async fn stop(&mut self, target: &Target) -> Result<(), Error> {
        match self.servers.remove(&target.name) {
            Some(server) => self.stop.or(server.stop()).await,
            None => Ok(()),
        }
    }
}

/// The longest that a server may take from its start to its first answer, that of a proxy before
/// it included.
pub(super) fn longest_start(target: &Target) -> Duration {
    target.ready.within * 2 + GRACE
}

/// Waits for servers to start, with looks at the machine meanwhile.
pub(super) async fn watched<T>(watch: &mut Watch, starts: impl Future<Output = T>) -> T {
    let mut starts = pin!(starts);
    loop {
        tokio::select! {
            started = &mut starts => return started,
            () = tokio::time::sleep(INTERVAL) => watch.sample(),
        }
    }
}

/// How long a server took to start, of those whose start was watched the one with this number.
pub(super) fn startup(server: &Server, seen: &Seen, number: usize) -> Option<Startup> {
    let time = server.startup()?;
    let machine = seen.machine(number, Duration::ZERO);
    Some(Startup {
        time,
        disturbed: machine.has_disturbed_start(time),
    })
}
