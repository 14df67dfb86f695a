//! Plan → running servers and services. Containers come up through testcontainers and the
//! engine's API, processes by `run`; everything carries labels, so that it can be found and
//! removed also after a crash.
//!
//! [`Stack::up`] provides images, network, Postgres and Redis; [`Stack::start`] sets one server
//! up, starts it, behind a proxy where it stands behind one, and waits until it answers;
//! [`Server::resources`] reads its resources, [`Stack::count`] what the services counted;
//! [`Stack::lost`] says whether what all servers need is still there; [`sweep`] leaves nothing
//! behind.

mod answer;
mod cgroup;
mod container;
mod context;
mod cores;
mod counters;
mod crowd;
mod engine;
mod error;
mod image;
mod limits;
mod loopback;
pub mod machine;
mod others;
mod owner;
mod place;
mod postgres;
mod process;
mod proxy;
mod queue;
mod ready;
mod recipe;
mod redis;
mod resources;
mod roll;
mod scrubbed_env;
mod server;
mod stack_context;
mod stage;
pub mod sweep;
mod tail;
mod tenancy;

use std::collections::BTreeMap;

pub use answer::{Answer, Missed};
pub use cores::Cores;
pub use counters::Count;
pub use engine::{Engine, socket};
pub use error::Error;
pub use image::is_another;
pub use owner::Owner;
pub use resources::Resources;
pub use scrubbed_env::close_to_others;
pub use server::Server;
pub use stage::{Observer, Stage};
pub use tenancy::Tenancy;

use crowd::Crowd;
use image::Images;
use stack_context::StackContext;

use crate::model::{Deadlines, NetworkPath, Plan, Proxy, ServiceSource, Target};

/// Images, network and services of one run, up and ready.
pub struct Stack {
    context: StackContext,
    images: Images,
    postgres: Option<postgres::Running>,
    redis: Option<redis::Running>,
    proxies: Vec<Proxy>,
    deadlines: Deadlines,
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
        let postgres = match &plan.postgres {
            Some(service) => {
                observe(Stage::Service("postgres"));
                Some(postgres::Running::start(service, &images, &context).await?)
            }
            None => None,
        };
        let redis = match &plan.redis {
            Some(service) => {
                observe(Stage::Service("redis"));
                Some(redis::Running::start(service, &images, &context).await?)
            }
            None => None,
        };
        Ok(Self {
            context,
            images,
            postgres,
            redis,
            proxies: plan.proxies.clone(),
            deadlines: plan.deadlines,
        })
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
            postgres: None,
            redis: None,
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

    /// Runs the commands that a server needs before its first start.
    pub async fn set_up(
        &self,
        target: &Target,
        tenancy: &Tenancy,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        server::set_up(self, target, tenancy, observe).await
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
        let postgres = self.postgres.as_ref().and_then(|it| it.container());
        let redis = self.redis.as_ref().and_then(|it| it.container());
        for container in [postgres, redis].into_iter().flatten() {
            if let Some(error) = container.lost().await {
                return Some(error);
            }
        }
        None
    }

    /// Where the processes of the services are found; nothing for those of a service that ran
    /// already.
    async fn crowds(&self) -> Vec<Option<Crowd>> {
        let postgres = self.postgres.as_ref().map(|it| it.container());
        let redis = self.redis.as_ref().map(|it| it.container());
        let mut crowds = Vec::new();
        for container in postgres.into_iter().chain(redis) {
            crowds.push(match container {
                Some(container) => container.crowd().await,
                None => None,
            });
        }
        crowds
    }

    /// How requests reach contained servers; nothing where none is contained.
    pub fn path(&self) -> Option<NetworkPath> {
        self.context.engine.as_ref().map(|_| self.context.path)
    }

    /// Who runs on which CPU.
    pub const fn cores(&self) -> &Cores {
        &self.context.cores
    }

    /// What a server is made of, so that another version of it is told apart: its image by content
    /// or name, or its command.
    pub fn version(&self, target: &Target) -> String {
        let image = self.images.name(&target.name).unwrap_or_default();
        format!(
            " {image} {:?} {:?} {:?}",
            target.source, target.command, target.env
        )
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

/// Runs the plan's `prepare` commands, one after the other.
pub async fn prepare(plan: &Plan, owner: &Owner, observe: Observer<'_>) -> Result<(), Error> {
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
    Ok(())
}

/// The services and proxies of a plan that are used, by the name their image has.
fn services(plan: &Plan) -> impl Iterator<Item = (String, &ServiceSource)> {
    let postgres = plan
        .postgres
        .iter()
        .map(|it| ("postgres".into(), &it.source));
    let redis = plan.redis.iter().map(|it| ("redis".into(), &it.source));
    let proxies = plan.proxies_in_use();
    let proxies = proxies.map(|proxy| (proxy::image_name(&proxy.name), &proxy.source));
    postgres.chain(redis).chain(proxies)
}

fn threads(plan: &Plan) -> usize {
    let cells = plan.targets.iter().flat_map(|target| &target.cells);
    cells.map(|cell| cell.workload.threads).max().unwrap_or(1)
}
