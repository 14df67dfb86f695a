//! Plan → running servers and services. Containers come up through testcontainers and the
//! engine's API, processes by `run`; everything carries labels, so that it can be found and
//! removed also after a crash.
//!
//! [`Stack::up`] provides images, network and services; [`Stack::start`] sets one server
//! up, starts it, behind a proxy where it stands behind one, and waits until it answers;
//! [`Server::resources`] reads its resources, [`Stack::count`] what the services counted;
//! [`Stack::lost`] says whether what all servers need is still there; [`sweep`] leaves nothing
//! behind.

mod allocations;
mod answer;
mod built;
mod cargo_env;
mod cgroup;
mod container;
mod context;
mod copied;
mod cores;
mod counters;
mod crowd;
mod engine;
mod error;
mod image;
mod injection;
mod kernel_counts;
mod limits;
mod login;
pub mod machine;
mod others;
mod owner;
mod process;
mod program;
mod programs;
mod proxy;
mod queue;
mod ready;
mod recipe;
mod resources;
mod roll;
mod run_to_end;
mod scrubbed_env;
mod server;
mod services;
mod stack_context;
mod stage;
mod substitutions;
pub mod sweep;
mod tail;
mod tenancy;
mod worker;

use std::collections::BTreeMap;
use std::time::SystemTime;

pub use allocations::Allocated;
pub use answer::{Answer, Missed};
pub use built::Built;
pub use cargo_env::{compiler, workspaces};
pub use cores::Cores;
pub use counters::Count;
pub use engine::{Engine, socket};
pub use error::Error;
pub use image::is_another;
pub use kernel_counts::KernelCounts;
pub use owner::Owner;
pub use programs::Programs;
pub use resources::Resources;
pub use scrubbed_env::close_to_others;
pub use server::Server;
pub use stage::{Observer, Stage};
pub use tenancy::{ServiceState, Tenancy};

use crowd::Crowd;
use image::Images;
use services::{Running, Site};
use stack_context::StackContext;
use substitutions::placeholders;
use tenancy::{Inputs, SetUp};
use tokio::sync::Mutex;

use crate::model::{Deadlines, Growth, Identity, NetworkPath, Plan, Proxy, ServiceSource, Target};

/// Images, network and services of one run, up and ready.
pub struct Stack {
    context: StackContext,
    images: Images,
    /// What cargo has built.
    programs: Programs,
    /// By name, in the order in which they started.
    services: Vec<(String, Box<dyn Running>)>,
    proxies: Vec<Proxy>,
    deadlines: Deadlines,
    /// What commands of servers have set up, by the name of its room.
    set_ups: Mutex<BTreeMap<String, SetUp>>,
    /// By what the services' own data are set up, which they have kept.
    kept: Mutex<Option<Inputs>>,
}

impl Stack {
    /// Brings up what all servers share. `engine` may be missing when nothing of the plan runs
    /// in a container.
    pub async fn up(
        plan: &Plan,
        engine: Option<Engine>,
        owner: Owner,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        Self::up_beside(plan, &[], engine, owner, observe).await
    }

    /// The same with room for servers that are not of the plan; [`Stack::provide`] gets what they
    /// are made of.
    pub async fn up_beside(
        plan: &Plan,
        others: &[Target],
        engine: Option<Engine>,
        owner: Owner,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let mut all = plan.clone();
        all.targets.extend_from_slice(others);
        let cores = Cores::of_this_machine(threads(&all))?;
        let context = StackContext::create(&all, engine, owner, cores).await?;
        let mut images = Images::default();
        images.provide(plan, plan, &context, observe).await?;
        let site = Site {
            images: &images,
            around: &context,
        };
        let mut services: Vec<(String, Box<dyn Running>)> = Vec::new();
        let mut values = Vec::new();
        for service in &plan.services {
            let name = &service.name;
            observe(Stage::Service(name));
            let running = services::start(service, &values, site).await?;
            values.extend(placeholders(name, running.values(None, true)));
            services.push((name.clone(), running));
        }
        Ok(Self {
            context,
            images,
            programs: Programs::default(),
            services,
            proxies: plan.proxies.clone(),
            deadlines: plan.deadlines,
            set_ups: Mutex::default(),
            kept: Mutex::default(),
        })
    }

    /// The same with programs that were built for its servers.
    #[must_use]
    pub fn with(self, programs: Programs) -> Self {
        Self { programs, ..self }
    }

    /// The program of a server of this host that was built by cargo, or by whatever wrote it `since`.
    pub fn built(&self, target: &Target, since: SystemTime) -> Option<Built> {
        let program = self.programs.path(target);
        built::built(target, program, since)
    }

    /// Builds or pulls the images of more servers.
    pub async fn provide(
        &mut self,
        plan: &Plan,
        targets: Vec<Target>,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        let alone = Plan {
            targets,
            services: Vec::new(),
            proxies: Vec::new(),
            ..plan.clone()
        };
        let (images, around) = (&mut self.images, &self.context);
        images.provide(&alone, plan, around, observe).await
    }

    /// Removes images of earlier runs that those of this one replace.
    pub async fn remove_replaced_images(&self) {
        self.images.remove_replaced(&self.context).await;
    }

    /// Runs the commands that a server needs before its first start, and then seeds its services.
    pub async fn set_up(
        &self,
        target: &Target,
        tenancy: &Tenancy,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        server::set_up(self, target, tenancy, observe).await?;
        for (name, service) in &self.services {
            service.seed(tenancy.room(name)).await?;
        }
        Ok(())
    }

    /// Starts a server and waits until it answers.
    pub async fn start(
        &self,
        target: &Target,
        tenancy: &Tenancy,
        observe: Observer<'_>,
    ) -> Result<Server, Error> {
        Server::start(self, target, tenancy, observe).await
    }

    /// Brings the data of a server that is up to one of their sizes, by its number.
    pub async fn grow(
        &self,
        target: &Target,
        tenancy: &Tenancy,
        step: usize,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        let tables = match &target.growth {
            None => return Ok(()),
            Some(Growth::Rows(tables)) => {
                let table = |(name, rows): &'_ (String, Vec<u64>)| (name.clone(), rows[step]);
                tables.iter().map(table).collect()
            }
            Some(Growth::Command { words, sizes }) => {
                let scale = sizes[step].to_string();
                let words = words.iter().map(|it| it.replace(Growth::SCALE, &scale));
                let target = Target {
                    setup: vec![words.collect()],
                    ..target.clone()
                };
                server::set_up(self, &target, tenancy, observe).await?;
                Vec::new()
            }
        };
        let tables: Vec<_> = tables
            .iter()
            .map(|(name, rows)| (name.as_str(), *rows))
            .collect();
        for (name, service) in &self.services {
            service.grow(tenancy.room(name), &tables).await?;
        }
        Ok(())
    }

    fn proxy_of(&self, target: &Target) -> Option<&Proxy> {
        let name = target.behind.as_ref()?;
        self.proxies.iter().find(|proxy| proxy.name == *name)
    }

    /// What has gone that all servers need: the engine or a service. It explains whatever else
    /// fails.
    pub async fn lost(&self) -> Option<Error> {
        if let Some(engine) = &self.context.engine
            && let Err(error) = engine.answers().await
        {
            return Some(error);
        }
        for container in self.services.iter().flat_map(|(_, it)| it.containers()) {
            if let Some(error) = container.lost().await {
                return Some(error);
            }
        }
        None
    }

    /// Where the processes of the services are found; nothing for those of a service that ran
    /// already.
    async fn crowds(&self) -> Vec<Option<Crowd>> {
        let mut crowds = Vec::new();
        for (_, service) in &self.services {
            let containers = service.containers();
            if containers.is_empty() {
                crowds.push(None);
            }
            for container in containers {
                crowds.push(container.crowd().await);
            }
        }
        crowds
    }

    /// How requests reach contained servers; `None` if none is contained.
    pub fn path(&self) -> Option<NetworkPath> {
        self.context.engine.as_ref().map(|_| self.context.path)
    }

    /// Who runs on which CPU.
    pub const fn cores(&self) -> &Cores {
        &self.context.cores
    }

    /// What a server is made of, so that another version of it is distinguished: its image by content
    /// or name, or its command.
    pub fn version(&self, target: &Target) -> Identity {
        let of = target.source.identity();
        of.with("content", &self.images.name(&target.name))
            .with("command", &target.command)
            .with("env", &target.env)
    }

    /// Identifier of every image in use, by server or service.
    pub fn image_ids(&self) -> BTreeMap<String, String> {
        self.images.ids()
    }

    /// Version of the engine, where one is used.
    pub fn engine_version(&self) -> Option<&str> {
        self.context.engine.as_ref().map(Engine::version)
    }
}

/// Runs the plan's `prepare` commands, one after the other, then builds the programs of its servers.
pub async fn prepare(plan: &Plan, owner: &Owner, observe: Observer<'_>) -> Result<Programs, Error> {
    built::check_programs(plan)?;
    for command in &plan.prepare {
        observe(Stage::Prepare(&command.join(" ")));
        let recipe = process::Recipe {
            name: "prepare",
            command,
            env: &[],
            folder: &plan.root,
            cpus: &[],
            owner,
        };
        process::run_to_end(&recipe, plan.deadlines.prepare, observe).await?;
    }
    Programs::build(plan, owner, observe).await
}

/// The services and proxies of a plan that are used, by the name their image has.
fn sources(plan: &Plan) -> impl Iterator<Item = (String, &ServiceSource)> {
    let services = plan.services.iter().map(|it| (it.name.clone(), &it.source));
    let proxies = plan.proxies_in_use();
    let proxies = proxies.map(|proxy| (proxy::image_name(&proxy.name), &proxy.source));
    services.chain(proxies)
}

fn threads(plan: &Plan) -> usize {
    let cells = plan.targets.iter().flat_map(|target| &target.cells);
    cells.map(|cell| cell.workload.threads).max().unwrap_or(1)
}
