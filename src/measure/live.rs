use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::concurrent::{Loaded, concurrent_rounds};
use super::guard::{GRACE, Guard};
use super::steady::is_flat;
use super::stop::{Step, Stop};
use super::{Counted, Driver, Error, Event, Observed, Observer, Startup, WarmUp, pass, turnover};
use crate::load::{self, Crew, Job, Meter};
use crate::model::{Cell, Machine, Plan, Round, Sides, Tally, Target, Usage};
use crate::stack::machine::{Seen, Watch};
use crate::stack::{Resources, Server, Stack, Stage, Tenancy};

/// Drives real servers with real load.
pub struct Live {
    stack: Stack,
    stop: Stop,
    servers: BTreeMap<String, Server>,
}

/// Interval of the warm-up's steadiness, of the rate shown and of looks at memory and machine.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

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
        Job {
            workload: cell.workload.clone(),
            origin: self.server(target).origin().clone(),
            cores: self.stack.cores().generator.clone(),
        }
    }

    /// Connections open and idle.
    async fn crew(&self, target: &Target, cell: &Cell) -> Result<Crew, Error> {
        let job = self.job(target, cell);
        loaded(move || Crew::connect(&job)).await
    }

    async fn warmed_up(
        &self,
        target: &Target,
        cell: &Cell,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<WarmUp, Error> {
        let crew = self.crew(target, cell).await?;
        let mut window = Open::new(crew, longest);
        let mut counts = Vec::new();
        let mut steady = false;
        while let Some(count) = window.next_count().await {
            observe(Event::Rate(count / INTERVAL.as_secs_f64()));
            counts.push(count);
            if is_flat(&counts) {
                steady = true;
                window.meter.stop();
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
        let crew = self.crew(target, cell).await?;
        let server = self.server(target);
        let before = resources(server).await?;
        let mut watch = Watch::begin(&[server], INTERVAL).await;
        let mut window = Open::new(crew, window);
        let mut highest = 0;
        while let Some(rate) = window.next_rate().await {
            watch.sample();
            observe(Event::Rate(rate));
            highest = server.working_set().await.unwrap_or_default().max(highest);
        }
        let tally = window.close().await?;
        let seen = watch.end();
        let tally = with_log(tally, server).await;
        server.check().await?;
        let after = resources(server).await?;
        let used = before.zip(after);
        Ok(measured(tally, used.as_ref(), highest, |throttled| {
            seen.machine(0, throttled)
        }))
    }
}

impl Driver for Live {
    fn settings(&self, plan: &Plan) -> String {
        let postgres = plan
            .postgres
            .as_ref()
            .map(|it| (it.source.describe(), &it.settings));
        let redis = plan.redis.as_ref().map(|it| it.source.describe());
        let reference = plan.reference.as_ref();
        let reference = reference
            .map(|it| self.stack.version(it))
            .unwrap_or_default();
        format!(
            "{:?} {postgres:?} {redis:?} {}{reference}",
            self.stack.path(),
            self.stack.cores().describe()
        )
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
            let single = pass::SingleRequests {
                server: self.server(target),
                endpoint: &cell.endpoint,
                job: self.job(target, cell),
            };
            let counted = pass::count(&self.stack, &Tenancy::default(), single).await?;
            self.server(target).check().await?;
            Ok(counted)
        };
        self.guard().step(step, pass::LONGEST, work).await
    }

    async fn beside(
        &mut self,
        target: &Target,
        cell: &Cell,
        reference: &Target,
        window: Duration,
        observe: Observer<'_>,
    ) -> Result<Sides<Round>, Error> {
        let load = |target: &Target, cell: &Cell| {
            let mut job = self.job(target, cell);
            job.workload.rate = None;
            Loaded {
                server: self.server(target),
                job,
                delay: Duration::ZERO,
            }
        };
        let loads = vec![load(target, cell), load(reference, &reference.cells[0])];
        let what = format!("a round of {} beside the reference", cell.endpoint);
        let step = Step {
            server: &target.name,
            what: &what,
        };
        let within = window + cell.workload.timeout;
        let work = concurrent_rounds(loads, window, observe);
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

/// What a server uses; of one that has ended, how it ended.
pub(super) async fn resources(server: &Server) -> Result<Option<Resources>, Error> {
    let resources = server.resources().await;
    if resources.is_err() {
        server.check().await?;
    }
    Ok(resources?)
}

/// The tally with the server's last output beside the first failure.
pub(super) async fn with_log(mut tally: Tally, server: &Server) -> Tally {
    if let Some(first) = &mut tally.first_failure {
        first.log = server.output().await;
    }
    tally
}

/// A round, with what the server used between two idle moments, and what the machine did meanwhile:
/// asked with the time for which the server's own quota denied it the CPU.
pub(super) fn measured(
    tally: Tally,
    used: Option<&(Resources, Resources)>,
    highest: u64,
    machine: impl FnOnce(Duration) -> Machine,
) -> Round {
    let throttled = used.map_or(Duration::ZERO, |(before, after)| {
        after.throttled.saturating_sub(before.throttled)
    });
    Round {
        tally,
        usage: used.map(|(before, after)| Usage {
            cpu: after.cpu.saturating_sub(before.cpu),
            memory: after.memory.max(highest),
            rss: after.rss,
            grown: signed(after.memory)
                .zip(signed(before.memory))
                .and_then(|(after, before)| after.checked_sub(before)),
        }),
        machine: Some(machine(throttled)),
        turnover: used.and_then(|(before, after)| turnover::between(before, after)),
    }
}

fn signed(bytes: u64) -> Option<i64> {
    i64::try_from(bytes).ok()
}

/// Does what blocks a thread aside from those that wait for input and output.
pub(super) async fn loaded<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, load::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(joined(spawn_blocking(work).await)?)
}

/// A window that is open, watched from outside. Dropping it ends the load early.
pub(super) struct Open {
    task: JoinHandle<Result<Tally, load::Error>>,
    /// What the task came to, once it has been seen to end.
    result: Option<Result<Result<Tally, load::Error>, JoinError>>,
    meter: Arc<Meter>,
    counted: u64,
    next: Instant,
}

impl Open {
    fn new(crew: Crew, window: Duration) -> Self {
        Self::at(crew, Instant::now(), window)
    }

    /// Opens at a moment, or now where it has passed.
    pub(super) fn at(crew: Crew, opens: Instant, window: Duration) -> Self {
        let meter = Arc::new(Meter::new());
        let shared = Arc::clone(&meter);
        let task = spawn_blocking(move || crew.run_at(opens, window, &shared));
        Self {
            task,
            result: None,
            meter,
            counted: 0,
            next: Instant::now(),
        }
    }

    /// Requests completed in the interval that now ends; nothing once the window has closed.
    async fn next_count(&mut self) -> Option<f64> {
        self.next += INTERVAL;
        tokio::select! {
            result = &mut self.task => {
                self.result = Some(result);
                return None;
            }
            () = tokio::time::sleep_until(self.next.into()) => (),
        }
        let completed = self.meter.completed();
        let count = completed - self.counted;
        self.counted = completed;
        u32::try_from(count).ok().map(f64::from)
    }

    /// The same per second.
    pub(super) async fn next_rate(&mut self) -> Option<f64> {
        let count = self.next_count().await?;
        Some(count / INTERVAL.as_secs_f64())
    }

    pub(super) async fn close(mut self) -> Result<Tally, Error> {
        let result = match self.result.take() {
            Some(result) => result,
            None => (&mut self.task).await,
        };
        Ok(joined(result)?)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.meter.stop();
    }
}

fn joined<T>(result: Result<T, JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
