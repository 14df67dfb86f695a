//! Workers of a server: programs beside it that take jobs from a queue.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::container::Container;
use super::crowd::Crowd;
use super::process::Group;
use super::program::Program;
use super::ready::{ANSWER, Last, Wait};
use super::recipe::Recipe;
use super::resources::Resources;
use super::substitutions::Substitutions;
use super::{Error, Observer, Stack, Stage, process};
use crate::model::{self, Target};

/// Longest wait for a worker that does not rest: one that always has something to do is started too.
const RESTLESS: Duration = Duration::from_secs(15);
/// Longest wait for the jobs of single requests.
const JOBS: Duration = Duration::from_secs(5);
/// A worker rests that takes less than this share of a CPU over such a time.
const REST: f64 = 0.05;
const LOOK: Duration = Duration::from_millis(200);

/// The workers of a server, up as long as it is.
#[derive(Default)]
pub(super) struct Workers(Vec<Worker>);

struct Worker {
    name: String,
    program: Program,
}

impl Workers {
    /// Starts every worker of a server, and waits until it takes jobs or rests.
    pub(super) async fn start(
        stack: &Stack,
        target: &Target,
        substitutions: &Substitutions,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let mut workers = Self::default();
        for worker in &target.workers {
            let full_name = format!("{}.{}", target.name, worker.name);
            observe(Stage::Start(&full_name));
            let program = program(stack, target, worker, &full_name, substitutions).await?;
            until_ready(&program, worker, full_name, target.ready.within).await?;
            workers.0.push(Worker {
                name: worker.name.clone(),
                program,
            });
        }
        Ok(workers)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What each uses now, by name.
    pub(super) async fn resources(&self) -> Result<BTreeMap<String, Resources>, Error> {
        let mut all = BTreeMap::new();
        for worker in &self.0 {
            all.insert(worker.name.clone(), worker.program.resources().await?);
        }
        Ok(all)
    }

    /// Where their processes are found.
    pub(super) async fn crowds(&self) -> Vec<Option<Crowd>> {
        let mut crowds = Vec::new();
        for worker in &self.0 {
            crowds.push(worker.program.crowd().await);
        }
        crowds
    }

    /// An error that says how one ended, once it has.
    pub(super) async fn ended(&self) -> Result<Option<Error>, Error> {
        for worker in &self.0 {
            if let Some(error) = worker.program.ended().await? {
                return Ok(Some(error));
            }
        }
        Ok(None)
    }

    /// Waits until they have done the jobs of single requests.
    pub(super) async fn finish_jobs(&self) -> Result<(), Error> {
        for worker in &self.0 {
            rests(&worker.program, JOBS).await?;
        }
        Ok(())
    }

    pub(super) async fn stop(self) -> Result<(), Error> {
        for worker in self.0 {
            worker.program.stop().await?;
        }
        Ok(())
    }
}

async fn program(
    stack: &Stack,
    target: &Target,
    worker: &model::Worker,
    full_name: &str,
    substitutions: &Substitutions,
) -> Result<Program, Error> {
    let env = substitutions.fill_env(&target.env_of(worker));
    if target.source.is_contained() {
        let role = format!("{}-{}", target.role(), worker.name);
        let recipe = Recipe {
            name: full_name,
            env,
            memory: worker.memory.or(target.memory),
            ..stack.recipe(target, role, &worker.command, substitutions)
        };
        let container = Container::start(recipe, &stack.context).await?;
        return Ok(Program::container(container));
    }
    let command = substitutions.fill_all(&worker.command);
    let recipe = process::Recipe {
        name: full_name,
        ..stack.process(target, &command, &env)
    };
    Ok(Program::process(Group::start(&recipe)?))
}

async fn until_ready(
    program: &Program,
    worker: &model::Worker,
    name: String,
    within: Duration,
) -> Result<(), Error> {
    let Some(text) = &worker.ready else {
        rests(program, RESTLESS).await?;
        return program.ended().await?.map_or(Ok(()), Err);
    };
    let wait = Wait {
        name: &name,
        what: format!("a line with `{text}` in its output"),
        timeout: ANSWER,
        within,
    };
    let ask = async || {
        let has_said = program.has_said(text).await;
        has_said
            .then_some(())
            .ok_or_else(|| Last::None("no such line yet".into()))
    };
    let (ended, output) = (
        async || program.ended().await,
        async || program.output().await,
    );
    wait.until(ask, ended, output).await
}

/// Waits until a program takes hardly any CPU time, at most so long.
async fn rests(program: &Program, longest: Duration) -> Result<(), Error> {
    let begun = Instant::now();
    let cpu = async || match program.resources().await {
        Ok(resources) => Ok(resources.cpu),
        // How it ended says more than that it cannot be read.
        Err(error) => Err(program.ended().await?.unwrap_or(error)),
    };
    let mut before = cpu().await?;
    while begun.elapsed() < longest {
        tokio::time::sleep(LOOK).await;
        let now = cpu().await?;
        if now.saturating_sub(before) < LOOK.mul_f64(REST) {
            return Ok(());
        }
        before = now;
    }
    Ok(())
}
