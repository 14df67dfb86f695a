//! Containers as perfgate starts them: labelled, confined, pinned, reachable on loopback only.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters::{
    EventsOptionsBuilder, LogsOptionsBuilder, StatsOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt;
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{
    ContainerAsync, CopyTargetOptions, GenericImage, ImageExt, TestcontainersError,
};
use tokio::sync::OnceCell;

use super::cgroup::{Cgroup, file_cache};
use super::copied;
use super::crowd::Crowd;
use super::limits::Limits;
use super::ready::{Last, Wait};
use super::recipe::Recipe;
use super::resources::Resources;
use super::stack_context::StackContext;
use super::tail::tail;
use super::{Engine, Error, Owner};
use crate::model::FileSource;

/// Exit code of what was ended by SIGKILL.
const KILLED: i64 = 137;

/// The engine hears of a container's end a little later than its processes are gone.
const HEARD: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// How late word of memory that ran out may come after the end.
const LATE: Duration = Duration::from_secs(1);

/// A container that was started.
pub(super) struct Container {
    name: String,
    inner: ContainerAsync<GenericImage>,
    engine: Engine,
    listen: Option<SocketAddr>,
    way: Way,
    /// Looked up at the first reading.
    cgroup: OnceCell<Option<Cgroup>>,
}

/// What a command in a container said.
pub(super) struct Answer {
    pub(super) code: i64,
    pub(super) output: String,
    /// The last lines that it wrote to standard error.
    pub(super) complaint: String,
}

/// How the host reaches a container.
enum Way {
    Published,
    /// By its address on a network.
    Internal(String),
    Host,
}

impl Way {
    fn from_context(around: &StackContext) -> Self {
        match (around.is_bridged(), around.is_internal()) {
            (false, _) => Self::Host,
            (true, false) => Self::Published,
            (true, true) => Self::Internal(around.network()),
        }
    }
}

/// Bytes of a line of output that are looked through for a text.
const LONGEST_LINE: usize = 1 << 16;
/// An engine that creates and starts no container for so long has failed.
const START: Duration = Duration::from_secs(60);

impl Container {
    pub(super) async fn start(recipe: Recipe<'_>, around: &StackContext) -> Result<Self, Error> {
        let name = recipe.name.to_owned();
        let listen = recipe.listen;
        let mut image = GenericImage::new(recipe.image.name.clone(), recipe.image.tag.clone());
        let first = listen.map(|listen| listen.port());
        for port in first.into_iter().chain(recipe.ports.iter().copied()) {
            if around.is_bridged() {
                image = image.with_exposed_port(port.tcp());
            }
        }
        // The engine takes what follows the program for the beginning of the command.
        let (program, words) = match recipe.settings.entrypoint.split_first() {
            Some((program, words)) => (Some(program), words),
            None => (None, &[][..]),
        };
        if let Some(program) = program {
            image = image.with_entrypoint(program);
        }
        let limits = Limits::from_recipe(&recipe, around);
        let mut request = image
            .with_container_name(container_name(&around.owner, &recipe.role))
            .with_labels(around.owner.labels())
            .with_network(around.network())
            .with_startup_timeout(START)
            .with_host_config_modifier(move |host| limits.apply(host));
        for (variable, value) in recipe.env {
            request = request.with_env_var(variable, value);
        }
        let command: Vec<_> = words.iter().chain(&recipe.command).cloned().collect();
        if !command.is_empty() {
            request = request.with_cmd(command);
        }
        if let Some(user) = &recipe.settings.user {
            request = request.with_user(user);
        }
        if let Some(folder) = &recipe.settings.working_dir {
            request = request.with_working_dir(folder);
        }
        for file in &recipe.settings.files {
            let there = file.inside.clone();
            request = match &file.source {
                FileSource::Text(text) => request.with_copy_to(there, text.clone().into_bytes()),
                FileSource::Path(path) if path.is_dir() && file.replace.is_empty() => {
                    request.with_copy_to(there, path.clone())
                }
                FileSource::Path(path) => {
                    let there = CopyTargetOptions::new(there).with_mode(copied::mode(path));
                    request.with_copy_to(there, copied::contents(path, &file.replace)?)
                }
            };
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
            way: Way::from_context(around),
            cgroup: OnceCell::new(),
        })
    }

    /// The loopback address under which the host reaches the container.
    pub(super) async fn address(&self) -> Result<SocketAddr, Error> {
        let listen = self.listen.expect("asked of containers that listen");
        self.address_of(listen.port()).await
    }

    /// The same of one of its ports.
    pub(super) async fn address_of(&self, port: u16) -> Result<SocketAddr, Error> {
        let address = match &self.way {
            Way::Host => {
                let listen = self.listen.expect("asked of containers that listen");
                return Ok(listen);
            }
            Way::Published => {
                let port = self.inner.get_host_port_ipv4(port.tcp()).await;
                port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                    .map_err(|source| self.fault(source))
            }
            Way::Internal(network) => {
                let ip = self.ip(network).await;
                ip.map(|ip| SocketAddr::new(ip, port))
            }
        };
        match address {
            Ok(address) => Ok(address),
            Err(error) => Err(self.ended().await?.unwrap_or(error)),
        }
    }

    /// Its address on a network of the run.
    async fn ip(&self, network: &str) -> Result<IpAddr, Error> {
        let details = self.engine.docker.inspect_container(self.inner.id(), None);
        let details = details.await.map_err(|source| Error::Engine {
            action: format!("inspect `{}`", self.name),
            source,
        })?;
        let networks = details.network_settings.and_then(|it| it.networks);
        let ip = networks.and_then(|mut networks| networks.remove(network)?.ip_address);
        let ip = ip.and_then(|ip| ip.parse().ok());
        ip.ok_or_else(|| Error::NoAddress {
            name: self.name.clone(),
        })
    }

    /// Asks until the answer is good, the container has ended or the time is up.
    pub(super) async fn until(
        &self,
        wait: &Wait<'_>,
        mut ask: impl AsyncFnMut() -> Result<(), String>,
    ) -> Result<(), Error> {
        let ask = async || ask().await.map_err(Last::None);
        let ended = async || self.ended().await;
        let output = async || self.output().await;
        wait.until(ask, ended, output).await
    }

    /// What to say of the container once it has ended.
    pub(super) async fn ended(&self) -> Result<Option<Error>, Error> {
        let mut status = self.exit_code().await?;
        if status.is_none() && self.has_no_process() {
            let heard = tokio::time::timeout(HEARD, self.until_exit());
            status = heard.await.ok().transpose()?;
        }
        let Some(status) = status else {
            return Ok(None);
        };
        Ok(Some(Error::Ended {
            name: self.name.clone(),
            status: self.status(status).await,
            output: self.output().await,
        }))
    }

    async fn until_exit(&self) -> Result<i64, Error> {
        loop {
            if let Some(status) = self.exit_code().await? {
                return Ok(status);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    async fn exit_code(&self) -> Result<Option<i64>, Error> {
        let code = self.inner.exit_code().await;
        code.map_err(|source| self.fault(source))
    }

    /// Whether all that ran in it has ended, as the kernel says.
    fn has_no_process(&self) -> bool {
        let known = self.cgroup.get().and_then(Option::as_ref);
        known.is_some_and(|group| group.processes().is_empty())
    }

    /// How it ended, in words.
    async fn status(&self, code: i64) -> String {
        let details = self.engine.docker.inspect_container(self.inner.id(), None);
        let state = details.await.ok().and_then(|details| details.state);
        let is_noted = state.and_then(|state| state.oom_killed) == Some(true);
        if is_noted || code == KILLED && self.ran_out_of_memory().await {
            format!("exit code {code}, killed because its memory ran out")
        } else {
            format!("exit code {code}")
        }
    }

    /// Whether the engine noted it, be it after the container's end, when it no longer notes it there.
    async fn ran_out_of_memory(&self) -> bool {
        let only = [("container", self.inner.id()), ("event", "oom")];
        let only = HashMap::from(only.map(|(filter, value)| (filter, vec![value])));
        let options = EventsOptionsBuilder::default().since("0").filters(&only);
        let mut events = self.engine.docker.events(Some(options.build()));
        let first = tokio::time::timeout(LATE, events.next()).await;
        matches!(first, Ok(Some(Ok(_))))
    }

    /// What to say of a service that does not work any more.
    pub(super) async fn lost(&self) -> Option<Error> {
        let details = self.engine.docker.inspect_container(self.inner.id(), None);
        let state = details.await.ok()?.state.unwrap_or_default();
        let status = match (state.running, state.paused) {
            (Some(false), _) => {
                let code = state.exit_code.unwrap_or_default();
                format!("ended with {}", self.status(code).await)
            }
            (_, Some(true)) => "is paused".to_owned(),
            _ => return None,
        };
        Some(Error::Service {
            name: self.name.clone(),
            status,
            output: self.output().await,
        })
    }

    fn fault(&self, source: TestcontainersError) -> Error {
        Error::Container {
            name: self.name.clone(),
            source: Box::new(source),
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

    /// Whether a line of all that it has put out has a text.
    pub(super) async fn has_said(&self, text: &str) -> bool {
        let options = LogsOptionsBuilder::default();
        let options = options.stdout(true).stderr(true).build();
        let mut frames = self.engine.docker.logs(self.inner.id(), Some(options));
        let mut line = Vec::new();
        while let Some(Ok(frame)) = frames.next().await {
            for byte in frame.into_bytes() {
                if byte != b'\n' && line.len() < LONGEST_LINE {
                    line.push(byte);
                    continue;
                }
                if String::from_utf8_lossy(&line).contains(text) {
                    return true;
                }
                line.clear();
            }
        }
        String::from_utf8_lossy(&line).contains(text)
    }

    /// What the health check of its image says; `None` if it has none.
    pub(super) async fn health(&self) -> Option<String> {
        let details = self.engine.docker.inspect_container(self.inner.id(), None);
        let health = details.await.ok()?.state?.health?.status?;
        let health = health.to_string();
        (!health.is_empty() && health != "none").then_some(health)
    }

    /// Runs a command in it to its end; its exit code, and what it put out.
    pub(super) async fn execute(&self, words: &[String]) -> Result<(i64, String), Error> {
        let mut output = Vec::new();
        let take = |frame: LogOutput| output.extend_from_slice(&frame.into_bytes());
        let ended = self.exec(words, take).await;
        let code = ended.map_err(|source| Error::Engine {
            // Its other words may hold a password.
            action: format!("run `{}` in `{}`", words[0], self.name),
            source,
        })?;
        Ok((code, tail(&output)))
    }

    /// The same with everything that it put out, apart from what it complained of.
    pub(super) async fn ask(&self, words: &[String]) -> Result<Answer, EngineError> {
        let (mut output, mut complaint) = (Vec::new(), Vec::new());
        let take = |frame| match frame {
            LogOutput::StdErr { message } => complaint.extend_from_slice(&message),
            other => output.extend_from_slice(&other.into_bytes()),
        };
        let code = self.exec(words, take).await?;
        Ok(Answer {
            code,
            output: String::from_utf8_lossy(&output).into_owned(),
            complaint: tail(&complaint),
        })
    }

    async fn exec(
        &self,
        words: &[String],
        mut take: impl FnMut(LogOutput),
    ) -> Result<i64, EngineError> {
        let docker = &self.engine.docker;
        let wanted = CreateExecOptions {
            cmd: Some(words.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..CreateExecOptions::default()
        };
        let id = docker.create_exec(self.inner.id(), wanted).await?.id;
        let started = docker.start_exec(&id, None).await?;
        if let StartExecResults::Attached { output: frames, .. } = started {
            let mut frames = frames;
            while let Some(Ok(frame)) = frames.next().await {
                take(frame);
            }
        }
        let ended = docker.inspect_exec(&id).await?;
        Ok(ended.exit_code.unwrap_or(-1))
    }

    /// Whether nobody else listens on its loopback address.
    pub(super) const fn has_own_network(&self) -> bool {
        !matches!(self.way, Way::Host)
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
            None => Err(Error::Ended {
                name: self.name.clone(),
                status: "no exit code".into(),
                output: self.output().await,
            }),
        }
    }

    /// What it uses now: from the files of its control group, else from the engine.
    pub(super) async fn resources(&self) -> Result<Resources, Error> {
        match self.cgroup().await.and_then(Cgroup::read) {
            Some(resources) => Ok(resources),
            None => self.sample().await,
        }
    }

    /// Its working set in bytes, where it can be read at no cost.
    pub(super) async fn working_set(&self) -> Option<u64> {
        self.cgroup().await?.working_set()
    }

    /// Where its processes are found; `None` if the engine's machine is another one.
    pub(super) async fn crowd(&self) -> Option<Crowd> {
        self.cgroup().await.cloned().map(Crowd::Container)
    }

    async fn cgroup(&self) -> Option<&Cgroup> {
        let found = self.cgroup.get_or_init(|| self.find_cgroup()).await;
        found.as_ref()
    }

    async fn find_cgroup(&self) -> Option<Cgroup> {
        let details = self
            .engine
            .docker
            .inspect_container(self.inner.id(), None)
            .await
            .ok()?;
        let pid = i32::try_from(details.state?.pid?).ok()?;
        Cgroup::of_container(self.inner.id(), pid).filter(|group| group.read().is_some())
    }

    /// CPU and memory from one sample of the engine, which can take it a second.
    async fn sample(&self) -> Result<Resources, Error> {
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
            let cache = file_cache(|name| counters.get(name).copied());
            Some(memory.usage?.saturating_sub(cache.unwrap_or_default()))
        });
        match (cpu, memory) {
            (Some(cpu), Some(memory)) => Ok(Resources {
                cpu: Duration::from_nanos(cpu),
                memory,
                ..Resources::default()
            }),
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
