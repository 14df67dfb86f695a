use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::steady::is_flat;
use super::{Driver, Error, Event, Observer, WarmUp};
use crate::load::{self, Crew, Job, Meter};
use crate::model::{Cell, Plan, Round, ServiceSource, Tally, Target, Usage};
use crate::stack::{Server, Stack};

/// Drives real servers with real load.
pub struct Live {
    stack: Stack,
    server: Option<Server>,
}

/// Interval of the warm-up's steadiness and of the rate shown.
const INTERVAL: Duration = Duration::from_millis(250);

impl Live {
    pub const fn new(stack: Stack) -> Self {
        Self {
            stack,
            server: None,
        }
    }

    /// Gives the stack back, to be taken down.
    pub fn into_stack(self) -> Stack {
        self.stack
    }

    fn server(&self) -> &Server {
        self.server
            .as_ref()
            .expect("the measuring loop starts a server before it loads it")
    }

    fn job(&self, cell: &Cell) -> Job {
        Job {
            workload: cell.workload.clone(),
            origin: self.server().origin().clone(),
            cores: self.stack.cores().generator.clone(),
        }
    }

    /// Connections open and idle.
    async fn crew(&self, cell: &Cell) -> Result<Crew, Error> {
        let job = self.job(cell);
        Ok(joined(spawn_blocking(move || Crew::connect(&job)).await)?)
    }
}

impl Driver for Live {
    fn settings(&self, plan: &Plan) -> String {
        let source = |source: &ServiceSource| match source {
            ServiceSource::Image(image) => format!("image {image}"),
            // Where the folder lies says nothing about what is in it.
            ServiceSource::Build(folder) => {
                let name = folder.file_name().unwrap_or_default();
                format!("build {}", name.to_string_lossy())
            }
            ServiceSource::Url(_) => "running".to_owned(),
        };
        let postgres = plan
            .postgres
            .as_ref()
            .map(|it| (source(&it.source), &it.settings));
        let redis = plan.redis.as_ref().map(|it| source(&it.source));
        format!(
            "{:?} {postgres:?} {redis:?} {}",
            self.stack.path(),
            self.stack.cores().describe()
        )
    }

    async fn start(
        &mut self,
        target: &Target,
        observe: Observer<'_>,
    ) -> Result<Option<Duration>, Error> {
        let server = self
            .stack
            .start(target, &|stage| observe(Event::Stage(stage)))
            .await?;
        let startup = server.startup();
        self.server = Some(server);
        Ok(startup)
    }

    async fn warm_up(
        &mut self,
        cell: &Cell,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<WarmUp, Error> {
        let crew = self.crew(cell).await?;
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
        window.close().await?;
        self.server().check().await?;
        Ok(WarmUp { steady })
    }

    async fn round(
        &mut self,
        cell: &Cell,
        window: Duration,
        observe: Observer<'_>,
    ) -> Result<Round, Error> {
        let crew = self.crew(cell).await?;
        let before = self.server().resources().await?;
        let mut window = Open::new(crew, window);
        while let Some(count) = window.next_count().await {
            observe(Event::Rate(count / INTERVAL.as_secs_f64()));
        }
        let tally = window.close().await?;
        self.server().check().await?;
        let after = self.server().resources().await?;
        let usage = before.zip(after).map(|(before, after)| Usage {
            cpu: after.cpu.saturating_sub(before.cpu),
            memory: after.memory,
        });
        Ok(Round { tally, usage })
    }

    async fn stop(&mut self) -> Result<(), Error> {
        match self.server.take() {
            Some(server) => Ok(server.stop().await?),
            None => Ok(()),
        }
    }
}

/// A window that is open, watched from outside. Dropping it ends the load early.
struct Open {
    task: JoinHandle<Result<Tally, load::Error>>,
    /// What the task came to, once it has been seen to end.
    result: Option<Result<Result<Tally, load::Error>, JoinError>>,
    meter: Arc<Meter>,
    counted: u64,
    next: Instant,
}

impl Open {
    fn new(crew: Crew, window: Duration) -> Self {
        let meter = Arc::new(Meter::new());
        let shared = Arc::clone(&meter);
        let task = spawn_blocking(move || crew.run(window, &shared));
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

    async fn close(mut self) -> Result<Tally, Error> {
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
