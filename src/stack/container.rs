//! Containers as perfgate starts them: labelled, confined, pinned, reachable on loopback only.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::models::{HostConfig, NetworkCreateRequest, PortBinding};
use testcontainers::bollard::query_parameters::{
    LogsOptionsBuilder, StatsOptionsBuilder, WaitContainerOptions,
};
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::sync::OnceCell;

use super::cgroup::Cgroup;
use super::cores::{Cores, cpuset};
use super::image::Image;
use super::tail::tail;
use super::{Engine, Error, Owner};
use crate::model::{NetworkPath, Plan, Target};

/// What every container of a run shares.
pub(super) struct Surroundings {
    pub(super) engine: Option<Engine>,
    pub(super) owner: Owner,
    pub(super) cores: Cores,
    pub(super) path: NetworkPath,
    /// Folder that relative paths of processes start at.
    pub(super) root: PathBuf,
}

impl Surroundings {
    /// Makes the run's network; through the engine's API, because it must carry labels.
    pub(super) async fn create(
        plan: &Plan,
        engine: Option<Engine>,
        owner: Owner,
        cores: Cores,
    ) -> Result<Self, Error> {
        let path = match &engine {
            Some(engine) => path(plan, engine)?,
            None => NetworkPath::Published,
        };
        let surroundings = Self {
            engine,
            owner,
            cores,
            path,
            root: plan.root.clone(),
        };
        if let Some(engine) = surroundings
            .engine
            .as_ref()
            .filter(|_| surroundings.is_bridged())
        {
            let request = NetworkCreateRequest {
                name: surroundings.network(),
                labels: Some(surroundings.owner.labels()),
                ..NetworkCreateRequest::default()
            };
            engine
                .docker
                .create_network(request)
                .await
                .map_err(|source| Error::Engine {
                    action: format!("create the network `{}`", surroundings.network()),
                    source,
                })?;
        }
        Ok(surroundings)
    }

    pub(super) fn is_bridged(&self) -> bool {
        self.path == NetworkPath::Published
    }

    fn network(&self) -> String {
        match self.path {
            NetworkPath::Published => format!("perfgate-{}", self.owner.run),
            NetworkPath::Host => "host".into(),
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        self.engine
            .as_ref()
            .expect("plans with containers are brought up with an engine")
    }

    /// Where a container must listen: on all addresses of its own network, or on a free loopback
    /// port of the host's.
    pub(super) fn listen(&self, port: u16) -> Result<SocketAddr, Error> {
        match self.path {
            NetworkPath::Published => Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
            NetworkPath::Host => free_port(),
        }
    }
}

/// The path that was asked for, else the truer one that is safe: the host's network where every
/// server is told to listen on a loopback port alone.
fn path(plan: &Plan, engine: &Engine) -> Result<NetworkPath, Error> {
    let contained = || {
        plan.targets
            .iter()
            .filter(|target| target.source.is_contained())
    };
    match plan.network {
        Some(NetworkPath::Host) if !engine.is_on_this_kernel() => Err(Error::OtherKernel),
        Some(path) => Ok(path),
        None if engine.is_on_this_kernel() && contained().all(Target::is_told_where_to_listen) => {
            Ok(NetworkPath::Host)
        }
        None => Ok(NetworkPath::Published),
    }
}

/// A loopback address with a port nobody listens on.
pub(super) fn free_port() -> Result<SocketAddr, Error> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    bound.map_err(|source| Error::Address {
        address: "127.0.0.1:0".into(),
        source,
    })
}

/// What to start.
pub(super) struct Recipe<'a> {
    /// What it is in messages: the server's or service's name.
    pub(super) name: &'a str,
    /// Last part of the container's name.
    pub(super) role: String,
    pub(super) image: &'a Image,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// Where the container listens; nothing for one that only runs to its end.
    pub(super) listen: Option<SocketAddr>,
    pub(super) cpus: &'a [usize],
    pub(super) memory: Option<u64>,
    /// Folders kept in memory.
    pub(super) tmpfs: Option<&'a str>,
}

/// A container that was started.
pub(super) struct Container {
    name: String,
    inner: ContainerAsync<GenericImage>,
    engine: Engine,
    listen: Option<SocketAddr>,
    bridged: bool,
    /// Looked up at the first reading.
    cgroup: OnceCell<Option<Cgroup>>,
}

/// Most processes and threads of a container.
const PIDS: i64 = 4096;
/// An engine that creates and starts no container for so long has failed.
const START: Duration = Duration::from_secs(60);

impl Container {
    pub(super) async fn start(recipe: Recipe<'_>, around: &Surroundings) -> Result<Self, Error> {
        let name = recipe.name.to_owned();
        let listen = recipe.listen;
        let mut image = GenericImage::new(recipe.image.name.clone(), recipe.image.tag.clone());
        if let Some(listen) = listen.filter(|_| around.is_bridged()) {
            image = image.with_exposed_port(listen.port().tcp());
        }
        let config = host_config(&recipe, around);
        let mut request = image
            .with_container_name(container_name(&around.owner, &recipe.role))
            .with_labels(around.owner.labels())
            .with_network(around.network())
            .with_startup_timeout(START)
            .with_host_config_modifier(move |host| config.apply(host));
        for (variable, value) in recipe.env {
            request = request.with_env_var(variable, value);
        }
        if !recipe.command.is_empty() {
            request = request.with_cmd(recipe.command);
        }
        let inner = request.start().await.map_err(|source| Error::Container {
            name: name.clone(),
            source: Box::new(source),
        })?;
        let engine = around.engine().clone();
        Ok(Self {
            name,
            inner,
            engine,
            listen,
            bridged: around.is_bridged(),
            cgroup: OnceCell::new(),
        })
    }

    /// The loopback address under which the host reaches the container.
    pub(super) async fn address(&self) -> Result<SocketAddr, Error> {
        let listen = self.listen.expect("asked of containers that listen");
        if !self.bridged {
            return Ok(listen);
        }
        let port = self.inner.get_host_port_ipv4(listen.port().tcp()).await;
        match port {
            Ok(port) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            Err(source) => Err(match self.ended().await? {
                Some(status) => self.ended_error(status).await,
                None => Error::Container {
                    name: self.name.clone(),
                    source: Box::new(source),
                },
            }),
        }
    }

    /// Exit status, once the container has ended.
    pub(super) async fn ended(&self) -> Result<Option<i64>, Error> {
        self.inner
            .exit_code()
            .await
            .map_err(|source| Error::Container {
                name: self.name.clone(),
                source: Box::new(source),
            })
    }

    pub(super) async fn ended_error(&self, status: i64) -> Error {
        Error::Ended {
            name: self.name.clone(),
            status: format!("exit code {status}"),
            output: self.output().await,
        }
    }

    /// The last lines of its output.
    pub(super) async fn output(&self) -> String {
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail("40")
            .build();
        let mut frames = self.engine.docker.logs(self.inner.id(), Some(options));
        let mut output = Vec::new();
        while let Some(Ok(frame)) = frames.next().await {
            output.extend_from_slice(&frame.into_bytes());
        }
        tail(&output)
    }

    /// Waits for the container's end; its exit code.
    pub(super) async fn wait(&self) -> Result<i64, Error> {
        let mut ends = self
            .engine
            .docker
            .wait_container(self.inner.id(), None::<WaitContainerOptions>);
        match ends.next().await {
            Some(Ok(end)) => Ok(end.status_code),
            Some(Err(EngineError::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(source)) => Err(Error::Engine {
                action: format!("wait for `{}`", self.name),
                source,
            }),
            None => Ok(self.ended().await?.unwrap_or_default()),
        }
    }

    /// CPU time since its start and working set in bytes: from the files of its control group,
    /// else from the engine.
    pub(super) async fn resources(&self) -> Result<(Duration, u64), Error> {
        let cgroup = self.cgroup.get_or_init(|| self.find_cgroup()).await;
        match cgroup.as_ref().and_then(Cgroup::read) {
            Some(resources) => Ok(resources),
            None => self.sample().await,
        }
    }

    async fn find_cgroup(&self) -> Option<Cgroup> {
        let details = self
            .engine
            .docker
            .inspect_container(self.inner.id(), None)
            .await
            .ok()?;
        let pid = i32::try_from(details.state?.pid?).ok()?;
        Cgroup::of_container(self.inner.id(), pid)
    }

    /// The same from one sample of the engine, which can take it a second.
    async fn sample(&self) -> Result<(Duration, u64), Error> {
        let options = StatsOptionsBuilder::default()
            .stream(false)
            .one_shot(true)
            .build();
        let unreadable = |reason: &str| Error::Usage {
            name: self.name.clone(),
            reason: reason.into(),
        };
        let sample = self
            .engine
            .docker
            .stats(self.inner.id(), Some(options))
            .next()
            .await;
        let sample = sample.ok_or_else(|| unreadable("the engine sent nothing"))?;
        let sample = sample.map_err(|error| unreadable(&error.to_string()))?;
        let cpu = sample.cpu_stats.and_then(|cpu| cpu.cpu_usage?.total_usage);
        let memory = sample.memory_stats.and_then(|memory| {
            let counters = memory.stats.unwrap_or_default();
            // Version 1 of the control groups counts children under `total_`.
            let cache = counters
                .get("total_inactive_file")
                .or_else(|| counters.get("inactive_file"));
            Some(
                memory
                    .usage?
                    .saturating_sub(cache.copied().unwrap_or_default()),
            )
        });
        match (cpu, memory) {
            (Some(cpu), Some(memory)) => Ok((Duration::from_nanos(cpu), memory)),
            _ => Err(unreadable("it ended")),
        }
    }

    pub(super) async fn remove(self) -> Result<(), Error> {
        let name = self.name;
        self.inner.rm().await.map_err(|source| Error::Container {
            name,
            source: Box::new(source),
        })
    }
}

/// The name other containers of the run find this one by.
pub(super) fn container_name(owner: &Owner, role: &str) -> String {
    format!("perfgate-{}-{role}", owner.run)
}

/// The part of the engine's host configuration that perfgate sets.
struct Limits {
    cpuset: String,
    memory: Option<i64>,
    publish: Option<u16>,
    tmpfs: Option<String>,
}

fn host_config(recipe: &Recipe<'_>, around: &Surroundings) -> Limits {
    Limits {
        cpuset: cpuset(recipe.cpus),
        memory: recipe
            .memory
            .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        publish: recipe
            .listen
            .filter(|_| around.is_bridged())
            .map(|listen| listen.port()),
        tmpfs: recipe.tmpfs.map(str::to_owned),
    }
}

impl Limits {
    fn apply(&self, host: &mut HostConfig) {
        host.cpuset_cpus = Some(self.cpuset.clone());
        host.memory = self.memory;
        host.memory_swap = self.memory;
        host.pids_limit = Some(PIDS);
        host.init = Some(true);
        host.security_opt = Some(vec!["no-new-privileges".into()]);
        host.publish_all_ports = Some(false);
        host.port_bindings = Some(self.publish.map(loopback).into_iter().collect());
        host.tmpfs = self
            .tmpfs
            .clone()
            .map(|folder| HashMap::from([(folder, "rw,mode=1777".into())]));
    }
}

/// Publishes a port on 127.0.0.1 under a number the engine chooses.
fn loopback(port: u16) -> (String, Option<Vec<PortBinding>>) {
    let binding = PortBinding {
        host_ip: Some("127.0.0.1".into()),
        host_port: Some(String::new()),
    };
    (format!("{port}/tcp"), Some(vec![binding]))
}
